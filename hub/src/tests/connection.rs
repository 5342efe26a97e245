//! Welcomed connections.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use junction_shared::protocol::close::Close;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::limits::{CONTROL_QUEUE, MAX_FRAME, MAX_SEALED};
use junction_shared::protocol::wire::{
    Answer, List, LookupTarget, Question, Receipt, ReceiptKind, Standing, ToBridge, ToHub,
};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::harness::{HarnessBridge, HarnessHub, closed, id, key, send};
use crate::Config;

fn because(close: Close) -> Option<(u16, String)> {
    Some((close.code(), close.word().to_owned()))
}

fn delivered(frame: ToBridge) -> MessageId {
    match frame {
        ToBridge::Deliver(envelope, _) => envelope.header.id,
        other => panic!("no mail but {other:?}"),
    }
}

fn lookup(identity: u8) -> ToHub {
    ToHub::Ask(1, Question::Lookup(LookupTarget::Key(key(identity))))
}

#[tokio::test(start_paused = true)]
async fn a_message_is_delivered_and_its_receipt_returns() {
    let hub = HarnessHub::start(Config::default());
    let (mut ann, mut bob) = (hub.listed(7).await, hub.listed(8).await);
    ann.send_frame(&send(7, 8, 1, 300)).await;
    assert_eq!(ann.recv().await, ToBridge::Accepted(id(1)));
    assert_eq!(delivered(bob.recv().await), id(1));
    let receipt = Receipt {
        to: key(7),
        id: id(1),
        kind: ReceiptKind::Read,
        mac: [9; 32],
        outlook: None,
        seat: None,
    };
    bob.send_frame(&ToHub::Receipt(receipt.clone())).await;
    assert_eq!(ann.recv().await, ToBridge::Receipt(receipt));
}

#[tokio::test(start_paused = true)]
async fn waiting_mail_is_pushed_after_the_welcome() {
    let hub = HarnessHub::start(Config::default());
    let mut ann = hub.listed(7).await;
    for n in 0..20 {
        ann.send_frame(&send(7, 8, n, MAX_SEALED)).await;
    }
    ann.sync().await;
    let mut bob = hub.bridge(8, 1).await;
    for n in 0..20 {
        assert_eq!(delivered(bob.recv().await), id(n));
    }
}

#[tokio::test(start_paused = true)]
async fn a_repush_restarts_after_its_answer() {
    let hub = HarnessHub::start(Config::default());
    let (mut ann, mut bob) = (hub.listed(7).await, hub.listed(8).await);
    ann.send_frame(&send(7, 8, 1, 300)).await;
    assert_eq!(delivered(bob.recv().await), id(1));
    bob.send_frame(&ToHub::Repush).await;
    assert_eq!(bob.recv().await, ToBridge::Repushing);
    assert_eq!(delivered(bob.recv().await), id(1));
}

#[tokio::test(start_paused = true)]
async fn an_invalid_frame_closes_the_connection_and_the_peer_is_away() {
    let hub = HarnessHub::start(Config::default());
    let mut watcher = hub.listed(9).await;
    let wrong = [
        Message::Binary(vec![0xff; 10].into()),
        Message::Binary(vec![0x9f; MAX_FRAME - 10].into()),
        Message::Text("{}".into()),
        Message::Binary(vec![0; MAX_FRAME + 1].into()),
    ];
    for wrong in wrong {
        let mut ann = hub.listed(7).await;
        ann.sync().await;
        watcher.send_frame(&lookup(7)).await;
        while !matches!(
            watcher.recv().await,
            ToBridge::Answer(1, Answer::Found(Standing::Online, _))
        ) {}
        let _ = ann.socket.send(wrong).await;
        assert_eq!(closed(&mut ann.socket).await, because(Close::ProtocolError));
        assert_eq!(watcher.recv().await, ToBridge::Peer(key(7), Standing::Away, None));
        // The peer leaves for good, so that the next one can join.
        let mut back = hub.bridge(7, 2).await;
        back.send_frame(&ToHub::Leave).await;
        while !matches!(watcher.recv().await, ToBridge::Peer(_, Standing::Gone, None)) {}
    }
}

/// Encodes `Repush` with one additional field.
fn repush_with(field: &[u8]) -> Message {
    let mut bytes = junction_shared::protocol::codec::encode(&ToHub::Repush).to_vec();
    assert_eq!(bytes, [0x82, 0x06, 0x80], "a variant and no fields");
    bytes[2] = 0x81;
    bytes.extend_from_slice(field);
    Message::Binary(bytes.into())
}

#[tokio::test(start_paused = true)]
async fn an_unknown_field_is_tolerated_at_any_depth() {
    let hub = HarnessHub::start(Config::default());
    let mut ann = hub.listed(7).await;
    let mut deep = vec![0x81; 200_000];
    deep.push(0x00);
    for field in [[0x01].as_slice(), &deep] {
        ann.socket.send(repush_with(field)).await.unwrap();
        assert_eq!(ann.recv().await, ToBridge::Repushing);
    }
}

