//! The task that owns a session and its connection. It has three states with one method each: dialing, connected,
//! backing off. In all of them it answers commands and keeps deadlines.
//!
//! Where a message is here: in the session. On its way out, `Command::Send` brings it, the session looks up its receiver
//! and puts it into the outbox, and it is sealed when [`Session::next_frame`] hands it over (`session/commands.rs`,
//! `outbox.rs`, `seal.rs`). On its way in, [`Session::frame`] opens it into the mailbox (`session/intake.rs`), where
//! `Command::Read` finds it. `bridge/src/mcp/tools.rs` gives both commands, by way of the handle.

use std::time::Duration;

use junction_shared::protocol::limits::SESSION_TIMEOUT;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

mod claims;
mod dialing;
mod sealing;
mod transition;

use claims::Claims;
use sealing::SealingThreads;

use crate::backoff::Backoff;
use crate::clock::now;
use crate::error::Error;
use crate::hubs::selection::{AwayReason, HubSelection};
use crate::hubs::target::HubTarget;
use crate::session::{ClaimStep, SeatToClaim, Session};
use crate::transport::dial::{DialError, Dialer, HubConnection};
use crate::{Command, ConnectionState, Departure, Leaver, Snapshot};

/// How long the goodbye of a session may take to write when the process goes on.
const LEAVE_PATIENCE: Duration = Duration::from_secs(1);
/// How long the first dial waits until it is known which session of its client this is: a client introduces itself at
/// once.
const SESSION_PATIENCE: Duration = Duration::from_secs(1);
/// A hub pings this often, or three times in a session timeout if that is more often.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// The task that owns a session and its connection.
pub(crate) struct Actor<D> {
    dialer: D,
    session: Session,
    commands: mpsc::Receiver<Command>,
    snapshot: watch::Sender<Snapshot>,
    hub: HubSelection,
    backoff: Backoff,
    /// The command that ends the present state.
    transition: Option<Transition>,
    /// Whether a call has needed the hub since the last dial began.
    is_asked: bool,
    /// Whether a call needed the hub before the last dial began.
    is_dial_asked: bool,
    /// Whether it is yet to be known which session of its client this is.
    awaits_session: bool,
    claims: Claims,
    sealing: SealingThreads,
}

/// A command that ends a connection.
enum Transition {
    Leave(Leaver, oneshot::Sender<Departure>),
    Move(HubTarget, oneshot::Sender<Result<(), Error>>),
    Stop(Option<oneshot::Sender<()>>),
    /// The hub is to be told of another claim to a seat.
    Redial,
    /// Another session of the client takes the place of this one; without it, another bridge has this one's seat.
    Replace(Option<Box<SeatToClaim>>),
}

/// Why a state ended.
enum StateEnd {
    /// There is no connection any more.
    Away(AwayReason),
    /// A command ended the state: [`Actor::transition`].
    Transition,
    /// The seat is to be claimed once more, after this pause.
    ClaimAgain(Duration),
}

impl<D: Dialer> Actor<D> {
    pub(crate) fn new(
        dialer: D,
        session: Session,
        commands: mpsc::Receiver<Command>,
        snapshot: watch::Sender<Snapshot>,
        hub: HubSelection,
        backoff: Backoff,
    ) -> Self {
        Self {
            dialer,
            session,
            commands,
            snapshot,
            hub,
            backoff,
            transition: None,
            is_asked: false,
            is_dial_asked: false,
            awaits_session: false,
            claims: Claims::default(),
            sealing: SealingThreads::default(),
        }
    }

    /// Waits a moment before the first dial until it is known which session of its client this is, so that others see the
    /// session under its own alias from the start.
    pub(crate) fn await_session(mut self) -> Self {
        self.awaits_session = true;
        self
    }

