//! The process that started the bridge. When it is gone nobody is left to serve, though something else
//! may still hold stdin open.

#[cfg(unix)]
pub(crate) use unix::Parent;

#[cfg(unix)]
mod unix {
    use std::time::Duration;

    use rustix::process::{Pid, getppid};

    /// How often a parent is looked for where the system does not tell.
    const INTERVAL: Duration = Duration::from_millis(500);

    /// The parent, as it was when the bridge started.
    pub(crate) struct Parent(Option<Pid>);

    impl Parent {
        /// The parent now. One in another process namespace cannot be seen and is none.
        pub(crate) fn now() -> Self {
            Self(getppid())
        }

        /// Waits until the parent is gone; for ever, if there was none.
        pub(crate) async fn vanished(self) {
            let Some(parent) = self.0 else { return std::future::pending().await };
            if !told(parent).await {
                let mut interval = tokio::time::interval(INTERVAL);
                while getppid() == Some(parent) {
                    interval.tick().await;
                }
            }
        }
    }

    /// Waits for the system to tell of the process's end; false, if it does not do that.
    #[cfg(target_os = "linux")]
    async fn told(parent: Pid) -> bool {
        use rustix::process::{PidfdFlags, pidfd_open};
        use tokio::io::Interest;
        use tokio::io::unix::AsyncFd;

        let Ok(descriptor) = pidfd_open(parent, PidfdFlags::NONBLOCK) else { return false };
        // Only now: if the parent ended before, its number may be another process's.
        if getppid() != Some(parent) {
            return true;
        }
        #[expect(
            deprecated,
            reason = "unsound for types that may close early; this one owns what it names"
        )]
        match AsyncFd::with_interest(descriptor, Interest::READABLE) {
            Ok(descriptor) => descriptor.readable().await.is_ok(),
            Err(_) => false,
        }
    }

    #[cfg(not(target_os = "linux"))]
    async fn told(_: Pid) -> bool {
        false
    }

    #[cfg(test)]
    mod tests {
        use std::process::Command;

        use super::*;

        #[tokio::test]
        async fn living_parent_has_not_vanished() {
            let vanished = Parent::now().vanished();
            assert!(tokio::time::timeout(Duration::from_millis(50), vanished).await.is_err());
        }

        #[tokio::test]
        async fn process_that_is_no_parent_any_more_has_vanished() {
            let mut child = Command::new("true").spawn().unwrap();
            let pid = Pid::from_child(&child);
            child.wait().unwrap();
            let vanished = Parent(Some(pid)).vanished();
            tokio::time::timeout(Duration::from_secs(1), vanished).await.unwrap();
        }

        #[cfg(target_os = "linux")]
        #[tokio::test]
        async fn end_of_a_process_is_told() {
            let mut child =
                Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
            let descriptor = rustix::process::pidfd_open(
                Pid::from_child(&child),
                rustix::process::PidfdFlags::empty(),
            );
            #[expect(deprecated, reason = "as above")]
            let descriptor = tokio::io::unix::AsyncFd::new(descriptor.unwrap()).unwrap();
            child.kill().unwrap();
            let told = tokio::time::timeout(Duration::from_secs(1), descriptor.readable()).await;
            assert!(told.unwrap().is_ok());
            child.wait().unwrap();
        }
    }
}

#[cfg(not(unix))]
pub(crate) use elsewhere::Parent;

#[cfg(not(unix))]
mod elsewhere {
    /// The parent, of which nothing can be told on this system.
    pub(crate) struct Parent;

    impl Parent {
        /// The parent now.
        pub(crate) fn now() -> Self {
            Self
        }

        /// Waits for ever: where a parent's end closes our stdin, that is what ends us.
        pub(crate) async fn vanished(self) {
            std::future::pending().await
        }
    }
}
