//! The session's own card: what it says, and when a new one is due.

use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::context_text::{CONTEXT_NAME, CONTEXT_TEXT, TextLimit};
use junction_shared::protocol::id::Epoch;
use junction_shared::protocol::wire::{
    Card, CardSeat, Context, READS_ASKS, READS_ATTACHMENTS, READS_FROM_PERSON, READS_SEATS,
    READS_TEAMS, SignedCard,
};

use super::membership::Membership;
use crate::Change;
use crate::peer::Availability;
use crate::receive_keys::ReceiveKeys;
use crate::registration::ascii_label;
use crate::seal::sign_card;

/// The shortest time between two cards that differ in availability alone: a turn of an agent takes longer.
const AVAILABILITY_PAUSE: Duration = Duration::from_secs(1);

/// What a card says about its session, without its keys.
pub(super) struct CardContent {
    epoch: Epoch,
    alias: String,
    context: Context,
    availability: Availability,
    seat: Option<CardSeat>,
}

/// The cards that the session publishes, and the receive keys that they offer.
pub(super) struct CardPublisher {
    /// The receive keys, one an epoch.
    pub(super) receive_keys: ReceiveKeys,
    /// The context that the agent gave by `register`; it wins over `seen`. An empty text stands for "nothing to say".
    named: Context,
    /// The context that the bridge observed.
    seen: Context,
    /// The newest card that was sent.
    published: Option<CardContent>,
    published_at: Option<Instant>,
    availability: Availability,
    /// Whether the availability changed since the newest card. A change back still counts: watchers wait for it.
    availability_changed: bool,
    /// Whether the hub takes contexts of any script.
    takes_long: bool,
}

impl CardContent {
    /// The alias on the card.
    pub(super) fn alias(&self) -> &str {
        &self.alias
    }
}

impl CardPublisher {
    /// A session that has published nothing yet.
    pub(super) fn new(seen: Context, now: Instant) -> Self {
        Self {
            receive_keys: ReceiveKeys::new(now),
            named: Context::default(),
            seen,
            published: None,
            published_at: None,
            availability: Availability::default(),
            availability_changed: false,
            takes_long: true,
        }
    }

    /// The first card of another identity of the same process: what was observed of the agent stays.
    pub(super) fn successor(&self, now: Instant) -> Self {
        Self { availability: self.availability, ..Self::new(self.seen.clone(), now) }
    }

    /// The first card of another identity of the same process that goes on as it was, without its seat.
    pub(super) fn unseated(&self, now: Instant) -> Self {
        Self { named: self.named.clone(), ..self.successor(now) }
    }

    /// What the agent says of itself.
    pub(super) fn named(&self) -> &Context {
        &self.named
    }

    /// The context that others see.
    pub(super) fn context(&self) -> Context {
        self.fitted(merge(&self.named, &self.seen))
    }

    /// Notes whether the hub takes contexts of any script.
    pub(super) fn set_long_contexts(&mut self, long: bool) {
        self.takes_long = long;
    }

    /// A context as the hub takes it. An empty text stands for "nothing to say": it hides what was observed, and no card
    /// carries it.
    fn fitted(&self, context: Context) -> Context {
        let fit = |text: Option<String>, limit: TextLimit| {
            let label = limit.label(&text?)?;
            if self.takes_long { Some(label) } else { ascii_label(&label) }
        };
        Context {
            repo: fit(context.repo, CONTEXT_TEXT),
            task: fit(context.task, CONTEXT_TEXT),
            role: fit(context.role, CONTEXT_TEXT),
            branch: fit(context.branch, CONTEXT_TEXT),
            machine: fit(context.machine, CONTEXT_NAME),
            client: fit(context.client, CONTEXT_NAME),
        }
    }

    /// Takes in what the agent says of itself.
    pub(super) fn name(&mut self, change: &Change) {
        self.named = merge(&context_of(change), &self.named);
    }

