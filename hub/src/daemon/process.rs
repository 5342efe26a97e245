//! The hub as a process: inherited descriptors and signals.

use std::future::Future;

/// Leaves the session of the bridge that started this process, and closes every inherited descriptor, so that
/// none of the agent's outlives it here. Must be called before this process opens anything of its own.
#[cfg(unix)]
pub(crate) fn detach() {
    // Fails only for a session leader, which is what we want to be.
    let _ = rustix::process::setsid();
    let inherited: Vec<_> = open_descriptors().into_iter().filter(|number| *number > 2).collect();
    for descriptor in inherited {
        // The descriptor of the directory listing itself is among them and already closed.
        let _ = nix::unistd::close(descriptor);
    }
}

/// Returns the numbers of all open descriptors.
#[cfg(unix)]
fn open_descriptors() -> Vec<std::os::fd::RawFd> {
    let Ok(entries) = std::fs::read_dir("/dev/fd") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Does nothing: there is no session to leave on this system.
#[cfg(not(unix))]
pub(crate) fn detach() {}

/// Returns a future that completes when the process is asked to stop.
///
/// # Errors
/// The system refuses to deliver the signals.
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

/// Returns a future that completes when the process is asked to stop.
///
/// # Errors
/// None on this system.
#[cfg(not(unix))]
pub(crate) fn shutdown_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
