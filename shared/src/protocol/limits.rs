//! Every limit of the protocol and the reason for its value. Byte limits on stored messages count message text before
//! padding.

use std::time::Duration;

/// The largest message an agent may send, in UTF-8 bytes.
pub const MAX_MESSAGE: usize = 65_536;
/// The largest frame either side accepts: the largest sealed message (66 KiB) or page of cards, with room.
pub const MAX_FRAME: usize = 256 * 1024;
/// The largest sealed text in an envelope: the largest padded plaintext and the AES-GCM tag.
pub const MAX_SEALED: usize = 66 * 1024 + 16;
/// The largest body of a card in its encoded form.
pub const MAX_CARD: usize = 1024;
/// Moves beside a card: the seats that a session had before. A peer that has seen none of the last ones takes the session
/// for another.
pub const MAX_MOVES: usize = 4;
/// The longest text of one field of a peer's context for a hub without the feature
/// [`LONG_CONTEXTS`](crate::protocol::wire::LONG_CONTEXTS), in printable ASCII characters.
pub const MAX_CONTEXT_FIELD: usize = 64;

/// Messages the hub keeps for one receiver; a receiver's bridge holds as many unread.
pub const INBOX_MESSAGES: usize = 256;
/// Bytes the hub keeps for one receiver.
pub const INBOX_BYTES: usize = 8 << 20;
/// Messages from one sender to one receiver, in the hub and in the sender's bridge.
pub const PAIR_MESSAGES: usize = 32;
/// Bytes from one sender to one receiver, in the hub and in the sender's bridge.
pub const PAIR_BYTES: usize = 2 << 20;
/// Messages whose end is not yet known that one bridge keeps.
pub const OUTBOX_MESSAGES: usize = 256;
/// Bytes of messages whose end is not yet known that one bridge keeps.
pub const OUTBOX_BYTES: usize = 8 << 20;
/// Bytes of envelopes one hub keeps for all receivers.
pub const HUB_BYTES: usize = 256 << 20;
/// How far a sequence number may run ahead of the sender's oldest message without an end. The receiver's window holds
/// one read bit for each.
pub const SEQ_WINDOW: u64 = 64;

/// The largest attached file, in bytes.
pub const MAX_ATTACHMENT: u64 = 16 << 20;
/// The largest attached value, in bytes: one chunk.
pub const MAX_VALUE: usize = CHUNK;
/// Attachments of one message, at most.
pub const MAX_ATTACHMENTS: usize = 8;
/// The longest name of an attachment, in bytes. Eight of them fit beside the largest message.
pub const MAX_ATTACHMENT_NAME: usize = 150;
/// The bytes of an attachment in one chunk: as much as the largest message, so that a chunk delays others no more.
pub const CHUNK: usize = 65_536;
/// The largest sealed chunk: a chunk and the AES-GCM tag.
pub const MAX_SEALED_CHUNK: usize = CHUNK + 16;
/// The chunks of the largest attachment.
pub const MAX_CHUNKS: u32 = 256;
/// Attachments of one sender for one receiver that are on offer at a time and not wholly in the hub.
pub const PAIR_TRANSFERS: usize = 2;
/// Attachments of one sender for one receiver that are on offer at a time, with those that the hub has whole: two messages
/// with as many as they may have.
pub const PAIR_OFFERS: usize = 16;
/// Chunks of one attachment that are asked for and have not come. With a round trip of 5 ms they allow 100 MiB a second.
pub const CHUNK_WINDOW: u32 = 8;
/// Bytes of attachments that the hub keeps for one receiver.
pub const RECEIVER_ATTACHMENT_BYTES: usize = 32 << 20;
/// Bytes of attachments that one hub keeps for all receivers.
pub const HUB_ATTACHMENT_BYTES: usize = 256 << 20;

/// Receivers of a message to a group, at most.
pub const MAX_GROUP: usize = 64;
/// The longest name of a group, in bytes. It fits beside the largest message with the most attachments.
pub const MAX_GROUP_NAME: usize = 200;
/// Requests that a session keeps until it has answered them.
pub const OPEN_REQUESTS: usize = 64;

/// Repositories that a session tells its hub it works in, at most.
pub const MAX_REPOSITORIES: usize = 8;
/// Claims of one session in one repository.
pub const MAX_CLAIMS: usize = 512;
/// Paths of one repository that a session tells others it has changed; the newest stay.
pub const MAX_TOUCHED: usize = 256;
/// How long a path counts as changed a moment ago.
pub const TOUCHED: Duration = Duration::from_secs(10 * 60);
/// The longest path of a claim, or of a changed file, in bytes.
pub const MAX_CLAIM_PATH: usize = 256;
/// The longest note of a claim, in characters.
pub const MAX_CLAIM_NOTE: usize = 120;
/// The largest state of a session's claims in a repository, in its encoded form.
pub const MAX_CLAIMS_STATE: usize = 65_536;
/// Other sessions of a repository that a hub names to one session.
pub const MAX_REPOSITORY_PEERS: usize = 1024;

/// Peers on one page of a listing, at most.
pub const MAX_PAGE: u16 = 200;
/// Keys one connection may be subscribed to; beyond it the oldest subscription is dropped.
pub const MAX_SUBSCRIPTIONS: usize = 1024;
/// Waits for a matching peer one connection may hold open.
pub const MAX_WATCHES: usize = 64;
/// Frames other than pushed messages that the hub queues for one connection. A connection that lets them pile up is
/// closed with `slow_down` and may reconnect.
pub const CONTROL_QUEUE: usize = 1024;

/// The time limit from the first byte of a connection to its welcome.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit of one write, after which the connection counts as stalled.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// The shortest time to live a sender may ask for, in seconds.
pub const MIN_TTL_SECONDS: u64 = 10;
/// The longest time to live a sender may ask for, in seconds.
pub const MAX_TTL_SECONDS: u64 = 7200;
/// The default time a session lasts without a sign of life.
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// The shortest time that a hub can be set to, and that a bridge takes from a welcome. It leaves time for three pings.
pub const MIN_SESSION_TIMEOUT: Duration = Duration::from_secs(1);
/// The longest time that a hub can be set to, and that a bridge takes from a welcome: a year. More could overflow
/// deadlines.
pub const MAX_SESSION_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The shortest sweep interval that a hub can be set to.
pub const MIN_SWEEP_INTERVAL: Duration = Duration::from_millis(10);
/// The default longest time that anything stays past its end.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// The default port of a hub.
pub const PORT: u16 = 4200;
