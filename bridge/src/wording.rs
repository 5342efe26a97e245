//! What errors of the engine say to people and models: one sentence that says what is wrong, and one that says what to
//! do. `wording.snap` holds all of them.

mod agents;
pub(crate) mod attachments;
mod dialing;
pub(crate) mod disk;
mod errors;
pub(crate) mod feed;
pub(crate) mod hubs;
pub(crate) mod people;
#[cfg(test)]
mod tests;

use junction_shared::protocol::wire::{Hindrance, Refusal};

/// Who reads a sentence: an agent goes on by a call of a tool, or asks its user, and a person goes on by a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// An agent's model.
    Agent,
    /// The user of an agent, or another person.
    Person,
}

impl Audience {
    /// Of two forms, the one for this audience.
    pub(crate) fn pick<T>(self, agents: T, persons: T) -> T {
        match self {
            Self::Agent => agents,
            Self::Person => persons,
        }
    }
}

/// An error that has words.
pub(crate) trait Wording {
    /// What is wrong, and what this audience can do.
    fn words_for(&self, audience: Audience) -> String;

    /// What is wrong, and what an agent can do.
    fn wording(&self) -> String {
        self.words_for(Audience::Agent)
    }
}

/// The word for why an agent is not woken.
pub(crate) fn hindrance_word(hindrance: Hindrance) -> &'static str {
    match hindrance {
        Hindrance::Budget => "budget",
        Hindrance::NoHooks => "no-hooks",
        Hindrance::HooksUntrusted => "hooks-untrusted",
        Hindrance::NeverPrompted => "never-prompted",
        Hindrance::Denied => "denied",
        Hindrance::Asleep => "asleep",
        Hindrance::Chain => "chain",
        Hindrance::NoWay => "no-way",
        Hindrance::Dropped => "dropped",
        Hindrance::Held => "held",
    }
}

/// The word for a refusal, in statuses and errors.
pub(crate) fn refusal_word(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Gone => "gone",
        Refusal::InboxFull => "inbox_full",
        Refusal::IdConflict => "id_conflict",
        Refusal::ToSelf => "to_self",
        Refusal::NoAttachments => "no_attachments",
        Refusal::Changed => "changed",
    }
}
