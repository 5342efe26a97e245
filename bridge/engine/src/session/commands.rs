//! What tools ask of the session.

use std::time::Instant;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::limits::MAX_MESSAGE;
use junction_shared::protocol::wire::Context;
use tokio::sync::oneshot;

use super::Session;
use super::asks::Ask;
use crate::error::Error;
use crate::outbox::{Full, Submission};
use crate::peers::attention_in;
use crate::reader::Reader;
use crate::receive_keys::longest_life;
use crate::seal::Plain;
use crate::{Change, Command, Draft, Registration, Resolved, Submitted};

impl Session {
    /// Carries out a command of the tools. Those that concern the link itself are the link's.
    pub fn command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Apply(change, reply) => self.apply(change, reply, now),
            Command::List(query, reply) => self.ask(Ask::List { query, reply }),
            Command::Watch(role, reply) => self.ask(Ask::Watch { role, reply }),
            Command::Resolve(alias, fingerprint, reply) => self.resolve(alias, fingerprint, reply),
            Command::Submit(key, draft, reply) => {
                let _ = reply.send(self.submit(key, draft, now));
            }
            Command::Read { limits, wait, reply } => {
                self.expire_mail(now);
                self.delivery.read(Reader { limits, wait, since: now, reply });
            }
            Command::Flush(reply) => {
                self.settled.push(reply);
                self.tell_ends();
            }
            Command::SetContext(seen) => self.observe(seen, now),
            Command::SetAvailability(availability) => self.attend(availability, now),
            Command::BeginTurn => self.delivery.chains.begin_anew(),
            Command::MaybeBeginTurn => self.delivery.chains.seem_to_begin_anew(),
            Command::Join(..) | Command::Leave(_) | Command::Stop(_) => {}
        }
    }

    /// Names and refines the session. With a new alias nothing changes unless the hub grants it.
    fn apply(
        &mut self,
        change: Change,
        reply: oneshot::Sender<Result<Registration, Error>>,
        now: Instant,
    ) {
        match change.alias.clone().filter(|alias| Some(alias) != self.alias.as_ref()) {
            Some(alias) => self.ask_for_alias(&alias, change, reply, now),
            None => {
                self.named = refine(&self.named, &change);
                self.publish_if_changed(now);
                let _ = reply.send(self.registered());
            }
        }
    }

    /// How the session is registered now.
    pub(super) fn registered(&self) -> Result<Registration, Error> {
        let alias = self.alias.clone().ok_or(Error::HubMisbehaving)?;
        Ok(Registration {
            alias,
            fingerprint: self.me.key.fingerprint(),
            hub: self.snapshot.borrow().hub.clone(),
            peer_count: 0,
            context: self.context(),
        })
    }

    fn observe(&mut self, seen: Context, now: Instant) {
        let keep = |new: Option<String>, old: &Option<String>| new.or_else(|| old.clone());
        self.seen = Context {
            repo: keep(seen.repo, &self.seen.repo),
            task: keep(seen.task, &self.seen.task),
            role: keep(seen.role, &self.seen.role),
            branch: keep(seen.branch, &self.seen.branch),
            machine: keep(seen.machine, &self.seen.machine),
            client: keep(seen.client, &self.seen.client),
        };
        self.publish_if_changed(now);
    }

    /// Sends the card again if what it says has changed.
    pub(super) fn publish_if_changed(&mut self, now: Instant) {
        let context = self.context();
        let changed = self.published.as_ref().is_some_and(|card| card.context != context);
        if changed && !self.is_renaming() {
            self.publish_card(now);
        }
    }

    /// Finds the peer to send to: by what is known while the hub is away or pushes its changes, else by asking.
    fn resolve(
        &mut self,
        alias: Alias,
        fingerprint: Option<String>,
        reply: oneshot::Sender<Result<Resolved, Error>>,
    ) {
        if self.alias.as_ref() == Some(&alias) {
            let _ = reply.send(Err(Error::ToSelf));
            return;
        }
        let known = self.peers.named(&alias).filter(|peer| peer.subscribed || !self.connected);
        match known.map(|peer| peer.card.key) {
            Some(key) => {
                let _ = reply.send(self.resolved(&alias, key, fingerprint.as_deref()));
            }
            None => self.ask(Ask::Resolve { alias, fingerprint, reply }),
        }
    }

    /// The peer behind an alias, if the alias may be used for it.
    pub(super) fn resolved(
        &mut self,
        alias: &Alias,
        key: PeerKey,
        fingerprint: Option<&str>,
    ) -> Result<Resolved, Error> {
        self.peers.check_pin(alias, key, fingerprint)?;
        if fingerprint.is_some() {
            self.peers.pin(alias, key);
        }
        let peer = self.peers.get(&key).ok_or(Error::UnknownAlias)?;
        Ok(Resolved { key, presence: peer.standing, availability: attention_in(&peer.card) })
    }

    /// Takes a message into the outbox.
    fn submit(&mut self, to: PeerKey, draft: Draft, now: Instant) -> Result<Submitted, Error> {
        if draft.body.len() > MAX_MESSAGE {
            return Err(Error::TooLarge);
        }
        if let Some(pace) = &self.pace {
            pace.check(&to, now)?;
        }
        if draft.notify_when.is_some() && !self.watched.has_room(self.delivery.untold()) {
            return Err(Error::TooManyNotices);
        }
        let longest = longest_life(self.session_timeout);
        let id = MessageId(*uuid::Uuid::now_v7().as_bytes());
        let (call, refusal) = oneshot::channel();
        let place = self.delivery.chains.place(id, &to, draft.reply_to);
        let urgency = self.loud.granted(to, draft.urgency, now);
        let status = self
            .outbox
            .submit(Submission {
                id,
                to,
                alias: draft.target.clone(),
                plain: Plain {
                    reply_to: draft.reply_to,
                    follows: (place.hops > 1).then_some(place),
                    urgency,
                    body: draft.body,
                },
                deadline: now + draft.ttl.unwrap_or(longest).min(longest),
                refusal: call,
            })
            .map_err(|full| match full {
                Full::Peer => Error::PeerFull,
                Full::Outbox => Error::OutboxFull,
            })?;
        if let Some(pace) = &mut self.pace {
            pace.sent(to, now);
        }
        if let Some(when) = draft.notify_when {
            self.watched.add(id, to, draft.target.clone(), when, place);
        }
        self.peers.pin(&draft.target, to);
        if self.connected {
            self.start_lane(to);
        }
        let (answer, reply) = oneshot::channel();
        if !draft.wait.is_zero() {
            self.delivery.expect_reply(id, to, answer, now);
        }
        Ok(Submitted { id, urgency, past_limit: place.is_past_limit(), status, reply, refusal })
    }

    /// Lets messages to a peer go: at once if its changes are pushed, else after a look-up.
    fn start_lane(&mut self, to: PeerKey) {
        if self.peers.get(&to).is_some_and(|peer| peer.subscribed) {
            self.outbox.open(to);
        } else {
            self.subscribe(to);
        }
    }
}

/// What the session says of itself after a change: an empty text stands for "nothing to say".
pub(super) fn refine(named: &Context, change: &Change) -> Context {
    let pick = |new: &Option<String>, old: &Option<String>| new.clone().or_else(|| old.clone());
    Context {
        repo: pick(&change.repo, &named.repo),
        task: pick(&change.task, &named.task),
        role: pick(&change.role, &named.role),
        ..named.clone()
    }
}
