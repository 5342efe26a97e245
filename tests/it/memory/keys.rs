//! The keys of a session: whose they are is known by what was said on the wire, so that even those which a bridge made
//! at random and shows to nobody are found in its memory.

use std::collections::{HashMap, HashSet};
use std::process::Stdio;

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, PskBundle, setup_receiver};
use junction_shared::invite_link::InviteLink;
use junction_shared::protocol::crypto::{agree, derive, mac, public_key};
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::Header;
use junction_shared::secret::Secret;
use junction_testkit::{TestBridge, TestHome, TestHub, bridge_binary, within};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::stage::{bridge, hub, may_look};
use super::wire_tap::{Key, WireTap};
use junction_testkit::memory_scan::{MemorySnapshot, Needle, ScannedProcess, are_found, are_gone};

/// A secret of these bytes.
fn secret(bytes: &[u8]) -> Secret {
    Secret::filled(|place| place.copy_from_slice(bytes))
}

/// Whether bytes look like a key: no text, no zeros, no pointers, and few of them alike.
fn is_like_a_key(bytes: &[u8]) -> bool {
    let mut seen = [0_u64; 4];
    for byte in bytes {
        seen[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }
    let different: u32 = seen.iter().map(|part| part.count_ones()).sum();
    let is_small = |word: &&[u8]| word[6..] == [0, 0];
    different >= 22 && bytes.chunks(8).filter(is_small).count() < 2
}

/// The secret halves of these public keys, all of which the bridge must hold. A program lays out such values at
/// multiples of eight bytes.
pub(super) fn secrets_of(snapshot: &MemorySnapshot, public: &HashSet<Key>) -> HashMap<Key, Secret> {
    let mut found = HashMap::new();
    let mut tried = HashSet::new();
    for region in snapshot.0.iter().filter(|region| region.is_writable) {
        for at in (0..region.bytes.len().saturating_sub(31)).step_by(8) {
            let bytes = &region.bytes[at..at + 32];
            if is_like_a_key(bytes) && tried.insert(bytes) {
                let candidate = secret(bytes);
                let half = public_key(&candidate);
                if public.contains(&half) {
                    found.insert(half, candidate);
                }
            }
        }
    }
    assert_eq!(found.len(), public.len(), "the bridge holds all of them, among {}", tried.len());
    found
}

/// P of a pair, as the owner of this secret key makes it.
pub(super) fn pair_psk(
    group: &GroupKeys,
    identity: &Secret,
    me: PeerKey,
    other: PeerKey,
) -> Secret {
    let shared = agree(identity, &other.0).expect("a good key");
    let (low, high) = (me.min(other), me.max(other));
    let info = [b"pair".as_slice(), &low.0, &high.0].concat();
    derive(group.psk.expose(), shared.expose(), &info)
}

/// K and Q behind an envelope, as its receiver makes them.
fn message_keys(group: &GroupKeys, psk: &Secret, receive: &Secret, header: &Header) -> [Key; 2] {
    let from = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&header.from.0).expect("a key");
    let enc = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&header.enc).expect("a key");
    let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(receive.expose()).expect("one");
    let bundle = PskBundle::new(psk.expose(), &group.group.0).expect("a psk");
    let mode = OpModeR::AuthPsk(from, bundle);
    let context = setup_receiver::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &mode,
        &secret,
        &enc,
        b"agent-junction/1",
    )
    .expect("it opens");
    [b"message".as_slice(), b"receipt"].map(|label| {
        let mut key = [0; 32];
        context.export(label, &mut key).expect("a key");
        key
    })
}

/// The process holds one copy of each of these keys, and none as text.
fn holds_one_of_each(snapshot: &MemorySnapshot, process: ScannedProcess, keys: &[Needle]) {
    for forms in keys.chunks(3) {
        let copies: Vec<_> = forms.iter().map(|form| snapshot.count(form)).collect();
        let (what, who) = (&forms[0].what, process.name);
        assert_eq!(copies, [1, 0, 0], "{what} in {who}, raw and in both hexadecimals");
    }
}

