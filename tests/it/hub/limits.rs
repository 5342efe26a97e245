//! What a hub takes, what it refuses, and what it keeps: its inboxes from the outside.

use futures_util::future::join_all;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::limits::{INBOX_MESSAGES, PAIR_MESSAGES};
use junction_shared::protocol::wire::{
    Envelope, Receipt, ReceiptKind, Refusal, Send, ToBridge, ToHub,
};

use super::with_and_without_tls;
use junction_testkit::{RawPeer, RawSocket, TestHome, TestHub, Transport, eventually};

with_and_without_tls! {
    the_same_message_is_kept_once_and_another_under_its_id_is_refused
    the_bytes_of_a_message_pass_unaltered
    messages_to_oneself_and_to_peers_that_are_gone_are_refused_with_the_reason
    a_new_hub_keeps_messages_for_a_key_it_does_not_know_yet
    one_senders_share_fills_and_others_still_get_through
    an_inbox_full_by_count_refuses_the_next_message
    an_inbox_full_by_bytes_refuses_the_next_message
    only_its_receiver_can_end_a_message
    a_reader_that_stops_reading_keeps_its_inbox
    an_envelope_from_another_key_or_too_large_ends_the_connection
}

/// One member of the group on its hub.
struct Member {
    peer: RawPeer,
    socket: RawSocket,
    seq: u64,
}

/// What a hub said of a hand-over.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Accepted,
    Refused(Refusal),
    Later,
}

impl Member {
    async fn join(transport: Transport, home: &TestHome, hub: &TestHub, alias: &str) -> Self {
        let peer = RawPeer::new(home);
        let (socket, _) = RawSocket::join_over(transport, hub.port, &peer, alias).await;
        Self { peer, socket, seq: 0 }
    }

    fn next(&mut self, to: PeerKey, size: usize) -> Send {
        self.seq += 1;
        self.peer.sending(to, self.seq, &vec![0x5a; size])
    }

    async fn hand_over(&mut self, send: Send) -> Word {
        let id = send.envelope.header.id;
        self.socket.send(&ToHub::Send(send)).await;
        self.socket
            .until("a word on the hand-over", |frame| match frame {
                ToBridge::Accepted(said) if said == id => Some(Word::Accepted),
                ToBridge::Refused(said, reason) if said == id => Some(Word::Refused(reason)),
                ToBridge::Later(said) if said == id => Some(Word::Later),
                _ => None,
            })
            .await
    }

    /// The ids of this many pushed messages.
    async fn delivered(&mut self, count: usize) -> Vec<MessageId> {
        let mut ids = Vec::new();
        while ids.len() < count {
            ids.push(self.envelope().await.header.id);
        }
        ids
    }

    async fn envelope(&mut self) -> Envelope {
        self.socket
            .until("a pushed message", |frame| match frame {
                ToBridge::Deliver(envelope, _) => Some(envelope),
                _ => None,
            })
            .await
    }

    /// The ids of what is pushed from the inbox's start, up to the message with this id.
    async fn inbox_up_to(&mut self, last: MessageId) -> Vec<MessageId> {
        self.socket.send(&ToHub::Repush).await;
        let begins = |frame| matches!(frame, ToBridge::Repushing).then_some(());
        self.socket.until("the inbox begins", begins).await;
        let mut ids = Vec::new();
        while ids.last() != Some(&last) {
            ids.push(self.envelope().await.header.id);
        }
        ids
    }
}

async fn the_same_message_is_kept_once_and_another_under_its_id_is_refused(transport: Transport) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut alice = Member::join(transport, &home, &hub, "alice").await;
    let mut bob = Member::join(transport, &home, &hub, "bob").await;
    let send = alice.next(bob.peer.key, 272);
    assert_eq!(alice.hand_over(send.clone()).await, Word::Accepted);
    assert_eq!(alice.hand_over(send.clone()).await, Word::Accepted);
    let again = Send { resend: true, age_ms: 5, ..send.clone() };
    assert_eq!(alice.hand_over(again).await, Word::Accepted);
    let mut other = send.clone();
    other.envelope.sealed = vec![0x77; 272].into();
    assert_eq!(alice.hand_over(other).await, Word::Refused(Refusal::IdConflict));
    let last = alice.next(bob.peer.key, 272);
    let last_id = last.envelope.header.id;
    assert_eq!(alice.hand_over(last).await, Word::Accepted);
    let ids = [send.envelope.header.id, last_id];
    assert_eq!(bob.delivered(2).await, ids);
    assert_eq!(bob.inbox_up_to(last_id).await, ids);
}

