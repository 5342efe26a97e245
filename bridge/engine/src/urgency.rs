//! How much a message wants: its sender's word, which the receiver's bridge lowers where it must.

/// How much a message wants, least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// It wakes nobody.
    Low,
    /// It wakes an agent that is idle.
    #[default]
    Normal,
    /// It wakes an agent at once.
    High,
}

impl Urgency {
    /// Its names, in their order.
    pub const NAMES: [(&'static str, Self); 3] =
        [("low", Self::Low), ("normal", Self::Normal), ("high", Self::High)];

    /// The word for it.
    pub fn word(self) -> &'static str {
        Self::NAMES[self as usize].0
    }
}
