//! The link: one task that owns the session and its socket. It has three states, one method each: dialing,
//! connected, waiting. In all of them commands are answered and deadlines kept.

use std::time::Duration;

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::handshake::{BridgeHandshake, HandshakeError};
use junction_shared::protocol::id::GroupId;
use junction_shared::protocol::limits::SESSION_TIMEOUT;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::clock::now;
use crate::error::Error;
use crate::hubs::autostart::Autostart;
use crate::hubs::refused::another_group;
use crate::hubs::target::{Target, group_of};
use crate::session::Session;
use crate::transport::dial::{self, Connection, DialError, Dialer};
use crate::trouble::{self, NOT_YET};
use crate::{Command, ConnectionState, Departure, Outcome, Snapshot};

/// The first pause between two dials, doubled each time.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two dials.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a goodbye may take to write: the process is to be gone within 100 ms.
const GOODBYE_PATIENCE: Duration = Duration::from_millis(30);
/// The same when the process stays.
const LEAVING_PATIENCE: Duration = Duration::from_secs(1);
/// A hub pings this often, or three times in a session timeout if that is oftener.
const PINGS_EVERY: Duration = Duration::from_secs(30);

/// The task behind a link.
pub(crate) struct Actor<D> {
    pub(crate) dialer: D,
    pub(crate) session: Session,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) snapshot: watch::Sender<Snapshot>,
    pub(crate) autostart: Autostart,
    /// What is wrong with the settings, if they say of no hub.
    pub(crate) problem: Option<String>,
    pub(crate) hub: String,
    /// Where that hub is, once it was found out.
    pub(crate) target: Option<Target>,
    /// Whether it is of this machine's own group: another's hub is not ours to start.
    pub(crate) is_own_group: bool,
    /// Whether the hub may be another, or have another group, than the files said when they were read.
    pub(crate) is_doubtful: bool,
    /// The group that the hub knows no more.
    pub(crate) refused: Option<GroupId>,
    pub(crate) port: u16,
    pub(crate) config_dir: ConfigDir,
    pub(crate) pause: Duration,
    /// A command that takes the link elsewhere.
    pub(crate) turn: Option<Turn>,
}

/// A command that takes the link elsewhere.
pub(crate) enum Turn {
    Leave(oneshot::Sender<Departure>),
    Move(Target, oneshot::Sender<Result<(), Error>>),
    Stop(Option<oneshot::Sender<()>>),
}

/// Why a state ended.
enum Halt {
    /// It failed, and the sentences say why and what happens next.
    Failed(String),
    /// A command takes the link elsewhere.
    Turned,
}

