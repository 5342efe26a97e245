//! What the sender of a message expects of its receiver.

/// What the sender of a message expects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Intent {
    /// Nothing: the message only tells.
    #[default]
    Inform,
    /// An answer, or word that what the message asks for is done.
    Request,
    /// Nothing: the answered request is done.
    Done,
    /// Nothing: the sender's bridge has dropped the answered request, because too many were open. Only bridges write this.
    Dropped,
}

impl Intent {
    /// The names of the intents that an agent may give a message.
    pub const NAMES: [(&'static str, Self); 3] =
        [("inform", Self::Inform), ("request", Self::Request), ("done", Self::Done)];

    /// The name of the intent.
    pub fn word(self) -> &'static str {
        match self {
            Self::Inform => "inform",
            Self::Request => "request",
            Self::Done => "done",
            Self::Dropped => "dropped",
        }
    }

    /// The number in a sealed message; `None` for [`Intent::Inform`], which a message without a number has.
    pub(crate) fn number(self) -> Option<u32> {
        match self {
            Self::Inform => None,
            Self::Request => Some(1),
            Self::Done => Some(2),
            Self::Dropped => Some(3),
        }
    }

    /// The intent of this number. A number of a later version expects nothing.
    pub(crate) fn of_number(number: Option<u32>) -> Self {
        match number {
            Some(1) => Self::Request,
            Some(2) => Self::Done,
            Some(3) => Self::Dropped,
            _ => Self::Inform,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_of_an_intent_stands_for_it_and_others_expect_nothing() {
        for intent in [Intent::Inform, Intent::Request, Intent::Done, Intent::Dropped] {
            assert_eq!(Intent::of_number(intent.number()), intent);
        }
        assert_eq!(Intent::of_number(Some(0)), Intent::Inform);
        assert_eq!(Intent::of_number(Some(200)), Intent::Inform);
    }
}
