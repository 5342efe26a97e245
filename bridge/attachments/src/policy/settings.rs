//! Names under which nothing is saved, whatever the user allowed: what is saved there is run later, and nobody runs it.

use std::path::Path;

use crate::names::folded;
use crate::path_text::path_names;

mod table;

use table::TABLE;

/// Folders of clients in which checkouts of a project are kept: `.claude/worktrees/NAME`.
const WORKTREES: &str = "worktrees";

/// What a git repository's own folder has at its top.
const REPOSITORY: [&str; 14] = [
    "head",
    "branches",
    "config",
    "config.worktree",
    "description",
    "hooks",
    "index",
    "info",
    "logs",
    "modules",
    "objects",
    "packed-refs",
    "refs",
    "worktrees",
];

/// The letters that a short name of Windows begins with.
const SHORT_LETTERS: usize = 6;

/// Whether something runs what is saved at a real path, or reads a command in it. A checkout of a project that a client keeps
/// below its own folder is no such place if `base`, which is a part of the path, is in it.
pub(crate) fn is_run(path: &Path, base: &Path, home: Option<&Path>) -> bool {
    let folded_names = |path: &Path| path_names(path).iter().map(|name| folded(name)).collect();
    let (names, base): (Vec<String>, Vec<String>) = (folded_names(path), folded_names(base));
    // On macOS, `/etc` and `/var` are links to folders there.
    let root = match &names[..] {
        [private, next, ..] if private == "private" && matches!(&**next, "etc" | "var") => 1,
        _ => 0,
    };
    let home: Option<Vec<String>> = home.map(folded_names).filter(|home| names.starts_with(home));
    let is_checkout = |place: usize| {
        place + 2 < base.len() && base[place + 1] == WORKTREES && base[place] != ".git"
    };
    let matches = |entry: &str| {
        let (start, entry) = match (entry.strip_prefix("~/"), entry.strip_prefix('/')) {
            (Some(entry), _) => match &home {
                Some(home) => (Some(home.len()), entry),
                None => return false,
            },
            (_, Some(entry)) => (Some(root), entry),
            _ => (None, entry),
        };
        let parts: Vec<_> = entry.split('/').collect();
        names.windows(parts.len()).enumerate().any(|(place, names)| {
            let is_there = names.iter().zip(&parts).all(|(name, part)| is_name(name, part));
            is_there && start.is_none_or(|start| start == place) && !is_checkout(place)
        })
    };
    TABLE.iter().copied().flatten().any(|entry| matches(entry))
}

/// Whether something runs what is saved under this name, in whatever folder.
pub(crate) fn is_run_anywhere(name: &str) -> bool {
    let name = folded(name);
    TABLE.iter().copied().flatten().any(|entry| is_name(&name, entry))
}

/// Whether a folded name is this one, or the short name that Windows may give to it: `GIT~1` for `.git`.
fn is_name(name: &str, whole: &str) -> bool {
    let is_short = |(letters, rest): (&str, &str)| {
        rest.starts_with(|c: char| c.is_ascii_digit()) && short_letters(whole).eq(letters.chars())
    };
    name == whole || name.split_once('~').is_some_and(is_short)
}

/// The letters with which the short name of a file begins: the first ones before its ending, without dots and blanks.
fn short_letters(name: &str) -> impl Iterator<Item = char> {
    let name = name.trim_start_matches('.');
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    stem.chars().filter(|c| !matches!(c, '.' | ' ')).take(SHORT_LETTERS)
}

