//! Commands that end a connection: to leave, to move to another hub, or to stop.

use std::time::Duration;

use super::{Actor, LEAVE_PATIENCE, Transition};
use crate::clock::now;
use crate::command::ClaimCommand;
use crate::error::{Error, MoveError};
use crate::hubs::selection::AwayReason;
use crate::hubs::target::HubTarget;
use crate::session::Leaving;
use crate::transport::dial::{Dialer, HubConnection};
use crate::{Command, ConnectionState, Departure, Leaver, Outcome};

/// How long the goodbye of a process may take to write: the process has to end within 100 ms.
const EXIT_PATIENCE: Duration = Duration::from_millis(30);

impl<D: Dialer> Actor<D> {
    /// The hub to move to, if it is another than the present one.
    pub(super) fn destination(
        &self,
        target: Option<HubTarget>,
    ) -> Result<Option<HubTarget>, Error> {
        let is_present =
            |target: &HubTarget| self.hub.target().is_some_and(|hub| hub.is_same_hub(target));
        let Some(target) = target.filter(|target| !is_present(target)) else {
            return Ok(None);
        };
        match self.snapshot.borrow().unread.count {
            0 => Ok(Some(target)),
            unread => Err(Error::Move(MoveError::Unread(unread))),
        }
    }

    /// Follows the command that ended a state. False if the task has to end.
    pub(super) async fn follow(
        &mut self,
        transition: Transition,
        connection: Option<HubConnection<D::Stream>>,
    ) -> bool {
        // Answers that are written by now have made their messages read: the senders get receipts for them.
        self.session.drain_leases(now());
        if matches!(transition, Transition::Redial) {
            return self.redial(connection).await;
        }
        let how = match transition {
            Transition::Stop(_) | Transition::Replace(Some(_)) => Leaving::ForNow,
            Transition::Replace(None) => Leaving::Unseated,
            Transition::Leave(..) | Transition::Move(..) | Transition::Redial => Leaving::ForGood,
        };
        if let Transition::Leave(leaver, _) = &transition {
            // Before calls that wait end, so that they say why.
            self.show(state_after(*leaver));
        }
        let (last, departure) = self.session.leave(how, now());
        if let Some(connection) = connection {
            let exits = matches!(transition, Transition::Stop(_));
            let patience = if exits { EXIT_PATIENCE } else { LEAVE_PATIENCE };
            connection.close(last, patience).await;
        }
        match transition {
            Transition::Stop(reply) => {
                // The keys are wiped before the reply says that the session has stopped.
                self.renew(Vec::new());
                reply.map(|reply| reply.send(()));
                false
            }
            Transition::Leave(leaver, reply) => {
                let ends = self.session.take_ends(&departure);
                self.renew(ends);
                let _ = reply.send(departure);
                self.left(leaver).await
            }
            Transition::Move(target, reply) => {
                self.session.moved();
                self.rejoin(Some(target));
                let _ = reply.send(Ok(()));
                true
            }
            Transition::Replace(next) => {
                let ends = self.session.take_ends(&Departure::default());
                self.session = self.session.replaced(next.map(|next| *next), now());
                self.session.inherit(ends);
                self.rejoin(None);
                true
            }
            Transition::Redial => true,
        }
    }

    /// Dials again under the same key, for a hello that says more.
    async fn redial(&mut self, connection: Option<HubConnection<D::Stream>>) -> bool {
        if let Some(connection) = connection {
            connection.close(Vec::new(), LEAVE_PATIENCE).await;
            self.session.redials();
        }
        self.rejoin(None);
        true
    }

    /// After the session has left: dials nothing until the next `register`. False if the task has to end.
    async fn left(&mut self, mut leaver: Leaver) -> bool {
        loop {
            match self.commands.recv().await {
                None => return false,
                Some(Command::Stop(reply)) => {
                    let _ = reply.send(());
                    return false;
                }
                Some(Command::Leave(Leaver::User, reply)) => {
                    leaver = Leaver::User;
                    self.show(state_after(leaver));
                    let _ = reply.send(Departure::default());
                }
                Some(Command::Join(target, reply)) => {
                    self.rejoin(target);
                    let _ = reply.send(Ok(()));
                    return true;
                }
                Some(
                    command @ (Command::SetContext(_)
                    | Command::SetAvailability(_)
                    | Command::SetForecast(_)
                    | Command::ForecastAgain
                    | Command::Claim(ClaimCommand::WorkIn(_))
                    | Command::BeginTurn
                    | Command::MaybeBeginTurn),
                ) => {
                    self.session.command(command, now());
                }
                Some(command) => command.refuse(match leaver {
                    Leaver::Agent => Error::Left,
                    Leaver::User => Error::Removed,
                }),
            }
        }
    }

    /// Makes ready to dial this hub, or the present one.
    fn rejoin(&mut self, target: Option<HubTarget>) {
        self.backoff.reset();
        if let Some(target) = target {
            self.hub.select(target);
        }
        self.show_hub();
        self.show(ConnectionState::Away(AwayReason::NotYet));
    }

    /// Replaces the session by one with a new identity, as if the process had just started.
    fn renew(&mut self, ends: Vec<Outcome>) {
        self.session = self.session.successor(now());
        self.session.inherit(ends);
    }
}

/// The state of a session that has left.
fn state_after(leaver: Leaver) -> ConnectionState {
    match leaver {
        Leaver::Agent => ConnectionState::Left,
        Leaver::User => ConnectionState::Removed,
    }
}
