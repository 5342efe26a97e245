//! The session: everything of this bridge that outlives a connection. It takes commands, frames and the time,
//! and says which frame to send next; it has no socket and no timer of its own.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt as _;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::handshake::{Caller, GroupKeys, Pin};
use junction_shared::protocol::id::{Dial, Epoch, PeerKey};
use junction_shared::protocol::wire::{
    Context, Grant, Receipt, ReceiptKind, ToBridge, ToHub, WelcomeBody,
};
use tokio::sync::{oneshot, watch};

use crate::clock::wall_ms;
use crate::mailbox::{Due, LeaseId};
use crate::notifications::Watched;
use crate::outbox::{Outbox, Times};
use crate::peers::Directory;
use crate::reader::Delivery;
use crate::receive_keys::{AFTERLIFE, ReceiveKeys, longest_life};
use crate::seal::{Identity, PairKeys, receipt};
use crate::send_limits::{Loudness, Pace, SendLimit};
use crate::{Departure, Outcome, Snapshot};

mod asks;
mod attending;
mod card;
mod commands;
mod group;
mod incoming;
mod notify;
mod outgoing;
mod said;
mod told;

use asks::Asks;
use attending::Attending;
use incoming::Held;
use said::Said;
use told::Told;

/// Frames that wait to be written besides messages; with more, the connection is too slow to keep.
const MAX_CONTROL: usize = 2048;
/// Keys for opening that are kept; each can be derived again from an envelope.
const MAX_OPENING: usize = 256;

/// One identity's life on the junction.
pub struct Session {
    me: Identity,
    receive: ReceiveKeys,
    group: Option<Arc<GroupKeys>>,
    dial: Dial,
    grant: Option<Grant>,
    alias: Option<Alias>,
    /// The alias to ask for where none was granted yet.
    wish: Option<Alias>,
    /// What the agent said of itself; it wins over what was seen.
    named: Context,
    seen: Context,
    /// What the newest card that was sent says.
    published: Option<Said>,
    attending: Attending,
    peers: Directory,
    outbox: Outbox,
    delivery: Delivery,
    asks: Asks,
    held: Held,
    opening: HashMap<(PeerKey, Epoch, [u8; 32]), Arc<PairKeys>>,
    /// The last words on messages that came here.
    told: Told,
    /// How much may be sent; nothing if there is no limit.
    pace: Option<Pace>,
    /// How loud this session was to each peer, and each peer to it.
    loud: Loudness,
    heard: Loudness,
    watched: Watched,
    control: VecDeque<ToHub>,
    connected: bool,
    settled: Vec<oneshot::Sender<()>>,
    session_timeout: Duration,
    snapshot: watch::Sender<Snapshot>,
}

impl Session {
    /// A new identity that has never been anywhere.
    pub fn new(snapshot: watch::Sender<Snapshot>, seen: Context, now: Instant) -> Self {
        let session_timeout = snapshot.borrow().session_timeout;
        let session = Self {
            me: Identity::random(),
            receive: ReceiveKeys::new(now),
            group: None,
            dial: Dial(0),
            grant: None,
            alias: None,
            wish: None,
            named: Context::default(),
            seen,
            published: None,
            attending: Attending::default(),
            peers: Directory::default(),
            outbox: Outbox::default(),
            delivery: Delivery::new(snapshot.clone()),
            asks: Asks::default(),
            held: Held::default(),
            opening: HashMap::new(),
            told: Told::default(),
            pace: None,
            loud: Loudness::default(),
            heard: Loudness::default(),
            watched: Watched::default(),
            control: VecDeque::new(),
            connected: false,
            settled: Vec::new(),
            session_timeout,
            snapshot,
        };
        session.delivery.publish();
        session.snapshot.send_modify(|snapshot| {
            (snapshot.rejoined, snapshot.alias) = (None, None);
            snapshot.fingerprint = session.me.key.fingerprint();
        });
        session
    }

    /// Another identity of the same process: what its agent is doing, what it has read and how much it may send does
    /// not begin anew with it.
    pub fn successor(&mut self, now: Instant) -> Self {
        let mut next = Self::new(self.snapshot.clone(), self.seen.clone(), now);
        next.attending.now = self.attending.now;
        next.delivery.chains = std::mem::take(&mut self.delivery.chains);
        next.loud = std::mem::take(&mut self.loud);
        next.pace = self.pace.take();
        next
    }

    /// Sends no more than this in a minute.
    pub fn limit(mut self, limit: Option<SendLimit>) -> Self {
        self.pace = limit.map(Pace::new);
        self
    }

