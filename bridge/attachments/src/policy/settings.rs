//! Names under which nothing is saved, whatever the user allowed: what is saved there is code that runs later.

use crate::names::folded;

/// Folders and files of git, of agents' clients and of editors that hold hooks, commands or servers to be started. The
/// first nine are the rule; the others are of the same kind.
const SETTINGS: [&str; 22] = [
    ".git",
    ".claude",
    ".codex",
    ".gemini",
    ".opencode",
    ".agents",
    ".vscode",
    ".mcp.json",
    ".envrc",
    ".antigravity",
    ".claude.json",
    ".claude-plugin",
    ".cursor",
    ".devcontainer",
    ".devcontainer.json",
    ".githooks",
    ".husky",
    ".idea",
    ".windsurf",
    ".zed",
    "opencode.json",
    "opencode.jsonc",
];

/// How the short names that Windows gives to the first nine begin: up to six letters without dots.
const SHORT: [&str; 9] =
    ["git~", "claude~", "codex~", "gemini~", "openco~", "agents~", "vscode~", "mcp~", "envrc~"];

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

/// Whether nothing is saved under a path with this name in it.
pub(crate) fn is_setting(name: &str) -> bool {
    let name = folded(name);
    let short = SHORT.iter().find_map(|start| name.strip_prefix(start));
    let is_short = short.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    SETTINGS.contains(&&*name) || is_short
}

/// Whether a directory into which files are saved is itself a place of settings. A checkout that a client keeps below its
/// own folder is none.
pub(crate) fn is_among_settings(names: &[String]) -> bool {
    names.iter().enumerate().any(|(place, name)| {
        let is_checkout = names.get(place + 1).is_some_and(|next| folded(next) == WORKTREES)
            && names.len() > place + 2
            && folded(name) != ".git";
        is_setting(name) && !is_checkout
    })
}

/// Whether a name at the top of a git repository's own folder is one of git's.
pub(crate) fn is_of_repository(name: &str) -> bool {
    REPOSITORY.contains(&&*folded(name))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ".v\u{17f}code",
        ] {
            assert!(is_setting(name), "{name:?}");
        }
        for name in ["git", ".github", ".gitignore", ".gitattributes", "git~", "git~x", "mcp.json"]
        {
            assert!(!is_setting(name), "{name:?}");
        }
    }

    #[test]
    fn checkout_that_a_client_keeps_is_no_place_of_settings() {
        let is_among =
            |path: &str| is_among_settings(&path.split('/').map(str::to_owned).collect::<Vec<_>>());
        assert!(!is_among("home/me/project"));
        assert!(!is_among("p/.claude/worktrees/one"));
        assert!(!is_among("p/.codex/worktrees/1/p"));
        for path in [
            "p/.claude",
            "p/.claude/hooks",
            "p/.claude/worktrees",
            "p/.git/worktrees/one",
            "p/.claude/worktrees/one/.vscode",
        ] {
            assert!(is_among(path), "{path}");
        }
    }
}
