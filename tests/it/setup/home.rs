//! A home with settings of clients, and the clothes that they come in.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use junction_testkit::{TestHome, bridge_binary};
use serde_json::Value;

pub(super) const CLAUDE: &str = r#"{
  "theme": "dark",
  "permissions": { "allow": ["Bash(ls)"], "deny": [] },
  "hooks": {
    "Stop": [
      { "matcher": "", "hooks": [{ "type": "command", "command": "say done" }] }
    ]
  },
  "mcpServers": {
    "other": {
      "command": "other",
      "args": []
    }
  },
  "last": { "n": 1.50, "e": "\u00e9" }
}
"#;
pub(super) const OPENCODE: &str = r#"{
    // My own.
    "theme": "dark", /* or light */
    "mcp": {
        "other": { "type": "local", "command": ["other"] }, // theirs
    },
    "permission": { "bash": "ask" },
    // "model": "x",
}
"#;
pub(super) const CODEX: &str = r#"# My own.
theme = "dark" # or light

[mcp_servers.other]
command = 'other'
args = [
  "a", # first
]

[[hooks.Stop]]
[[hooks.Stop.hooks]]
type = "command"
command = "say done"

[projects."/src/x"]
trust_level = "trusted"
# end
"#;

/// The clients' files in a home, with a text that others have filled.
pub(super) const FILES: [(&str, &str, &str); 6] = [
    ("claude", ".claude.json", CLAUDE),
    ("claude", ".claude/settings.json", CLAUDE),
    ("codex", ".codex/config.toml", CODEX),
    ("gemini", ".gemini/settings.json", CLAUDE),
    ("opencode", ".config/opencode/opencode.json", OPENCODE),
    ("agy", ".gemini/antigravity-cli/mcp_config.json", CLAUDE),
];

/// What is at a path: a folder, a link, or a file; with its mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Folder,
    Link(PathBuf),
    File(u32, String),
}

/// A home in which the bridge is installed, in a folder whose name a shell would take apart.
pub(super) struct SetupHome(pub(super) TestHome);

impl SetupHome {
    pub(super) fn new() -> Self {
        let home = Self(TestHome::new());
        fs::create_dir_all(home.bridge().parent().expect("the home is writable and UTF-8"))
            .expect("the home is writable and UTF-8");
        fs::create_dir_all(home.path("")).expect("the home is writable and UTF-8");
        symlink(bridge_binary(), home.bridge()).expect("the home is writable and UTF-8");
        home
    }

    /// The stable path of the bridge: a link on the search path.
    pub(super) fn bridge(&self) -> PathBuf {
        self.0.path().join("it's a bin/junction-bridge")
    }

    /// A path in the user's home.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("home").join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().expect("the home is writable and UTF-8"))
            .expect("the home is writable and UTF-8");
        fs::write(self.path(name), text).expect("the home is writable and UTF-8");
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("the home is writable and UTF-8")
    }

    pub(super) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).expect("the home is writable and UTF-8")
    }

    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.bridge());
        let path = format!(
            "{}:/usr/bin:/bin",
            self.bridge().parent().expect("the home is writable and UTF-8").display()
        );
        command.arg("setup").args(args).env_clear().env("HOME", self.path("")).env("PATH", path);
        command.stdin(Stdio::null()).current_dir(self.0.path());
        command
    }

    pub(super) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the home is writable and UTF-8")
    }

    /// Runs it without a failure; what it said.
    pub(super) fn done(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).expect("the home is writable and UTF-8")
    }

    /// Runs it with a failure; why.
    pub(super) fn refused(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
        String::from_utf8(output.stderr).expect("the home is writable and UTF-8")
    }

    /// All files and links in the home.
    pub(super) fn files(&self) -> BTreeMap<PathBuf, Entry> {
        self.tree().into_iter().filter(|(_, entry)| *entry != Entry::Folder).collect()
    }

    /// All that is in the home.
    pub(super) fn tree(&self) -> BTreeMap<PathBuf, Entry> {
        let (mut found, mut open) = (BTreeMap::new(), vec![self.path("")]);
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).expect("the home is writable and UTF-8") {
                let path = entry.expect("the home is writable and UTF-8").path();
                let metadata = fs::symlink_metadata(&path).expect("the home is writable and UTF-8");
                let entry = if metadata.is_dir() {
                    open.push(path.clone());
                    Entry::Folder
                } else if metadata.is_symlink() {
                    Entry::Link(fs::read_link(&path).expect("the home is writable and UTF-8"))
                } else {
                    let bytes = fs::read(&path).expect("the home is writable and UTF-8");
                    Entry::File(
                        metadata.permissions().mode(),
                        String::from_utf8_lossy(&bytes).into(),
                    )
                };
                found.insert(path, entry);
            }
        }
        found
    }
}

/// A text in the clothes that files of real people have.
pub(super) fn clothes(text: &str) -> Vec<String> {
    let mut clothes = vec![
        text.to_owned(),
        text.replace('\n', "\r\n"),
        format!("\u{feff}{text}"),
        text.trim_end().to_owned(),
        text.replace("  ", "\t"),
        text.replace("  ", "   "),
    ];
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        clothes.extend([value.to_string(), format!("{value:#}\n\n")]);
    }
    clothes
}
