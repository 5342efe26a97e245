//! How sessions begin, disconnect, resume and end.

use std::collections::BTreeSet;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::id::{ConnectionId, PeerKey};
use junction_shared::protocol::wire::{
    Grant, HUB_FEATURES, HelloBody, SignedCard, Standing, ToBridge, WelcomeBody,
};

use super::deadlines::Deadline;
use super::inbox::{Offset, millis};
use super::peer::{PeerConnection, PeerSession, Seating};
use super::seats::ClaimVerdict;
use super::subscriptions::Subject;
use super::tickets::AliasClaim;
use super::tombstones::Departed;
use super::{Connected, Output, Requester, State};

/// How late a deadline must be to conclude that the hub was not running. Deadlines are precise to the
/// millisecond; if one is this late, the hub or its machine was suspended, and no peer could give a sign of
/// life.
pub(super) const SLEPT: Duration = Duration::from_millis(250);

impl State {
    /// Admits a connection whose hello was verified.
    ///
    /// # Errors
    /// [`Close::Superseded`] if the peer is connected by the same or a later dial.
    pub fn connect(&mut self, hello: &HelloBody, now: Duration) -> Result<Connected, Close> {
        let replaced = self.supersede(hello)?;
        let key = hello.key;
        let is_unlisted = hello.unlisted == Some(true);
        if self.peers.get(&key).is_some_and(|peer| peer.is_unlisted != is_unlisted) {
            // No session comes into view, or leaves it, under an alias that others know.
            self.end(&key, now);
        }
        let claimed = self.judge_claim(hello, now);
        let resumed = match self.peers.get_mut(&key) {
            Some(peer) => {
                self.tickets.settle(&peer.alias, &mut peer.claim, now);
                true
            }
            None => {
                self.begin_session(hello, claimed.map(|(_, verdict)| verdict), now);
                false
            }
        };
        let connection = self.attach(hello, now);
        let seat = self.seat(&key, claimed, now);
        let Some(grant) = self.current_grant(&key) else { return Err(Close::ProtocolError) };
        let welcome = WelcomeBody {
            grant,
            connection,
            resumed,
            session_timeout_ms: millis(self.timeouts.session_timeout),
            sweep_interval_ms: millis(self.timeouts.sweep_interval),
            past_restart_grace: (!self.in_restart_grace(now)).then_some(true),
            features: Some(HUB_FEATURES),
            seat,
        };
        if resumed && !replaced {
            self.notify_presence(&key);
            self.answer_watches(&key, now);
        }
        self.deliver_returned(&key);
        Ok(Connected { connection, welcome, outputs: self.drain_outputs(now) })
    }

    /// Closes an older connection of the same peer. Returns whether there was one.
    ///
    /// # Errors
    /// [`Close::Superseded`] if the existing connection is not older.
    fn supersede(&mut self, hello: &HelloBody) -> Result<bool, Close> {
        let Some(connection) = self.peers.get(&hello.key).and_then(|peer| peer.connection.as_ref())
        else {
            return Ok(false);
        };
        if hello.dial <= connection.dial {
            return Err(Close::Superseded);
        }
        let id = connection.id;
        self.detach(id);
        self.out.push(Output::Close(id, Close::Superseded));
        Ok(true)
    }

    /// Begins a session. One that is to have the alias of its seat begins with another that nobody sees.
    fn begin_session(&mut self, hello: &HelloBody, verdict: Option<ClaimVerdict>, now: Duration) {
        let key = hello.key;
        let (alias, claim) = match verdict {
            Some(ClaimVerdict::Heir | ClaimVerdict::Returns) => self.any_alias(now),
            Some(ClaimVerdict::New) => {
                self.choose_alias(hello, hello.seat.as_ref().map(|claim| &claim.key), now)
            }
            _ => self.choose_alias(hello, None, now),
        };
        self.aliases.give(&alias, key);
        self.tombstones.remove(&key);
        let deadline = now + self.timeouts.session_timeout;
        self.deadlines.set(deadline, Deadline::Session(key));
        let peer = PeerSession {
            alias,
            claim,
            former: None,
            is_unlisted: hello.unlisted == Some(true),
            card: None,
            is_outdated: false,
            seating: Seating::default(),
            returned: self.early_returns.take(&key),
            started: now,
            last_seen: now,
            is_extended: false,
            deadline,
            connection: None,
            lost_at: None,
        };
        self.unlisted.known += usize::from(peer.is_unlisted);
        self.peers.insert(key, peer);
    }

    /// Attaches a connection to its peer.
    fn attach(&mut self, hello: &HelloBody, now: Duration) -> ConnectionId {
        self.last_connection = self.last_connection.next();
        let id = self.last_connection;
        if let Some(peer) = self.peers.get_mut(&hello.key) {
            peer.last_seen = now;
            peer.is_extended = false;
            peer.connection = Some(PeerConnection {
                id,
                dial: hello.dial,
                cursor: Offset::default(),
                repushes: 0,
                stray_chunks: 0,
                heir: None,
            });
            self.unlisted.connected += usize::from(peer.is_unlisted);
        }
        self.connections.insert(id, hello.key);
        self.observation.touch(hello.key);
        id
    }

    /// Returns the grant of an alias with its ticket.
    pub(super) fn grant(&self, alias: &Alias, key: &PeerKey, claim: &AliasClaim) -> Grant {
        Grant { alias: alias.to_string(), ticket: self.tickets.ticket(alias, key, claim) }
    }

    /// Records that a connection has ended. Its peer is away until it returns or its session ends. A
    /// connection that another one has replaced changes nothing.
    pub fn disconnected(&mut self, id: ConnectionId, now: Duration) -> Vec<Output> {
        self.disconnect(id, now);
        self.drain_outputs(now)
    }

