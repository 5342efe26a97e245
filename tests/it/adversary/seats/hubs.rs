//! A hub that lies about who has a seat and about what came back from it. Nothing is read twice, no end is false, and what
//! was confirmed of a session stays.

mod holders;
mod words;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::id::{Incarnation, MessageId, PeerKey, Seq};
use junction_shared::protocol::wire::{
    Answer, Envelope, LookupTarget, Question, ReceiptKind, Return, ReturnBody, SeatMove, Standing,
    ToBridge,
};
use junction_testkit::{
    BridgeEnding, FrameProxy, ProxiedFrame, TestBridge, TestSession, eventually, from_bridge,
    from_hub, list, pass,
};

use super::*;
use crate::seats::{alias, assert_came_back, is_replaced, loses_sight};

/// What a test's parts tell each other.
type Noted<T> = Arc<Mutex<T>>;

/// A session and bob, whose hub lies to him once it is told to.
struct LiedTo {
    acquainted: Acquainted,
    proxy: FrameProxy,
    lies: Arc<AtomicBool>,
    /// What bob sealed of each message for each receiver.
    sealed: Noted<HashMap<(PeerKey, MessageId), HashSet<Bytes>>>,
}

impl LiedTo {
    /// The hub passes on what `lie` makes of a frame, if it makes anything of it.
    async fn new(
        home: &TestHome,
        hub: &TestHub,
        mut lie: impl FnMut(&ProxiedFrame) -> Option<Vec<Bytes>> + Send + 'static,
    ) -> Self {
        let lies = Arc::new(AtomicBool::new(false));
        let sealed: Noted<HashMap<_, HashSet<_>>> = Arc::default();
        let (is_lying, record) = (Arc::clone(&lies), Arc::clone(&sealed));
        let proxy = FrameProxy::start(hub.port, move |heard| {
            if let Some(ToHub::Send(send)) = from_bridge(heard) {
                let Envelope { header, sealed } = send.envelope;
                let mut record = record.lock().expect("the record");
                record.entry((header.to, header.id)).or_default().insert(sealed);
            }
            let lie = is_lying.load(Ordering::Relaxed).then(|| lie(heard)).flatten();
            lie.unwrap_or_else(|| pass(heard))
        })
        .await;
        let acquainted = Acquainted::on(home, hub, hub.port, proxy.port).await;
        lies.store(true, Ordering::Relaxed);
        Self { acquainted, proxy, lies, sealed }
    }

    /// The session's bridge ends in order, and the next one begins.
    async fn restart(&mut self, home: &TestHome) {
        let Acquainted { session, alice, .. } = &self.acquainted;
        BridgeEnding::Terminate.of(alice).await;
        self.acquainted.alice = session.start(home).await;
        assert_came_back(&self.acquainted.alice, &self.acquainted.name).await;
    }

    /// All these messages were read, as bob has been told once of each. None was sealed twice for one key.
    async fn were_read(&self, ids: &[Value]) {
        let Acquainted { alice, bob, .. } = &self.acquainted;
        for id in ids {
            assert_eq!(bob.receipt(id).await["status"], "read");
        }
        assert_eq!(alice.leftovers().await, Vec::<Value>::new());
        assert_eq!(bob.leftovers().await, Vec::<Value>::new());
        for id in ids {
            assert_eq!(bob.statuses(id), ["read"]);
        }
        for ((to, id), forms) in &*self.sealed.lock().expect("the record") {
            assert_eq!(forms.len(), 1, "{id} was sealed twice for {to}");
        }
    }
}

/// The session reads one message, and the answer holds no other.
async fn reads(alice: &TestBridge, text: &str) {
    let page = alice.call("read_messages", json!({ "limit": 1, "wait_seconds": 20 })).await;
    assert_eq!(texts(&list(&page, "messages")), [text]);
}
