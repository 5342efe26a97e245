//! Questions to the hub and what to do with their answers.

use std::collections::BTreeMap;
use std::time::Instant;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::limits::MAX_PAGE;
use junction_shared::protocol::wire::{
    Answer, List, Listed, Naming, Page, Question, SignedCard, Standing, Target, ToHub,
};
use tokio::sync::oneshot;

use super::Session;
use super::commands::refine;
use super::said::{Said, merge};
use crate::clock::wall_ms;
use crate::error::{Error, Unanswered};
use crate::seal::{Broken, verify_card};
use crate::{Change, Draft, PeerInfo, PeerPage, PeerQuery, Registration, Submitted};

type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// Questions open at once; calls in flight are bounded well below.
const MAX_OPEN: usize = 1024;

/// An open question.
pub(super) enum Ask {
    /// For an alias, with what the session says of itself under it, and what the card says that asks.
    Rename(Box<Wish>),
    /// For a page of peers.
    List { query: PeerQuery, reply: Reply<PeerPage> },
    /// For the receiver of a message, by its alias.
    Send { draft: Draft, reply: Reply<Submitted> },
    /// For the key that an alias belongs to.
    Lookup { alias: Alias, reply: Reply<PeerKey> },
    /// For peers that are online.
    Watch { role: Option<String>, reply: Reply<Vec<PeerInfo>> },
    /// For a peer by its key, and its changes.
    Subscribe { key: PeerKey },
}

/// A wish for an alias.
pub(super) struct Wish {
    change: Change,
    card: Said,
    reply: Reply<Registration>,
}

/// Open questions by number, which is their order.
#[derive(Default)]
pub(super) struct Asks {
    last: u32,
    open: BTreeMap<u32, Ask>,
}

impl Ask {
    /// Whether nobody waits for the answer any more.
    fn abandoned(&self) -> bool {
        match self {
            Self::List { reply, .. } => reply.is_closed(),
            Self::Send { reply, .. } => reply.is_closed(),
            Self::Lookup { reply, .. } => reply.is_closed(),
            Self::Watch { reply, .. } => reply.is_closed(),
            // The hub acts on a wish whether or not its call still waits.
            Self::Rename(_) | Self::Subscribe { .. } => false,
        }
    }

    /// The question as it is put to the hub, unless only the moment of asking knows it.
    fn question(&self) -> Option<Question> {
        match self {
            Self::Rename(_) => None,
            Self::List { query, .. } => Some(Question::List(List {
                role: query.role.clone(),
                repo: query.repo.clone(),
                limit: query.limit.clamp(1, MAX_PAGE),
                cursor: query.cursor.clone(),
            })),
            Self::Send { draft: Draft { target: alias, .. }, .. } | Self::Lookup { alias, .. } => {
                Some(Question::Lookup(Target::Alias(alias.as_str().to_owned())))
            }
            Self::Watch { role, .. } => Some(Question::Watch(role.clone())),
            Self::Subscribe { key } => Some(Question::Lookup(Target::Key(*key))),
        }
    }
}

impl Session {
    /// Puts a question, now or once there is a connection.
    pub(super) fn ask(&mut self, ask: Ask) {
        self.drop_abandoned();
        if self.asks.open.len() >= MAX_OPEN {
            return;
        }
        let req = self.next_req();
        if let Some(question) = ask.question() {
            self.post(ToHub::Ask(req, question));
        }
        self.asks.open.insert(req, ask);
    }

    /// Asks for an alias by the card that would carry it.
    pub(super) fn ask_for_alias(
        &mut self,
        alias: &Alias,
        change: Change,
        reply: Reply<Registration>,
        now: Instant,
    ) {
        self.receive.rotate(now, self.session_timeout);
        let said = Said {
            epoch: self.receive.epoch(),
            alias: alias.to_string(),
            context: merge(&refine(&self.named, &change), &self.seen),
            availability: self.attending.now,
        };
        let Some(card) = self.card(&said) else { return };
        let req = self.next_req();
        self.post(ToHub::Ask(req, Question::Rename(card)));
        self.asks.open.insert(req, Ask::Rename(Box::new(Wish { change, card: said, reply })));
    }

    /// Looks a peer up by its key and subscribes to it, unless that is under way.
    pub(super) fn subscribe(&mut self, key: PeerKey) {
        let same = |ask: &Ask| matches!(ask, Ask::Subscribe { key: asked } if *asked == key);
        if self.connected && !self.asks.open.values().any(same) {
            self.ask(Ask::Subscribe { key });
        }
    }

    /// Whether a wish for an alias is on its way: until it is answered the hub takes no other card.
    pub(super) fn is_renaming(&self) -> bool {
        self.asks.open.values().any(|ask| matches!(ask, Ask::Rename(_)))
    }

