//! Whom each alias belongs to, as this session has found it: a seat, or a key alone.

use std::collections::HashMap;

use junction_shared::protocol::alias::{Alias, Folded};
use junction_shared::protocol::id::{GroupId, PeerKey, SeatKey};

use crate::error::Error;

/// Pins kept; beyond it, further aliases are usable but not pinned.
const MAX_PINS: usize = 65_536;

/// Who a peer is to others: its seat, which outlasts its keys, or where it has none, its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerId {
    /// A seat.
    Seat(SeatKey),
    /// A key without a seat, or of one that is not known for certain.
    Key(PeerKey),
}

impl PeerId {
    /// The fingerprint by which people recognise the peer.
    pub(super) fn fingerprint(&self) -> String {
        match self {
            Self::Seat(seat) => seat.fingerprint(),
            Self::Key(key) => key.fingerprint(),
        }
    }
}

/// What a peer shows of itself: its key, and the seat that has signed its card.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShownPeer {
    pub(super) key: PeerKey,
    pub(super) seat: Option<SeatKey>,
}

impl ShownPeer {
    /// Who the peer says it is.
    pub(super) fn id(&self) -> PeerId {
        self.seat.map_or(PeerId::Key(self.key), PeerId::Seat)
    }

    fn is(&self, pinned: &PeerId) -> bool {
        match pinned {
            PeerId::Seat(seat) => self.seat == Some(*seat),
            PeerId::Key(key) => self.key == *key,
        }
    }
}

/// Whom an alias is pinned to, and the alias as it was spelled then.
struct Pinned {
    alias: Alias,
    id: PeerId,
}

/// The pins. Aliases that people could confuse share one. The same alias in another group is another peer.
#[derive(Default)]
pub(super) struct Pins {
    pins: HashMap<(Option<GroupId>, Folded), Pinned>,
    group: Option<GroupId>,
}

impl Pins {
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

    /// Checks that an alias, or one that people could take for it, is pinned to this peer, or to none. An expected
    /// fingerprint overrides the pin: it accepts the peer with that fingerprint alone.
    ///
    /// # Errors
    /// [`Error::KeyChanged`] and [`Error::OtherFingerprint`], both with the fingerprint found.
    pub(super) fn check(
        &self,
        alias: &Alias,
        shown: ShownPeer,
        expected: Option<&str>,
    ) -> Result<(), Error> {
        let offered = shown.id().fingerprint();
        match (expected, self.pinned(alias)) {
            (Some(expected), _) if expected != offered => {
                Err(Error::OtherFingerprint { alias: alias.clone(), offered })
            }
            (None, Some(pinned)) if !shown.is(&pinned.id) => Err(Error::KeyChanged {
                alias: alias.clone(),
                known_as: pinned.alias.clone(),
                known: pinned.id.fingerprint(),
                offered,
            }),
            _ => Ok(()),
        }
    }

    /// Pins an alias to a peer: at the first message either way, or because its user has confirmed the fingerprint.
    pub(super) fn pin(&mut self, alias: &Alias, id: PeerId) {
        let place = (self.group, alias.fold());
        if self.pins.len() < MAX_PINS || self.pins.contains_key(&place) {
            self.pins.insert(place, Pinned { alias: alias.clone(), id });
        }
    }

    /// Pins an alias that is pinned to nobody.
    pub(super) fn pin_first(&mut self, alias: &Alias, id: PeerId) {
        if self.pinned(alias).is_none() {
            self.pin(alias, id);
        }
    }

    /// Whether an alias is pinned to somebody else than this peer.
    pub(super) fn belongs_to_other(&self, alias: &Alias, peer: ShownPeer) -> bool {
        self.pinned(alias).is_some_and(|pinned| !peer.is(&pinned.id))
    }

    /// What is pinned to one peer is pinned to another from now on: a key's seat became certain, or a session goes on under
    /// another seat.
    pub(super) fn replace(&mut self, old: PeerId, new: PeerId) {
        let all = self.pins.values_mut();
        all.filter(|pinned| pinned.id == old).for_each(|pinned| pinned.id = new);
    }

    fn pinned(&self, alias: &Alias) -> Option<&Pinned> {
        self.pins.get(&(self.group, alias.fold()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: PeerKey = PeerKey([1; 32]);
    const TWO: PeerKey = PeerKey([2; 32]);
    const SEAT: SeatKey = SeatKey([3; 32]);

    fn alias(text: &str) -> Alias {
        Alias::parse(text).unwrap()
    }

    fn shown(key: PeerKey, seat: Option<SeatKey>) -> ShownPeer {
        ShownPeer { key, seat }
    }

    #[test]
    fn another_key_of_the_pinned_seat_is_the_same_peer() {
        let mut pins = Pins::default();
        pins.pin(&alias("bob"), PeerId::Seat(SEAT));
        assert!(pins.check(&alias("bob"), shown(ONE, Some(SEAT)), None).is_ok());
        assert!(pins.check(&alias("b-0b"), shown(TWO, Some(SEAT)), None).is_ok());
        for other in [shown(ONE, None), shown(ONE, Some(SeatKey([4; 32])))] {
            let refused = pins.check(&alias("b0b"), other, None);
            assert!(matches!(refused, Err(Error::KeyChanged { .. })));
            assert!(pins.belongs_to_other(&alias("bob"), other));
        }
    }

    #[test]
    fn seat_on_a_card_alone_moves_no_pin() {
        let mut pins = Pins::default();
        pins.pin(&alias("bob"), PeerId::Key(ONE));
        assert!(pins.check(&alias("bob"), shown(ONE, Some(SEAT)), None).is_ok());
        let refused = pins.check(&alias("bob"), shown(TWO, Some(SEAT)), None);
        assert!(matches!(refused, Err(Error::KeyChanged { .. })));
        // Once the key itself has named the seat.
        pins.replace(PeerId::Key(ONE), PeerId::Seat(SEAT));
        assert!(pins.check(&alias("bob"), shown(TWO, Some(SEAT)), None).is_ok());
    }

    #[test]
    fn fingerprint_is_that_of_the_seat_where_there_is_one() {
        let pins = Pins::default();
        let check = |shown: ShownPeer, expected: &str| {
            pins.check(&alias("bob"), shown, Some(expected)).is_ok()
        };
        assert!(check(shown(ONE, Some(SEAT)), &SEAT.fingerprint()));
        // Any member can show the key with a seat of its own.
        assert!(!check(shown(ONE, Some(SEAT)), &ONE.fingerprint()));
        assert!(check(shown(ONE, None), &ONE.fingerprint()));
    }
}