/// Whether a name at the top of a git repository's own folder is one of git's.
pub(crate) fn is_of_repository(name: &str) -> bool {
    REPOSITORY.contains(&&*folded(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a path below a project of no odd name is one of what is run.
    fn is_run_below(path: &str) -> bool {
        let base = Path::new("/work/p");
        is_run(&base.join(path), base, None)
    }

    #[test]
    fn settings_are_known_by_all_their_names() {
        for name in [
            ".git",
            ".GIT",
            ".git.",
            ".git ",
            ".git:x",
            "GIT~1",
            "git~2.",
            ".g\u{200d}it",
            ".Claude",
            ".MCP.JSON",
            "MCP~1.JSO",
            ".envrc",
            "ENVRC~1",
            "OPENCO~1",
            "PRE-CO~1.YAM",
            "BASH_P~1",
            ".v\u{17f}code",
        ] {
            assert!(is_run_below(name) && is_run_anywhere(name), "{name:?}");
        }
        for name in ["git", ".github", ".gitignore", ".gitattributes", "git~", "git~x", "mcp.json"]
        {
            assert!(!is_run_below(name) && !is_run_anywhere(name), "{name:?}");
        }
    }

    #[test]
    fn regression_what_a_program_runs_by_itself_is_known() {
        for path in [
            ".bash_aliases",
            "sub/.zshenv",
            ".xsession",
            ".Vimrc",
            ".nvim.lua",
            ".emacs.d/init.el",
            ".tmux.conf",
            ".gdbinit",
            ".hg/hgrc",
            ".yarnrc.yml",
            ".pnpmfile.cjs",
            ".cargo/config.toml",
            "mise.toml",
            ".pre-commit-config.yaml",
            "lefthook.yml",
            ".github/workflows/ci.yml",
            ".GitHub/WORKFL~1/ci.yml",
            ".gitlab-ci.yml",
            ".kiro/settings/mcp.json",
            ".clinerules/hooks/x",
            ".crush.json",
            ".config/nvim/init.lua",
            "dotfiles/.config/fish/config.fish",
            ".config/systemd/user/x.service",
            ".local/bin/x",
            ".ssh/authorized_keys",
            ".gnupg/gpg-agent.conf",
            "claude_desktop_config.json",
            ".config/Claude/x.json",
            ".lmstudio/mcp.json",
            ".rvmrc",
            ".venv/bin/python",
            "sub/venv/bin/python",
            ".venv/Scripts/python.exe",
            "lib/python3.12/site-packages/x.pth",
            "public/.htaccess",
            "public/.user.ini",
            ".vscode-insiders/argv.json",
            ".config/windsurf/User/settings.json",
            ".config/Code - Insiders/User/settings.json",
            ".config/user-dirs.dirs",
            ".config/uwsm/env",
            ".local/share/gnome-shell/extensions/x/extension.js",
            ".config/karabiner/karabiner.json",
            "rust-toolchain.toml",
            "rust-toolchain",
            ".bazelrc",
            ".mvn/jvm.config",
            ".pylintrc",
            ".mailcap",
            ".muttrc",
            "Documents/PowerShell/profile.ps1",
            "Documents/WindowsPowerShell/profile.ps1",
            "Library/LaunchAgents/x.plist",
            "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup/x.bat",
        ] {
            assert!(is_run_below(path), "{path}");
        }
    }

    #[test]
    fn ordinary_files_of_a_project_are_no_settings() {
        for path in [
            ".github/dependabot.yml",
            ".github/copilot-instructions.md",
            "workflows/ci.yml",
            ".config/nextest.toml",
            ".gitmodules",
            ".npmrc",
            ".kube/config",
            ".ssh/id_ed25519",
            ".ssh/known_hosts",
            ".tool-versions",
            ".clinerules/style.md",
            "AGENTS.md",
            "package.json",
            "Makefile",
            "build.rs",
            "conftest.py",
            "bin/run.sh",
            "src/bin/main.rs",
            "lib/a.js",
            "local/bin/x",
            "cargo/config.toml",
            "etc/cron.d/x",
            "var/spool/cron/x",
            "src/spool/cron/mod.rs",
            "src/spool/at",
            "templates/powershell/profile.ps1",
            "environment/bin/x",
            "debian/etc/systemd/x.service",
            "docs/profile",
            "login/index.ts",
        ] {
            assert!(!is_run_below(path), "{path}");
        }
    }

    #[test]
    fn some_names_count_at_the_root_or_in_the_home_directory_alone() {
        let home = Path::new("/home/me");
        for (path, expected) in [
            ("/etc/cron.d/x", true),
            ("/usr/bin/x", true),
            ("/home/me/bin/x", true),
            ("/home/me/bin", true),
            ("/home/me/p/bin/x", false),
            ("/home/other/bin/x", false),
            ("/srv/etc/cron.d/x", false),
            ("/var/spool/cron/crontabs/me", true),
            ("/srv/var/spool/cron/x", false),
            ("/private/etc/zshrc", true),
            ("/private/var/at/tabs/me", true),
            ("/private/bin/x", false),
        ] {
            assert_eq!(is_run(Path::new(path), Path::new("/"), Some(home)), expected, "{path}");
        }
    }

    #[test]
    fn checkout_that_a_client_keeps_is_no_place_of_settings() {
        let is_among = |path: &str| is_run(Path::new(path), Path::new(path), None);
        assert!(!is_among("/home/me/project"));
        assert!(!is_among("/p/.claude/worktrees/one"));
        assert!(!is_among("/p/.codex/worktrees/1/p"));
        for path in [
            "/p/.claude",
            "/p/.claude/hooks",
            "/p/.claude/worktrees",
            "/p/.git/worktrees/one",
            "/p/.claude/worktrees/one/.vscode",
            "/home/me/.config/nvim",
        ] {
            assert!(is_among(path), "{path}");
        }
        // The checkout has to be the project: from the project around it, it is the client's.
        assert!(is_run_below(".claude/worktrees/one/a"));
    }
}