async fn the_bytes_of_a_message_pass_unaltered(transport: Transport) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut alice = Member::join(transport, &home, &hub, "alice").await;
    let mut bob = Member::join(transport, &home, &hub, "bob").await;
    for size in [0, 1, 272, 66 * 1024 + 16] {
        let send = alice.next(bob.peer.key, size);
        assert_eq!(alice.hand_over(send.clone()).await, Word::Accepted);
        assert_eq!(bob.envelope().await, send.envelope);
    }
}

async fn messages_to_oneself_and_to_peers_that_are_gone_are_refused_with_the_reason(
    transport: Transport,
) {
    let home = TestHome::new();
    let settings = [("JUNCTION_SESSION_TIMEOUT_MS", "2000")];
    let hub = TestHub::start_with(&home, &settings).await;
    let mut alice = Member::join(transport, &home, &hub, "alice").await;
    let to_self = alice.next(alice.peer.key, 272);
    assert_eq!(alice.hand_over(to_self).await, Word::Refused(Refusal::ToSelf));
    let mut bob = Member::join(transport, &home, &hub, "bob").await;
    bob.socket.send(&ToHub::Leave).await;
    let _ = bob.socket.close_code().await;
    let to_leaver = alice.next(bob.peer.key, 272);
    assert_eq!(alice.hand_over(to_leaver).await, Word::Refused(Refusal::Gone));
    // A hub in its restart grace may have restarted: it opens an inbox for a key it does not know yet.
    let key = eventually("the hub is old enough to know", async || {
        let stranger = RawPeer::new(&home).key;
        let send = alice.next(stranger, 272);
        (alice.hand_over(send).await == Word::Refused(Refusal::Gone)).then_some(stranger)
    })
    .await;
    // A resend is told the same; that it may have been read before is for its sender to know.
    let resend = Send { resend: true, ..alice.next(key, 272) };
    assert_eq!(alice.hand_over(resend).await, Word::Refused(Refusal::Gone));
}

async fn a_new_hub_keeps_messages_for_a_key_it_does_not_know_yet(transport: Transport) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut alice = Member::join(transport, &home, &hub, "alice").await;
    let late = RawPeer::new(&home);
    let send = alice.next(late.key, 272);
    assert_eq!(alice.hand_over(send.clone()).await, Word::Accepted);
    let (socket, _) = RawSocket::join_over(transport, hub.port, &late, "late").await;
    let mut late = Member { peer: late, socket, seq: 0 };
    assert_eq!(late.delivered(1).await, [send.envelope.header.id]);
}

async fn one_senders_share_fills_and_others_still_get_through(transport: Transport) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut alice = Member::join(transport, &home, &hub, "alice").await;
    let mut carol = Member::join(transport, &home, &hub, "carol").await;
    let mut bob = Member::join(transport, &home, &hub, "bob").await;
    let mut first = None;
    for _ in 0..PAIR_MESSAGES {
        let send = alice.next(bob.peer.key, 272);
        first.get_or_insert(send.envelope.header.id);
        assert_eq!(alice.hand_over(send).await, Word::Accepted);
    }
    let over = alice.next(bob.peer.key, 272);
    assert_eq!(alice.hand_over(over.clone()).await, Word::Refused(Refusal::InboxFull));
    let resend = Send { resend: true, ..over };
    assert_eq!(alice.hand_over(resend).await, Word::Later);
    let next = alice.next(bob.peer.key, 272);
    assert_eq!(alice.hand_over(next).await, Word::Later, "order: nothing passes the one set back");
    let send = carol.next(bob.peer.key, 272);
    assert_eq!(carol.hand_over(send).await, Word::Accepted);
    // A read receipt makes room, and the hub says so.
    let id = first.expect("one was sent");
    let receipt = Receipt {
        to: alice.peer.key,
        id,
        kind: ReceiptKind::Read,
        mac: [0; 32],
        outlook: None,
        seat: None,
    };
    bob.socket.send(&ToHub::Receipt(receipt)).await;
    let bob_key = bob.peer.key;
    let room = |frame| matches!(frame, ToBridge::Room(key) if key == bob_key).then_some(());
    alice.socket.until("the hub says that there is room", room).await;
    let lowest = Send { restart: true, ..alice.next(bob.peer.key, 272) };
    assert_eq!(alice.hand_over(lowest).await, Word::Accepted);
}

