//! End-to-end tests: the real binaries, as real processes, over real sockets.
#![expect(clippy::print_stderr, reason = "a test that fails or skips something says what it saw")]

mod both_doors;
mod bridge_input;
mod bridge_mail;
#[cfg(unix)]
mod chains;
#[cfg(target_os = "linux")]
mod clocks;
mod docs;
mod eras;
mod evil_peer;
mod harness;
mod herd;
#[cfg(unix)]
mod hooks;
mod hub_abuse;
mod hub_crowds;
mod hub_limits;
mod hub_sessions;
mod hub_stop;
#[cfg(target_os = "linux")]
mod lan;
#[cfg(target_os = "linux")]
mod lan_abuse;
mod layout;
mod ledger;
mod lies;
mod lies_about_names;
mod lies_about_peers;
mod lies_at_the_door;
mod lies_by_omission;
mod links;
mod machines;
#[cfg(target_os = "linux")]
mod memory;
mod messages;
#[cfg(target_os = "linux")]
mod pages;
mod peers;
mod readers;
mod regressions;
mod restart;
mod secrecy;
mod sentences;
mod shutdown;
mod simulation;
mod sleepers;
mod start;
mod storm;
#[cfg(unix)]
mod wake;
