//! Hubs, members and web pages that attack: a hub that alters, withholds or invents, a member that breaks every rule,
//! a page in a browser. Also who can see which secret.

mod attachments;
mod cards;
mod handshake;
mod names;
mod peer;
mod regressions;
#[cfg(unix)]
mod seats;
mod secrecy;
mod tampering;
#[cfg(target_os = "linux")]
mod web_page;
mod withholding;
