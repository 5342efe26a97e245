//! How engines start, and how their sessions leave.

use std::path::PathBuf;
use std::time::Duration;

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::settings::SettingError;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::wire::Context;
use junction_shared::secret::random_bytes;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::actor::Actor;
use crate::backoff::Backoff;
use crate::clock::now;
use crate::command::Command;
use crate::hubs::known::KnownHosts;
use crate::hubs::selection::{AwayReason, HubSelection};
use crate::hubs::target::HubTarget;
use crate::registration::{Departure, Leaver};
use crate::session::Session;
use crate::transport::dial::{Dialer, Tcp};
use crate::{ChainLimit, ConnectionState, Engine, SendLimit, Snapshot};

/// How long a session that leaves or moves waits for receipts.
const FLUSH_PATIENCE: Duration = Duration::from_secs(2);

/// What an engine needs to start.
pub struct Config {
    /// What is wrong with the settings, if they do not name a hub.
    pub setting_error: Option<SettingError>,
    /// The name of the hub to use, as `JUNCTION_HUB` gives it.
    pub hub: String,
    /// The directory of secrets and known hosts.
    pub config_dir: ConfigDir,
    /// The port of the hub of this machine, if one was set.
    pub port: Option<u16>,
    /// Whether to start the hub of this machine where none answers.
    pub autostart: bool,
    /// The alias to ask for. The hub gives another one where it is taken.
    pub alias: Option<Alias>,
    /// What is known of the session before its client has said anything.
    pub seen: Context,
    /// How much the session may send in a minute.
    pub send_limit: Option<SendLimit>,
    /// How many messages a chain may have until they wake nobody.
    pub chain_limit: ChainLimit,
    /// Whether the session is to be in no list and no count, and to end nobody's wait. Only a hub of this machine
    /// grants that; the engine stays on no other, and says so ([`AwayReason::WouldBeListed`]).
    pub is_unlisted: bool,
    /// Whether the first dial waits a moment until [`Engine::claim_seat`] says which session of its client this is.
    pub awaits_session: bool,
}

/// What an engine's first session is given.
#[derive(Default)]
pub(crate) struct SessionTraits {
    /// What is known of the session before its client has said anything.
    pub(crate) seen: Context,
    /// The alias to ask for, if any.
    pub(crate) alias: Option<Alias>,
    /// How much the session may send in a minute.
    pub(crate) send_limit: Option<SendLimit>,
    /// How many messages a chain may have until they wake nobody.
    pub(crate) chain_limit: ChainLimit,
    /// Whether the session is to be in nobody's list.
    pub(crate) is_unlisted: bool,
    /// The session's group, where no file names it.
    pub(crate) group: Option<GroupKeys>,
}

impl Engine {
    /// Starts an engine in a task of its own.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(config: Config) -> Self {
        let known = KnownHosts::new(config.config_dir, config.port);
        let hub =
            HubSelection::new(config.hub, known.clone(), config.autostart, config.setting_error);
        let backoff = Backoff::new(u64::from_ne_bytes(random_bytes()));
        let traits = SessionTraits {
            seen: config.seen,
            alias: config.alias,
            send_limit: config.send_limit,
            chain_limit: config.chain_limit,
            is_unlisted: config.is_unlisted,
            group: None,
        };
        spawn(Tcp, hub, backoff, traits, config.awaits_session).with_hosts(known, config.autostart)
    }

    /// Starts an engine that reads no files: its hub and its group are given. The pauses between its dials follow
    /// from the seed.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start_at<D: Dialer>(dialer: D, target: HubTarget, group: GroupKeys, seed: u64) -> Self {
        let traits = SessionTraits { group: Some(group), ..SessionTraits::default() };
        Self::start_as(dialer, target, traits, seed)
    }

    /// As [`Engine::start_at`], with these traits.
    pub(crate) fn start_as<D: Dialer>(
        dialer: D,
        target: HubTarget,
        traits: SessionTraits,
        seed: u64,
    ) -> Self {
        let known = KnownHosts::new(ConfigDir::at(PathBuf::new()), None);
        let mut hub = HubSelection::new(target.name.clone(), known, false, None);
        hub.select(target);
        spawn(dialer, hub, Backoff::new(seed), traits, false)
    }

    /// Leaves the junction, after waiting a moment for receipts.
    pub async fn disconnect(&self) -> Departure {
        self.leave(Leaver::Agent).await
    }

    /// Leaves the junction as [`Self::disconnect`] does, because the agent's user says so: calls fail with
    /// [`Error::Removed`](crate::error::Error::Removed) until the next [`Self::register`].
    pub async fn remove(&self) -> Departure {
        self.leave(Leaver::User).await
    }

    async fn leave(&self, leaver: Leaver) -> Departure {
        self.flush().await;
        let (reply, left) = oneshot::channel();
        let _ = self.send(Command::Leave(leaver, reply)).await;
        left.await.unwrap_or_default()
    }

    /// Waits a moment until every message that was sent has its receipt.
    pub(crate) async fn flush(&self) {
        let (reply, flushed) = oneshot::channel();
        if self.send(Command::Flush(reply)).await.is_ok() {
            let _ = timeout(FLUSH_PATIENCE, flushed).await;
        }
    }

    /// Says goodbye to the hub and wipes the session's keys, for the end of the process.
    pub async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        if self.send(Command::Stop(reply)).await.is_ok() {
            let _ = stopped.await;
        }
    }
}

fn spawn<D: Dialer>(
    dialer: D,
    hub: HubSelection,
    backoff: Backoff,
    traits: SessionTraits,
    awaits_session: bool,
) -> Engine {
    let SessionTraits { seen, alias, send_limit, chain_limit, is_unlisted, group } = traits;
    let away = ConnectionState::Away(AwayReason::NotYet);
    let (engine, commands, snapshot) = Engine::new(Snapshot::new(hub.name().to_owned(), away));
    let session = Session::new(snapshot.clone(), seen, now());
    let mut session = session.limit(send_limit, chain_limit);
    alias.into_iter().for_each(|alias| session.wish_for(alias));
    if is_unlisted {
        session.hide();
    }
    if let Some(group) = group {
        session.set_group(group);
    }
    let actor = Actor::new(dialer, session, commands, snapshot, hub, backoff);
    let actor = if awaits_session { actor.await_session() } else { actor };
    tokio::spawn(actor.run());
    engine
}
