//! Unix: the parent's process id changes when the parent ends, and Linux reports the end at once.

use std::time::Duration;

use rustix::process::{Pid, getppid};

/// How often the parent is looked up where the system does not report its end.
const INTERVAL: Duration = Duration::from_millis(500);

/// A watch over the process that was the parent when the bridge started.
pub(crate) struct ParentWatch(Option<Pid>);

impl ParentWatch {
    /// A watch over the present parent. A parent in another process namespace cannot be seen and is not watched.
    pub(crate) fn new() -> Self {
        Self(getppid())
    }

    /// Waits until the parent is gone; forever, if no parent can be watched.
    pub(crate) async fn parent_ended(self) {
        let Some(parent) = self.0 else { return std::future::pending().await };
        if !end_reported(parent).await {
            let mut interval = tokio::time::interval(INTERVAL);
            while getppid() == Some(parent) {
                interval.tick().await;
            }
        }
    }
}

/// Waits for the system to report that the process has ended. False if the system cannot.
#[cfg(target_os = "linux")]
async fn end_reported(parent: Pid) -> bool {
    use rustix::process::{PidfdFlags, pidfd_open};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    let Ok(descriptor) = pidfd_open(parent, PidfdFlags::NONBLOCK) else { return false };
    // After opening: if the parent ended before, its id may now be another process's.
    if getppid() != Some(parent) {
        return true;
    }
    #[expect(
        deprecated,
        reason = "unsound for types that may close early; this one owns its descriptor"
    )]
    match AsyncFd::with_interest(descriptor, Interest::READABLE) {
        Ok(descriptor) => descriptor.readable().await.is_ok(),
        Err(_) => false,
    }
}

#[cfg(not(target_os = "linux"))]
async fn end_reported(_: Pid) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn living_parent_is_not_reported_as_ended() {
        let ended = ParentWatch::new().parent_ended();
        assert!(tokio::time::timeout(Duration::from_millis(50), ended).await.is_err());
    }

    #[tokio::test]
    async fn process_that_is_no_longer_the_parent_counts_as_ended() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = Pid::from_child(&child);
        child.wait().unwrap();
        let ended = ParentWatch(Some(pid)).parent_ended();
        tokio::time::timeout(Duration::from_secs(1), ended).await.unwrap();
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn linux_reports_the_end_of_a_process() {
        let mut child = Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let descriptor = rustix::process::pidfd_open(
            Pid::from_child(&child),
            rustix::process::PidfdFlags::empty(),
        );
        #[expect(deprecated, reason = "the descriptor is owned here")]
        let descriptor = tokio::io::unix::AsyncFd::new(descriptor.unwrap()).unwrap();
        child.kill().unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(1), descriptor.readable()).await;
        assert!(ended.unwrap().is_ok());
        child.wait().unwrap();
    }
}
