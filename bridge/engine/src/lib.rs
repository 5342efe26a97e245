//! The engine of a bridge: a member of a group. It connects to a hub, seals, sends, reads and watches. It knows no MCP
//! and no terminal, and its errors are kinds without sentences; a face presents it to an agent or a person.
//!
//! Where to start reading: [`Engine`] is what a face calls. The engine's task (`actor`) keeps a `session` connected: it
//! dials, backs off, and carries commands and frames. `session` is one identity on a hub, without any input or output.
//! Below are [`hubs`] (which hub, and whose group) and [`transport`] (one connection).
#![deny(unused_crate_dependencies)]

mod actor;
pub mod attachment;
mod backoff;
mod claims;
mod clock;
mod command;
mod downloads;
pub mod error;
mod forecast;
pub mod group;
mod group_in_progress;
pub mod group_message;
mod handle;
mod hops;
pub mod hubs;
mod incoming_attachment;
pub mod intent;
mod lease;
mod mailbox;
mod message;
mod notifications;
mod open_requests;
mod outbox;
mod outcome;
mod outcomes;
mod past_words;
mod peer;
pub mod quota;
mod reader;
mod receive_keys;
mod recent;
mod registration;
mod reply_waiters;
pub mod seal;
mod seat_settled;
mod send_in_progress;
mod send_keys;
mod send_limits;
mod sent_groups;
mod sent_requests;
pub mod session;
mod snapshot;
mod start;
pub mod transport;
mod upload_progress;
mod uploads;
pub mod urgency;

pub use claims::{
    ClaimConflict, ClaimError, ClaimInfo, ClaimNews, ClaimRequest, ClaimsPage, Collision,
    CollisionKind, Release, Repository, claims_meet,
};
pub use clock::{now, wall_ms};
pub use command::Command;
pub use forecast::{Arrived, Forecast};
pub use group_in_progress::GroupInProgress;
pub use handle::Engine;
pub use hops::{ChainLimit, Hops};
pub use incoming_attachment::{IncomingAttachment, SaveError};
pub use lease::Lease;
pub use message::{
    Draft, Expectation, MailPage, Message, PageLimits, Sent, Submitted, UnreadMessage, WaitEnd,
};
pub use notifications::{Notification, NotifyWhen, Occasion};
pub use open_requests::{OpenRequest, OpenRequestSign};
pub use outcome::{GroupSum, Outcome, Status};
pub use peer::{Availability, PeerInfo, PeerPage, PeerQuery, PeerWait, PeerWaitEnd, Receiver};
pub use registration::{Change, Departure, Leaver, Registration, label};
pub use seat_settled::SeatSettled;
pub use send_in_progress::SendInProgress;
pub use send_limits::SendLimit;
pub use session::{SeatBasis, SeatToClaim};
pub use snapshot::{AliasNews, ConnectionState, Snapshot, TeamNews, UnreadMail, Waker};
pub use start::Config;
pub use upload_progress::{UploadProgress, UploadState};
