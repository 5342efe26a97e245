//! The urgency of a message: its sender's claim, which the receiver's bridge may lower.

/// The urgency of a message, least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// The message wakes nobody.
    Low,
    /// The message wakes an agent that is idle.
    #[default]
    Normal,
    /// The message wakes an agent at once.
    High,
}

impl Urgency {
    /// The names of the values, in their order.
    pub const NAMES: [(&'static str, Self); 3] =
        [("low", Self::Low), ("normal", Self::Normal), ("high", Self::High)];

    /// The name of the urgency.
    pub fn word(self) -> &'static str {
        Self::NAMES[self as usize].0
    }
}
