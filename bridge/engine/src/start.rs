//! Starts engines.

use std::path::PathBuf;

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::settings::SettingError;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::wire::Context;
use junction_shared::secret::random_bytes;

use crate::actor::Actor;
use crate::backoff::Backoff;
use crate::clock::now;
use crate::hubs::known::KnownHosts;
use crate::hubs::selection::{AwayReason, HubSelection};
use crate::hubs::target::HubTarget;
use crate::session::Session;
use crate::transport::dial::{Dialer, Tcp};
use crate::{ChainLimit, ConnectionState, Engine, SendLimit, Snapshot};

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
        let limits = (config.send_limit, config.chain_limit);
        let (seen, alias) = (config.seen, config.alias);
        spawn(Tcp, hub, backoff, (seen, alias), limits, None).with_hosts(known, config.autostart)
    }

    /// Starts an engine that reads no files: its hub and its group are given. The pauses between its dials follow
    /// from the seed.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start_at<D: Dialer>(dialer: D, target: HubTarget, group: GroupKeys, seed: u64) -> Self {
        let known = KnownHosts::new(ConfigDir::at(PathBuf::new()), None);
        let mut hub = HubSelection::new(target.name.clone(), known, false, None);
        hub.select(target);
        let limits = (None, ChainLimit::default());
        let nobody = (Context::default(), None);
        spawn(dialer, hub, Backoff::new(seed), nobody, limits, Some(group))
    }
}

fn spawn<D: Dialer>(
    dialer: D,
    hub: HubSelection,
    backoff: Backoff,
    (seen, alias): (Context, Option<Alias>),
    (send_limit, chain_limit): (Option<SendLimit>, ChainLimit),
    group: Option<GroupKeys>,
) -> Engine {
    let away = ConnectionState::Away(AwayReason::NotYet);
    let (engine, commands, snapshot) = Engine::new(Snapshot::new(hub.name().to_owned(), away));
    let session = Session::new(snapshot.clone(), seen, now());
    let mut session = session.limit(send_limit, chain_limit);
    alias.into_iter().for_each(|alias| session.wish_for(alias));
    if let Some(group) = group {
        session.set_group(group);
    }
    tokio::spawn(Actor::new(dialer, session, commands, snapshot, hub, backoff).run());
    engine
}
