//! A hub that gives a session, with its welcome, another card than the last of its seat.

use junction_shared::protocol::codec::encode;
use junction_shared::protocol::wire::{Context, HUB_FEATURES, SeatAnswer, WelcomeBody};
use junction_testkit::{BridgeEnding, TestSession};

use super::*;
use crate::adversary::handshake::{body, granting};

/// A bridge of the session on a hub that grants it the seat with this card: what its first answer says of its return, and
/// the task that it shows.
async fn comes_back_with(home: &TestHome, session: &TestSession, card: SignedCard) -> [Value; 2] {
    let welcome = WelcomeBody {
        features: Some(HUB_FEATURES),
        seat: Some(SeatAnswer::Granted(Some(card))),
        ..body("calm-otter", 1_800_000, 60_000)
    };
    let port = granting(home, welcome).await;
    let session = TestSession {
        port,
        id: session.id.clone(),
        program: session.program.clone(),
        runtime: home.runtime("lied-to"),
    };
    let bridge = session.start(home).await;
    let first = bridge.call("list_peers", json!({})).await;
    assert_eq!(first["you"], "calm-otter");
    let [_, fingerprint, context] = identity(&bridge).await;
    assert_eq!(fingerprint, seat_of(home).key().fingerprint());
    [first["came_back"].clone(), context["task"].clone()]
}

#[tokio::test]
async fn task_is_taken_only_from_a_card_that_the_seat_itself_has_signed() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let Acquainted { session, alice, name, .. } = Acquainted::new(&home, &hub).await;
    alice.call("register", json!({ "task": "mending the roof" })).await;
    let theirs = card_of(&home, &hub, &name).await;
    BridgeEnding::Kill.of(&alice).await;
    let (thief, stranger, own) = (RawPeer::new(&home), RawPeer::stranger(), RawSeat::random());
    let context = Context { task: Some("robbing the bank".to_owned()), ..Context::default() };
    let altered = Card { context, ..open(&theirs) };
    let others = Card { seat: Some(own.shown()), ..altered.clone() };
    let mut lies = usurping_cards(&theirs, &thief, &name);
    lies.extend([
        SignedCard { body: encode(&altered).to_vec(), ..theirs.clone() },
        SignedCard { body: encode(&altered).to_vec(), ..thief.sign_seated(&altered, &own.keys) },
        SignedCard { seat_signature: theirs.seat_signature, ..thief.sign(&altered) },
        SignedCard { mac: stranger.sign(&open(&theirs)).mac, ..theirs.clone() },
        thief.sign_seated(&others, &own.keys),
    ]);
    for lie in lies {
        assert_eq!(comes_back_with(&home, &session, lie).await, [Value::Null, Value::Null]);
    }
    let [came_back, task] = comes_back_with(&home, &session, theirs).await;
    assert!(came_back.is_string());
    assert_eq!(task, "mending the roof");
}