/// Returns a fragment of a message that is not the last.
fn part(kind: Data, bytes: Vec<u8>) -> Message {
    Message::Frame(Frame::message(bytes, OpCode::Data(kind), false))
}

#[tokio::test(start_paused = true)]
async fn fragments_of_a_message_are_bounded_together() {
    let hub = HarnessHub::start(Config::default());
    let mut ann = hub.listed(7).await;
    ann.socket.send(part(Data::Binary, vec![0; 1000])).await.unwrap();
    for _ in 0..MAX_FRAME / 1000 {
        if ann.socket.send(part(Data::Continue, vec![0; 1000])).await.is_err() {
            break;
        }
    }
    assert_eq!(closed(&mut ann.socket).await, because(Close::ProtocolError));
}

#[tokio::test(start_paused = true)]
async fn endless_empty_fragments_disturb_no_one_and_are_cut_off() {
    let hub = HarnessHub::start(Config::default());
    let (mut eve, mut ann) = (hub.bridge(7, 1).await, hub.listed(8).await);
    eve.socket.feed(part(Data::Binary, Vec::new())).await.unwrap();
    for n in 0..1_000_000 {
        if eve.socket.feed(part(Data::Continue, Vec::new())).await.is_err() {
            break;
        }
        if n % 10_000 == 0 {
            ann.sync().await;
        }
        // Each fragment has no payload, two bytes of header and four of mask.
        assert!(n < 100_000, "it goes on for ever");
    }
    assert_eq!(closed(&mut eve.socket).await, because(Close::ProtocolError));
    ann.sync().await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_throttled_then_closed_and_disturbs_no_one() {
    let hub = HarnessHub::start(Config::default());
    let (eve, mut ann) = (hub.bridge(7, 1).await, hub.listed(8).await);
    let (mut flood, mut answers) = eve.socket.split();
    let flooded =
        tokio::spawn(async move { while flood.send(Message::Ping(Bytes::new())).await.is_ok() {} });
    let end = tokio::spawn(async move {
        loop {
            match answers.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    });
    let begun = Instant::now();
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    while !end.is_finished() {
        pace.tick().await;
        let asked = Instant::now();
        ann.sync().await;
        assert!(asked.elapsed() < Duration::from_millis(50), "{:?}", asked.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(5), "it goes on for ever");
    }
    assert_eq!(end.await.unwrap(), Some(Close::SlowDown.code()));
    flooded.await.unwrap();
    ann.sync().await;
}

#[tokio::test(start_paused = true)]
async fn a_later_dial_closes_the_older_connection() {
    let hub = HarnessHub::start(Config::default());
    let mut old = hub.listed(7).await;
    let mut new = hub.bridge(7, 2).await;
    assert!(new.welcome.resumed);
    assert_eq!(closed(&mut old.socket).await, because(Close::Superseded));
    drop(old);
    new.sync().await;
}

#[tokio::test(start_paused = true)]
async fn a_leave_is_answered_with_a_normal_close() {
    let hub = HarnessHub::start(Config::default());
    let (mut ann, mut bob) = (hub.listed(7).await, hub.listed(8).await);
    bob.send_frame(&lookup(7)).await;
    bob.recv().await;
    ann.send_frame(&ToHub::Leave).await;
    assert_eq!(closed(&mut ann.socket).await, Some((1000, String::new())));
    assert_eq!(bob.recv().await, ToBridge::Peer(key(7), Standing::Gone, None));
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_leaves_its_peer_away_then_gone() {
    let hub = HarnessHub::start(Config::default());
    let (ann, mut bob) = (hub.listed(7).await, hub.listed(8).await);
    bob.send_frame(&lookup(7)).await;
    bob.recv().await;
    let lost = Instant::now();
    drop(ann);
    assert_eq!(bob.recv().await, ToBridge::Peer(key(7), Standing::Away, None));
    assert!(lost.elapsed() < Duration::from_secs(1));
    assert_eq!(bob.recv().await, ToBridge::Peer(key(7), Standing::Gone, None));
    let timeout = Config::default().session_timeout;
    assert!((timeout..timeout + Duration::from_secs(1)).contains(&lost.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn a_bridge_that_answers_pings_stays() {
    let hub = HarnessHub::start(Config::default());
    let mut ann = hub.listed(7).await;
    let begun = Instant::now();
    let mut pings = 0;
    while begun.elapsed() < Duration::from_secs(2 * 60 * 60) {
        // Reading answers the pings.
        assert!(matches!(ann.socket.next().await, Some(Ok(Message::Ping(_)))));
        pings += 1;
    }
    assert_eq!(pings, 2 * 60 * 2);
    ann.sync().await;
}

#[tokio::test(start_paused = true)]
async fn a_bridge_that_answers_no_ping_is_away_within_three_intervals() {
    let hub = HarnessHub::start(Config::default());
    let (ann, mut bob) = (hub.listed(7).await, hub.listed(8).await);
    bob.send_frame(&lookup(7)).await;
    bob.recv().await;
    let begun = Instant::now();
    assert_eq!(bob.recv().await, ToBridge::Peer(key(7), Standing::Away, None));
    let taken = begun.elapsed().as_secs();
    assert!((60..=91).contains(&taken), "{taken} s");
    drop(ann);
}

#[tokio::test(start_paused = true)]
async fn with_a_short_session_timeout_an_answered_ping_keeps_the_session() {
    let session_timeout = Duration::from_millis(900);
    let hub = HarnessHub::start(Config { session_timeout, ..Config::default() });
    let mut ann = hub.listed(7).await;
    for _ in 0..20 {
        assert!(matches!(ann.socket.next().await, Some(Ok(Message::Ping(_)))));
    }
    ann.sync().await;
}

#[tokio::test(start_paused = true)]
async fn a_bridge_that_stops_reading_is_cut_off_and_keeps_its_mail() {
    let hub = HarnessHub::start(Config::default());
    let mut ann = hub.listed(7).await;
    let mut bob = hub.bridge_with(8, 1, 1024).await;
    bob.publish_card(8).await;
    bob.sync().await;
    ann.send_frame(&lookup(8)).await;
    ann.recv().await;
    let begun = Instant::now();
    for n in 0..10 {
        ann.send_frame(&send(7, 8, n, MAX_SEALED)).await;
        assert_eq!(ann.recv().await, ToBridge::Accepted(id(n)));
    }
    assert_eq!(ann.recv().await, ToBridge::Peer(key(8), Standing::Away, None));
    let taken = begun.elapsed().as_secs();
    assert!((30..=33).contains(&taken), "{taken} s");
    let mut back = hub.bridge(8, 2).await;
    for n in 0..10 {
        assert_eq!(delivered(back.recv().await), id(n));
    }
    drop(bob);
}

#[tokio::test(start_paused = true)]
async fn a_bridge_that_does_not_take_its_answers_is_not_read_from() {
    let hub = HarnessHub::start(Config::default());
    let mut ann = hub.bridge_with(7, 1, 1024).await;
    ann.publish_card(7).await;
    let list = List { role: None, repo: None, limit: 1, cursor: None, state: None };
    let ask = ToHub::Ask(1, Question::List(list));
    // Far more questions than any queue holds: at some point the hub stops reading.
    let asking = async {
        for _ in 0..100_000 {
            ann.send_frame(&ask).await;
        }
    };
    let stuck = tokio::time::timeout(Duration::from_secs(5), asking).await;
    assert!(stuck.is_err(), "the hub went on reading");
    // Other bridges do not notice.
    hub.listed(8).await.sync().await;
}

#[tokio::test(start_paused = true)]
async fn a_bridge_with_a_full_queue_is_closed_with_slow_down() {
    let hub = HarnessHub::start(Config::default());
    let mut ann = hub.bridge_with(7, 1, 1024).await;
    let mut bob = hub.listed(8).await;
    for n in 0..2 * CONTROL_QUEUE {
        let n = u16::try_from(n).unwrap();
        let receipt = Receipt {
            to: key(7),
            id: id(n),
            kind: ReceiptKind::Opened,
            mac: [0; 32],
            outlook: None,
            seat: None,
        };
        bob.send_frame(&ToHub::Receipt(receipt)).await;
    }
    bob.sync().await;
    bob.send_frame(&lookup(7)).await;
    // The slow bridge is away, and the one that wrote to it is still connected.
    while !matches!(bob.recv().await, ToBridge::Answer(1, Answer::Found(Standing::NotYet, None))) {}
    let end = closed(&mut ann.socket).await;
    assert!(end.is_none() || end == because(Close::SlowDown), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn answers_keep_their_order_among_many() {
    let hub = HarnessHub::start(Config::default());
    let HarnessBridge { socket, .. } = hub.listed(7).await;
    let (mut outgoing, mut incoming) = socket.split();
    let list = List { role: None, repo: None, limit: 1, cursor: None, state: None };
    let asking = async {
        for number in 0..5000 {
            let ask = ToHub::Ask(number, Question::List(list.clone()));
            let frame = junction_shared::protocol::codec::encode(&ask);
            outgoing.send(Message::Binary(frame)).await.unwrap();
        }
    };
    let receiving = async {
        for expected in 0..5000 {
            let Some(Ok(Message::Binary(bytes))) = incoming.next().await else {
                panic!("no answer")
            };
            let frame: ToBridge = junction_shared::protocol::codec::decode(&bytes).unwrap();
            assert!(matches!(frame, ToBridge::Answer(number, _) if number == expected));
        }
    };
    tokio::join!(asking, receiving);
}
