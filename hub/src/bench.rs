//! What the benchmarks measure of this crate; nothing else uses it.

use std::time::Duration;

use bytes::Bytes;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::id::{
    ConnectionId, Dial, Epoch, GroupId, MessageId, PeerKey, ReceiveKey, Seq,
};
use junction_shared::protocol::limits::{SESSION_TIMEOUT, SWEEP_INTERVAL};
use junction_shared::protocol::wire::{
    Card, Context, Envelope, Header, HelloBody, Kind, Reach, Receipt, ReceiptKind, Send,
    SignedCard, ToBridge, ToHub, VERSION,
};
use junction_shared::secret::Secret;

use crate::state::{State, Timeouts};

/// A hub's state with peers that are all connected.
pub struct Machine {
    state: State,
    peers: Vec<(PeerKey, ConnectionId)>,
    sealed: Bytes,
    count: u64,
}

impl Machine {
    /// A state with this many peers, two at least, whose messages have a sealed text of that many bytes.
    ///
    /// # Panics
    /// Never: every peer has a key of its own.
    #[must_use]
    #[expect(clippy::expect_used, reason = "documented")]
    pub fn new(peers: usize, sealed: usize) -> Self {
        let timeouts =
            Timeouts { session_timeout: SESSION_TIMEOUT, sweep_interval: SWEEP_INTERVAL };
        let mut state = State::new(timeouts, Secret::random(), 1);
        let mut join = |number: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            let key = PeerKey(key);
            let hello = HelloBody {
                version: VERSION,
                key,
                dial: Dial(1),
                want: None,
                ticket: None,
                nonce: [0; 32],
            };
            let connected = state.connect(&hello, Duration::ZERO).expect("the key is new");
            let card = card(key, connected.welcome.grant.alias);
            state.frame(connected.connection, ToHub::Card(card), Duration::ZERO);
            (key, connected.connection)
        };
        let peers = (0..peers.max(2)).map(&mut join).collect();
        Self { state, peers, sealed: Bytes::from(vec![7; sealed]), count: 0 }
    }

    /// One message from its acceptance to its end: handed over, pushed, read. Every call has another sender
    /// and receiver.
    ///
    /// # Panics
    /// If the state does not do what it should.
    pub fn relay(&mut self) {
        self.count += 1;
        let now = Duration::from_micros(self.count);
        let at = usize::try_from(self.count).unwrap_or_default() % self.peers.len();
        let (from, sender) = self.peers[at];
        let (to, receiver) = self.peers[(at + 1) % self.peers.len()];
        let envelope = self.envelope(from, to);
        let id = envelope.header.id;
        let send = Send { envelope, age_ms: 0, resend: false, restart: false };
        let accepted = self.state.frame(sender, ToHub::Send(send), now);
        let pushed = self.state.next_push(receiver, now);
        assert!(matches!(pushed, Some(ToBridge::Deliver(..))));
        let receipt = Receipt { to: from, id, kind: ReceiptKind::Read, mac: [0; 32] };
        let told = self.state.frame(receiver, ToHub::Receipt(receipt), now);
        assert!(!accepted.is_empty() && !told.is_empty());
    }

    fn envelope(&self, from: PeerKey, to: PeerKey) -> Envelope {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.count.to_be_bytes());
        let header = Header {
            group: GroupId([0; 16]),
            id: MessageId(id),
            from,
            to,
            epoch: Epoch(1),
            enc: [0; 32],
            seq: Seq(self.count),
            sent_ms: 0,
            ttl_ms: 60_000,
            kind: Kind::Text,
        };
        Envelope { header, sealed: self.sealed.clone() }
    }
}

fn card(key: PeerKey, alias: String) -> SignedCard {
    let card = Card {
        key,
        receive_key: ReceiveKey([0; 32]),
        epoch: Epoch(1),
        alias,
        reach: Reach::Pull,
        context: Context::default(),
        state: None,
        unwoken: None,
    };
    SignedCard { body: encode(&card).to_vec(), mac: [0; 32] }
}
