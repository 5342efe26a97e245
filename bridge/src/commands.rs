//! What a person runs in a terminal. What was asked for goes to stdout, all else to stderr.

mod allow;
mod claims;
mod completions;
pub(crate) mod demo;
mod doctor;
mod forget;
pub(crate) mod hook;
mod hosts;
mod invite;
mod join;
mod peers;
mod read;
mod send;
mod setup;
mod status;
pub(crate) mod status_line;
mod stop;
mod verify;
mod watch;

pub(crate) use allow::{AllowOptions, allow};
pub(crate) use claims::{ClaimsOptions, claims};
pub(crate) use completions::{CompletedShell, completions};
pub(crate) use doctor::{doctor, doctor_wake};
pub(crate) use forget::forget;
pub(crate) use hosts::hosts;
pub(crate) use invite::{Invite, invite};
pub(crate) use join::{Join, join};
pub(crate) use peers::{Peers, peers};
pub(crate) use read::{ReadOptions, read};
pub(crate) use send::{SendOptions, send};
pub(crate) use setup::{Setup, setup};
pub(crate) use status::status;
pub(crate) use stop::stop;
pub(crate) use verify::verify;
pub(crate) use watch::{WatchOptions, watch};
