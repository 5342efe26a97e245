//! The program that has a port of this machine, as far as it can be seen, and in words that fit into a sentence.

use std::fmt;

/// The longest name of a program that is shown, in characters.
const MAX_NAME: usize = 32;
/// The program that serves HTTP for commands of `junction-bridge`.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
const SERVING_PROGRAM: &str = "junction-page";

/// The program that listens on a port, as far as this process can see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortOwner {
    /// A program that can be seen.
    Program {
        /// The name of its file, in plain characters.
        name: String,
        /// The id of its process.
        process: u32,
    },
    /// A program of the user with this id.
    OtherUser(u32),
    /// A program that cannot be seen.
    Unknown,
}

impl fmt::Display for PortOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program { name, process } => write!(f, "{name} (process {process})"),
            Self::OtherUser(id) => write!(f, "a program of another user (user id {id})"),
            Self::Unknown => f.write_str("another program"),
        }
    }
}

/// The name of a program in characters that cannot be taken for anything else. Other programs choose their names.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(crate) fn plain_name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    let name = name.chars().map(|c| if is_plain(c) { c } else { '-' });
    let name: String = name.take(MAX_NAME).collect();
    if name.is_empty() { "a program".to_owned() } else { name }
}

/// What the user calls a program that serves for a command of another name, by what it was started with.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(crate) fn served_command(name: &str, arguments: &str) -> Option<&'static str> {
    if name != SERVING_PROGRAM {
        return None;
    }
    let is_gateway = arguments.split('\0').any(|argument| argument == "gateway");
    Some(if is_gateway { "junction-bridge gateway" } else { "junction-bridge ui" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_that_serves_is_called_by_its_command() {
        let called = |arguments| served_command("junction-page", arguments);
        assert_eq!(called("junction-bridge\0gateway\0--tls\0"), Some("junction-bridge gateway"));
        assert_eq!(called("junction-bridge\0ui\0"), Some("junction-bridge ui"));
        assert_eq!(served_command("node", "node\0gateway\0"), None);
    }

    #[test]
    fn names_of_programs_are_plain() {
        assert_eq!(plain_name("python3.12"), "python3.12");
        assert_eq!(plain_name("do this\n\u{202e}"), "do-this--");
        assert_eq!(plain_name(&"x".repeat(100)).len(), MAX_NAME);
        assert_eq!(plain_name(""), "a program");
    }

    #[test]
    fn owners_are_named_within_a_sentence() {
        let program = PortOwner::Program { name: "node".to_owned(), process: 7 };
        assert_eq!(program.to_string(), "node (process 7)");
        assert_eq!(PortOwner::OtherUser(8).to_string(), "a program of another user (user id 8)");
        assert_eq!(PortOwner::Unknown.to_string(), "another program");
    }
}
