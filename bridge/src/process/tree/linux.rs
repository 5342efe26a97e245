//! Linux: processes are read from `/proc` one by one, as needed.

use std::path::PathBuf;

/// The processes in `/proc`.
pub(super) struct Processes;

impl Processes {
    pub(super) fn now() -> Self {
        Self
    }

    pub(super) fn parent(&self, pid: u32) -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The process's name stands before, in parentheses, and may hold any character.
        let (_, fields) = stat.rsplit_once(')')?;
        fields.split_whitespace().nth(1)?.parse().ok()
    }
}

pub(super) fn is_piped(pid: u32) -> bool {
    let input = std::fs::read_link(format!("/proc/{pid}/fd/0")).unwrap_or_default();
    let input = input.to_string_lossy();
    input.starts_with("pipe:") || input.starts_with("socket:")
}

pub(super) fn name(pid: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

pub(super) fn program(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/exe")).ok()
}
