//! How an engine starts.

use std::path::PathBuf;

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::wire::Context;

use crate::SendLimit;
use crate::actor::{Actor, FIRST_PAUSE};
use crate::clock::now;
use crate::hubs::autostart::Autostart;
use crate::hubs::target::Target;
use crate::session::Session;
use crate::transport::dial::{Dialer, Tcp};
use crate::trouble::NOT_YET;
use crate::{ConnectionState, Engine, Snapshot};

/// What an engine needs to start.
pub struct Config {
    /// What is wrong with the settings, if they say of no hub: the tools say so.
    pub problem: Option<String>,
    /// The hub to meet at, as `JUNCTION_HUB` names it.
    pub hub: String,
    /// Where secrets and known hosts are.
    pub config_dir: ConfigDir,
    /// The port of the hub of this machine.
    pub port: u16,
    /// Whether a hub is started where none answers.
    pub autostart: bool,
    /// What is known of the session before its client has said anything.
    pub seen: Context,
    /// How much it may send in a minute.
    pub send_limit: Option<SendLimit>,
}

impl Engine {
    /// Starts an engine in a task of its own. It must be called within a tokio runtime.
    pub fn start(config: Config) -> Self {
        let autostart = config.autostart;
        let (engine, actor) = build(Tcp, config);
        let engine = engine.at(actor.config_dir.clone(), actor.port, autostart);
        tokio::spawn(actor.run());
        engine
    }

    /// Starts an engine that needs no files: its hub and its group are given.
    pub fn start_at<D: Dialer>(dialer: D, target: Target, group: GroupKeys) -> Self {
        let config = Config {
            problem: None,
            hub: target.name.clone(),
            config_dir: ConfigDir::at(PathBuf::new()),
            port: target.port,
            autostart: false,
            seen: Context::default(),
            send_limit: None,
        };
        let (engine, mut actor) = build(dialer, config);
        actor.session.set_group(group);
        actor.target = Some(target);
        tokio::spawn(actor.run());
        engine
    }
}

fn build<D>(dialer: D, config: Config) -> (Engine, Actor<D>) {
    let (engine, commands, snapshot) =
        Engine::new(Snapshot::new(config.hub.clone(), ConnectionState::Away(NOT_YET.to_owned())));
    let actor = Actor {
        dialer,
        session: Session::new(snapshot.clone(), config.seen, now()).limit(config.send_limit),
        commands,
        snapshot,
        autostart: Autostart::new(config.autostart),
        problem: config.problem,
        hub: config.hub,
        target: None,
        is_own_group: false,
        is_doubtful: false,
        refused: None,
        port: config.port,
        config_dir: config.config_dir,
        pause: FIRST_PAUSE,
        turn: None,
    };
    (engine, actor)
}
