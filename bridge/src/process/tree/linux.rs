//! Linux: processes are read from `/proc` one by one, as needed.

use std::path::PathBuf;

/// The processes in `/proc`.
pub(super) struct Processes;

impl Processes {
    pub(super) fn now() -> Self {
        Self
    }

    pub(super) fn parent(&self, pid: u32) -> Option<u32> {
        stat(pid, 4)?.try_into().ok()
    }
}

/// A number in `/proc/PID/stat`, whose fields are counted from 1 as in proc(5).
fn stat(pid: u32, field: usize) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The process's name, the second field, is in parentheses, and may hold any character.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(field - 3)?.parse().ok()
}

pub(super) fn started(pid: u32) -> Option<u64> {
    stat(pid, 22)
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

pub(super) fn script(pid: u32) -> Option<PathBuf> {
    const INTERPRETERS: [&str; 6] = ["node", "bun", "deno", "python", "sh", "bash"];
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let mut words = command.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let program = PathBuf::from(words.next()?.into_owned());
    let program =
        program.file_stem()?.to_str()?.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let first = words.find(|word| !word.starts_with('-'))?;
    INTERPRETERS.contains(&program).then(|| PathBuf::from(first.into_owned()))
}

pub(super) fn serving(program: &str) -> Vec<(u32, u32)> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let named = ids.filter(|pid| name(*pid).as_deref() == Some(program));
    let of_user = named.filter_map(|pid| {
        // A process that is not dumpable belongs to root as a directory; its status names the user.
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        let user = line.split_whitespace().nth(1)?.parse().ok()?;
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let first = command.split(|byte| *byte == 0).nth(1).unwrap_or_default();
        (first.is_empty() || first.starts_with(b"-")).then_some((pid, user))
    });
    of_user.collect()
}

pub(super) fn user() -> Option<u32> {
    Some(rustix::process::geteuid().as_raw())
}