    /// Takes in what was observed.
    pub(super) fn observe(&mut self, seen: &Context) {
        self.seen = merge(seen, &self.seen);
    }

    /// Takes in the agent's availability. True if it is another.
    pub(super) fn set_availability(&mut self, availability: Availability) -> bool {
        let changed = self.availability != availability;
        self.availability = availability;
        self.availability_changed |= changed;
        changed
    }

    /// Whether the newest card that was sent says another context than it should.
    pub(super) fn context_changed(&self) -> bool {
        self.published.as_ref().is_some_and(|card| card.context != self.context())
    }

    /// When a card is due: for a receive key that was used and is old, or for another availability.
    pub(super) fn due(&self) -> Option<Instant> {
        let published_at = self.published_at.filter(|_| self.availability_changed);
        let availability = published_at.map(|at| at + AVAILABILITY_PAUSE);
        self.receive_keys.rotates_at().into_iter().chain(availability).min()
    }

    /// The card to send now; nothing before an alias was granted. A card that says something new has a new epoch. It
    /// has a new key too, and so has a card whose key is old, unless all that is new is the agent's availability.
    pub(super) fn publish(
        &mut self,
        membership: &Membership,
        timeout: Duration,
        now: Instant,
    ) -> Option<SignedCard> {
        let alias = membership.granted_alias()?;
        let context = self.context();
        let keys = &mut self.receive_keys;
        let is_old = keys.rotates_at().is_some_and(|at| at <= now);
        match self.published.as_ref().filter(|card| card.epoch == keys.epoch()) {
            Some(card)
                if is_old
                    || card.alias != alias
                    || card.context != context
                    || card.seat != membership.own_seat().granted() =>
            {
                keys.rotate(now, timeout);
            }
            Some(card) if card.availability != self.availability || self.availability_changed => {
                keys.advance();
            }
            _ => {}
        }
        let content = self.content(alias, context, membership);
        let card = self.sign(&content, membership)?;
        self.published = Some(content);
        (self.availability_changed, self.published_at) = (false, Some(now));
        Some(card)
    }

    /// The card that asks the hub for an alias. Nothing changes unless the hub grants it, except the receive key.
    pub(super) fn propose(
        &mut self,
        alias: &Alias,
        change: &Change,
        membership: &Membership,
        timeout: Duration,
        now: Instant,
    ) -> Option<(CardContent, SignedCard)> {
        self.receive_keys.rotate(now, timeout);
        let named = merge(&context_of(change), &self.named);
        let context = self.fitted(merge(&named, &self.seen));
        let content = self.content(alias.as_str(), context, membership);
        let card = self.sign(&content, membership)?;
        Some((content, card))
    }

    /// The hub granted the alias that this card asked for.
    pub(super) fn granted(&mut self, change: &Change, content: CardContent) {
        self.name(change);
        self.published = Some(content);
    }

    fn content(&self, alias: &str, context: Context, membership: &Membership) -> CardContent {
        let (epoch, availability) = (self.receive_keys.epoch(), self.availability);
        let seat = membership.own_seat().granted();
        CardContent { epoch, alias: alias.to_owned(), context, availability, seat }
    }

    fn sign(&self, content: &CardContent, membership: &Membership) -> Option<SignedCard> {
        let (group, me) = membership.keys()?;
        let Availability { reach, unwoken, state, is_unattended } = content.availability;
        let card = Card {
            key: me.key,
            receive_key: self.receive_keys.public(),
            epoch: content.epoch,
            alias: content.alias.clone(),
            reach,
            context: content.context.clone(),
            state,
            unwoken: (unwoken != reach).then_some(unwoken),
            features: Some(
                READS_ASKS | READS_FROM_PERSON | READS_SEATS | READS_ATTACHMENTS | READS_TEAMS,
            ),
            attended: is_unattended.then_some(false),
            seat: content.seat,
        };
        let signed = sign_card(group, &card, membership.own_seat().keys());
        let moves = card.seat.map(|_| membership.own_seat().moves(group)).unwrap_or_default();
        Some(SignedCard { moves: (!moves.is_empty()).then_some(moves), ..signed })
    }
}

