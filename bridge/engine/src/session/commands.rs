//! What tools ask of the session.

use std::time::Instant;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::limits::MAX_MESSAGE;
use junction_shared::protocol::wire::Context;
use tokio::sync::oneshot;

use super::Session;
use super::asks::Ask;
use crate::command::Reply;
use crate::error::Error;
use crate::hops::Hops;
use crate::outbox::{Full, Submission};
use crate::peers::attention_in;
use crate::reader::Reader;
use crate::receive_keys::longest_life;
use crate::seal::Plain;
use crate::{Change, Command, Draft, Lease, Message, Receiver, Registration, Submitted};

impl Session {
    /// Carries out a command of the tools. Those that concern the link itself are the link's.
    pub fn command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Apply(change, reply) => self.apply(change, reply, now),
            Command::List(query, reply) => self.ask(Ask::List { query, reply }),
            Command::Watch(role, reply) => self.ask(Ask::Watch { role, reply }),
            Command::Send(draft, reply) => self.send(draft, reply, now),
            Command::Lookup(alias, reply) => self.look_up(alias, reply),
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

    /// Finds the receiver of a message and submits the message. A known card decides while the hub is away or pushes
    /// the peer's changes; otherwise the message waits for a look-up, and so do all later ones to the same alias.
    fn send(&mut self, draft: Draft, reply: Reply<Submitted>, now: Instant) {
        if self.alias.as_ref() == Some(&draft.target) {
            let _ = reply.send(Err(Error::ToSelf));
            return;
        }
        match self.known_key(&draft.target) {
            Some(key) => {
                self.submit_waiting(&draft.target, key, now);
                self.submit(key, draft, reply, now);
            }
            None => self.ask(Ask::Send { draft, reply }),
        }
    }

    /// Finds the key that an alias belongs to.
    fn look_up(&mut self, alias: Alias, reply: Reply<PeerKey>) {
        if self.alias.as_ref() == Some(&alias) {
            let _ = reply.send(Err(Error::ToSelf));
            return;
        }
        match self.known_key(&alias) {
            Some(key) => {
                let _ = reply.send(self.check_alias(&alias, key, None).map(|peer| peer.key));
            }
            None => self.ask(Ask::Lookup { alias, reply }),
        }
    }

    /// The key that an alias belongs to, where no look-up is needed to know.
    fn known_key(&self, alias: &Alias) -> Option<PeerKey> {
        let known = self.peers.named(alias).filter(|peer| peer.subscribed || !self.connected);
        known.map(|peer| peer.card.key)
    }

    /// The peer behind an alias, if the alias may be used for it.
    pub(super) fn check_alias(
        &mut self,
        alias: &Alias,
        key: PeerKey,
        fingerprint: Option<&str>,
    ) -> Result<Receiver, Error> {
        self.peers.check_pin(alias, key, fingerprint)?;
        if fingerprint.is_some() {
            self.peers.pin(alias, key);
        }
        let peer = self.peers.get(&key).ok_or(Error::UnknownAlias)?;
        Ok(Receiver { key, presence: peer.standing, availability: attention_in(&peer.card) })
    }

    /// Takes a message into the outbox, unless its caller has given up: then nothing is sent.
    pub(super) fn submit(
        &mut self,
        to: PeerKey,
        draft: Draft,
        reply: Reply<Submitted>,
        now: Instant,
    ) {
        if reply.is_closed() {
            return;
        }
        let notify = draft.notify_when.map(|when| (when, draft.target.clone()));
        let (alias, wait) = (draft.target.clone(), draft.wait);
        let (answer, answered) = oneshot::channel();
        let (submitted, place) = match self.enqueue(to, draft, answered, now) {
            Ok(enqueued) => enqueued,
            Err(error) => return drop(reply.send(Err(error))),
        };
        let id = submitted.id;
        if reply.send(Ok(submitted)).is_err() {
            // The caller gave up just now, and has said that nothing was sent.
            return self.outbox.withdraw(id);
        }
        if let Some(pace) = &mut self.pace {
            pace.sent(to, now);
        }
        if let Some((when, alias)) = notify {
            self.watched.add(id, to, alias, when, place);
        }
        self.peers.pin(&alias, to);
        if self.connected {
            self.start_lane(to);
        }
        if !wait.is_zero() {
            self.delivery.expect_reply(id, to, answer, now);
        }
    }

    /// Puts a message last in its receiver's lane.
    fn enqueue(
        &mut self,
        to: PeerKey,
        draft: Draft,
        reply: oneshot::Receiver<(Message, Lease)>,
        now: Instant,
    ) -> Result<(Submitted, Hops), Error> {
        let receiver = self.check_alias(&draft.target, to, draft.fingerprint.as_deref())?;
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
                alias: draft.target,
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
        let past_limit = place.is_past_limit();
        Ok((Submitted { id, receiver, urgency, past_limit, status, reply, refusal }, place))
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
