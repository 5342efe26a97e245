//! The link: one task that owns the session and its socket. It has three states, one method each: dialing,
//! connected, waiting. In all of them commands are answered and deadlines kept.

use std::time::Duration;

use junction_shared::close::Close;
use junction_shared::config_dir::ConfigDir;
use junction_shared::handshake::{BridgeHandshake, HandshakeError, NO_PIN};
use junction_shared::limits::SESSION_TIMEOUT;
use junction_shared::wire::Context;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::dial::{self, Connection, DialError};
use super::{Board, Command, Departure, End, Link, LinkState, Unread};
use crate::autostart::Autostart;
use crate::error::ToolError;
use crate::session::Session;
use crate::target::{Target, group_of};

/// The first pause between two dials, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two dials.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a goodbye may take to write: the process is to be gone within 100 ms.
const GOODBYE_PATIENCE: Duration = Duration::from_millis(30);
/// The same when the process stays.
const LEAVING_PATIENCE: Duration = Duration::from_secs(1);
/// A hub pings every 30 s at the latest; one that was silent for longer than two pings is lost.
const LONGEST_SILENCE: Duration = Duration::from_secs(75);

/// What a link needs to begin.
pub(crate) struct Options {
    /// The hub to meet at.
    pub(crate) target: Target,
    /// Where secrets and known hosts are.
    pub(crate) config_dir: ConfigDir,
    /// The port of the hub of this machine.
    pub(crate) port: u16,
    /// Whether a hub is started where none answers.
    pub(crate) autostart: bool,
    /// What is known of the session before its client has said anything.
    pub(crate) seen: Context,
}

/// Starts the link in a task of its own.
pub(crate) fn spawn(options: Options) -> Link {
    let (link, commands, board) = Link::new(Board {
        state: LinkState::Away(not_yet(&options.target)),
        unread: Unread::default(),
        hub: options.target.name.clone(),
        session_timeout: SESSION_TIMEOUT,
        misbehaviour: 0,
    });
    let link = link.at(options.config_dir.clone(), options.port);
    let actor = Actor {
        session: Session::new(board.clone(), Context::default(), options.seen),
        commands,
        board,
        autostart: Autostart::new(options.autostart),
        target: options.target,
        config_dir: options.config_dir,
        pause: FIRST_PAUSE,
        turn: None,
    };
    tokio::spawn(actor.run());
    link
}

struct Actor {
    session: Session,
    commands: mpsc::Receiver<Command>,
    board: watch::Sender<Board>,
    autostart: Autostart,
    target: Target,
    config_dir: ConfigDir,
    pause: Duration,
    /// A command that takes the link elsewhere.
    turn: Option<Turn>,
}

/// A command that takes the link elsewhere.
enum Turn {
    Leave(oneshot::Sender<Departure>),
    Move(Target, oneshot::Sender<Result<(), ToolError>>),
    Stop(Option<oneshot::Sender<()>>),
}

/// Why a state ended.
enum Halt {
    /// It failed, and the sentences say why and what happens next.
    Failed(String),
    /// A command takes the link elsewhere.
    Turned,
}

impl Actor {
    /// Runs until it is told to stop, or no handle is left.
    async fn run(mut self) {
        loop {
            let (halt, connection) = match self.dialing().await {
                Ok(mut connection) => (self.connected(&mut connection).await, Some(connection)),
                Err(halt) => (halt, None),
            };
            let connection = match halt {
                Halt::Turned => connection,
                Halt::Failed(why) => {
                    drop(connection);
                    self.lost(why);
                    self.waiting().await;
                    None
                }
            };
            if let Some(turn) = self.turn.take()
                && !self.turned(turn, connection).await
            {
                return;
            }
        }
    }

