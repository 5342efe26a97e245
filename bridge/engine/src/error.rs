//! What a tool call can fail with: one sentence that says what is wrong, one that says what to do.
//! Nothing here quotes what an agent or a peer wrote; aliases and fingerprints are of a fixed grammar.

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::limits::{MAX_MESSAGE, OUTBOX_MESSAGES, PAIR_MESSAGES};
use junction_shared::protocol::wire::Refusal;

/// Why a tool call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The hub cannot be reached; the text says why and what the bridge does about it.
    #[error("{0}")]
    HubAway(String),
    /// The session has left.
    #[error("This session has left the junction. Call register to join again.")]
    Left,
    /// No such peer.
    #[error("No peer has that alias now. Call list_peers to see who is there.")]
    UnknownAlias,
    /// The alias is taken or too similar to one that is.
    #[error(
        "That alias, or one too similar to it, is taken. Call register again with alias {0}, which is free, or with another."
    )]
    AliasTaken(Alias),
    /// The alias breaks the grammar.
    #[error(
        "An alias has 3 to 32 characters out of a-z, 0-9 and hyphen, one of them no hyphen. Call register again with such an alias."
    )]
    BadAlias,
    /// The peer behind an alias is another than before.
    #[error(
        "The peer {alias} has another key than when you last exchanged messages: it was {known}, it is {offered}. \
         Ask your user; to trust the new one, call send_message again with fingerprint {offered}."
    )]
    KeyChanged {
        /// Whose.
        alias: Alias,
        /// The fingerprint known from before.
        known: String,
        /// The fingerprint offered now.
        offered: String,
    },
    /// The caller expected another key.
    #[error(
        "The peer {alias} has the fingerprint {offered}, not the one you gave. Ask your user which is right before you send."
    )]
    OtherFingerprint {
        /// Whose.
        alias: Alias,
        /// The fingerprint it has.
        offered: String,
    },
    /// The hub gave an answer that no honest hub gives.
    #[error(
        "The hub gave an answer that it cannot have honestly (hub_misbehaving). Tell your user before you send anything secret."
    )]
    HubMisbehaving,
    /// The message is for the sender itself.
    #[error("That alias is your own. Call list_peers to see the others.")]
    ToSelf,
    /// The message is too large.
    #[error(
        "The message is larger than {MAX_MESSAGE} bytes. Send it in parts, or send a path or a link instead."
    )]
    TooLarge,
    /// Too many messages to one peer without an end.
    #[error(
        "{PAIR_MESSAGES} messages or 2 MiB to that peer are still unread. Wait until it reads some, then send again."
    )]
    PeerFull,
    /// Too many messages without an end.
    #[error(
        "{OUTBOX_MESSAGES} messages or 8 MiB of yours are still unread. Wait until some are read, then send again."
    )]
    OutboxFull,
    /// Too many messages in a minute.
    #[error(
        "This session has sent as many messages as it may in a minute, and this one was not sent. Send it again in {seconds} s."
    )]
    SendLimit {
        /// When there is room again.
        seconds: u64,
    },
    /// Too many new receivers in a minute.
    #[error(
        "This session has written to as many new sessions as it may in a minute, and this message was not sent. Send it \
         again in {seconds} s; messages to those it has written to before are taken at once."
    )]
    ReceiverLimit {
        /// When there is room again.
        seconds: u64,
    },
    /// Too many messages whose sender wants to be told of something.
    #[error(
        "Too many messages wait to be told of, and this one was not sent. Send it again without notify_when."
    )]
    TooManyNotices,
    /// The hub refused the message for good.
    #[error("The message ended as refused({}) and was not delivered. {}", refusal_word(*.0), refusal_step(*.0))]
    Refused(Refusal),
    /// Another call holds the place.
    #[error("Another read_messages call is still being answered. Call again when it has ended.")]
    ReadBusy,
    /// Too many waits.
    #[error("Too many calls are waiting at once. Let one of them end, then call again.")]
    TooManyWaits,
    /// An argument is wrong; the text says which and what it takes.
    #[error("{0}")]
    Argument(String),
    /// The host to move to is not known, not reachable or not allowed; the text says which.
    #[error("{0}")]
    Host(String),
}

/// The word for a refusal, in statuses and errors.
pub fn refusal_word(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Gone => "gone",
        Refusal::InboxFull => "inbox_full",
        Refusal::IdConflict => "id_conflict",
        Refusal::ToSelf => "to_self",
    }
}

fn refusal_step(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Gone => "Call list_peers to see who is there.",
        Refusal::InboxFull => "Wait until the peer reads its messages, then send again.",
        Refusal::IdConflict => "Send it again.",
        Refusal::ToSelf => "Call list_peers to see the others.",
    }
}