    /// Detaches a connection from its peer and notifies subscribers.
    pub(super) fn disconnect(&mut self, id: ConnectionId, now: Duration) {
        let Some(key) = self.detach(id) else { return };
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.lost_at = Some(now);
        }
        self.notify_presence(&key);
    }

    fn detach(&mut self, id: ConnectionId) -> Option<PeerKey> {
        let key = self.connections.remove(&id)?;
        self.observation.touch(key);
        self.attachments.disconnected(&key);
        self.leave_repositories(&key);
        self.subscriptions.forget(id);
        self.watches.forget(id);
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.connection = None;
            self.unlisted.connected -= usize::from(peer.is_unlisted);
        }
        Some(key)
    }

    /// Records a sign of life of a peer.
    pub(super) fn touch_peer(&mut self, key: &PeerKey, now: Duration) {
        if let Some(peer) = self.peers.get_mut(key) {
            // The deadline is moved when it is due, not here: this runs on every frame.
            peer.last_seen = now;
            peer.is_extended = false;
        }
    }

    /// Ends the session of a peer that leaves.
    pub(super) fn leave(&mut self, requester: Requester, now: Duration) {
        self.end(&requester.key, now);
        self.out.push(Output::Left(requester.id));
    }

    /// Ends the session of a bridge whose seat is kept until another bridge comes for it. Without a seat, the peer leaves.
    pub(super) fn vacate(&mut self, requester: Requester, now: Duration) {
        self.end_session(&requester.key, true, now);
        self.out.push(Output::Left(requester.id));
    }

    /// Handles the deadline of a session: the session ends, or the deadline moves to its current value.
    pub(super) fn session_due(&mut self, key: PeerKey, now: Duration) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let timeout = self.timeouts.session_timeout;
        let end = peer.last_seen + timeout;
        // Unanswered pings end a dead connection sooner. If there still is one, the hub itself was not
        // running.
        let slept = peer.connection.is_some() || now.saturating_sub(end) > SLEPT;
        let later = if end > now {
            Some(end)
        } else if slept && !peer.is_extended {
            // Time for one more ping and its answer.
            peer.is_extended = true;
            Some(now + timeout / 3)
        } else {
            None
        };
        if let Some(later) = later {
            peer.deadline = later;
            self.deadlines.set(later, Deadline::Session(key));
            return;
        }
        let connection = self.connection_of(&key);
        self.end(&key, now);
        self.out.extend(connection.map(|id| Output::Close(id, Close::SessionEnded)));
    }

    /// Ends a session: releases its alias and removes its mail.
    pub(super) fn end(&mut self, key: &PeerKey, now: Duration) {
        self.end_session(key, false, now);
    }

    fn end_session(&mut self, key: &PeerKey, keeps_seat: bool, now: Duration) {
        if let Some(id) = self.connection_of(key) {
            self.detach(id);
        }
        let Some(peer) = self.peers.remove(key) else { return };
        self.observation.touch(*key);
        self.unlisted.known -= usize::from(peer.is_unlisted);
        self.deadlines.clear(peer.deadline, Deadline::Session(*key));
        self.aliases.free(&peer.alias);
        self.tickets.left(*key);
        if peer.valid_card().is_some() && !peer.is_unlisted {
            self.listing.remove(&peer.alias);
        }
        // Before the mail is removed: room in an inbox that no longer exists is of no use to its senders.
        self.backpressure.forget(*key);
        self.discard_all(key);
        self.end_transfers(key);
        if self.in_restart_grace(now) {
            self.tombstones.add(*key, (!peer.is_unlisted).then(|| Departed::new(&peer)));
        }
        self.end_seating(key, &peer, keeps_seat, now);
        self.suspect(key, &peer.alias, peer.card.as_deref());
        if let Some(card) = peer.card.filter(|_| self.store.has_mail_from(key)) {
            self.tombstones.keep_card(*key, card);
        }
        self.notify_subscribers(key, Standing::Gone, None);
    }

    /// Ends the restart grace: peers that are still unknown are gone.
    pub(super) fn end_restart_grace(&mut self) {
        self.tombstones.forget_goodbyes();
        self.watches.suspect_all();
        self.early_returns.clear();
        self.tickets.end_grace();
        let awaited: BTreeSet<_> = self
            .store
            .receivers()
            .chain(self.backpressure.receivers())
            .chain(self.attachments.receivers())
            .collect();
        for key in awaited {
            if !self.peers.contains_key(&key) {
                self.backpressure.forget(key);
                self.discard_all(&key);
                self.end_transfers(&key);
            }
        }
        for key in self.subscriptions.subjects() {
            if !self.peers.contains_key(&key) {
                self.notify_subscribers(&key, Standing::Gone, None);
            }
        }
    }

    /// Notifies subscribers whether a peer is online, if they could see it.
    fn notify_presence(&mut self, key: &PeerKey) {
        let Some(peer) = self.peers.get(key) else { return };
        if peer.valid_card().is_some() {
            let standing = if peer.is_online() { Standing::Online } else { Standing::Away };
            self.notify_subscribers(key, standing, None);
        }
    }

    /// Notifies the subscribers of a peer.
    pub(super) fn notify_subscribers(
        &mut self,
        key: &PeerKey,
        standing: Standing,
        card: Option<&SignedCard>,
    ) {
        for subscriber in self.subscriptions.subscribers(&Subject::Peer(*key)) {
            self.send(subscriber, ToBridge::Peer(*key, standing, card.cloned()));
        }
    }
}
