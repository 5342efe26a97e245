//! Programs that are run for a while: what they are given, and how they end. Their output goes nowhere.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Why it is not known how a program ended.
#[derive(Debug)]
pub(crate) enum RunFault {
    /// It could not be started.
    Start(io::Error),
    /// It ran too long, and was killed.
    TimedOut,
    /// The system did not say.
    Lost,
}

/// Runs a program with these bytes on its standard input, in a process group of its own. All of the group is killed when
/// the time is over. A program need not read its input.
pub(crate) fn run(
    command: &mut Command,
    input: &[u8],
    limit: Duration,
) -> Result<ExitStatus, RunFault> {
    let deadline = Instant::now() + limit;
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let mut child = command.spawn().map_err(RunFault::Start)?;
    let ended = imp::feed_and_wait(&mut child, input, deadline);
    if !matches!(ended, Ok(true)) {
        imp::kill(&mut child);
    }
    match ended {
        Ok(true) => child.wait().map_err(|_| RunFault::Lost),
        Ok(false) => Err(RunFault::TimedOut),
        Err(_) => Err(RunFault::Lost),
    }
}

/// The program of a name, as `PATH` has it, or an absolute path itself. Folders of `PATH` that depend on the working
/// directory, or are inside the project, do not count: what an agent writes there would be run in the program's place.
pub(crate) fn find_program(name: &str, path: Option<&OsStr>, project: &Path) -> Option<PathBuf> {
    let written = Path::new(name);
    if written.is_absolute() {
        return Some(written.to_owned());
    }
    if name.contains(std::path::is_separator) {
        return None;
    }
    let is_outside = |folder: &PathBuf| {
        let real = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        folder.is_absolute() && !folder.starts_with(project) && !real.starts_with(project)
    };
    let folders = std::env::split_paths(path?).filter(is_outside);
    folders
        .flat_map(|folder| imp::candidates(&folder.join(name)))
        .find(|file| imp::is_program(file))
}

#[cfg(unix)]
mod imp {
    use std::fs::File;
    use std::io::Write as _;
    use std::os::fd::OwnedFd;
    use std::process::ChildStdin;
    use std::sync::mpsc::{RecvTimeoutError, sync_channel};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::{Access, OFlags, access, fcntl_getfl, fcntl_setfl};
    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

    use super::{Child, Duration, Instant, Path, PathBuf, io};

    pub(super) fn candidates(file: &Path) -> Vec<PathBuf> {
        vec![file.to_owned()]
    }

    pub(super) fn is_program(file: &Path) -> bool {
        file.is_file() && access(file, Access::EXEC_OK).is_ok()
    }

    /// Whether the program ended before the deadline. It is not reaped, so that its number stays its own.
    pub(super) fn feed_and_wait(
        child: &mut Child,
        input: &[u8],
        deadline: Instant,
    ) -> io::Result<bool> {
        let pid = pid(child).ok_or(io::ErrorKind::InvalidData)?;
        if let Some(stdin) = child.stdin.take() {
            feed(stdin, input, deadline)?;
        }
        // The thread lives as long as the process, which is killed in the end.
        let (sender, receiver) = sync_channel(1);
        std::thread::Builder::new().name("attachment-command".into()).spawn(move || {
            let _ = sender.send(wait_unreaped(pid));
        })?;
        match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(waited) => waited.map(|()| true),
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::Other.into()),
        }
    }

    fn wait_unreaped(pid: Pid) -> io::Result<()> {
        loop {
            match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes until all is written, nobody reads any more, or the time is over. What comes of the program says the rest.
    fn feed(stdin: ChildStdin, input: &[u8], deadline: Instant) -> io::Result<()> {
        let mut pipe = File::from(OwnedFd::from(stdin));
        fcntl_setfl(&pipe, fcntl_getfl(&pipe)? | OFlags::NONBLOCK)?;
        let mut rest = input;
        while !rest.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match pipe.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wait_writable(&pipe, left)?;
                }
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn wait_writable(pipe: &File, left: Duration) -> io::Result<()> {
        let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
        match poll(&mut [PollFd::new(pipe, PollFlags::OUT)], Some(&left)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn kill(child: &mut Child) {
        if let Some(pid) = pid(child) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let _ = child.kill();
        let _ = child.wait();
    }

    fn pid(child: &Child) -> Option<Pid> {
        i32::try_from(child.id()).ok().and_then(Pid::from_raw)
    }
}

#[cfg(not(unix))]
mod imp {
    use std::io::Write as _;

    use zeroize::Zeroizing;

    use super::{Child, Duration, Instant, Path, PathBuf, io};

    /// How often a program is asked whether it has ended. The standard library has no wait with a limit.
    const ASKED: Duration = Duration::from_millis(20);

    pub(super) fn candidates(file: &Path) -> Vec<PathBuf> {
        let mut with_ending = file.as_os_str().to_owned();
        with_ending.push(".exe");
        vec![file.to_owned(), with_ending.into()]
    }

    pub(super) fn is_program(file: &Path) -> bool {
        file.is_file()
    }

    /// Whether the program ended before the deadline.
    pub(super) fn feed_and_wait(
        child: &mut Child,
        input: &[u8],
        deadline: Instant,
    ) -> io::Result<bool> {
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read keeps the thread until it is killed.
            let input = Zeroizing::new(input.to_vec());
            std::thread::Builder::new().name("attachment-command".into()).spawn(move || {
                let _ = stdin.write_all(&input);
            })?;
        }
        while child.try_wait()?.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            std::thread::park_timeout(left.min(ASKED));
        }
        Ok(true)
    }

    pub(super) fn kill(child: &mut Child) {
        let _ = child.kill();
        let _ = child.wait();
    }
}