/// Each field from `newer` where it has one, else from `older`.
fn merge(newer: &Context, older: &Context) -> Context {
    let pick =
        |newer: &Option<String>, older: &Option<String>| newer.clone().or_else(|| older.clone());
    Context {
        repo: pick(&newer.repo, &older.repo),
        task: pick(&newer.task, &older.task),
        role: pick(&newer.role, &older.role),
        branch: pick(&newer.branch, &older.branch),
        machine: pick(&newer.machine, &older.machine),
        client: pick(&newer.client, &older.client),
    }
}

/// The fields of a context that a change names.
fn context_of(change: &Change) -> Context {
    let Change { repo, task, role, .. } = change.clone();
    Context { repo, task, role, ..Context::default() }
}

#[cfg(test)]
mod tests {
    use junction_shared::protocol::codec::decode;
    use junction_shared::protocol::handshake::GroupKeys;
    use junction_shared::protocol::id::{ConnectionId, Incarnation};
    use junction_shared::protocol::seat::SeatKeys;
    use junction_shared::protocol::wire::{
        Grant, HUB_FEATURES, SeatAnswer, State, Ticket, WelcomeBody,
    };
    use junction_shared::secret::Secret;

    use super::*;
    use crate::session::own_seat::{SeatBasis, SeatToClaim};

    const TIMEOUT: Duration = Duration::from_secs(600);
    const SECOND: Duration = Duration::from_secs(1);

    fn member() -> Membership {
        let mut membership = Membership::new();
        membership.enter(GroupKeys::derive(&Secret::filled(|key| key.fill(7))));
        membership.grant(Grant { alias: "bob".to_owned(), ticket: Ticket([0; 32]) });
        membership
    }

    fn seat_to_claim() -> SeatToClaim {
        SeatToClaim {
            keys: SeatKeys::derive(&Secret::filled(|key| key.fill(1)), "codex", "one"),
            incarnation: Incarnation(1),
            place: None,
            basis: SeatBasis::Proven,
        }
    }

    fn granting(membership: &Membership) -> WelcomeBody {
        let alias = membership.granted_alias().unwrap_or_default().to_owned();
        WelcomeBody {
            grant: Grant { alias, ticket: Ticket([0; 32]) },
            connection: ConnectionId(1),
            resumed: false,
            session_timeout_ms: 1,
            sweep_interval_ms: 1,
            past_restart_grace: None,
            features: Some(HUB_FEATURES),
            seat: Some(SeatAnswer::Granted(None)),
        }
    }

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn published(cards: &mut CardPublisher, membership: &Membership, now: Instant) -> Card {
        decode(&cards.publish(membership, TIMEOUT, now).unwrap().body).unwrap()
    }

    #[test]
    fn newer_fields_win_and_missing_ones_change_nothing() {
        let older = Context { repo: text("old"), task: text("parse"), ..Context::default() };
        let newer = Context { repo: text("new"), client: text("codex"), ..Context::default() };
        let merged = merge(&newer, &older);
        let expected = Context { task: text("parse"), ..newer.clone() };
        assert_eq!(merged, expected);
        assert_eq!(merge(&Context::default(), &older), older);
    }

    #[test]
    fn empty_text_hides_what_was_observed() {
        let now = Instant::now();
        let seen = Context { repo: text("junction"), branch: text(""), ..Context::default() };
        let mut cards = CardPublisher::new(seen, now);
        assert_eq!((cards.context().repo, cards.context().branch), (text("junction"), None));
        cards.name(&Change { repo: text(""), ..Change::default() });
        assert_eq!(cards.context().repo, None);
        cards.observe(&Context { repo: text("other"), ..Context::default() });
        assert_eq!(cards.context().repo, None, "what the agent said stays");
        cards.name(&Change { repo: text("third"), ..Change::default() });
        assert_eq!(cards.context().repo, text("third"));
    }

