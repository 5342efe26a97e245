//! Processes as the system shows them.

#[cfg(target_os = "linux")]
use std::io::{PipeReader, PipeWriter, Write as _};
use std::path::Path;

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit, test_kill_process,
};

/// Sends a signal to one process that a test started.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It fails only if the process has ended already.
        let _ = kill_process(pid, signal);
    }
}

/// Whether no process with this id is running.
pub fn is_gone(pid: u32) -> bool {
    if let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        // A zombie is dead, too: an orphan whose init does not wait for it.
        return stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'));
    }
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_none_or(|pid| test_kill_process(pid).is_err())
}

/// One figure of /proc/PID/status in KiB, such as `VmRSS`; nothing where the system has no /proc.
pub fn memory(pid: u32, figure: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(figure))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The ids of processes whose program is under `directory` and called `name`; none where the system has no /proc.
pub fn processes_of(directory: &Path, name: &str) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        // A process that is not dumpable still shows its command line.
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let program = command.split(|byte| *byte == 0).next().unwrap_or_default();
        let program = Path::new(std::str::from_utf8(program).unwrap_or_default());
        program.starts_with(directory) && program.file_name().is_some_and(|file| file == name)
    })
    .collect()
}

/// Kills what still runs from binaries under `directory`.
pub(crate) fn end_processes_of(directory: &Path) {
    for name in ["junction-bridge", "junction-page", "junction-hub"] {
        for pid in processes_of(directory, name) {
            signal(pid, Signal::KILL);
        }
    }
}

/// Raises the limit of open files of this process and its children to the system's maximum.
pub fn raise_file_limit() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("the limit is raised");
}

/// The size of the smallest pipe.
#[cfg(target_os = "linux")]
const SMALLEST_PIPE: usize = 4096;

/// A pipe of the smallest size with so many bytes in it that this many more fit. Nobody reads from it as long as the test
/// keeps the reading end.
#[cfg(target_os = "linux")]
pub fn stuck_pipe(room: usize) -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let size = rustix::pipe::fcntl_setpipe_size(&writer, SMALLEST_PIPE).expect("its size is set");
    writer.write_all(&vec![b'\n'; size - room]).expect("it is filled");
    (reader, writer)
}
