//! The keys of a session: whose they are is known by what was said on the wire, so that even those which a bridge made
//! at random and shows to nobody are found in its memory.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, PskBundle, setup_receiver};
use junction_shared::invite_link::Link;
use junction_shared::protocol::codec::decode;
use junction_shared::protocol::handshake::{GroupKeys, NO_PIN, agree, derive, mac, public_key};
use junction_shared::protocol::id::{Epoch, PeerKey};
use junction_shared::protocol::wire::{Card, Header, Hello, HelloBody, Question, ToBridge, ToHub};
use junction_shared::secret::Secret;
use junction_testkit::{
    FrameProxy, TestBridge, TestHome, TestHub, bridge_binary, from_bridge, from_hub, settles,
    within,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::scan::{Needle, Process, Snapshot, are_gone};
use super::stage::{bridge, hub, may_look};

type Key = [u8; 32];

/// What was heard on the wire.
#[derive(Default)]
struct Wire {
    /// Challenges in order, whole.
    challenges: Vec<Vec<u8>>,
    /// Hellos in order.
    hellos: Vec<Hello>,
    /// Receive keys by their owner and epoch.
    cards: HashMap<(PeerKey, Epoch), Key>,
    /// What stood on the first envelope.
    header: Option<Header>,
}

impl Wire {
    /// Listens before the hub at this port.
    async fn tap(port: u16) -> (FrameProxy, Arc<Mutex<Self>>) {
        let wire = Arc::<Mutex<Self>>::default();
        let record = Arc::clone(&wire);
        let proxy = FrameProxy::start(port, move |heard| {
            let mut wire = record.lock().expect("the record");
            if let Some(ToBridge::Challenge(_)) = from_hub(heard) {
                wire.challenges.push(heard.bytes.to_vec());
            }
            match from_bridge(heard) {
                Some(ToHub::Hello(hello)) => wire.hellos.push(hello),
                Some(ToHub::Card(signed) | ToHub::Ask(_, Question::Rename(signed))) => {
                    let card: Card = decode(&signed.body).expect("a card");
                    wire.cards.insert((card.key, card.epoch), card.receive_key.0);
                }
                Some(ToHub::Send(send)) => wire.header = Some(send.envelope.header),
                _ => {}
            }
            vec![heard.bytes.clone()]
        })
        .await;
        (proxy, wire)
    }

    /// Who said hello on this connection.
    fn caller(&self, connection: usize) -> PeerKey {
        let body: HelloBody = decode(&self.hellos[connection].body).expect("a hello");
        body.key
    }

    /// The key of the handshake on this connection, made as the bridge made it that has this secret key: with it, the
    /// bridge's proof comes out.
    fn handshake_key(&self, connection: usize, auth: &Secret, identity: &Secret) -> Secret {
        let (challenge, hello) = (&self.challenges[connection], &self.hellos[connection]);
        let Ok(ToBridge::Challenge(parts)) = decode(challenge) else { panic!("a challenge") };
        let shared = agree(identity, &parts.hub_eph).expect("a good key");
        let key = derive(auth.expose(), shared.expose(), b"aj1 hub");
        let transcript = Sha256::new().chain_update(challenge).chain_update(&hello.body);
        let transcript: Key = transcript.finalize().into();
        let proof = mac(key.expose(), &[b"hello".as_slice(), &NO_PIN, &transcript]);
        assert_eq!(proof, hello.proof, "it is the key of the handshake");
        key
    }
}

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

/// The secret halves of these public keys, wherever a value in the memory lies as a program lays it, on a multiple of
/// eight.
fn secrets_of(snapshot: &Snapshot, public: &[Key]) -> HashMap<Key, Secret> {
    let mut found = HashMap::new();
    let mut tried = std::collections::HashSet::new();
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
    eprintln!("{} candidates", tried.len());
    found
}

/// P of a pair, as the owner of this secret key makes it.
fn pair_psk(group: &GroupKeys, identity: &Secret, me: PeerKey, other: PeerKey) -> Secret {
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

/// Keys under their names, as bytes to be searched for.
fn needles(keys: &[(&str, &[u8])]) -> Vec<Needle> {
    keys.iter().flat_map(|(name, key)| Needle::key(name, key)).collect()
}

/// The process holds each of these keys, and in no other form than raw, so often at most.
fn holds_keys(snapshot: &Snapshot, process: Process, most: usize, keys: &[(&str, &[u8])]) {
    for (name, key) in keys {
        let [raw, lower, upper] = &Needle::key(name, key)[..] else { unreachable!("three forms") };
        let copies = snapshot.count(raw);
        let who = process.name;
        assert!((1..=most).contains(&copies), "{who} holds {copies} copies of {name}");
        assert_eq!(snapshot.count(lower) + snapshot.count(upper), 0, "{who} has {name} as text");
    }
}

#[tokio::test]
async fn keys_of_a_session_are_in_its_bridge_alone_and_gone_once_it_has_left() {
    let home = TestHome::new();
    let hub_process = TestHub::start(&home).await;
    if !may_look(hub_process.pid()) {
        return;
    }
    let (proxy, wire) = Wire::tap(hub_process.port).await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    let sent = alice.send("bob", "so that there are keys").await;
    bob.read_one().await;
    assert_eq!(alice.receipt(&sent["id"]).await["status"], "read");
    let [alices, bobs] = [bridge("alice", &alice), bridge("bob", &bob)];
    let hubs = hub(&hub_process);
    let group = home.group();

    let [in_alice, in_bob] = [alices.snapshot().await, bobs.snapshot().await];
    let wire = wire.lock().expect("the record");
    let header = wire.header.as_ref().expect("an envelope passed");
    let (a, b) = (wire.caller(0), wire.caller(1));
    assert_eq!((header.from, header.to), (a, b));
    let receive = wire.cards[&(b, header.epoch)];
    let mut of_alice = secrets_of(&in_alice, &[a.0]);
    let mut of_bob = secrets_of(&in_bob, &[b.0, receive]);
    let identity_a = of_alice.remove(&a.0).expect("alice holds her identity's secret key");
    let identity_b = of_bob.remove(&b.0).expect("bob holds his identity's secret key");
    let receive_b = of_bob.remove(&receive).expect("bob holds his receive key");
    let pair = pair_psk(&group, &identity_a, a, b);
    assert_eq!(pair.expose(), pair_psk(&group, &identity_b, b, a).expose());
    let [message, receipt] = message_keys(&group, &pair, &receive_b, header);
    let handshakes = [
        wire.handshake_key(0, &group.auth, &identity_a),
        wire.handshake_key(1, &group.auth, &identity_b),
    ];
    drop(wire);

    let identity_a: [(&str, &[u8]); 1] = [("alice's identity key", identity_a.expose())];
    let own_b: [(&str, &[u8]); 2] =
        [("bob's identity key", identity_b.expose()), ("bob's receive key", receive_b.expose())];
    let shared: [(&str, &[u8]); 6] = [
        ("the pair's key", pair.expose()),
        ("the message key", &message),
        ("the receipt key", &receipt),
        ("the group's psk", group.psk.expose()),
        ("the group's card key", group.card.expose()),
        ("the group's auth", group.auth.expose()),
    ];
    for (snapshot, process, own) in
        [(&in_alice, alices, &identity_a[..]), (&in_bob, bobs, &own_b[..])]
    {
        holds_keys(snapshot, process, 1, own);
        holds_keys(snapshot, process, 1, &shared);
    }
    let in_hub = hubs.snapshot().await;
    holds_keys(&in_hub, hubs, 1, &shared[5..]);

    // What is whose is in nobody else; and what has served is in nobody.
    let (of_a, of_b, of_both) = (needles(&identity_a), needles(&own_b), needles(&shared));
    let served = handshakes.each_ref().map(|key| Needle::new("a handshake's key", *key.expose()));
    let secrets = needles(&shared[..5]);
    are_gone(&[hubs], &all(&[&of_a, &of_b, &secrets])).await;
    are_gone(&[alices], &all(&[&of_b])).await;
    are_gone(&[bobs], &all(&[&of_a])).await;
    are_gone(&[alices, bobs, hubs], &all(&[&served])).await;

    alice.call("disconnect", json!({})).await;
    are_gone(&[alices], &all(&[&of_a, &of_both])).await;
    bob.call("disconnect", json!({})).await;
    are_gone(&[bobs], &all(&[&of_b, &of_both])).await;
}

fn all<'a>(needles: &[&'a [Needle]]) -> Vec<&'a Needle> {
    needles.iter().copied().flatten().collect()
}

/// The join secret, in all forms, that of a link's text among them.
fn join_secret(link: &str) -> Vec<Needle> {
    let (_, coded) =
        link.split_once("#1.").and_then(|(_, keys)| keys.split_once('.')).expect("a link");
    let parsed = Link::parse(link).expect("a link");
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
    let link = Link::parse(&home.link()).expect("a link").at("127.0.0.1", port).to_text();
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
    stdin.write_all(format!("{}\n", *link).as_bytes()).await.expect("it reads");
    let (_connection, _) = within("it dials", mute.accept()).await.expect("a connection");
    let joining = Process { name: "who joins", pid: join.id().expect("it lives") };
    settles("who joins holds the secret", async || {
        let snapshot = joining.snapshot().await;
        let found = [&secret[0], &secret[3]].map(|needle| snapshot.count(needle));
        if found.iter().all(|found| *found > 0) { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;

    let secret: Vec<&Needle> = secret.iter().collect();
    are_gone(&[bridge("alice", &alice), hub(&hub_process)], &secret).await;
}
