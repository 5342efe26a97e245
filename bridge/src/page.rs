//! The page for a person: a member of the group under the person's own name, served to a browser on this machine. What the
//! page is made of stands in `page/web`.
//!
//! A browser that opens a link which works once gets a cookie, and a key in the address that its page keeps: cookies are
//! shared by all ports of this machine, so neither is enough alone. Each tab then has a websocket, by which it is shown
//! what there is and what changes; what the person does goes by `POST`.

mod access;
mod actions;
pub(crate) mod browser;
mod claim_table;
mod connection;
mod download;
mod files;
pub(crate) mod host;
pub(crate) mod hub_news;
pub(crate) mod inbox;
mod letter;
mod letters;
pub(crate) mod live;
mod machines;
mod own_listener;
pub(crate) mod own_sessions;
mod page_error;
mod scene;
pub(crate) mod sent_letters;
pub(crate) mod server;
mod tabs;
mod uploads;
pub(crate) mod who;