    /// Dials and shakes hands.
    async fn dialing(&mut self) -> Result<Connection, Halt> {
        if !self.session.has_group() {
            let group = group_of(&self.target, &self.config_dir).map_err(Halt::Failed)?;
            self.session.set_group(group);
        }
        let opened = match self.meanwhile(dial::open(self.target.address)).await? {
            Err(DialError::Refused) if self.autostart.start(&self.target, &self.config_dir) => {
                return Err(self.failed(&DialError::Refused));
            }
            opened => opened.map_err(|error| self.failed(&error))?,
        };
        let caller = self.session.caller(NO_PIN).ok_or(Halt::Turned)?;
        let (hello, handshake) = BridgeHandshake::answer(&opened.challenge, caller)
            .map_err(|error| self.unproven(error))?;
        let greeted = self.meanwhile(opened.greet(hello)).await?;
        let (connection, welcome) = greeted.map_err(|error| self.failed(&error))?;
        let body = handshake.check(&welcome).map_err(|error| self.unproven(error))?;
        self.session.welcomed(body, now());
        self.pause = FIRST_PAUSE;
        self.show(LinkState::Connected);
        Ok(connection)
    }

    /// Carries frames both ways until the connection ends or a command takes the link elsewhere.
    async fn connected(&mut self, connection: &mut Connection) -> Halt {
        let mut heard = Instant::now();
        loop {
            self.hand_out(connection);
            if self.session.overrun() {
                return self.failed(&DialError::Lost);
            }
            let outgoing = connection.outgoing().clone();
            let more = self.session.has_frame(now());
            tokio::select! {
                frame = connection.next() => match frame {
                    Ok(frame) => {
                        heard = Instant::now();
                        frame.into_iter().for_each(|frame| self.session.frame(frame, now()));
                    }
                    Err(error) => return self.failed(&error),
                },
                // The queue was full: go on once it takes frames again.
                permit = outgoing.reserve(), if more => {
                    if permit.is_err() {
                        return self.failed(&DialError::Lost);
                    }
                }
                () = tokio::time::sleep_until(heard + LONGEST_SILENCE) => {
                    return self.failed(&DialError::Silent);
                }
                () = self.housekeeping() => if self.turn.is_some() {
                    self.hand_out(connection);
                    return Halt::Turned;
                },
            }
        }
    }

    /// The connection is over, or there was none.
    fn lost(&mut self, why: String) {
        tracing::info!("{why}");
        self.session.disconnected();
        self.show(LinkState::Away(why));
    }

    /// Gives the writer what it takes. A frame that it takes counts as handed over.
    fn hand_out(&mut self, connection: &Connection) {
        while self.session.has_frame(now())
            && let Ok(permit) = connection.outgoing().try_reserve()
            && let Some(frame) = self.session.next_frame(now())
        {
            permit.send(frame);
        }
    }

    /// Pauses before the next dial: full jitter, doubled each time, for ever.
    async fn waiting(&mut self) {
        let pause = self.pause.mul_f64(fastrand::f64());
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        let pause = self.autostart.hasten(pause);
        let _ = self.meanwhile(tokio::time::sleep(pause)).await;
    }

    /// Drives a future of the link while commands are answered and deadlines kept.
    async fn meanwhile<F: Future>(&mut self, future: F) -> Result<F::Output, Halt> {
        let mut future = std::pin::pin!(future);
        loop {
            tokio::select! {
                output = &mut future => return Ok(output),
                () = self.housekeeping() => if self.turn.is_some() {
                    return Err(Halt::Turned);
                },
            }
        }
    }

    /// Waits for the next command, end of an answer or deadline, and sees to it.
    async fn housekeeping(&mut self) {
        let deadline = self.session.deadline().map(Instant::from_std);
        let far = Instant::now() + SESSION_TIMEOUT;
        tokio::select! {
            command = self.commands.recv() => match command {
                Some(command) => self.command(command),
                None => self.turn = Some(Turn::Stop(None)),
            },
            (lease, written) = self.session.next_lease_end() => {
                self.session.lease_ended(lease, written);
            }
            () = tokio::time::sleep_until(deadline.unwrap_or(far)) => self.session.on_time(now()),
        }
    }

    /// Carries out a command, or notes that it takes the link elsewhere. It never waits: a command that was
    /// taken must not be lost to whatever else happens first.
    fn command(&mut self, command: Command) {
        match command {
            Command::Stop(reply) => self.turn = Some(Turn::Stop(Some(reply))),
            Command::Leave(reply) => self.turn = Some(Turn::Leave(reply)),
            Command::Join(target, reply) => match self.destination(target) {
                Ok(Some(target)) => self.turn = Some(Turn::Move(target, reply)),
                Ok(None) => {
                    let _ = reply.send(Ok(()));
                }
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            },
            command => self.session.command(command, now()),
        }
    }

