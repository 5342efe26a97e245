//! What a person runs in a terminal. What was asked for goes to stdout, all else to stderr.

pub(crate) mod demo;
mod forget;
pub(crate) mod hook;
mod hosts;
mod invite;
mod join;
mod verify;

use std::io::Write as _;

pub(crate) use forget::forget;
pub(crate) use hosts::hosts;
pub(crate) use invite::{Invite, invite};
pub(crate) use join::{Join, join};
pub(crate) use verify::verify;

/// Writes a line of what was asked for.
fn tell(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// Writes a line of what is good to know.
fn remark(line: &str) {
    // What was asked for does not depend on it.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A name for a hub at this host, where none was given: its letters and digits, with hyphens between them.
fn name_for(host: &str) -> String {
    const MOST: usize = 32;
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = host.chars().map(plain).take(MOST).collect();
    let name = name.trim_matches('-');
    if name.is_empty() || name == junction_shared::machine::hosts::LOCAL {
        "hub".to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use junction_shared::machine::hosts::is_host_name;

    use super::*;

    #[test]
    fn every_host_gets_a_name_that_a_host_may_have() {
        assert_eq!(name_for("192.168.1.7"), "192-168-1-7");
        assert_eq!(name_for("Attic.Lan"), "attic-lan");
        assert_eq!(name_for("fd00::7"), "fd00--7");
        assert_eq!(name_for("local"), "hub");
        for host in ["::", &"x.".repeat(100), "::1", "-"] {
            assert!(is_host_name(&name_for(host)), "{host}");
        }
    }
}