impl<D: Dialer> Actor<D> {
    /// Runs until it is told to stop, or no handle is left.
    pub(crate) async fn run(mut self) {
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
    async fn dialing(&mut self) -> Result<Connection<D::Stream>, Halt> {
        let target = self.find_hub().await?;
        let dialer = self.dialer.clone();
        let opened = self.meanwhile(dial::open(&dialer, &target)).await?;
        if matches!(opened, Err(DialError::Refused)) && self.is_own_group {
            self.autostart.start(&target, &self.config_dir);
        }
        let opened = opened.map_err(|error| self.failed(&error))?;
        let caller = self.session.caller(opened.pin).ok_or(Halt::Turned)?;
        let (hello, handshake) = BridgeHandshake::answer(&opened.challenge, caller)
            .map_err(|error| self.unproven(error))?;
        let greeted = self.meanwhile(opened.greet(hello)).await?;
        let (connection, welcome) = greeted.map_err(|error| self.failed(&error))?;
        let body = handshake.check(&welcome).map_err(|error| self.unproven(error))?;
        self.session.welcomed(body, now());
        self.pause = FIRST_PAUSE;
        self.autostart.succeeded();
        self.show(ConnectionState::Connected);
        Ok(connection)
    }

    /// Where the hub is, and the keys of its group. What is wrong with the files may be mended meanwhile: they
    /// are read again with every dial until all is found, and again when the hub is not what they said.
    async fn find_hub(&mut self) -> Result<Target, Halt> {
        let is_settled = self.session.has_group() && !self.is_doubtful;
        if let Some(target) = self.target.clone().filter(|_| is_settled) {
            return Ok(target);
        }
        if let Some(problem) = self.problem.clone() {
            return Err(Halt::Failed(problem));
        }
        let (hub, dir, port) = (self.hub.clone(), self.config_dir.clone(), self.port);
        // Off this thread: another process may hold the folder's lock.
        let found = tokio::task::spawn_blocking(move || {
            let target = Target::resolve(&hub, &dir, port)?;
            group_of(&target, &dir).map(|group| (target, group))
        });
        let found = self.meanwhile(found).await?;
        let fault = |_| Halt::Failed("The configuration could not be read. Call again.".to_owned());
        let (target, group) = found.map_err(fault)?.map_err(Halt::Failed)?;
        self.session.set_group(group.keys);
        self.is_doubtful = false;
        self.is_own_group = group.is_own;
        self.hub.clone_from(&target.name);
        self.snapshot.send_modify(|snapshot| snapshot.hub.clone_from(&self.hub));
        self.target = Some(target.clone());
        Ok(target)
    }

    /// Carries frames both ways until the connection ends or a command takes the link elsewhere.
    async fn connected(&mut self, connection: &mut Connection<D::Stream>) -> Halt {
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
                () = tokio::time::sleep_until(heard + self.longest_silence()) => {
                    return self.failed(&DialError::Silent);
                }
                () = self.housekeeping() => if self.turn.is_some() {
                    self.hand_out(connection);
                    return Halt::Turned;
                },
            }
        }
    }

    /// A hub that was silent for longer than two of its pings is lost.
    fn longest_silence(&self) -> Duration {
        let timeout = self.snapshot.borrow().session_timeout;
        PINGS_EVERY.min(timeout / 3) * 5 / 2
    }

    /// The connection is over, or there was none.
    fn lost(&mut self, why: String) {
        tracing::info!("{why}");
        self.session.disconnected();
        self.show(ConnectionState::Away(why));
    }

    /// Gives the writer what it takes. A frame that it takes counts as handed over.
    fn hand_out(&mut self, connection: &Connection<D::Stream>) {
        while self.session.has_frame(now())
            && let Ok(permit) = connection.outgoing().try_reserve()
            && let Some(frame) = self.session.next_frame(now())
        {
            permit.send(frame);
        }
    }

    /// Pauses before the next dial: full jitter, doubled each time, for ever.
    async fn waiting(&mut self) {
        if let Some(group) = self.refused.take() {
            // To come again with the same would only close the door to others of this machine.
            let (hub, dir, port) = (self.hub.clone(), self.config_dir.clone(), self.port);
            let _ = self.meanwhile(another_group(hub, dir, port, group)).await;
            return;
        }
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
                self.session.lease_ended(lease, written, now());
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
    fn destination(&self, target: Option<Target>) -> Result<Option<Target>, Error> {
        let Some(target) = target.filter(|target| self.target.as_ref() != Some(target)) else {
            return Ok(None);
        };
        match self.snapshot.borrow().unread.count {
            0 => Ok(Some(target)),
            unread => Err(Error::Host(format!(
                "Messages wait unread on this hub ({unread}). Call read_messages, then register again."
            ))),
        }
    }

    /// Follows the command that ended a state. False if the link is to end.
    async fn turned(&mut self, turn: Turn, connection: Option<Connection<D::Stream>>) -> bool {
        // Answers that were written by now: what they held was read, and its senders are to hear of it.
        self.session.settle_leases(now());
        let (last, departure) = self.session.leave();
        if let Some(connection) = connection {
            let stops = matches!(turn, Turn::Stop(_));
            let patience = if stops { GOODBYE_PATIENCE } else { LEAVING_PATIENCE };
            connection.close(last, patience).await;
        }
        match turn {
            Turn::Stop(reply) => {
                // The keys are wiped before anyone is told that it is done.
                self.renew(Vec::new());
                reply.map(|reply| reply.send(()));
                false
            }
            Turn::Leave(reply) => {
                let ends = self.session.take_ends(&departure);
                self.renew(ends);
                self.show(ConnectionState::Left);
                let _ = reply.send(departure);
                self.left().await
            }
            Turn::Move(target, reply) => {
                self.session.moved();
                self.head_for(Some(target));
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
                    let here = self.target.take();
                    self.head_for(target.or(here));
                    let _ = reply.send(Ok(()));
                    return true;
                }
                Some(
                    command @ (Command::Observe(_)
                    | Command::Attend(_)
                    | Command::BeginAnew
                    | Command::SeemToBeginAnew),
                ) => {
                    self.session.command(command, now());
                }
                Some(command) => command.refuse(),
            }
        }
    }

    fn head_for(&mut self, target: Option<Target>) {
        self.pause = FIRST_PAUSE;
        if let Some(target) = &target {
            self.hub.clone_from(&target.name);
        }
        self.target = target;
        self.snapshot.send_modify(|snapshot| snapshot.hub.clone_from(&self.hub));
        self.show(ConnectionState::Away(NOT_YET.to_owned()));
    }

    /// A new identity, as if the process had just begun.
    fn renew(&mut self, ends: Vec<Outcome>) {
        self.session = self.session.successor(now());
        self.session.inherit(ends);
    }

    fn show(&self, state: ConnectionState) {
        self.snapshot.send_if_modified(|snapshot| {
            let changed = snapshot.state != state;
            snapshot.state = state;
            changed
        });
    }

    fn address(&self) -> String {
        self.target.as_ref().map_or_else(|| self.hub.clone(), Target::address)
    }

    fn failed(&mut self, error: &DialError) -> Halt {
        use Close::{Rotated, Unauthorized};
        let is_refused = matches!(error, DialError::Closed(Rotated | Unauthorized));
        if is_refused && !self.is_own_group {
            self.refused = self.session.group_id();
        }
        // A new secret or a new link may be in the files by now, or soon.
        self.is_doubtful |= is_refused || matches!(error, DialError::OtherKey { .. });
        Halt::Failed(trouble::unreachable(
            &self.address(),
            error,
            &self.autostart,
            self.is_own_group,
        ))
    }

    fn unproven(&mut self, error: HandshakeError) -> Halt {
        self.is_doubtful = true;
        Halt::Failed(trouble::unproven(&self.address(), error))
    }
}

#[cfg(test)]
mod tests;