    /// Where a `register{host}` leads, if it leads elsewhere.
    fn destination(&self, target: Option<Target>) -> Result<Option<Target>, ToolError> {
        let Some(target) = target.filter(|target| target.address != self.target.address) else {
            return Ok(None);
        };
        match self.board.borrow().unread.count {
            0 => Ok(Some(target)),
            unread => Err(ToolError::Host(format!(
                "{unread} messages wait unread on this hub. Call read_messages, then register again."
            ))),
        }
    }

    /// Follows the command that ended a state. False if the link is to end.
    async fn turned(&mut self, turn: Turn, connection: Option<Connection>) -> bool {
        let (goodbye, departure) = self.session.leave();
        if let Some(connection) = connection {
            let stops = matches!(turn, Turn::Stop(_));
            let patience = if stops { GOODBYE_PATIENCE } else { LEAVING_PATIENCE };
            connection.close(goodbye, patience).await;
        }
        match turn {
            Turn::Stop(reply) => {
                // The keys are wiped before anyone is told that it is done.
                self.renew(Context::default(), Vec::new());
                reply.map(|reply| reply.send(()));
                false
            }
            Turn::Leave(reply) => {
                self.renew(Context::default(), Vec::new());
                self.show(LinkState::Left);
                let _ = reply.send(departure);
                self.left().await
            }
            Turn::Move(target, reply) => {
                let (ends, named) = self.session.take_along();
                self.renew(named, ends);
                self.head_for(target);
                let _ = reply.send(Ok(()));
                true
            }
        }
    }

    /// After `disconnect`: nothing is dialled until the next `register`. False if the link is to end.
    async fn left(&mut self) -> bool {
        loop {
            match self.commands.recv().await {
                None => return false,
                Some(Command::Stop(reply)) => {
                    let _ = reply.send(());
                    return false;
                }
                Some(Command::Join(target, reply)) => {
                    self.head_for(target.unwrap_or_else(|| self.target.clone()));
                    let _ = reply.send(Ok(()));
                    return true;
                }
                Some(Command::Observe(seen)) => self.session.command(Command::Observe(seen), now()),
                Some(command) => command.refuse(),
            }
        }
    }

    fn head_for(&mut self, target: Target) {
        self.target = target;
        self.pause = FIRST_PAUSE;
        self.board.send_modify(|board| board.hub = self.target.name.clone());
        self.show(LinkState::Away(not_yet(&self.target)));
    }

    /// A new identity, as if the process had just begun.
    fn renew(&mut self, named: Context, ends: Vec<End>) {
        let seen = self.session.seen();
        self.session = Session::new(self.board.clone(), named, seen);
        self.session.inherit(ends);
    }

    fn show(&self, state: LinkState) {
        self.board.send_if_modified(|board| {
            let changed = board.state != state;
            board.state = state;
            changed
        });
    }

    fn failed(&self, error: &DialError) -> Halt {
        let address = self.target.address;
        let next = match error {
            DialError::NotAHub => "Stop what uses that port, or set JUNCTION_PORT to another.",
            DialError::Closed(Close::Unauthorized) => {
                "It belongs to another group or configuration folder; use the folder that it was started with."
            }
            _ => "The bridge keeps trying; messages you send wait here, so call again in a few seconds.",
        };
        Halt::Failed(format!("The hub at {address} cannot be reached ({error}). {next}"))
    }

    fn unproven(&self, error: HandshakeError) -> Halt {
        let address = self.target.address;
        Halt::Failed(format!(
            "What answers at {address} is not this group's hub: {error}. \
             Nothing secret was sent; stop what uses that port, or set JUNCTION_PORT to another."
        ))
    }
}

fn not_yet(target: &Target) -> String {
    let address = target.address;
    format!("The hub at {address} has not answered yet. Call again in a few seconds; the bridge keeps trying.")
}

/// The present moment, by the clock that tests can turn.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}