    /// Runs until a command stops it, or no handle is left.
    pub(crate) async fn run(mut self) {
        let until = Instant::now() + SESSION_PATIENCE;
        while self.awaits_session && !self.is_asked && self.transition.is_none() {
            if timeout_at(until, self.next_event()).await.is_err() {
                break;
            }
        }
        loop {
            let (end, connection) = match self.dialing().await {
                Ok(mut connection) => {
                    let began = Instant::now();
                    let end = self.connected(&mut connection).await;
                    self.backoff.disconnected(began.elapsed());
                    // Calls that came before the end of the connection ask for no other one.
                    self.is_asked = false;
                    (end, Some(connection))
                }
                Err(end) => (end, None),
            };
            let connection = match end {
                StateEnd::Transition => connection,
                StateEnd::Away(reason) => {
                    drop(connection);
                    self.disconnected(reason);
                    self.backing_off().await;
                    None
                }
                StateEnd::ClaimAgain(pause) => {
                    drop(connection);
                    let _ = self.drive(tokio::time::sleep(pause)).await;
                    None
                }
            };
            if let Some(transition) = self.transition.take()
                && !self.follow(transition, connection).await
            {
                return;
            }
        }
    }

    /// Carries frames both ways until the connection ends or a command ends the state.
    async fn connected(&mut self, connection: &mut HubConnection<D::Stream>) -> StateEnd {
        let mut heard = Instant::now();
        loop {
            if self.session.has_lost_seat() {
                self.transition = Some(Transition::Replace(None));
                return StateEnd::Transition;
            }
            self.write_frames(connection);
            if self.session.overrun() {
                return self.lost(DialError::Lost);
            }
            let outgoing = connection.outgoing().clone();
            let more = self.session.has_frame(now());
            let chunks = !more && self.session.has_chunk();
            while let Some(job) = self.session.next_seal_job() {
                self.sealing.start(job);
            }
            tokio::select! {
                frame = connection.next() => match frame {
                    Ok(frame) => {
                        heard = Instant::now();
                        frame.into_iter().for_each(|frame| self.session.frame(frame, now()));
                    }
                    Err(error) => return self.lost(error),
                },
                // The queue was full: continue when it takes frames again.
                permit = outgoing.reserve(), if more => {
                    if permit.is_err() {
                        return self.lost(DialError::Lost);
                    }
                }
                // The last frame is on its way, and there is nothing but a chunk to send.
                permits = outgoing.reserve_many(outgoing.max_capacity()), if chunks => {
                    let Ok(mut permits) = permits else { return self.lost(DialError::Lost) };
                    if let Some((permit, chunk)) = permits.next().zip(self.session.next_chunk()) {
                        permit.send(chunk);
                    }
                }
                () = tokio::time::sleep_until(heard + self.longest_silence()) => {
                    return self.lost(DialError::Silent);
                }
                () = self.next_event() => if self.transition.is_some() {
                    self.write_frames(connection);
                    return StateEnd::Transition;
                },
            }
        }
    }

    /// The time after which a silent hub counts as lost: more than two of its pings.
    fn longest_silence(&self) -> Duration {
        let timeout = self.snapshot.borrow().session_timeout;
        PING_INTERVAL.min(timeout / 3) * 5 / 2
    }

    /// Notes that the connection has ended, or that there was none.
    fn disconnected(&mut self, reason: AwayReason) {
        self.claims.settle();
        tracing::info!(?reason);
        self.session.disconnected();
        self.show(ConnectionState::Away(reason));
    }

    /// Gives the writer as many frames as it takes. Such a frame counts as handed over.
    fn write_frames(&mut self, connection: &HubConnection<D::Stream>) {
        while self.session.has_frame(now())
            && let Ok(permit) = connection.outgoing().try_reserve()
            && let Some(frame) = self.session.next_frame(now())
        {
            permit.send(frame);
        }
    }

