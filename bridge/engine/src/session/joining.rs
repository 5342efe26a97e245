//! How a session joins a hub: what it says on each connection, and the alias that the hub gives it.

use std::time::{Duration, Instant};

use junction_shared::protocol::limits::{MAX_SESSION_TIMEOUT, MIN_SESSION_TIMEOUT};
use junction_shared::protocol::wire::{self, Grant, WelcomeBody};

use super::Session;
use super::misbehaviour::Misbehaviour;
use super::requests::AliasRequest;
use crate::error::{Error, Unanswered};
use crate::outbox::OutboxTimes;
use crate::receive_keys::{AFTERLIFE, longest_life};

impl Session {
    /// The hub has welcomed the session on a new connection.
    pub fn welcomed(&mut self, welcome: &WelcomeBody, now: Instant) {
        self.outgoing.connected();
        let takes_long = welcome.has(wire::LONG_CONTEXTS);
        self.card.set_long_contexts(takes_long);
        self.requests.set_long_contexts(takes_long);
        self.requests.set_knows_states(welcome.has(wire::TEAMS));
        self.membership.seat_mut().set_supported(welcome.has(wire::SEATS));
        self.outgoing.set_takes_attachments(welcome.has(wire::ATTACHMENTS));
        // A hub that says less or more than a hub can be set to is not believed.
        let timeout = Duration::from_millis(welcome.session_timeout_ms)
            .clamp(MIN_SESSION_TIMEOUT, MAX_SESSION_TIMEOUT);
        self.session_timeout = timeout;
        let grace = Duration::from_millis(welcome.sweep_interval_ms).min(MAX_SESSION_TIMEOUT);
        self.outgoing
            .outbox
            .set_times(OutboxTimes { grace, correctable: longest_life(timeout) + AFTERLIFE });
        self.outgoing.uploads.set_grace(grace);
        let was_member = self.membership.granted_alias().is_some();
        if was_member && !welcome.resumed {
            self.outgoing.hub_restarted(now);
        }
        let ended = was_member && !welcome.resumed && welcome.past_restart_grace == Some(true);
        self.regranted(welcome.grant.clone());
        self.restore(welcome, now);
        let (alias, fingerprint) = (self.membership.alias(), self.fingerprint());
        self.snapshot.send_modify(|snapshot| {
            snapshot.session_timeout = timeout;
            snapshot.fingerprint = fingerprint;
            if ended {
                snapshot.rejoined = alias.cloned();
            }
        });
        self.card.receive_keys.welcomed(now, timeout);
        self.publish_card(now);
        self.outgoing.repeat_receipts(now);
        if self.membership.own_seat().is_supported() {
            for to in self.outgoing.words_mut().receivers(now) {
                self.subscribe(to);
            }
        }
        self.reopen_questions(now);
        // The hub's answer, and its news from then on, tell which card of this session it has.
        self.subscribe(self.membership.key());
        self.outgoing.outbox.connected(now);
        let asked = self.notification_requests.peers().into_iter();
        let asked: Vec<_> = asked.map(|peer| self.directory.newest_key(&peer)).collect();
        let uploading: Vec<_> = self.outgoing.uploads.receivers().collect();
        let awaited = self.outgoing.outbox.awaiting_lookup().into_iter();
        for to in awaited.chain(asked).chain(uploading) {
            self.subscribe(to);
        }
        self.claims_connected(welcome.has(wire::TEAMS), now);
        self.delivery.downloads.connected(now);
        self.carry_attachments(now);
    }

    /// Asks the hub again what it left unanswered on the last connection.
    fn reopen_questions(&mut self, now: Instant) {
        let (questions, lost) = self.requests.reopen();
        self.outgoing.post_all(questions);
        for request in lost {
            let _ = request.reply.send(Err(Error::HubAway(Unanswered::Lost)));
        }
        for AliasRequest { change, reply, .. } in self.requests.take_held() {
            self.apply(change, reply, now);
        }
    }

    /// The connection is over. What the hub knew of it has to be said again on the next.
    pub fn disconnected(&mut self) {
        self.outgoing.disconnected();
        self.directory.unsubscribe_all();
        self.intake.disconnected();
        self.requests.disconnected();
        self.claims.disconnected();
    }

    /// The hub gave the session an alias that its agent did not ask for just now. True if it is another alias than before.
    pub(super) fn regranted(&mut self, grant: Grant) -> bool {
        let before = self.membership.alias().cloned();
        self.granted(grant);
        let alias = self.membership.alias().cloned();
        let changed = before != alias;
        if changed && before.is_some() && alias.is_some() {
            tracing::warn!("alias_reassigned");
            self.snapshot.borrow().renamed.set(alias);
        }
        changed
    }

    pub(super) fn granted(&mut self, grant: Grant) {
        if !self.membership.grant(grant) {
            self.misbehaves(Misbehaviour::BadAlias);
        }
        let alias = self.membership.alias();
        self.snapshot.send_modify(|snapshot| snapshot.alias = alias.cloned());
    }
}
