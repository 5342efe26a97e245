//! What this session knows of other peers: their newest cards, who is subscribed to, and which key an alias
//! belongs to.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::id::{Epoch, GroupId, PeerKey};
use junction_shared::protocol::limits::MAX_SUBSCRIPTIONS;
use junction_shared::protocol::wire::{Card, Listed, SignedCard, Standing};
use junction_shared::secret::Secret;

use crate::PeerInfo;
use crate::availability::Availability;
use crate::error::Error;
use crate::seal::{Broken, Identity, PairKeys, keys_to, pair_psk, verify_card};

/// Cards kept; beyond it those of peers only ever seen in a listing are not.
const MAX_CARDS: usize = 4096;
/// Aliases whose key is remembered; beyond it further ones are not pinned but stay usable.
const MAX_PINS: usize = 65_536;

/// A peer whose card is known.
pub(super) struct Peer {
    /// Its alias, parsed from the card.
    pub(super) alias: Alias,
    /// Its newest card.
    pub(super) card: Card,
    /// How it stands, as far as is known.
    pub(super) standing: Standing,
    /// Whether the hub pushes its changes on this connection.
    pub(super) subscribed: bool,
    /// P, the pre-shared key of the pair.
    pub(super) psk: Arc<Secret>,
    /// Keys for sealing to its newest card, once something was sealed.
    sealing: Option<(Epoch, Arc<PairKeys>)>,
}

/// Directory by key, their aliases, and the pins.
#[derive(Default)]
pub(super) struct Directory {
    known: HashMap<PeerKey, Peer>,
    aliases: HashMap<Alias, PeerKey>,
    /// In each group that the session has been in: an alias elsewhere is somebody else's.
    pins: HashMap<(Option<GroupId>, Alias), PeerKey>,
    group: Option<GroupId>,
    /// Whose changes the hub pushes, oldest first.
    subscribed: VecDeque<PeerKey>,
}

/// What a card says of its agent's availability.
pub(super) fn availability_of(card: &Card) -> Availability {
    let unwoken = card.unwoken.unwrap_or(card.reach);
    Availability { reach: card.reach, unwoken, state: card.state }
}

impl Directory {
    /// Takes in a card.
    ///
    /// # Errors
    /// [`Broken`] if no member of the group made it, its alias is none, its key is of low order, or it is older than
    /// the known one.
    pub(super) fn admit(
        &mut self,
        signed: &SignedCard,
        group: &GroupKeys,
        me: &Identity,
    ) -> Result<PeerKey, Broken> {
        let card = verify_card(group, signed)?;
        let alias = Alias::parse(&card.alias).map_err(|_| Broken)?;
        let key = card.key;
        match self.known.get_mut(&key) {
            Some(peer) if card.epoch > peer.card.epoch => {
                if self.aliases.get(&peer.alias) == Some(&key) {
                    self.aliases.remove(&peer.alias);
                }
                (peer.alias, peer.card) = (alias.clone(), card);
                // Nothing is sealed to the old key any more: what it was derived for is wiped.
                peer.sealing = None;
            }
            // One epoch is one card: another of the same number is as little its newest.
            Some(peer) if card.epoch < peer.card.epoch || alias != peer.alias => {
                return Err(Broken);
            }
            Some(_) => {}
            None => {
                let psk = Arc::new(pair_psk(group, me, &key).ok_or(Broken)?);
                let standing = Standing::NotYet;
                let (subscribed, sealing) = (false, None);
                let alias = alias.clone();
                self.known.insert(key, Peer { alias, card, standing, subscribed, psk, sealing });
            }
        }
        self.aliases.insert(alias, key);
        Ok(key)
    }

