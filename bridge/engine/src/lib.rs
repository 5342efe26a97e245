//! The engine of a bridge: a member of a group. It connects to a hub, seals, sends, reads and watches. It knows no MCP
//! and no terminal, and its errors are kinds without sentences; a face presents it to an agent or a person.
//!
//! Where to start reading: [`Engine`] is what a face calls. The engine's task (`actor`) keeps a `session` connected: it
//! dials, backs off, and carries commands and frames. `session` is one identity on a hub, without any input or output.
//! Below are [`hubs`] (which hub, and whose group) and [`transport`] (one connection).
#![deny(unused_crate_dependencies)]

mod actor;
pub mod availability;
mod backoff;
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
pub use command::{Change, Command, Draft, PageLimits, PeerQuery, Receiver, Submitted};
pub use handle::Engine;
pub use hops::Hops;
pub use send_limits::SendLimit;
pub use start::Config;
pub use view::{
    ConnectionState, Departure, Lease, MailPage, Message, Notification, NotifyWhen, Occasion,
    Outcome, PeerInfo, PeerPage, Registration, Sent, Snapshot, Status, Unread,
};
