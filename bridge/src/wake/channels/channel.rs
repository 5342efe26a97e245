//! One way by which a waiting message gets to the agent.

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use junction_shared::protocol::wire::Reach;

/// One way.
pub(crate) trait Rung: Send + Sync {
    /// How a message gets to the agent by it, if it is there now.
    fn reach(&self) -> Option<Reach>;

    /// Whether a message comes by it only if the agent is woken, which is counted.
    fn is_wake(&self) -> bool {
        false
    }

    /// Gives the agent a notice. False if it could not.
    fn wake<'a>(&'a self, _notice: &'a str) -> BoxFuture<'a, bool> {
        ready(false).boxed()
    }

    /// Whether it can come and go without being heard of.
    fn is_to_be_looked_at(&self) -> bool {
        false
    }

    /// Looks whether it is there, without waking anybody.
    fn look(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }
}
