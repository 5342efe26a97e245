//! What one message costs the state of a hub.

use std::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion};
use junction_hub::{State, StateOptions, Timeouts};
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

/// The sealed text of a message of 200 bytes.
const SEALED: usize = 256 + 16;

/// Acceptance, push and read receipt among few peers and among many.
pub(crate) fn accept_push_receipt(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hub state: accept, push, receipt");
    for peers in [10, 1_000] {
        let mut relay = Relay::new(peers);
        let id = BenchmarkId::from_parameter(format!("{peers} peers"));
        group.bench_function(id, |bencher| bencher.iter(|| relay.one()));
    }
    group.finish();
}

/// A hub's state with peers that are all connected.
struct Relay {
    state: State,
    peers: Vec<(PeerKey, ConnectionId)>,
    sealed: Bytes,
    count: u64,
}

impl Relay {
    fn new(peers: usize) -> Self {
        let timeouts =
            Timeouts { session_timeout: SESSION_TIMEOUT, sweep_interval: SWEEP_INTERVAL };
        let mut state = State::new(StateOptions {
            timeouts,
            ticket_key: Secret::random(),
            group: None,
            started_ms: 0,
            seed: 1,
        });
        let peers = (0..peers).map(|number| join(&mut state, number)).collect();
        Self { state, peers, sealed: Bytes::from(vec![7; SEALED]), count: 0 }
    }

    /// Relays one message to its end: accepted, pushed, read. Every call has another sender and receiver.
    fn one(&mut self) {
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
        let receipt = Receipt {
            to: from,
            id,
            kind: ReceiptKind::Read,
            mac: [0; 32],
            outlook: None,
            seat: None,
        };
        let forwarded = self.state.frame(receiver, ToHub::Receipt(receipt), now);
        assert!(!accepted.is_empty() && !forwarded.is_empty());
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

/// Connects a peer that has a card.
fn join(state: &mut State, number: usize) -> (PeerKey, ConnectionId) {
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
        unlisted: None,
        seat: None,
    };
    let connected = state.connect(&hello, Duration::ZERO).expect("the key is new");
    let card = card(key, connected.welcome.grant.alias);
    state.frame(connected.connection, ToHub::Card(card), Duration::ZERO);
    (key, connected.connection)
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
        features: None,
        attended: None,
        seat: None,
    };
    SignedCard { body: encode(&card).to_vec(), mac: [0; 32], seat_signature: None, moves: None }
}