    #[test]
    fn regression_older_hub_gets_short_ascii_and_a_newer_one_gets_the_text() {
        let (membership, now) = (member(), Instant::now());
        let mut cards = CardPublisher::new(Context::default(), now);
        let task = format!("größer – {}", "x".repeat(90));
        cards.name(&Change { task: text(&task), ..Change::default() });
        cards.observe(&Context { machine: text(&"m".repeat(70)), ..Context::default() });
        let long = published(&mut cards, &membership, now);
        assert_eq!(long.context.task, text(&task));
        assert_eq!(long.context.machine, text(&"m".repeat(64)));
        cards.set_long_contexts(false);
        assert!(cards.context_changed());
        let short = published(&mut cards, &membership, now);
        assert_eq!(short.context.task, Some(format!("gr??er - {}", "x".repeat(55))));
        assert!(short.epoch > long.epoch);
    }

    #[test]
    fn card_that_says_nothing_new_keeps_its_epoch_and_a_new_context_takes_a_new_key() {
        let (membership, now) = (member(), Instant::now());
        let mut cards = CardPublisher::new(Context::default(), now);
        let first = published(&mut cards, &membership, now);
        let second = published(&mut cards, &membership, now);
        assert_eq!((first.epoch, second.epoch), (Epoch(1), Epoch(1)));
        cards.name(&Change { role: text("worker"), ..Change::default() });
        assert!(cards.context_changed());
        let third = published(&mut cards, &membership, now);
        assert_eq!(third.epoch, Epoch(2));
        assert_ne!(third.receive_key, first.receive_key);
        assert!(!cards.context_changed());
    }

    #[test]
    fn card_that_shows_another_seat_has_a_new_epoch() {
        let (mut membership, now) = (member(), Instant::now());
        let mut cards = CardPublisher::new(Context::default(), now);
        let first = published(&mut cards, &membership, now);
        membership.seat_mut().claim(&mut Some(seat_to_claim()));
        let welcome = granting(&membership);
        membership.judge_seat(&welcome, now);
        let second = published(&mut cards, &membership, now);
        assert_eq!((first.seat, second.epoch), (None, Epoch(2)));
        assert!(second.seat.is_some());
    }

    #[test]
    fn availability_takes_a_new_epoch_of_the_same_key_at_most_once_a_second() {
        let (membership, now) = (member(), Instant::now());
        let mut cards = CardPublisher::new(Context::default(), now);
        let busy = Availability { state: Some(State::Busy), ..Availability::default() };
        assert!(cards.set_availability(busy) && !cards.set_availability(busy));
        assert_eq!(cards.due(), None, "the first card says it");
        let first = published(&mut cards, &membership, now);
        assert_eq!(cards.due(), None);
        assert!(cards.set_availability(Availability::default()));
        assert_eq!(cards.due(), Some(now + SECOND));
        assert!(cards.set_availability(busy));
        assert_eq!(cards.due(), Some(now + SECOND), "a change back is news too");
        let second = published(&mut cards, &membership, now + SECOND);
        assert_eq!((second.epoch, second.receive_key), (Epoch(2), first.receive_key));
        assert_eq!(cards.due(), None);
    }

    #[test]
    fn refused_proposal_changes_the_receive_key_alone() {
        let (membership, now) = (member(), Instant::now());
        let mut cards = CardPublisher::new(Context::default(), now);
        published(&mut cards, &membership, now);
        let alias = Alias::parse("rob").unwrap();
        let change = Change { task: text("rob"), ..Change::default() };
        let (content, _) = cards.propose(&alias, &change, &membership, TIMEOUT, now).unwrap();
        assert_eq!((content.alias(), cards.context().task), ("rob", None));
        let standing = published(&mut cards, &membership, now);
        assert_eq!((standing.alias.as_str(), standing.epoch), ("bob", Epoch(2)));
        cards.granted(&change, content);
        assert_eq!(cards.context().task, text("rob"));
    }
}
