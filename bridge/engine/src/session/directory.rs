//! The other peers: their newest cards, the subscriptions to their changes, and who each of them is to this session.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::id::{Epoch, GroupId, PeerKey, SeatKey};
use junction_shared::protocol::limits::MAX_SUBSCRIPTIONS;
use junction_shared::protocol::wire::{Card, Listed, READS_SEATS, SignedCard, Standing};
use junction_shared::secret::Secret;

use super::known_seats::{KnownSeats, Successor};
use super::misbehaviour::PeerFault;
use super::pins::{PeerId, Pins, ShownPeer};
use crate::PeerInfo;
use crate::clock::wall_ms;
use crate::error::Error;
use crate::outbox::Destination;
use crate::peer::Availability;
use crate::seal::{Broken, Identity, PairKeys, keys_to, moves_of, pair_psk, verify_card};

/// Cards kept; beyond it, cards of peers that were only seen in a listing are not.
const MAX_CARDS: usize = 4096;

/// A peer whose card is known.
pub(super) struct Peer {
    /// The alias on the card.
    pub(super) alias: Alias,
    /// The newest card.
    pub(super) card: Card,
    /// The presence of the peer, as far as is known.
    pub(super) standing: Standing,
    /// Whether the hub pushes the peer's changes on this connection.
    pub(super) subscribed: bool,
    /// P, the pre-shared key of the pair.
    pub(super) psk: Arc<Secret>,
    /// Keys for sealing to the newest card, once something was sealed.
    sealing: Option<(Epoch, Arc<PairKeys>)>,
}

/// The known peers by key, their aliases, their seats, and the pins.
#[derive(Default)]
pub(super) struct Directory {
    known: HashMap<PeerKey, Peer>,
    aliases: HashMap<Alias, PeerKey>,
    pins: Pins,
    seats: KnownSeats,
    /// The sessions that came back since the last call of [`Directory::take_successors`].
    successors: Vec<Successor>,
    /// The peers whose changes the hub pushes; the oldest subscription is first.
    subscribed: VecDeque<PeerKey>,
}

/// The agent's availability on a card.
pub(super) fn availability_of(card: &Card) -> Availability {
    let unwoken = card.unwoken.unwrap_or(card.reach);
    let is_unattended = card.attended == Some(false);
    Availability { reach: card.reach, unwoken, state: card.state, is_unattended }
}

/// A card that a member of the group made, and its alias.
fn authentic_card(group: &GroupKeys, signed: &SignedCard) -> Result<(Card, Alias), PeerFault> {
    let card = verify_card(group, signed).map_err(|_| PeerFault::ForgedCard)?;
    let alias = Alias::parse(&card.alias).map_err(|_| PeerFault::ForgedCard)?;
    Ok((card, alias))
}

impl Directory {
    /// Takes in a card.
    ///
    /// # Errors
    /// [`PeerFault`] if no member of the group made the card, its alias breaks the grammar, its key is of low order, or
    /// the known card is newer.
    pub(super) fn admit(
        &mut self,
        signed: &SignedCard,
        group: &GroupKeys,
        me: &Identity,
    ) -> Result<PeerKey, PeerFault> {
        let (card, alias) = authentic_card(group, signed)?;
        let key = card.key;
        match self.known.get_mut(&key) {
            Some(peer) if card.epoch > peer.card.epoch => {
                if self.aliases.get(&peer.alias) == Some(&key) {
                    self.aliases.remove(&peer.alias);
                }
                (peer.alias, peer.card) = (alias.clone(), card);
                // Nothing is sealed to the old receive key any more: the keys derived for it are wiped.
                peer.sealing = None;
            }
            // One epoch has one card: another card of the same epoch is not the newest either.
            Some(peer) if card.epoch < peer.card.epoch || alias != peer.alias => {
                return Err(PeerFault::OldCard);
            }
            Some(_) => {}
            None => {
                let psk = Arc::new(pair_psk(group, me, &key).ok_or(PeerFault::ForgedCard)?);
                let standing = Standing::NotYet;
                let (subscribed, sealing) = (false, None);
                let alias = alias.clone();
                self.known.insert(key, Peer { alias, card, standing, subscribed, psk, sealing });
            }
        }
        self.aliases.insert(alias, key);
        self.note_seat(key, signed, group);
        Ok(key)
    }