/// What the bridges of alice and bob hold of keys, and held.
struct Keys {
    of_alice: Vec<Key>,
    of_bob: Vec<Key>,
    /// What both have, and nobody else.
    shared: Vec<(&'static str, Key)>,
    /// What both have made, and do not need any more.
    served: Vec<Key>,
}

impl Keys {
    /// Finds in the two memories what belongs to what was said on the wire, and makes the rest of it.
    fn uncover(
        wire: &WireTap,
        group: &GroupKeys,
        alice: &MemorySnapshot,
        bob: &MemorySnapshot,
    ) -> Self {
        let header = &wire.envelopes.first().expect("an envelope passed").header;
        let (a, b) = (wire.caller(0), wire.caller(1));
        assert_eq!((header.from, header.to), (a, b));
        let of_alice = secrets_of(alice, &wire.keys_of(a));
        let of_bob = secrets_of(bob, &wire.keys_of(b));
        let pair = pair_psk(group, &of_alice[&a.0], a, b);
        assert_eq!(pair.expose(), pair_psk(group, &of_bob[&b.0], b, a).expose());
        let receive = &of_bob[&wire.cards[&(b, header.epoch)]];
        let [message, receipt] = message_keys(group, &pair, receive, header);
        let served = vec![
            *wire.handshake_key(0, &group.auth, &of_alice[&a.0]).expose(),
            *wire.handshake_key(1, &group.auth, &of_bob[&b.0]).expose(),
            // HKDF-Expand (RFC 5869 §2.3) of the message key: the first block of it.
            mac(&message, &[b"m".as_slice(), &header.id.0, &[1]]),
        ];
        let shared = vec![
            ("the pair's key", *pair.expose()),
            ("the message key", message),
            ("the receipt key", receipt),
            ("the group's psk", *group.psk.expose()),
            ("the group's card key", *group.card.expose()),
        ];
        let own = |keys: HashMap<Key, Secret>| keys.values().map(|key| *key.expose()).collect();
        Self { of_alice: own(of_alice), of_bob: own(of_bob), shared, served }
    }
}

/// Keys of one kind, in all their forms.
fn named(what: &str, keys: &[Key]) -> Vec<Needle> {
    keys.iter().flat_map(|key| Needle::key(what, key)).collect()
}

#[tokio::test]
async fn keys_of_a_session_are_in_its_bridge_alone_and_gone_once_it_has_left() {
    let home = TestHome::new();
    let hub_process = TestHub::start(&home).await;
    if !may_look(hub_process.pid()) {
        return;
    }
    let (proxy, wire) = WireTap::tap(hub_process.port).await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    let sent = alice.send("bob", "so that there are keys").await;
    bob.read_one().await;
    assert_eq!(alice.receipt(&sent["id"]).await["status"], "read");
    let (alices, bobs) = (bridge("alice", &alice), bridge("bob", &bob));
    let hubs = hub(&hub_process);
    let (in_alice, in_bob) = (alices.snapshot().await, bobs.snapshot().await);
    let in_hub = hubs.snapshot().await;
    let wire = std::mem::take(&mut *wire.lock().expect("the record"));
    let group = home.group();
    let keys = Keys::uncover(&wire, &group, &in_alice, &in_bob);

    let of_alice = named("a key of alice", &keys.of_alice);
    let of_bob = named("a key of bob", &keys.of_bob);
    let shared: Vec<_> =
        keys.shared.iter().flat_map(|(what, key)| Needle::key(what, key)).collect();
    let auth = named("the hub's key", &[*group.auth.expose()]);
    for (snapshot, process, held) in [
        (&in_alice, alices, [&of_alice[..], &shared, &auth]),
        (&in_bob, bobs, [&of_bob[..], &shared, &auth]),
        (&in_hub, hubs, [&auth[..], &[], &[]]),
    ] {
        for keys in held {
            holds_one_of_each(snapshot, process, keys);
        }
    }

    let served = named("a key that has served", &keys.served);
    are_gone(&[hubs], &all(&[&of_alice, &of_bob, &shared])).await;
    are_gone(&[alices], &all(&[&of_bob])).await;
    are_gone(&[bobs], &all(&[&of_alice])).await;
    are_gone(&[alices, bobs, hubs], &all(&[&served])).await;

    alice.call("disconnect", json!({})).await;
    are_gone(&[alices], &all(&[&of_alice, &shared, &auth])).await;
    bob.call("disconnect", json!({})).await;
    are_gone(&[bobs], &all(&[&of_bob, &shared, &auth])).await;
}

fn all<'a>(needles: &[&'a [Needle]]) -> Vec<&'a Needle> {
    needles.iter().copied().flatten().collect()
}

/// The join secret, in all forms, that of a link's text among them.
fn join_secret(link: &str) -> Vec<Needle> {
    let (_, coded) =
        link.split_once("#1.").and_then(|(_, keys)| keys.split_once('.')).expect("a link");
    let parsed = InviteLink::parse(link).expect("a link");
    let mut needles = Needle::key("the join secret", parsed.secret.expose());
    needles.push(Needle::new("the join secret in a link", &coded[..43]));
    needles
}

#[tokio::test]
async fn the_join_secret_is_in_the_bridge_that_joins_and_in_none_that_has() {
    let home = TestHome::new();
    let hub_process = TestHub::start(&home).await;
    if !may_look(hub_process.pid()) {
        return;
    }
    let alice = TestBridge::join(&home, &hub_process, "alice").await;
    let secret = join_secret(&home.link());

    // A hub that takes connections and says nothing: who joins it waits with the link in its hands.
    let mute = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = mute.local_addr().expect("an address").port();
    let link = InviteLink::parse(&home.link()).expect("a link").at("127.0.0.1", port).to_text();
    let guest = TestHome::new();
    let mut join = tokio::process::Command::new(bridge_binary())
        .arg("join")
        .env("JUNCTION_CONFIG_DIR", guest.config())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(guest.log("join").1)
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let mut stdin = join.stdin.take().expect("its stdin");
    stdin.write_all(format!("{link}\n").as_bytes()).await.expect("it reads");
    let (_connection, _) = within("it dials", mute.accept()).await.expect("a connection");
    let joining = ScannedProcess { name: "who joins", pid: join.id().expect("it lives") };
    are_found(joining, &[&secret[0], &secret[3]]).await;

    let secret: Vec<&Needle> = secret.iter().collect();
    are_gone(&[bridge("alice", &alice), hub(&hub_process)], &secret).await;
}