    fn next_req(&mut self) -> u32 {
        self.asks.last = self.asks.last.wrapping_add(1);
        self.asks.last
    }

    /// Drops questions that nobody waits for; a watch is open at the hub until it is told.
    fn drop_abandoned(&mut self) {
        let mut watches = Vec::new();
        self.asks.open.retain(|req, ask| {
            let abandoned = ask.abandoned();
            if abandoned && matches!(ask, Ask::Watch { .. }) {
                watches.push(*req);
            }
            !abandoned
        });
        for req in watches {
            self.post(ToHub::Unwatch(req));
        }
    }

    /// Puts every open question again on a new connection. A wish for an alias fails instead: the agent can
    /// see what came of it and ask again.
    pub(super) fn ask_again(&mut self) {
        let wishes = self.asks.open.extract_if(.., |_, ask| matches!(ask, Ask::Rename(_)));
        for (_, ask) in wishes {
            if let Ask::Rename(wish) = ask {
                let _ = wish.reply.send(Err(Error::HubAway(Unanswered::Lost)));
            }
        }
        self.asks.open.retain(|_, ask| !ask.abandoned());
        let questions: Vec<_> = (self.asks.open.iter())
            .filter_map(|(req, ask)| Some(ToHub::Ask(*req, ask.question()?)))
            .collect();
        questions.into_iter().for_each(|question| self.post(question));
    }

    /// Subscriptions end with their connection.
    pub(super) fn forget_subscriptions(&mut self) {
        self.asks.open.retain(|_, ask| !matches!(ask, Ask::Subscribe { .. }));
    }

    /// The hub answered a question.
    pub(super) fn answered(&mut self, req: u32, answer: Answer, now: Instant) {
        let Some(ask) = self.asks.open.remove(&req) else { return };
        match (ask, answer) {
            (Ask::Rename(wish), Answer::Named(naming)) => {
                let Wish { change, card, reply } = *wish;
                let _ = reply.send(self.named(&change, card, naming, now));
            }
            (Ask::List { reply, .. }, Answer::Page(page)) => {
                let _ = reply.send(Ok(self.page(page)));
            }
            (Ask::Send { draft, reply }, Answer::Found(standing, card)) => {
                match self.found_alias(&draft.target, standing, card) {
                    Ok(key) => {
                        let alias = draft.target.clone();
                        // Others may have waited for longer.
                        self.asks.open.insert(req, Ask::Send { draft, reply });
                        self.submit_waiting(&alias, key, now);
                    }
                    Err(error) => drop(reply.send(Err(error))),
                }
            }
            (Ask::Lookup { alias, reply }, Answer::Found(standing, card)) => {
                let found = self.found_alias(&alias, standing, card);
                let key = found.as_ref().ok().copied();
                let checked = found.and_then(|key| self.check_alias(&alias, key, None));
                let _ = reply.send(checked.map(|receiver| receiver.key));
                if let Some(key) = key {
                    self.submit_waiting(&alias, key, now);
                }
            }
            (Ask::Watch { reply, .. }, Answer::Seen(peers)) => {
                let _ = reply.send(Ok(self.views(&peers)));
            }
            (Ask::Watch { reply, .. }, Answer::Busy) => {
                let _ = reply.send(Err(Error::TooManyWaits));
            }
            (Ask::Subscribe { key }, Answer::Found(_, card)) if key == self.me.key => {
                self.own_card(card.as_ref(), now);
            }
            (Ask::Subscribe { key }, Answer::Found(standing, card)) => {
                self.found_key(key, standing, card.as_ref(), now);
            }
            _ => self.misbehaves("its answer does not fit the question"),
        }
    }

    /// Submits every message that waits for the look-up of this alias, in order. A message that comes later is
    /// submitted at once, and must not overtake one of these.
    pub(super) fn submit_waiting(&mut self, alias: &Alias, key: PeerKey, now: Instant) {
        let is_for = |ask: &Ask| matches!(ask, Ask::Send { draft, .. } if draft.target == *alias);
        let waiting: Vec<_> = self.asks.open.extract_if(.., |_, ask| is_for(ask)).collect();
        for (_, ask) in waiting {
            if let Ask::Send { draft, reply } = ask {
                self.submit(key, draft, reply, now);
            }
        }
    }

    fn named(
        &mut self,
        change: &Change,
        card: Said,
        naming: Naming,
        now: Instant,
    ) -> Result<Registration, Error> {
        match naming {
            Naming::Granted(grant) if grant.alias == card.alias => {
                self.named = refine(&self.named, change);
                self.published = Some(card);
                self.granted(grant);
                // What was seen while the wish was on its way is on no card yet.
                self.publish_if_changed(now);
                self.publish_attention(now);
                return self.registered();
            }
            Naming::Granted(_) => {
                self.misbehaves("it granted another alias than was asked for");
                return Err(Error::HubMisbehaving);
            }
            Naming::Taken { .. } | Naming::Bad => {}
        }
        // The key of the refused card is the newest: the standing card moves on to it, or its own would die.
        self.publish_card(now);
        match naming {
            Naming::Taken { free } => match Alias::parse(&free) {
                Ok(free) => Err(Error::AliasTaken(free)),
                Err(_) => Err(Error::HubMisbehaving),
            },
            _ => Err(Error::BadAlias),
        }
    }