async fn an_inbox_full_by_count_refuses_the_next_message(transport: Transport) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = Member::join(transport, &home, &hub, "bob").await;
    let senders = INBOX_MESSAGES / PAIR_MESSAGES;
    let fills = (0..senders).map(async |number| {
        let mut sender = Member::join(transport, &home, &hub, &format!("sender-{number}")).await;
        for _ in 0..PAIR_MESSAGES {
            let send = sender.next(bob.peer.key, 272);
            assert_eq!(sender.hand_over(send).await, Word::Accepted);
        }
    });
    join_all(fills).await;
    let mut late = Member::join(transport, &home, &hub, "latecomer").await;
    let send = late.next(bob.peer.key, 272);
    assert_eq!(late.hand_over(send).await, Word::Refused(Refusal::InboxFull));
    let other = Member::join(transport, &home, &hub, "other-inbox").await;
    let send = late.next(other.peer.key, 272);
    assert_eq!(late.hand_over(send).await, Word::Accepted);
}

async fn an_inbox_full_by_bytes_refuses_the_next_message(transport: Transport) {
    const LARGEST: usize = 66 * 1024 + 16;
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = Member::join(transport, &home, &hub, "bob").await;
    let mut accepted = 0;
    let mut refused = None;
    'fill: for number in 0..8 {
        let mut sender = Member::join(transport, &home, &hub, &format!("sender-{number}")).await;
        for _ in 0..PAIR_MESSAGES {
            let send = sender.next(bob.peer.key, LARGEST);
            match sender.hand_over(send).await {
                Word::Accepted => accepted += 1,
                word => {
                    refused = Some(word);
                    if number >= 4 {
                        break 'fill;
                    }
                    break;
                }
            }
        }
    }
    assert_eq!(refused, Some(Word::Refused(Refusal::InboxFull)));
    assert!((120..=128).contains(&accepted), "8 MiB hold {accepted} of the largest messages");
}

async fn only_its_receiver_can_end_a_message(transport: Transport) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut alice = Member::join(transport, &home, &hub, "alice").await;
    let mut bob = Member::join(transport, &home, &hub, "bob").await;
    let mut mallory = Member::join(transport, &home, &hub, "mallory").await;
    let send = alice.next(bob.peer.key, 272);
    let id = send.envelope.header.id;
    assert_eq!(alice.hand_over(send).await, Word::Accepted);
    bob.delivered(1).await;
    let receipt = Receipt {
        to: alice.peer.key,
        id,
        kind: ReceiptKind::Read,
        mac: [3; 32],
        outlook: None,
        seat: None,
    };
    mallory.socket.send(&ToHub::Receipt(receipt.clone())).await;
    let passed = |frame| match frame {
        ToBridge::Receipt(receipt) => Some(receipt),
        _ => None,
    };
    assert_eq!(alice.socket.until("it is passed on", passed).await, receipt);
    assert_eq!(bob.inbox_up_to(id).await, [id], "it is still there");
    let opened = Receipt { kind: ReceiptKind::Opened, ..receipt.clone() };
    bob.socket.send(&ToHub::Receipt(opened.clone())).await;
    assert_eq!(alice.socket.until("it is passed on", passed).await, opened);
    assert_eq!(bob.inbox_up_to(id).await, [id], "opened is not read");
    bob.socket.send(&ToHub::Receipt(receipt)).await;
    let next = alice.next(bob.peer.key, 272);
    let next_id = next.envelope.header.id;
    assert_eq!(alice.hand_over(next).await, Word::Accepted);
    assert_eq!(bob.inbox_up_to(next_id).await, [next_id], "read ends it");
}

async fn a_reader_that_stops_reading_keeps_its_inbox(transport: Transport) {
    const LARGEST: usize = 66 * 1024 + 16;
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut alice = Member::join(transport, &home, &hub, "alice").await;
    let mut bob = Member::join(transport, &home, &hub, "bob").await;
    let mut ids = Vec::new();
    for _ in 0..30 {
        let send = alice.next(bob.peer.key, LARGEST);
        ids.push(send.envelope.header.id);
        // Bob takes nothing from his socket meanwhile; alice must not notice.
        assert_eq!(alice.hand_over(send).await, Word::Accepted);
    }
    assert_eq!(bob.delivered(30).await, ids);
}

async fn an_envelope_from_another_key_or_too_large_ends_the_connection(transport: Transport) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = Member::join(transport, &home, &hub, "bob").await;
    for spoil in [
        (|send: &mut Send| send.envelope.header.from = PeerKey([8; 32])) as fn(&mut Send),
        |send| send.envelope.sealed = vec![0; 66 * 1024 + 17].into(),
    ] {
        let mut mallory = Member::join(transport, &home, &hub, "mallory").await;
        let mut send = mallory.next(bob.peer.key, 272);
        spoil(&mut send);
        mallory.socket.send(&ToHub::Send(send)).await;
        assert_eq!(mallory.socket.close_code().await, Some(4400));
    }
}
