//! The other peers: their newest cards, the subscriptions to their changes, and the key that each alias is pinned to.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use junction_shared::protocol::alias::{Alias, Folded};
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::id::{Epoch, GroupId, PeerKey};
use junction_shared::protocol::limits::MAX_SUBSCRIPTIONS;
use junction_shared::protocol::wire::{Card, Listed, SignedCard, Standing};
use junction_shared::secret::Secret;

use super::misbehaviour::PeerFault;
use crate::PeerInfo;
use crate::error::Error;
use crate::peer::Availability;
use crate::seal::{Broken, Identity, PairKeys, keys_to, pair_psk, verify_card};

/// Cards kept; beyond it, cards of peers that were only seen in a listing are not.
const MAX_CARDS: usize = 4096;
/// Pins kept; beyond it, further aliases are usable but not pinned.
const MAX_PINS: usize = 65_536;

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

/// The key that an alias is pinned to, and the alias as it was spelled then.
struct Pinned {
    alias: Alias,
    key: PeerKey,
}

/// The known peers by key, their aliases, and the pins.
#[derive(Default)]
pub(super) struct Directory {
    known: HashMap<PeerKey, Peer>,
    aliases: HashMap<Alias, PeerKey>,
    /// What each alias is pinned to. Aliases that people could confuse share one pin. The same alias in another group is
    /// another peer.
    pins: HashMap<(Option<GroupId>, Folded), Pinned>,
    group: Option<GroupId>,
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
        Ok(key)
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
        Ok(PeerInfo {
            fingerprint: card.key.fingerprint(),
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

    /// The peer that has an alias, as far as is known.
    pub(super) fn named(&self, alias: &Alias) -> Option<&Peer> {
        let peer = self.aliases.get(alias).and_then(|key| self.known.get(key));
        peer.filter(|peer| peer.alias == *alias)
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
        self.group = Some(group);
    }

    /// A group has another id; its pins stay.
    pub(super) fn rename_group(&mut self, old: GroupId, new: GroupId) {
        let renamed = |((group, alias), pinned)| {
            ((if group == Some(old) { Some(new) } else { group }, alias), pinned)
        };
        self.pins = self.pins.drain().map(renamed).collect();
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

    /// Whether keys for sealing to this peer are kept.
    #[cfg(test)]
    pub(super) fn keeps_sealing_keys(&self, key: &PeerKey) -> bool {
        self.known.get(key).is_some_and(|peer| peer.sealing.is_some())
    }

    /// Checks that an alias, or one that people could take for it, is pinned to this key, or to none. An expected fingerprint overrides the pin: it accepts
    /// the key with that fingerprint alone.
    ///
    /// # Errors
    /// [`Error::KeyChanged`] and [`Error::OtherFingerprint`], both with the fingerprint found.
    pub(super) fn check_pin(
        &self,
        alias: &Alias,
        key: PeerKey,
        expected: Option<&str>,
    ) -> Result<(), Error> {
        let offered = key.fingerprint();
        match (expected, self.pinned(alias)) {
            (Some(expected), _) if expected != offered => {
                Err(Error::OtherFingerprint { alias: alias.clone(), offered })
            }
            (None, Some(pinned)) if pinned.key != key => Err(Error::KeyChanged {
                alias: alias.clone(),
                known_as: pinned.alias.clone(),
                known: pinned.key.fingerprint(),
                offered,
            }),
            _ => Ok(()),
        }
    }

    fn pinned(&self, alias: &Alias) -> Option<&Pinned> {
        self.pins.get(&(self.group, alias.fold()))
    }

    /// Pins an alias to a key, at the first message either way.
    pub(super) fn pin(&mut self, alias: &Alias, key: PeerKey) {
        let place = (self.group, alias.fold());
        if self.pins.len() < MAX_PINS || self.pins.contains_key(&place) {
            self.pins.insert(place, Pinned { alias: alias.clone(), key });
        }
    }

    /// Pins the alias of a message's sender. True if it, or one that people could take for it, is pinned to another key:
    /// then the message is marked.
    pub(super) fn pin_sender(&mut self, alias: &Alias, key: PeerKey) -> bool {
        match self.pinned(alias) {
            Some(pinned) => pinned.key != key,
            None => {
                self.pin(alias, key);
                false
            }
        }
    }
}
