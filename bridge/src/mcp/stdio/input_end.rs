//! How the end of the input is noticed while nothing is read: a client that takes no answers makes the server stop taking
//! lines, and the end comes after lines that nobody takes.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::sleep;

/// How long a client that has ended its input may take no answers before it counts as gone. Together with the goodbye to
/// the hub, this fits into the 100 ms after which some clients kill a server.
const STALLED_TIME: Duration = Duration::from_millis(40);

/// How many lines were read, and how many of them the server has taken.
#[derive(Default)]
pub(crate) struct LineCounts {
    read: AtomicU64,
    taken: AtomicU64,
}

impl LineCounts {
    pub(super) fn read(&self) {
        self.read.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn took(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until lines that were read have not been taken for a while.
    async fn stalled(&self) {
        let taken = || self.taken.load(Ordering::Relaxed);
        loop {
            let before = taken();
            sleep(STALLED_TIME).await;
            if taken() == before && self.read.load(Ordering::Relaxed) > before {
                return;
            }
        }
    }
}

/// Reports that the client has closed its end of the input, whatever is still to be read from it.
pub(crate) struct HangUp(imp::InputWatch);

impl HangUp {
    /// A watch over the process's stdin.
    ///
    /// # Errors
    /// If the descriptor is closed.
    pub(crate) fn of_stdin() -> io::Result<Self> {
        imp::watch(&io::stdin()).map(Self)
    }

    /// Waits until the client has closed its end and the server takes no more of the lines; forever, where the system
    /// does not report the former.
    pub(crate) async fn stalled(&self, counts: &LineCounts) {
        imp::closed(&self.0).await;
        counts.stalled().await;
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use std::future::pending;
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};

    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// Nothing where the system reports no end: of a file, for one.
    pub(super) type InputWatch = Option<AsyncFd<OwnedFd>>;

    pub(super) fn watch(input: &impl AsFd) -> io::Result<InputWatch> {
        let input = input.as_fd().try_clone_to_owned()?;
        // Without interest in data, which would wake this thread with every line.
        #[expect(
            deprecated,
            reason = "unsound for types that may close early; this one owns its descriptor"
        )]
        Ok(AsyncFd::with_interest(input, Interest::PRIORITY).ok())
    }

    pub(super) async fn closed(watch: &InputWatch) {
        let Some(input) = watch else { return pending().await };
        loop {
            match input.ready(Interest::PRIORITY).await {
                Ok(ready) if ready.ready().is_read_closed() => return,
                Ok(mut other) => other.clear_ready(),
                Err(_) => return pending().await,
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::io;

    pub(super) type InputWatch = ();

    pub(super) fn watch<T>(_: &T) -> io::Result<InputWatch> {
        Ok(())
    }

    pub(super) async fn closed((): &InputWatch) {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn lines_that_nobody_takes_are_stalled_and_others_are_not() {
        let counts = LineCounts::default();
        assert!(timeout(LONG, counts.stalled()).await.is_err(), "nothing was read");
        counts.read();
        counts.read();
        counts.took();
        assert!(timeout(LONG, counts.stalled()).await.is_ok());
        counts.took();
        assert!(timeout(LONG, counts.stalled()).await.is_err(), "all is taken");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn end_of_the_input_is_reported_before_the_rest_is_read() {
        use std::io::Write as _;

        let (ours, mut theirs) = io::pipe().unwrap();
        let watch = imp::watch(&ours).unwrap();
        theirs.write_all(b"never read").unwrap();
        assert!(timeout(Duration::from_millis(20), imp::closed(&watch)).await.is_err());
        drop(theirs);
        timeout(Duration::from_secs(20), imp::closed(&watch)).await.unwrap();
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn end_of_a_file_is_not_reported() {
        let file = tempfile::tempfile().unwrap();
        let watch = imp::watch(&file).unwrap();
        assert!(timeout(Duration::from_millis(20), imp::closed(&watch)).await.is_err());
    }
}