    /// Pauses before the next dial: exponential backoff with full jitter, without an end. A hub that cannot serve the
    /// session, or that the user has stopped, is not dialed again before that can be otherwise, or a call needs it.
    async fn backing_off(&mut self) {
        if let Some(permission) = self.hub.permission() {
            self.stand_still(permission).await;
            return;
        }
        if let Some(other_program) = self.hub.other_program() {
            // A call that came during the dial has its answer by it.
            self.is_asked = false;
            if self.stand_still(other_program).await {
                self.hub.files_changed();
            }
            return;
        }
        if let Some(other_group) = self.hub.other_group() {
            let _ = self.drive(other_group).await;
            return;
        }
        let pause = self.hub.shorten(self.backoff.next_pause());
        let _ = self.drive(tokio::time::sleep(pause)).await;
    }

    /// Waits until this future ends, a call needs the hub or a command ends the state. True if the future ended.
    async fn stand_still(&mut self, until: impl Future<Output = ()>) -> bool {
        let mut until = std::pin::pin!(until);
        while !self.is_asked && self.transition.is_none() {
            tokio::select! {
                () = &mut until => return true,
                () = self.next_event() => {}
            }
        }
        false
    }

    /// Drives a future to its end while commands are answered and deadlines kept.
    async fn drive<F: Future>(&mut self, future: F) -> Result<F::Output, StateEnd> {
        let mut future = std::pin::pin!(future);
        loop {
            tokio::select! {
                output = &mut future => return Ok(output),
                () = self.next_event() => if self.transition.is_some() {
                    return Err(StateEnd::Transition);
                },
            }
        }
    }

    /// Waits for the next command, the end of an answer, an abandoned request or a deadline, and handles it.
    async fn next_event(&mut self) {
        let deadline = self.session.deadline().map(Instant::from_std);
        let far = Instant::now() + SESSION_TIMEOUT;
        tokio::select! {
            command = self.commands.recv() => match command {
                Some(command) => self.command(command),
                None => self.transition = Some(Transition::Stop(None)),
            },
            event = self.session.next_event() => self.session.event(event, now()),
            sealed = self.sealing.next() => self.session.chunks_sealed(sealed, now()),
            () = tokio::time::sleep_until(deadline.unwrap_or(far)) => self.session.on_time(now()),
        }
    }

    /// Carries out a command, or notes that it ends the state. This never waits: a command that was received must not
    /// be lost to another event.
    fn command(&mut self, command: Command) {
        self.is_asked |= command.needs_hub();
        match command {
            Command::Stop(reply) => self.transition = Some(Transition::Stop(Some(reply))),
            Command::Leave(leaver, reply) => {
                self.transition = Some(Transition::Leave(leaver, reply));
            }
            Command::ClaimSeat(session, reply) => {
                self.awaits_session = false;
                let step = session.map_or(ClaimStep::Nothing, |session| self.claim(*session));
                self.claims.made(step != ClaimStep::Nothing, reply);
            }
            Command::Join(target, reply) => match self.destination(target) {
                Ok(Some(target)) => self.transition = Some(Transition::Move(target, reply)),
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

    /// The client's session is known.
    fn claim(&mut self, session: SeatToClaim) -> ClaimStep {
        let mut session = Some(session);
        let step = self.session.claim(&mut session);
        match step {
            ClaimStep::Nothing => {}
            ClaimStep::Redial => self.transition = Some(Transition::Redial),
            ClaimStep::Replace => {
                self.transition = Some(Transition::Replace(session.map(Box::new)));
            }
        }
        step
    }

    fn show(&self, state: ConnectionState) {
        self.snapshot.send_if_modified(|snapshot| {
            let changed = snapshot.state != state;
            snapshot.state = state;
            changed
        });
    }

    fn show_hub(&self) {
        self.snapshot.send_modify(|snapshot| self.hub.name().clone_into(&mut snapshot.hub));
    }

    fn lost(&mut self, error: DialError) -> StateEnd {
        StateEnd::Away(self.hub.lost(error, self.session.group_id()))
    }
}

#[cfg(test)]
mod tests;