    fn page(&mut self, page: Page) -> PeerPage {
        PeerPage { peers: self.views(&page.peers), total: page.total, next: page.next }
    }

    /// What an agent may see of listed peers; cards that no member of the group made are left out.
    fn views(&mut self, listed: &[Listed]) -> Vec<PeerInfo> {
        let (now, group) = (wall_ms(), self.group.clone());
        let Some(group) = group else { return Vec::new() };
        let mut views = Vec::with_capacity(listed.len());
        for peer in listed {
            match self.peers.listed(peer, now, &group, &self.me) {
                Ok(view) => views.push(view),
                Err(Broken) => self.misbehaves("it listed a card that no member of the group made"),
            }
        }
        views
    }

    fn admit(&mut self, signed: &SignedCard) -> Result<PeerKey, Broken> {
        let group = self.group.clone().ok_or(Broken)?;
        self.peers.admit(signed, &group, &self.me)
    }

    /// The answer to a look-up by alias: the key that has the alias.
    fn found_alias(
        &mut self,
        alias: &Alias,
        standing: Standing,
        card: Option<SignedCard>,
    ) -> Result<PeerKey, Error> {
        let Some(card) = card.filter(|_| standing != Standing::Gone) else {
            // A hub that has just started knows few aliases. The peer's key, which it is asked for next, decides.
            let known = self.peers.named(alias).filter(|peer| peer.standing == Standing::NotYet);
            return known.map(|peer| peer.card.key).ok_or(Error::UnknownAlias);
        };
        let key = self.admit(&card).ok();
        let Some(key) = key.filter(|key| self.peers.get(key).is_some_and(|p| p.alias == *alias))
        else {
            self.misbehaves("its answer is not the card of the alias asked for");
            return Err(Error::HubMisbehaving);
        };
        self.peers.set_standing(key, standing);
        self.peers.set_subscribed(key);
        self.outbox.open(key);
        Ok(key)
    }

    /// The answer to a look-up by key: what waits for it to be sealed, handed over or opened goes on.
    fn found_key(
        &mut self,
        key: PeerKey,
        standing: Standing,
        card: Option<&SignedCard>,
        now: Instant,
    ) {
        if let Some(card) = card
            && !self.admit_as(key, card)
        {
            return;
        }
        self.peers.set_subscribed(key);
        self.stands(key, standing, now);
    }

    /// The hub's news of a peer.
    pub(super) fn peer_changed(
        &mut self,
        key: PeerKey,
        standing: Standing,
        card: Option<&SignedCard>,
        now: Instant,
    ) {
        if key == self.me.key {
            self.own_card(card, now);
        } else if card.is_none_or(|card| self.admit_as(key, card)) {
            self.stands(key, standing, now);
        }
    }

    /// The hub shows the card of this session that it has.
    fn own_card(&mut self, card: Option<&SignedCard>, now: Instant) {
        let Some(group) = self.group.as_deref() else { return };
        let Some(card) = card.and_then(|card| verify_card(group, card).ok()) else { return };
        if card.key == self.me.key {
            self.receive.published(card.epoch, now, self.session_timeout);
        }
    }

    fn admit_as(&mut self, key: PeerKey, card: &SignedCard) -> bool {
        let before = self.peers.get(&key).map(|peer| peer.card.clone());
        let admitted = self.admit(card) == Ok(key);
        if admitted {
            self.notify_of_card(before.as_ref(), key);
        } else {
            self.misbehaves("a card is not the newest of the peer that it should be of");
            // Its mail is not opened, and keeps no room that others need.
            self.peers.unsubscribe(&key);
            self.held.forget(key);
            self.ask_for_dropped();
        }
        admitted
    }

    fn stands(&mut self, key: PeerKey, standing: Standing, now: Instant) {
        self.peers.set_standing(key, standing);
        let known = self.peers.get(&key).is_some();
        match standing {
            Standing::Gone => {
                self.open_held(key, now);
                self.held.forget(key);
                self.peers.gone(key);
                self.outbox.gone(key);
                self.notify_of_departure(key);
            }
            Standing::Online | Standing::Away if known => {
                self.outbox.open(key);
                self.open_held(key, now);
            }
            Standing::Online | Standing::Away | Standing::NotYet => {
                self.outbox.open_for_sealed(key);
                self.open_held(key, now);
            }
        }
        self.ask_for_dropped();
    }
}