    /// Takes in a peer out of a listing and gives what an agent may see of it.
    ///
    /// # Errors
    /// [`Broken`] as [`Directory::admit`].
    pub(super) fn listed(
        &mut self,
        listed: &Listed,
        now_ms: u64,
        group: &GroupKeys,
        me: &Identity,
    ) -> Result<PeerInfo, Broken> {
        let card = verify_card(group, &listed.card)?;
        let alias = Alias::parse(&card.alias).map_err(|_| Broken)?;
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

    /// Who has an alias, as far as is known.
    pub(super) fn named(&self, alias: &Alias) -> Option<&Peer> {
        let peer = self.aliases.get(alias).and_then(|key| self.known.get(key));
        peer.filter(|peer| peer.alias == *alias)
    }

    /// What the hub said of a peer's presence.
    pub(super) fn set_standing(&mut self, key: PeerKey, standing: Standing) {
        if let Some(peer) = self.known.get_mut(&key) {
            peer.standing = standing;
        }
    }

    /// The hub pushes this peer's changes from now on.
    pub(super) fn set_subscribed(&mut self, key: PeerKey) {
        match self.known.get_mut(&key) {
            Some(peer) if !peer.subscribed => peer.subscribed = true,
            _ => return,
        }
        self.subscribed.push_back(key);
        // Sooner than the hub drops its oldest: whose news may be missing is looked up again.
        if self.subscribed.len() > MAX_SUBSCRIPTIONS / 2
            && let Some(oldest) = self.subscribed.pop_front()
            && let Some(peer) = self.known.get_mut(&oldest)
        {
            peer.subscribed = false;
        }
    }

    /// What the hub says of this peer is not to be built on.
    pub(super) fn unsubscribe(&mut self, key: &PeerKey) {
        if let Some(peer) = self.known.get_mut(key) {
            peer.subscribed = false;
        }
    }

    /// The connection ended, and all subscriptions with it: of nobody it is known any more who is online.
    pub(super) fn unsubscribe_all(&mut self) {
        self.subscribed.clear();
        for peer in self.known.values_mut() {
            peer.subscribed = false;
            if peer.standing != Standing::Gone {
                peer.standing = Standing::NotYet;
            }
        }
    }

    /// From now on all is said in this group.
    pub(super) fn enter(&mut self, group: GroupId) {
        self.group = Some(group);
    }

    /// A group has another id, and those in it are who they were.
    pub(super) fn rename_group(&mut self, old: GroupId, new: GroupId) {
        let renamed = |((group, alias), key)| {
            ((if group == Some(old) { Some(new) } else { group }, alias), key)
        };
        self.pins = self.pins.drain().map(renamed).collect();
    }

    /// Nothing that a card said holds any more. Whose an alias was stays known.
    pub(super) fn forget_cards(&mut self) {
        self.known.clear();
        self.aliases.clear();
        self.subscribed.clear();
    }

    /// A peer that is gone: its card opens what it left behind, but nothing is sent to it.
    pub(super) fn gone(&mut self, key: PeerKey) {
        if let Some(peer) = self.known.get_mut(&key) {
            peer.standing = Standing::Gone;
            // Should it come again, what it is called is to be asked.
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

    /// Keys for sealing to a peer's newest card: one HPKE set-up an epoch.
    ///
    /// # Errors
    /// [`Broken`] if no card of it is known, or its receive key is of low order.
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

    /// Whether keys for sealing to this peer are kept.
    #[cfg(test)]
    pub(super) fn keeps_sealing_keys(&self, key: &PeerKey) -> bool {
        self.known.get(key).is_some_and(|peer| peer.sealing.is_some())
    }

    /// Whether the alias belongs to this key, or to none yet. A fingerprint decides otherwise: it accepts just
    /// the key that has it.
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
            (None, Some(pinned)) if *pinned != key => Err(Error::KeyChanged {
                alias: alias.clone(),
                known: pinned.fingerprint(),
                offered,
            }),
            _ => Ok(()),
        }
    }

    fn pinned(&self, alias: &Alias) -> Option<&PeerKey> {
        self.pins.get(&(self.group, alias.clone()))
    }

    /// The first message either way: from now on the alias belongs to this key.
    pub(super) fn pin(&mut self, alias: &Alias, key: PeerKey) {
        let place = (self.group, alias.clone());
        if self.pins.len() < MAX_PINS || self.pins.contains_key(&place) {
            self.pins.insert(place, key);
        }
    }

    /// Pins the alias of a message's sender, unless it belongs to another key: then the message is marked.
    pub(super) fn pin_sender(&mut self, alias: &Alias, key: PeerKey) -> bool {
        match self.pinned(alias) {
            Some(pinned) => *pinned != key,
            None => {
                self.pin(alias, key);
                false
            }
        }
    }
}
