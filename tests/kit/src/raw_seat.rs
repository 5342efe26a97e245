//! A seat whose keys a test has, to claim, to show and to name it as a bridge does, or as no bridge may.

use junction_engine::wall_ms;
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::seat_secret::read_seat_secret;
use junction_shared::protocol::id::{GroupId, Incarnation, SeatKey};
use junction_shared::protocol::seat::SeatKeys;
use junction_shared::protocol::wire::{CardSeat, SeatClaim, SeatMove};
use junction_shared::secret::Secret;

use crate::TestHome;
use crate::session::CLAUDE_CODE;

/// The keys of a seat, and an incarnation of it.
pub struct RawSeat {
    /// The seat's keys.
    pub keys: SeatKeys,
    /// The incarnation that the seat is claimed and shown with.
    pub incarnation: Incarnation,
}

impl RawSeat {
    /// A seat that nobody else has, with the incarnation of this moment.
    pub fn random() -> Self {
        Self::derive(&Secret::random(), "a session")
    }

    /// The seat of this session of Claude Code in this home, with the incarnation of this moment: newer than all so far.
    pub fn of(home: &TestHome, session: &str) -> Self {
        let secret = read_seat_secret(&ConfigDir::at(home.config()));
        Self::derive(&secret.expect("seat.key can be read").expect("there is one"), session)
    }

    fn derive(secret: &Secret, session: &str) -> Self {
        let keys = SeatKeys::derive(secret, CLAUDE_CODE, session);
        Self { keys, incarnation: Incarnation(wall_ms()) }
    }

    /// The seat.
    pub fn key(&self) -> SeatKey {
        self.keys.key()
    }

    /// A proven claim of the seat.
    pub fn claim(&self) -> SeatClaim {
        let (key, incarnation) = (self.key(), self.incarnation);
        SeatClaim { key, incarnation, is_proven: Some(true), place: None, moved_from: None }
    }

    /// The word that the session of another seat goes on under this one. This seat has signed it, not that one.
    pub fn forged_move(&self, group: &GroupId, from: CardSeat) -> SeatMove {
        let word = self.keys.move_to(group, from.incarnation, &self.keys);
        SeatMove { from: from.key, ..word }
    }

    /// The seat as a card shows it.
    pub fn shown(&self) -> CardSeat {
        CardSeat { key: self.key(), incarnation: self.incarnation }
    }
}
