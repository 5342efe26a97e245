//! How a link begins.

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
use crate::{Board, Engine, LinkState};

/// What a link needs to begin.
pub struct Options {
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

/// Starts a link in a task of its own.
pub fn spawn(options: Options) -> Engine {
    let autostart = options.autostart;
    let (link, actor) = build(Tcp, options);
    let link = link.at(actor.config_dir.clone(), actor.port, autostart);
    tokio::spawn(actor.run());
    link
}

/// Starts a link that needs no files: its hub and its group are given.
pub fn spawn_at<D: Dialer>(dialer: D, target: Target, group: GroupKeys) -> Engine {
    let (link, mut actor) = build(
        dialer,
        Options {
            problem: None,
            hub: target.name.clone(),
            config_dir: ConfigDir::at(PathBuf::new()),
            port: target.port,
            autostart: false,
            seen: Context::default(),
            send_limit: None,
        },
    );
    actor.session.set_group(group);
    actor.target = Some(target);
    tokio::spawn(actor.run());
    link
}

fn build<D>(dialer: D, options: Options) -> (Engine, Actor<D>) {
    let (link, commands, board) =
        Engine::new(Board::new(options.hub.clone(), LinkState::Away(NOT_YET.to_owned())));
    let actor = Actor {
        dialer,
        session: Session::new(board.clone(), options.seen, now()).limit(options.send_limit),
        commands,
        board,
        autostart: Autostart::new(options.autostart),
        problem: options.problem,
        hub: options.hub,
        target: None,
        is_own_group: false,
        is_doubtful: false,
        refused: None,
        port: options.port,
        config_dir: options.config_dir,
        pause: FIRST_PAUSE,
        turn: None,
    };
    (link, actor)
}
