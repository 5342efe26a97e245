//! What a session makes of each command of its handle, and of what becomes of the calls behind them.

use std::time::Instant;

use junction_shared::protocol::wire::{ReceiptKind, ToHub};

use super::Session;
use super::requests::{AliasRequest, Request};
use crate::command::{DownloadCommand, ReplySender};
use crate::error::Error;
use crate::forecast::Arrived;
use crate::lease::LeaseId;
use crate::reader::ReadCall;
use crate::seal::{ReceiptDetails, receipt_with};
use crate::{Change, Command, Departure, Outcome, PageLimits, PeerWait, PeerWaitEnd, Registration};

/// What happens to a session other than commands, frames and the passage of time.
#[derive(Clone, Copy)]
pub(crate) enum SessionEvent {
    /// An answer was written to the client, or not.
    LeaseEnded(LeaseId, bool),
    /// A call gave up what it had asked of the hub.
    RequestAbandoned,
}

/// The most messages whose senders are told a second time.
const FORECASTS_AGAIN: usize = 64;

impl Session {
    /// Carries out a command. Those that take the connection elsewhere are the actor's.
    pub fn command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Apply(change, reply) => self.apply(change, reply, now),
            Command::List(query, reply) => self.ask(Request::List { query, reply }),
            Command::Watch(wait, reply) => self.wait_for_peer(wait, reply),
            Command::Send(draft, reply) => self.send(draft, reply, now),
            Command::BeginGroup(begin, reply) => {
                let _ = reply.send(self.begin_group(begin, now));
            }
            Command::GroupSubmitted(id, left) => self.group_submitted(id, left),
            Command::Lookup(alias, reply) => self.look_up(alias, reply),
            Command::Read { limits, wait, reply } => {
                self.expire_mail(now);
                let only = None;
                self.delivery.read(ReadCall { limits, only, wait, since: now, reply });
            }
            Command::ReadThese(ids, reply) => {
                self.expire_mail(now);
                let (limits, only, wait) = (PageLimits::default(), Some(ids), false);
                self.delivery.read(ReadCall { limits, only, wait, since: now, reply });
            }
            Command::ListUnread(reply) => {
                let _ = reply.send(self.delivery.mailbox.unread_messages());
            }
            Command::Flush(reply) => {
                self.outgoing.flush(reply);
                self.report_ends();
            }
            Command::SetContext(seen) => {
                self.card.observe(&seen);
                self.publish_if_changed(now);
            }
            Command::SetAvailability(availability) => {
                if self.card.set_availability(availability) {
                    self.publish_if_due(now);
                }
            }
            Command::SetForecast(forecast) => self.forecast = Some(forecast),
            Command::ForecastAgain => self.forecast_again(),
            Command::BeginTurn => self.delivery.chains.person_prompted(),
            Command::MaybeBeginTurn => self.delivery.chains.person_may_have_prompted(),
            Command::Download(DownloadCommand(step)) => {
                self.download(step, now);
                self.carry_attachments(now);
            }
            Command::Claim(command) => self.claim_command(command, now),
            Command::AskForHub
            | Command::ClaimSeat(..)
            | Command::Join(..)
            | Command::Leave(..)
            | Command::Stop(_) => {}
        }
    }

    /// Tells the senders of the newest messages that wait what the face expects of them now.
    pub(super) fn forecast_again(&mut self) {
        let Some(forecast) = &self.forecast else { return };
        let snapshot = self.snapshot.borrow().clone();
        let receipts = self.delivery.mailbox.newest_wakers(FORECASTS_AGAIN).map(|waiting| {
            let arrived = Arrived { arrival: Some(waiting.arrival), past_limit: false };
            // An empty one takes back what was said before.
            let outlook = forecast.outlook(arrived, &snapshot).unwrap_or_default();
            let (to, id) = (waiting.message.sender, waiting.wire_id);
            let kind = ReceiptKind::Opened;
            let details = ReceiptDetails { outlook: Some(outlook), seat: None };
            ToHub::Receipt(receipt_with(details, &waiting.receipt_key, to, id, kind))
        });
        self.outgoing.post_all(receipts);
    }

    /// Waits for what the calls of this session's agent bring about, other than by commands. Nothing is lost if the
    /// future is dropped.
    pub(crate) async fn next_event(&mut self) -> SessionEvent {
        tokio::select! {
            (lease, written) = self.delivery.next_lease_end() => {
                SessionEvent::LeaseEnded(lease, written)
            }
            () = self.requests.next_abandoned() => SessionEvent::RequestAbandoned,
        }
    }

    /// Carries out what [`Session::next_event`] found.
    pub(crate) fn event(&mut self, event: SessionEvent, now: Instant) {
        match event {
            SessionEvent::LeaseEnded(lease, written) => self.lease_ended(lease, written, now),
            // A message that waits for its receiver's key is wiped with its request.
            SessionEvent::RequestAbandoned => {
                let frames = self.requests.drop_abandoned();
                self.outgoing.post_all(frames);
            }
        }
    }

    /// Waits for peers. A session that waited for itself would wait for ever.
    fn wait_for_peer(&mut self, wait: PeerWait, reply: ReplySender<PeerWaitEnd>) {
        if wait.alias.is_some() && wait.alias.as_ref() == self.membership.alias() {
            let _ = reply.send(Err(Error::ToSelf));
            return;
        }
        self.ask(Request::Watch { wait, reply });
    }

    pub(super) fn ask(&mut self, request: Request) {
        let frames = self.requests.open(request);
        self.outgoing.post_all(frames);
    }

    /// Names and refines the session. With a new alias nothing changes unless the hub grants it.
    pub(super) fn apply(&mut self, change: Change, reply: ReplySender<Registration>, now: Instant) {
        let current = self.membership.alias();
        let Some(alias) = change.alias.clone().filter(|alias| Some(alias) != current) else {
            self.card.name(&change);
            self.publish_if_changed(now);
            let _ = reply.send(self.registered());
            return;
        };
        let timeout = self.session_timeout;
        let proposal = self.card.propose(&alias, &change, &self.membership, timeout, now);
        if let Some((card, signed)) = proposal {
            let question = self.requests.rename(signed, AliasRequest { change, card, reply });
            self.outgoing.post(question);
        }
    }

    /// The session has left for another hub. Its identity stays, and asks for its alias there.
    pub fn moved(&mut self) {
        self.disconnected();
        self.membership.move_away();
        self.outgoing.forget_receipts();
        self.directory.forget_cards();
        self.intake.forget_keys();
        self.snapshot.send_modify(|snapshot| {
            snapshot.rejoined = None;
            snapshot.renamed.set(None);
        });
    }

    /// What a session that leaves hands on: ends that its answer to `disconnect` does not tell.
    pub fn take_ends(&mut self, departure: &Departure) -> Vec<Outcome> {
        let mut ends = self.delivery.outcomes.take_all();
        ends.retain(|end| !departure.unconfirmed.iter().any(|(id, _)| *id == end.id));
        ends
    }

    /// Takes in ends that an earlier session of this process left untold.
    pub fn inherit(&mut self, ends: Vec<Outcome>) {
        ends.into_iter().for_each(|end| self.delivery.ended(end));
    }
}