    /// Takes in what the newest card says of its seat.
    fn note_seat(&mut self, key: PeerKey, signed: &SignedCard, group: &GroupKeys) {
        let Some(card) = self.known.get(&key).map(|peer| &peer.card) else { return };
        let Some(seat) = card.seat else { return };
        let is_news = signed.moves.iter().flatten().any(|moved| self.seats.has(&moved.from));
        for moved in is_news.then(|| moves_of(group, signed, seat.key)).into_iter().flatten() {
            if self.seats.moved(&moved, seat.key) {
                self.pins.replace(PeerId::Seat(moved.from), PeerId::Seat(seat.key));
            }
        }
        if let Some(origin) = self.seats.vouched(key, seat, wall_ms()) {
            self.successors.push(Successor { origin, key });
        }
    }

    /// The peers that are known, may send something, and know seats.
    pub(super) fn seat_readers(&self) -> impl Iterator<Item = PeerKey> {
        let here = self.known.values().filter(|peer| peer.standing != Standing::Gone);
        here.map(|peer| peer.card.key).filter(|key| self.reads_seats(key))
    }

    /// Whether this key is the newest of a session that has just come back.
    pub(super) fn has_successor(&self, key: &PeerKey) -> bool {
        self.successors.iter().any(|successor| successor.key == *key)
    }

    /// Whether a peer's bridge knows seats.
    pub(super) fn reads_seats(&self, key: &PeerKey) -> bool {
        self.features(key) & READS_SEATS != 0
    }

    /// The sessions that came back under another key since the last call.
    pub(super) fn take_successors(&mut self) -> Vec<Successor> {
        std::mem::take(&mut self.successors)
    }

    /// The owner of a key has named this seat in a message, a receipt or a return word. It is certain if the owner's card
    /// shows it as well. Says whether that is news; nothing if it is not certain.
    pub(super) fn name_seat(&mut self, key: PeerKey, seat: SeatKey) -> Option<bool> {
        let shown = self.known.get(&key)?.card.seat?;
        if shown.key != seat {
            // A message may be older than the card of a session that went on under another seat.
            return (self.seats.of(&key) == Some(shown.key)).then_some(false);
        }
        let is_news = self.seats.named(key, shown, wall_ms())?;
        if is_news {
            self.pins.replace(PeerId::Key(key), PeerId::Seat(seat));
        }
        Some(is_news)
    }

    /// A message of this key was opened. Says whether it is the first one since its session came back; nothing if one of a
    /// later process of the session was opened before.
    pub(super) fn heard(&mut self, key: PeerKey) -> Option<bool> {
        let seat = self.known.get(&key).and_then(|peer| peer.card.seat);
        match seat.filter(|seat| self.seats.of(&key) == Some(seat.key)) {
            Some(seat) => self.seats.heard(key, seat),
            None => Some(false),
        }
    }

    /// The key that a peer is known by: what is kept of it is kept by that key.
    pub(super) fn origin(&self, key: &PeerKey) -> PeerKey {
        self.seats.origin(key)
    }

    /// As [`Directory::origin`], for sending to a key: that its seat vouches for it is enough.
    pub(super) fn origin_of_receiver(&self, key: &PeerKey) -> PeerKey {
        self.seats.origin_of_receiver(key)
    }

    /// Where a message to a key goes.
    pub(super) fn destination(&self, key: PeerKey) -> Destination {
        let has_seat = self.seat_of_receiver(&key).is_some();
        Destination { origin: self.origin_of_receiver(&key), key, has_seat }
    }

    /// The seat of a key that messages are sent to: certain, or vouched for by a seat that is.
    pub(super) fn seat_of_receiver(&self, key: &PeerKey) -> Option<SeatKey> {
        self.seats.of_receiver(key)
    }

