//! The clocks. Only this file reads the wall clock, for display: nothing expires by it.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The present moment of the monotonic clock, which tests can pause.
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// This machine's wall clock, in milliseconds since 1970.
pub fn wall_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "this is that one place")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