    /// What the next handshake says of this session, once its group is known. Each one has a higher dial.
    pub fn caller(&mut self, pin: Pin) -> Option<Caller<'_>> {
        self.dial = self.dial.next();
        let granted = self.grant.clone().map(|grant| (grant.alias, Some(grant.ticket)));
        let want = granted.or_else(|| self.wish.as_ref().map(|alias| (alias.to_string(), None)));
        let auth = &self.group.as_ref()?.auth;
        Some(Caller {
            identity: &self.me.secret,
            key: self.me.key,
            auth,
            pin,
            dial: self.dial,
            want,
        })
    }

    /// The hub has welcomed the session on a new connection.
    pub fn welcomed(&mut self, welcome: WelcomeBody, now: Instant) {
        self.connected = true;
        self.session_timeout = Duration::from_millis(welcome.session_timeout_ms);
        self.outbox.set_times(Times {
            grace: Duration::from_millis(welcome.sweep_interval_ms),
            correctable: longest_life(self.session_timeout) + AFTERLIFE,
        });
        let timeout = self.session_timeout;
        let ended =
            self.grant.is_some() && !welcome.resumed && welcome.past_restart_grace == Some(true);
        self.granted(welcome.grant);
        self.snapshot.send_modify(|snapshot| {
            snapshot.session_timeout = timeout;
            if ended {
                snapshot.rejoined.clone_from(&self.alias);
            }
        });
        self.receive.welcomed(now, self.session_timeout);
        self.publish_card(now);
        // What was said while nobody listened, or may have been lost with the last connection.
        for receipt in self.told.all(now) {
            self.post(ToHub::Receipt(receipt));
        }
        // The hub's answer, and its news from then on, tell which card it has.
        self.subscribe(self.me.key);
        self.ask_again();
        for to in self.outbox.waiting().into_iter().chain(self.watched.peers()) {
            self.subscribe(to);
        }
    }

    /// The connection is over. Everything that the hub knew of it has to be said again on the next.
    pub fn disconnected(&mut self) {
        self.connected = false;
        self.control.clear();
        self.outbox.close_all();
        self.peers.unsubscribe_all();
        self.held = Held::default();
        self.forget_subscriptions();
    }

    /// Whether the frames that wait to be written are more than a working connection leaves.
    pub fn overrun(&self) -> bool {
        self.control.len() > MAX_CONTROL
    }

    /// When [`Session::on_time`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.outbox.deadline(),
            self.delivery.mailbox.deadline(),
            self.receive.deadline(),
            self.rotates_at(),
            self.attention_due(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Ends and drops what has outlived its time.
    pub fn on_time(&mut self, now: Instant) {
        self.outbox.expire(now);
        self.expire_mail(now);
        let oldest = self.receive.bury(now);
        self.opening.retain(|(_, epoch, _), _| *epoch >= oldest);
        if self.rotates_at().is_some_and(|at| at <= now) {
            self.publish_card(now);
        }
        self.publish_attention(now);
        self.delivery.publish();
        self.ask_for_dropped();
        self.tell_ends();
    }

    /// The next answer that was written, or not; never returns while nothing is leased.
    pub(crate) async fn next_lease_end(&mut self) -> (LeaseId, bool) {
        self.delivery.next_lease_end().await
    }

    /// An answer was written, or given up.
    pub(crate) fn lease_ended(&mut self, lease: LeaseId, written: bool, now: Instant) {
        let read = self.delivery.lease_ended(lease, written);
        self.send_receipts(read, ReceiptKind::Read, now);
        // What is given back may have outlived its time meanwhile: the next reader must not get it.
        self.expire_mail(now);
        self.delivery.serve(now);
        self.ask_for_dropped();
    }

    /// Takes in the ends of all answers that were written, or given up, by now.
    pub fn settle_leases(&mut self, now: Instant) {
        while let Some((lease, written)) = self.next_lease_end().now_or_never() {
            self.lease_ended(lease, written, now);
        }
    }

    fn expire_mail(&mut self, now: Instant) {
        let expired = self.delivery.mailbox.expire(now);
        self.send_receipts(expired, ReceiptKind::Expired, now);
    }

    /// The session leaves for good: what is still to be said to the hub, and what the agent is told.
    pub fn leave(&mut self) -> (Vec<Bytes>, Departure) {
        let left = self.outbox.abandon();
        let unconfirmed = left
            .into_iter()
            .filter(|(_, _, status)| *status == crate::Status::Unconfirmed)
            .map(|(id, to, _)| (id, to))
            .collect();
        self.tell_ends();
        self.post(ToHub::Leave);
        let last = self.control.drain(..).map(|frame| encode(&frame)).collect();
        (last, Departure { disconnected: self.grant.is_some(), unconfirmed })
    }

    /// The session has left for another hub. It stays who it is, and asks for its alias there.
    pub fn moved(&mut self) {
        self.disconnected();
        self.wish = self.alias.take();
        (self.grant, self.group) = (None, None);
        self.told = Told::default();
        self.peers.forget_cards();
        self.opening.clear();
        self.snapshot.send_modify(|snapshot| snapshot.rejoined = None);
    }

    /// What a session that leaves keeps of itself: ends that its answer to `disconnect` does not tell.
    pub fn take_ends(&mut self, told: &Departure) -> Vec<Outcome> {
        let mut ends = self.delivery.take_ends();
        ends.retain(|end| !told.unconfirmed.iter().any(|(id, _)| *id == end.id));
        ends
    }

    /// The alias to ask for where none was granted yet.
    pub fn wish_for(&mut self, alias: Alias) {
        self.wish = Some(alias);
    }

    /// Takes in ends that an earlier session of this process left untold.
    pub fn inherit(&mut self, ends: Vec<Outcome>) {
        ends.into_iter().for_each(|end| self.delivery.ended(end));
    }

    fn granted(&mut self, grant: Grant) {
        self.alias = Alias::parse(&grant.alias).ok();
        if self.alias.is_none() {
            self.misbehaves("it granted an alias that is none");
        }
        self.grant = Some(grant);
        self.snapshot.send_modify(|snapshot| snapshot.alias.clone_from(&self.alias));
    }

    fn send_receipts(&mut self, due: Vec<Due>, kind: ReceiptKind, now: Instant) {
        let until = now + longest_life(self.session_timeout) + AFTERLIFE;
        for due in due {
            let receipt = receipt(&due.receipt_key, due.to, due.id, kind);
            self.told.keep(receipt.clone(), until);
            self.post(ToHub::Receipt(receipt));
        }
    }

    fn send_receipt(&mut self, receipt: Receipt) {
        self.post(ToHub::Receipt(receipt));
    }

    /// Queues a frame for this connection. Without one it is dropped: all of it is said again on the next.
    fn post(&mut self, frame: ToHub) {
        if self.connected {
            self.control.push_back(frame);
        }
    }

    /// Moves ends from the outbox to where reads find them.
    fn tell_ends(&mut self) {
        for ended in self.outbox.take_ended() {
            self.notify_of_end(ended.id, ended.status);
            let end =
                Outcome { id: ended.id, to: ended.to, status: ended.status, at_ms: wall_ms() };
            match ended.refusal {
                Some(call) => self.delivery.refused(end, call),
                None => self.delivery.ended(end),
            }
        }
        if !self.outbox.unsettled() {
            for settled in self.settled.drain(..) {
                let _ = settled.send(());
            }
        }
    }

    /// Notes what only a hub can have done that does not keep to the protocol.
    fn misbehaves(&self, what: &str) {
        tracing::warn!("hub_misbehaving: {what}");
        self.snapshot.send_modify(|snapshot| {
            snapshot.misbehaviour = snapshot.misbehaviour.saturating_add(1);
        });
    }

    /// Takes in a frame of the hub.
    pub fn frame(&mut self, frame: ToBridge, now: Instant) {
        match frame {
            ToBridge::Challenge(_) | ToBridge::Welcome(_) => {
                self.misbehaves("it began a second handshake");
            }
            ToBridge::Answer(req, answer) => self.answered(req, answer, now),
            ToBridge::Reassigned(grant) => {
                tracing::warn!("another session showed an older right to this session's alias");
                self.granted(grant);
                self.publish_card(now);
            }
            ToBridge::Peer(key, standing, card) => {
                self.peer_changed(key, standing, card.as_ref(), now);
            }
            ToBridge::Accepted(id) => self.outbox.accepted(id),
            ToBridge::Refused(id, reason) => self.outbox.refused(id, reason),
            ToBridge::Later(id) => self.outbox.later(id),
            ToBridge::Room(to) => self.outbox.room(to),
            ToBridge::Deliver(envelope, age_ms) => self.delivered(envelope, age_ms, now),
            ToBridge::Receipt(receipt) => self.receipt(&receipt),
            ToBridge::Repushing => self.held.repushing(),
        }
        self.tell_ends();
    }
}

#[cfg(test)]
mod tests;
