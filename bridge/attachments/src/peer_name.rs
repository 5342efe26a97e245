//! The name of a file that a peer named, in a folder that an agent or a person named.

use crate::names::{folded, safe_name};
use crate::policy::settings::is_run_anywhere;

/// The names of files that agents' clients read as their user's instructions, lower case. They are no code, and are saved
/// where an agent or a person names them; a peer's name alone does not put words into a session.
const INSTRUCTIONS: [&str; 8] = [
    "agents.md",
    "agents.override.md",
    "claude.md",
    "claude.local.md",
    "copilot-instructions.md",
    "gemini.md",
    "qwen.md",
    "skill.md",
];

/// The name under which a file is saved that a peer called so, where only a folder was named. It is a safe name, without
/// dots and dashes at its beginning, and with `_` before a name that is run by itself or read as instructions.
#[must_use]
pub fn saved_name(name: &str) -> String {
    let name = safe_name(name);
    let mut name = safe_name(name.trim_start_matches(['.', '-', ' ']));
    while is_run_anywhere(&name) || INSTRUCTIONS.contains(&&*folded(&name)) {
        name.insert(0, '_');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regression_peers_name_alone_makes_no_file_that_a_program_looks_for() {
        for (name, saved) in [
            ("notes.txt", "notes.txt"),
            (".env", "env"),
            ("..env", "env"),
            (".. .env", "env"),
            ("\u{202e}.env", "_.env"),
            (".bashrc", "bashrc"),
            (".vimrc", "vimrc"),
            ("_vimrc", "__vimrc"),
            (".mise.toml", "_mise.toml"),
            ("Lefthook.YML", "_Lefthook.YML"),
            (".git", "git"),
            ("GIT~1", "_GIT~1"),
            ("AGENTS.md", "_AGENTS.md"),
            (".CLAUDE.md", "_CLAUDE.md"),
            ("--checkpoint=1", "checkpoint=1"),
            (".nul", "_nul"),
            ("...", "attachment"),
            (".-.", "attachment"),
            ("package.json", "package.json"),
        ] {
            assert_eq!(saved_name(name), saved, "{name:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn saved_names_are_safe_names(name in "[.A-Za-z~ -]{0,12}|.*") {
            let saved = saved_name(&name);
            proptest::prop_assert!(!saved.starts_with('.') && !is_run_anywhere(&saved));
            proptest::prop_assert_eq!(safe_name(&saved), saved);
        }
    }
}
