//! The hub as a process: what it inherits, what it may open, and what ends it.

use std::future::Future;

/// What a process may have open where the system does not say.
#[cfg(not(unix))]
const DESCRIPTORS: u32 = 8192;

/// What macOS grants a process that asks for no limit at all: `OPEN_MAX` of its `sys/syslimits.h`.
#[cfg(unix)]
const OPEN_MAX: u64 = 10_240;

/// Leaves the session of the bridge that started this process, and whatever it left open: no descriptor
/// of an agent outlives it here. To be called before anything of our own is open.
#[cfg(unix)]
pub(crate) fn detach() {
    // It fails only for who leads a session already.
    let _ = rustix::process::setsid();
    let inherited: Vec<_> = open_descriptors().into_iter().filter(|number| *number > 2).collect();
    for descriptor in inherited {
        // Nothing to do about one that is gone: the list's own is among them.
        let _ = nix::unistd::close(descriptor);
    }
}

/// The numbers of all open descriptors.
#[cfg(unix)]
fn open_descriptors() -> Vec<std::os::fd::RawFd> {
    let Ok(entries) = std::fs::read_dir("/dev/fd") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// There is nothing to leave.
#[cfg(not(unix))]
pub(crate) fn detach() {}

/// Allows this process as many descriptors as it may allow itself. Returns how many.
#[cfg(unix)]
pub(crate) fn raise_descriptor_limit() -> u32 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Some systems call a limit infinite and then refuse to set it so.
    let wishes = [maximum, Some(maximum.map_or(OPEN_MAX, |maximum| maximum.min(OPEN_MAX)))];
    let raise = |wish| setrlimit(Resource::Nofile, Rlimit { current: wish, maximum }).is_ok();
    let current = wishes.into_iter().find(|wish| raise(*wish)).unwrap_or(current);
    // None is "no limit".
    current.and_then(|current| u32::try_from(current).ok()).unwrap_or(u32::MAX)
}

/// The limit cannot be changed.
#[cfg(not(unix))]
pub(crate) fn raise_descriptor_limit() -> u32 {
    DESCRIPTORS
}

/// Completes when the process is asked to stop.
///
/// # Errors
/// If the system does not let it listen for that.
#[cfg(unix)]
pub(crate) fn shutdown_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Completes when the process is asked to stop.
///
/// # Errors
/// None here.
#[cfg(not(unix))]
pub(crate) fn shutdown_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
