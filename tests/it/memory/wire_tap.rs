//! What bridges say to their hub, heard on the wire.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use junction_shared::protocol::codec::decode;
use junction_shared::protocol::crypto::{agree, derive, mac};
use junction_shared::protocol::handshake::NO_PIN;
use junction_shared::protocol::id::{Epoch, PeerKey};
use junction_shared::protocol::wire::{
    Card, Envelope, Hello, HelloBody, Question, ToBridge, ToHub,
};
use junction_shared::secret::Secret;
use junction_testkit::{FrameProxy, from_bridge, from_hub};
use sha2::{Digest, Sha256};

/// 32 bytes, public or secret.
pub(super) type Key = [u8; 32];

/// What was heard on the wire.
#[derive(Default)]
pub(super) struct WireTap {
    /// Challenges in order, whole.
    challenges: Vec<Vec<u8>>,
    /// Hellos in order.
    hellos: Vec<Hello>,
    /// Receive keys by their owner and epoch.
    pub(super) cards: HashMap<(PeerKey, Epoch), Key>,
    /// Envelopes in order.
    pub(super) envelopes: Vec<Envelope>,
    /// The chunks of attachments in order, sealed.
    pub(super) chunks: Vec<Bytes>,
}

impl WireTap {
    /// Listens before the hub at this port.
    pub(super) async fn tap(port: u16) -> (FrameProxy, Arc<Mutex<Self>>) {
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
                Some(ToHub::Send(send)) => wire.envelopes.push(send.envelope),
                Some(ToHub::Chunk(chunk)) => wire.chunks.push(chunk.sealed),
                _ => {}
            }
            vec![heard.bytes.clone()]
        })
        .await;
        (proxy, wire)
    }

    /// Who said hello on this connection.
    pub(super) fn caller(&self, connection: usize) -> PeerKey {
        let body: HelloBody = decode(&self.hellos[connection].body).expect("a hello");
        body.key
    }

    /// Whatever public keys this bridge has shown: its identity, and a receive key or more.
    pub(super) fn keys_of(&self, bridge: PeerKey) -> HashSet<Key> {
        let cards = self.cards.iter().filter(|((owner, _), _)| *owner == bridge);
        cards.map(|(_, receive)| *receive).chain([bridge.0]).collect()
    }

    /// The key of the handshake on this connection, made as the bridge made it that has this secret key: with it, the
    /// bridge's proof comes out.
    pub(super) fn handshake_key(
        &self,
        connection: usize,
        auth: &Secret,
        identity: &Secret,
    ) -> Secret {
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
