//! The packages of the junction's that `setup` installs, as they are in `plugin/`. The program carries their files,
//! because an installed one has no repository beside it. The other packages there are installed by a person.

/// What a client installs to get the junction.
#[derive(Debug)]
pub(crate) struct Package {
    /// The name of its folder in `plugin/`.
    pub(crate) name: &'static str,
    /// The files but the skills, by their paths in the repository.
    files: &'static [(&'static str, &'static str)],
}

/// A skill, which clients read from a folder of its name.
#[derive(Debug)]
pub(crate) struct Skill {
    /// The name.
    pub(crate) name: &'static str,
    /// The text of its file.
    pub(crate) text: &'static str,
}

/// The name of the marketplace.
pub(crate) const MARKETPLACE: &str = "agent-junction";
/// The name by which clients with marketplaces know the plugin.
pub(crate) const PLUGIN_ID: &str = "junction@agent-junction";
/// The name of a skill's file.
pub(crate) const SKILL_FILE: &str = "SKILL.md";
/// The skills, of which each package has a copy.
pub(crate) static SKILLS: [Skill; 2] = [
    Skill {
        name: "inject-junction",
        text: include_str!("../../plugin/skills/inject-junction/SKILL.md"),
    },
    Skill { name: "use-junction", text: include_str!("../../plugin/skills/use-junction/SKILL.md") },
];

/// Files of the repository, each with its path there.
macro_rules! files {
    ($($path:literal,)*) => { &[$(($path, include_str!(concat!("../../", $path)))),*] };
}

/// The plugin of Claude Code, and the marketplace that offers it.
pub(crate) static CLAUDE: Package = Package {
    name: "claude",
    files: files![
        ".claude-plugin/marketplace.json",
        "plugin/claude/.claude-plugin/plugin.json",
        "plugin/claude/.mcp.json",
        "plugin/claude/commands/inbox.md",
        "plugin/claude/commands/peers.md",
        "plugin/claude/commands/send.md",
        "plugin/claude/hooks/hooks.json",
        "plugin/claude/hooks/register.js",
    ],
};

/// The plugin of Codex, and the marketplace that offers it.
pub(crate) static CODEX: Package = Package {
    name: "codex",
    files: files![
        ".agents/plugins/marketplace.json",
        "plugin/codex/.codex-plugin/plugin.json",
        "plugin/codex/.mcp.json",
        "plugin/codex/hooks/hooks.json",
    ],
};

/// The plugin of opencode.
pub(crate) static OPENCODE: Package = Package {
    name: "opencode",
    files: files!["plugin/opencode/junction.js", "plugin/opencode/package.json",],
};

impl Skill {
    /// What the skill is for and when to use it, as its file's frontmatter says.
    pub(crate) fn description(&self) -> &'static str {
        let lines = self.text.lines().take_while(|line| !line.is_empty());
        lines.filter_map(|line| line.strip_prefix("description: ")).next().unwrap_or_default()
    }
}

impl Package {
    /// The folder that the client loads, below the one that the package is unpacked to.
    pub(crate) fn folder(&self) -> String {
        format!("plugin/{}", self.name)
    }

    /// All files, by their paths below the folder that the package is unpacked to.
    pub(crate) fn files(&self) -> impl Iterator<Item = (String, &'static str)> {
        let skills = SKILLS.iter().map(|Skill { name, text }| {
            (format!("{}/skills/{name}/{SKILL_FILE}", self.folder()), *text)
        });
        self.files.iter().map(|(path, text)| ((*path).to_owned(), *text)).chain(skills)
    }
}
