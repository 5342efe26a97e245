//! The engine of a bridge: a member of a group that connects to a hub, seals, sends, reads and watches. It knows no
//! MCP, no terminal and no words for people; faces put it before an agent or a person.
//! The reading path: `session` (one identity's life), `actor` (how it stays connected), `handle` (what faces call).

mod actor;
pub mod availability;
mod clock;
mod command;
pub mod error;
mod handle;
mod hops;
pub mod hubs;
pub mod label;
mod mailbox;
mod notifications;
mod outbox;
mod peers;
pub mod quota;
mod reader;
mod receive_keys;
pub mod seal;
mod send_limits;
pub mod session;
mod start;
pub mod transport;
pub mod urgency;
mod view;
pub mod wiped;

pub use clock::now;
pub use command::{Change, Command, Draft, PageLimits, PeerQuery, Resolved, Submitted};
pub use handle::Engine;
pub use hops::Hops;
pub use send_limits::SendLimit;
pub use start::Config;
pub use view::{
    ConnectionState, Departure, Lease, MailPage, Message, Notification, NotifyWhen, Occasion,
    Outcome, PeerInfo, PeerPage, Registration, Sent, Snapshot, Status, Unread,
};