    /// What a peer shows of itself.
    pub(super) fn shown(&self, key: &PeerKey) -> ShownPeer {
        let seat = self.known.get(key).and_then(|peer| peer.card.seat);
        ShownPeer { key: *key, seat: self.seats.shown(*key, seat, wall_ms()) }
    }

    /// The newest key of the peer that is known by this one.
    pub(super) fn newest_key(&self, origin: &PeerKey) -> PeerKey {
        let holder = self.seats.of(origin).and_then(|seat| self.seats.holder(&seat));
        holder.unwrap_or(*origin)
    }

    /// Who a peer is for certain.
    fn id(&self, key: PeerKey) -> PeerId {
        ShownPeer { key, seat: self.seats.of(&key) }.id()
    }

    /// Takes in a listed peer, and gives what an agent may see of the peer.
    ///
    /// # Errors
    /// [`PeerFault`] as [`Directory::admit`].
    pub(super) fn listed(
        &mut self,
        listed: &Listed,
        now_ms: u64,
        group: &GroupKeys,
        me: &Identity,
    ) -> Result<PeerInfo, PeerFault> {
        let (card, alias) = authentic_card(group, &listed.card)?;
        if self.known.len() < MAX_CARDS || self.known.contains_key(&card.key) {
            let key = self.admit(&listed.card, group, me)?;
            self.set_standing(key, if listed.online { Standing::Online } else { Standing::Away });
        }
        let seat = self.seats.shown(card.key, card.seat, now_ms);
        Ok(PeerInfo {
            fingerprint: ShownPeer { key: card.key, seat }.id().fingerprint(),
            alias,
            connected_ms: now_ms.saturating_sub(listed.session_ms),
            online: listed.online,
            availability: availability_of(&card),
            context: card.context,
        })
    }

    /// A peer by its key.
    pub(super) fn get(&self, key: &PeerKey) -> Option<&Peer> {
        self.known.get(key)
    }

    /// The peer that has an alias, as far as is known. What an earlier key of a session had is not the session's any more.
    pub(super) fn named(&self, alias: &Alias) -> Option<&Peer> {
        let key = self.aliases.get(alias).filter(|key| self.newest_key(key) == **key)?;
        self.known.get(key).filter(|peer| peer.alias == *alias)
    }

    /// Notes what the hub said about a peer's presence.
    pub(super) fn set_standing(&mut self, key: PeerKey, standing: Standing) {
        if let Some(peer) = self.known.get_mut(&key) {
            peer.standing = standing;
        }
    }

    /// Notes that the hub pushes this peer's changes from now on.
    pub(super) fn set_subscribed(&mut self, key: PeerKey) {
        match self.known.get_mut(&key) {
            Some(peer) if !peer.subscribed => peer.subscribed = true,
            _ => return,
        }
        self.subscribed.push_back(key);
        // The oldest subscription counts as ended sooner than the hub drops it, so that its peer is looked up again.
        if self.subscribed.len() > MAX_SUBSCRIPTIONS / 2
            && let Some(oldest) = self.subscribed.pop_front()
            && let Some(peer) = self.known.get_mut(&oldest)
        {
            peer.subscribed = false;
        }
    }

    /// Notes that the hub's news of this peer cannot be relied on.
    pub(super) fn unsubscribe(&mut self, key: &PeerKey) {
        if let Some(peer) = self.known.get_mut(key) {
            peer.subscribed = false;
        }
    }

    /// The connection ended, and all subscriptions with it: nobody's presence is known any more.
    pub(super) fn unsubscribe_all(&mut self) {
        self.subscribed.clear();
        for peer in self.known.values_mut() {
            peer.subscribed = false;
            if peer.standing != Standing::Gone {
                peer.standing = Standing::NotYet;
            }
        }
    }

    /// Sets the group that aliases are pinned in from now on.
    pub(super) fn enter(&mut self, group: GroupId) {
        self.pins.enter(group);
    }

    /// A group has another id; its pins stay.
    pub(super) fn rename_group(&mut self, old: GroupId, new: GroupId) {
        self.pins.rename_group(old, new);
    }

