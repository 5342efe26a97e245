//! Systems that report nothing about a parent process.

/// A watch over the parent process that sees nothing.
pub(crate) struct ParentWatch;

impl ParentWatch {
    /// A watch that begins now.
    pub(crate) fn new() -> Self {
        Self
    }

    /// Waits forever. On these systems the end of the parent closes stdin, which ends the bridge.
    pub(crate) async fn parent_ended(self) {
        std::future::pending().await
    }
}
