//! Waiting for a condition instead of for time.

use std::fmt::Display;
use std::future::Future;
use std::io::Write as _;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

/// The longest time that a test waits for something that must come: far longer than it takes, so that no test fails
/// on a loaded machine.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// The pause between two looks at a condition.
const LOOK: Duration = Duration::from_millis(10);

/// Repeats `check` until it gives something; panics with `what` if it never does.
pub async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    settles(what, async || check().await.ok_or("nothing was found")).await
}

/// Repeats `check` until it succeeds; panics with `what` and the last error if it never does.
pub async fn settles<T, E: Display>(what: &str, mut check: impl AsyncFnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match within(what, check()).await {
            Ok(found) => return found,
            Err(wrong) => {
                assert!(Instant::now() < deadline, "it never came to this: {what}: {wrong}");
            }
        }
        sleep(LOOK).await;
    }
}

/// Says aloud that a test is skipped: past the test runner, which swallows what a passing test prints.
pub fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

/// Waits for a moment of a test's own schedule, at which the test acts. The effect is awaited by [`eventually`], never
/// by time.
pub async fn at(moment: Instant) {
    sleep_until(moment).await;
}

/// The output of the future; panics with `what` if it takes longer than [`DEADLINE`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("it took too long: {what}"),
    }
}
