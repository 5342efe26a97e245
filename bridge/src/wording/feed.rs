//! Why a person is not shown what goes on at a hub.

use junction_engine::hubs::feed::FeedError;

use super::{Audience, Wording};

impl Wording for FeedError {
    /// A person alone is shown what goes on.
    fn words_for(&self, _: Audience) -> String {
        match self {
            Self::Target(error) => error.words_for(Audience::Person),
            Self::Files(error) => error.get().to_string(),
            Self::Elsewhere(name) => format!(
                "The hub {name} is on another machine, and only a hub's own machine shows what goes on there. Run \
                 junction-bridge watch --all on that machine, or unset JUNCTION_HUB to watch the hub of this one."
            ),
            Self::NotRunning => {
                "No hub is running on this machine. Run junction-hub, or start an agent's session, which starts one."
                    .to_owned()
            }
            Self::NoAnswer(port) => format!(
                "The hub {} does not answer. Try again in a few seconds; junction-bridge stop ends a hub that hangs.",
                port.map_or_else(|| "of this machine".to_owned(), place)
            ),
            Self::NotOurs(port) => format!(
                "The program that answers {} is not the hub of this configuration directory. Unset JUNCTION_HUB, or name the directory of that \
                 hub with --config-dir.",
                place(*port)
            ),
            Self::OlderHub(port) => format!(
                "The hub {} is older than this program and does not show what goes on. Run junction-bridge stop; the next \
                 session that needs a hub starts a new one.",
                place(*port)
            ),
            Self::TooMany(port) => format!(
                "The hub {} is being watched by as many programs as it lets. End one of them, then try again.",
                place(*port)
            ),
            Self::Nonsense(port) => format!(
                "The hub {} sent what no hub of this version sends. Install junction-bridge and junction-hub of one version, \
                 then run junction-bridge stop.",
                place(*port)
            ),
            Self::Ended => {
                "The hub ended the connection. Start junction-bridge watch --all again.".to_owned()
            }
        }
    }
}

fn place(port: u16) -> String {
    format!("at 127.0.0.1:{port}")
}
