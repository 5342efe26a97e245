//! What the ciphers cost.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput};
use junction_engine::seal::{Identity, PairKeys, Plain, keys_from, keys_to, open, pair_psk, seal};
use junction_shared::protocol::crypto::public_key;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::id::{Epoch, MessageId, ReceiveKey, Seq};
use junction_shared::protocol::wire::{Envelope, Header, Kind};
use junction_shared::secret::Secret;

/// Sealing and opening at two sizes, and what a new pair costs.
pub(crate) fn seal_and_open(criterion: &mut Criterion) {
    let pair = SealingPair::new();
    let mut group = criterion.benchmark_group("seal");
    for size in [200_usize, 64 * 1024] {
        let text = "m".repeat(size);
        let sealed = pair.seal(&text);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(BenchmarkId::new("seal", size), &text, |bencher, text| {
            bencher.iter(|| pair.seal(black_box(text)));
        });
        group.bench_with_input(BenchmarkId::new("open", size), &sealed, |bencher, sealed| {
            bencher.iter(|| pair.open(black_box(sealed)));
        });
    }
    group.finish();
    criterion.bench_function("a new sender's keys", |bencher| bencher.iter(|| pair.meet()));
}

/// A sender and a receiver that have met.
struct SealingPair {
    header: Header,
    keys: Arc<PairKeys>,
    group: GroupKeys,
    receiver: Identity,
    receive: Secret,
}

impl SealingPair {
    /// Two strangers meet: two agreements and one HPKE set-up.
    fn new() -> Self {
        let group = GroupKeys::derive(&Secret::random());
        let (sender, receiver) = (Identity::random(), Identity::random());
        let receive = Secret::random();
        let psk = pair_psk(&group, &sender, &receiver.key).expect("a good key");
        let keys =
            keys_to(&group, &psk, &sender, &ReceiveKey(public_key(&receive))).expect("a good key");
        let header = Header {
            group: group.group,
            id: MessageId([1; 16]),
            from: sender.key,
            to: receiver.key,
            epoch: Epoch(1),
            enc: keys.enc,
            seq: Seq(1),
            sent_ms: 0,
            ttl_ms: 0,
            kind: Kind::Text,
        };
        Self { header, keys: Arc::new(keys), group, receiver, receive }
    }

    /// Seals a message with keys that are there already.
    fn seal(&self, body: &str) -> Envelope {
        let plain = Plain { body: body.to_owned(), ..Plain::default() };
        let sealed = seal(&self.keys, &self.header, &plain, u32::MAX).expect("a message");
        Envelope { header: self.header.clone(), sealed }
    }

    /// Opens a message with keys that are there already. Gives its length in bytes.
    fn open(&self, envelope: &Envelope) -> usize {
        let plain = open(&self.keys, &envelope.header, envelope.sealed.clone()).expect("whole");
        plain.body.len()
    }

    /// What the first message of an epoch costs its receiver on top: an agreement and an HPKE set-up.
    fn meet(&self) {
        let psk = pair_psk(&self.group, &self.receiver, &self.header.from).expect("a good key");
        let keys = keys_from(&self.group, &psk, &self.receive, &self.header.enc, &self.header.from);
        assert!(keys.is_ok());
    }
}