    /// Forgets all cards. The pins stay.
    pub(super) fn forget_cards(&mut self) {
        self.known.clear();
        self.aliases.clear();
        self.subscribed.clear();
    }

    /// A peer is gone. Its card still opens the messages that it left behind, but nothing is sent to it.
    pub(super) fn gone(&mut self, key: PeerKey) {
        if let Some(peer) = self.known.get_mut(&key) {
            peer.standing = Standing::Gone;
            // If the peer comes back, its alias has to be looked up.
            peer.subscribed = false;
            peer.sealing = None;
            if self.aliases.get(&peer.alias) == Some(&key) {
                self.aliases.remove(&peer.alias);
            }
        }
        if self.known.len() > MAX_CARDS {
            self.known.retain(|_, peer| peer.standing != Standing::Gone);
        }
    }

    /// The keys for sealing to a peer's newest card: one HPKE set-up an epoch.
    ///
    /// # Errors
    /// [`Broken`] if no card of the peer is known, or its receive key is of low order.
    pub(super) fn sealing_keys(
        &mut self,
        key: &PeerKey,
        group: &GroupKeys,
        me: &Identity,
    ) -> Result<(Epoch, Arc<PairKeys>), Broken> {
        let peer = self.known.get_mut(key).ok_or(Broken)?;
        let epoch = peer.card.epoch;
        if let Some((sealed_to, keys)) = &peer.sealing
            && *sealed_to == epoch
        {
            return Ok((epoch, Arc::clone(keys)));
        }
        let keys = Arc::new(keys_to(group, &peer.psk, me, &peer.card.receive_key)?);
        peer.sealing = Some((epoch, Arc::clone(&keys)));
        Ok((epoch, keys))
    }

    /// What a peer's bridge understands beyond what every bridge does.
    pub(super) fn features(&self, key: &PeerKey) -> u32 {
        let features = self.known.get(key).and_then(|peer| peer.card.features);
        features.unwrap_or_default()
    }

    /// Whether a peer may return what it has not read, to be sealed to its next key.
    pub(super) fn is_returnable(&self, key: &PeerKey) -> bool {
        self.reads_seats(key) && self.shown(key).seat.is_some()
    }

    /// Whether keys for sealing to this peer are kept.
    #[cfg(test)]
    pub(super) fn keeps_sealing_keys(&self, key: &PeerKey) -> bool {
        self.known.get(key).is_some_and(|peer| peer.sealing.is_some())
    }

    /// Checks that an alias, or one that people could take for it, is pinned to this peer, or to none. An expected
    /// fingerprint overrides the pin: it accepts the peer with that fingerprint alone.
    ///
    /// # Errors
    /// [`Error::KeyChanged`] and [`Error::OtherFingerprint`], both with the fingerprint found.
    pub(super) fn check_pin(
        &self,
        alias: &Alias,
        key: PeerKey,
        expected: Option<&str>,
    ) -> Result<(), Error> {
        self.pins.check(alias, self.shown(&key), expected)
    }

    /// Pins an alias to a peer, at the first message to it.
    pub(super) fn pin(&mut self, alias: &Alias, key: PeerKey) {
        if self.pins.belongs_to_other(alias, self.shown(&key)) {
            return;
        }
        self.pins.pin_first(alias, self.id(key));
    }

    /// Pins an alias to the peer whose fingerprint its user has confirmed.
    pub(super) fn pin_confirmed(&mut self, alias: &Alias, key: PeerKey) {
        self.pins.pin(alias, self.shown(&key).id());
    }

    /// Pins the alias of a message's sender. True if it, or one that people could take for it, is pinned to another: then
    /// the message is marked.
    pub(super) fn pin_sender(&mut self, alias: &Alias, key: PeerKey, names_seat: bool) -> bool {
        let named = self.seats.of(&key).filter(|_| names_seat);
        let seat = named.or_else(|| self.seats.shown(key, None, wall_ms()));
        let sender = ShownPeer { key, seat };
        let is_other = self.pins.belongs_to_other(alias, sender);
        if !is_other {
            self.pins.pin_first(alias, sender.id());
        }
        is_other
    }
}
