//! How the agent's user pauses all wakes of the agent. The senders of what waits are told as a hold begins and as it ends.

use std::time::Duration;

use super::Wake;
use junction_engine::now;

/// The shortest and the longest hold.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Pauses all wakes for this time, which replaces that of an earlier hold.
pub(crate) fn hold(wake: &Wake, time: Duration) {
    wake.agent().policy.hold.begin(now() + time.clamp(SHORTEST, LONGEST));
    changed(wake);
}

/// Ends the pause. What waits wakes the agent as if it had come just now.
pub(crate) fn release(wake: &Wake) {
    wake.agent().policy.hold.release();
    changed(wake);
}

fn changed(wake: &Wake) {
    wake.0.changed.notify_one();
    wake.0.engine.forecast_again();
}
