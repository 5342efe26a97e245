use std::time::{Duration, Instant};

use bytes::Bytes;
use junction_shared::protocol::id::{Epoch, GroupId, ReceiveKey};
use junction_shared::protocol::wire::{Header, Kind, ReceiptKind};

use tokio::sync::watch;

use super::*;
use crate::seal::{Identity, keys_to};

mod seats;

const PEER: PeerKey = PeerKey([1; 32]);
const OTHER: PeerKey = PeerKey([2; 32]);
const TTL: Duration = Duration::from_secs(100);
const GRACE: Duration = Duration::from_secs(60);

fn id(n: u8) -> MessageId {
    MessageId([n; 16])
}

fn receipt_key() -> ReceiptKey {
    use junction_shared::protocol::crypto::public_key;
    use junction_shared::protocol::handshake::GroupKeys;
    use junction_shared::secret::Secret;
    let group = GroupKeys::derive(&Secret::random());
    let to = ReceiveKey(public_key(&Secret::random()));
    keys_to(&group, &Secret::random(), &Identity::random(), &to).unwrap().receipt_key()
}

/// An outbox, its time, and the hand-overs it made.
struct Desk {
    outbox: Outbox,
    now: Instant,
    key: ReceiptKey,
    /// Whether receivers may return what they have not read.
    is_returnable: bool,
}

impl Desk {
    fn new() -> Self {
        let mut outbox = Outbox::default();
        outbox.set_times(OutboxTimes { grace: GRACE, correctable: 2 * GRACE });
        Self { outbox, now: Instant::now(), key: receipt_key(), is_returnable: false }
    }

    fn submit_to(&mut self, to: PeerKey, n: u8) -> Result<watch::Receiver<Status>, OutboxFull> {
        self.submit_sized(to, n, 5)
    }

    fn submit_sized(
        &mut self,
        to: PeerKey,
        n: u8,
        size: usize,
    ) -> Result<watch::Receiver<Status>, OutboxFull> {
        let plain = Plain { body: "x".repeat(size), ..Plain::default() };
        let alias = Alias::parse("calm-otter").unwrap();
        let deadline = self.now + TTL;
        let calls = SendingCall { refusal: oneshot::channel().0, outlook: watch::channel(None).0 };
        let (message, status) = OutboxMessage::new(id(n), alias, plain, deadline, calls);
        self.outbox.submit(to.into(), message).map(|()| status)
    }

    fn submit(&mut self, n: u8) -> watch::Receiver<Status> {
        self.submit_to(PEER, n).unwrap()
    }

    /// Everything that goes out now, sealing on the way.
    fn hand_over(&mut self) -> Vec<Send> {
        let mut sends = Vec::new();
        while let Some(step) = self.outbox.next(self.now) {
            match step {
                OutboxStep::HandOver(send) => sends.push(send),
                OutboxStep::Seal(message) => {
                    let header = Header {
                        group: GroupId([0; 16]),
                        id: message.id,
                        from: OTHER,
                        to: message.to,
                        epoch: Epoch(1),
                        enc: [0; 32],
                        seq: message.seq,
                        sent_ms: 0,
                        ttl_ms: 0,
                        kind: Kind::Text,
                    };
                    let envelope = Envelope { header, sealed: Bytes::from_static(b"sealed") };
                    self.outbox.sealed(envelope, self.key.clone(), self.is_returnable, self.now);
                }
            }
        }
        sends
    }

    fn reconnect(&mut self) -> Vec<Send> {
        self.outbox.close_all();
        for to in self.outbox.awaiting_lookup() {
            self.outbox.open(to);
        }
        self.hand_over()
    }

    fn ends(&mut self) -> Vec<(MessageId, Status)> {
        self.outbox.take_ended().into_iter().map(|end| (end.id, end.status)).collect()
    }
}

fn ids(sends: &[Send]) -> Vec<MessageId> {
    sends.iter().map(|send| send.envelope.header.id).collect()
}

#[test]
fn nothing_is_sealed_before_its_receiver_was_looked_up() {
    let mut desk = Desk::new();
    desk.submit(1);
    assert!(desk.hand_over().is_empty());
    assert_eq!(desk.outbox.awaiting_lookup(), [PEER]);
    desk.outbox.open(PEER);
    assert_eq!(ids(&desk.hand_over()), [id(1)]);
    assert!(desk.outbox.awaiting_lookup().is_empty());
}

#[test]
fn a_status_is_never_better_than_what_is_known() {
    let mut desk = Desk::new();
    let status = desk.submit(1);
    assert_eq!(*status.borrow(), Status::Queued);
    desk.outbox.open(PEER);
    desk.hand_over();
    assert_eq!(*status.borrow(), Status::Queued, "written is not accepted");
    desk.outbox.accepted(id(1));
    assert_eq!(*status.borrow(), Status::Accepted);
    desk.outbox.close_all();
    assert_eq!(*status.borrow(), Status::Queued, "the hub may have lost it");
    desk.outbox.receipt(id(1), ReceiptKind::Opened);
    desk.outbox.accepted(id(1));
    assert_eq!(*status.borrow(), Status::Opened, "accepted hides nothing better");
    desk.outbox.receipt(id(1), ReceiptKind::Read);
    assert_eq!(*status.borrow(), Status::Read);
    assert_eq!(desk.ends(), [(id(1), Status::Read)]);
    assert!(desk.outbox.is_empty());
}

#[test]
fn a_reconnect_sends_the_same_bytes_again_in_order_before_new_ones() {
    let mut desk = Desk::new();
    desk.submit(1);
    desk.submit(2);
    desk.outbox.open(PEER);
    let first = desk.hand_over();
    desk.submit(3);
    let again = desk.reconnect();
    assert_eq!(ids(&again), [id(1), id(2), id(3)]);
    assert_eq!(again[0].envelope, first[0].envelope);
    assert_eq!(again.iter().map(|send| send.resend).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(again.iter().map(|send| send.restart).collect::<Vec<_>>(), [true, false, false]);
    let seqs: Vec<_> = again.iter().map(|send| send.envelope.header.seq.0).collect();
    assert_eq!(seqs, [1, 2, 3]);
}

#[test]
fn a_resend_carries_its_age() {
    let mut desk = Desk::new();
    desk.submit(1);
    desk.outbox.open(PEER);
    assert_eq!(desk.hand_over()[0].age_ms, 0);
    desk.now += Duration::from_millis(1500);
    assert_eq!(desk.reconnect()[0].age_ms, 1500);
}

#[test]
fn refused_is_final_for_a_first_hand_over_alone() {
    let mut desk = Desk::new();
    let first = desk.submit(1);
    desk.outbox.open(PEER);
    desk.hand_over();
    desk.outbox.refused(id(1), Refusal::InboxFull);
    assert_eq!(*first.borrow(), Status::Refused(Refusal::InboxFull));
    let second = desk.submit(2);
    desk.hand_over();
    desk.reconnect();
    desk.outbox.refused(id(2), Refusal::Gone);
    assert_eq!(*second.borrow(), Status::Unconfirmed);
}

#[test]
fn expired_means_never_handed_over() {
    let mut desk = Desk::new();
    let queued = desk.submit(1);
    let sent = desk.submit_to(OTHER, 2).unwrap();
    desk.outbox.open(OTHER);
    desk.hand_over();
    desk.now += TTL;
    assert_eq!(desk.outbox.deadline(), Some(desk.now));
    desk.outbox.expire(desk.now);
    assert_eq!(*queued.borrow(), Status::Expired);
    assert_eq!(*sent.borrow(), Status::Queued, "a receipt may still come");
    desk.now += GRACE;
    desk.outbox.expire(desk.now);
    assert_eq!(*sent.borrow(), Status::Unconfirmed);
    assert!(desk.outbox.is_empty());
}

#[test]
fn nothing_is_handed_over_past_its_time() {
    let mut desk = Desk::new();
    desk.submit(1);
    desk.outbox.open(PEER);
    desk.hand_over();
    desk.now += TTL;
    assert!(desk.reconnect().is_empty());
}

#[test]
fn a_peer_that_is_gone_ends_what_was_queued_as_refused_and_what_was_sent_as_unconfirmed() {
    let mut desk = Desk::new();
    desk.submit(1);
    desk.outbox.open(PEER);
    desk.hand_over();
    desk.outbox.accepted(id(1));
    desk.outbox.close_all();
    desk.submit(2);
    desk.outbox.gone(PEER);
    let ends = desk.ends();
    assert_eq!(ends, [(id(1), Status::Unconfirmed), (id(2), Status::Refused(Refusal::Gone))]);
}

#[test]
fn the_hubs_own_answer_to_a_first_hand_over_says_more_than_gone() {
    let mut desk = Desk::new();
    desk.submit(1);
    desk.outbox.open(PEER);
    desk.hand_over();
    desk.outbox.gone(PEER);
    assert!(desk.ends().is_empty());
    desk.outbox.refused(id(1), Refusal::Gone);
    assert_eq!(desk.ends(), [(id(1), Status::Refused(Refusal::Gone))]);
}

#[test]
fn a_late_receipt_corrects_unconfirmed_once() {
    let mut desk = Desk::new();
    desk.submit(1);
    desk.outbox.open(PEER);
    desk.hand_over();
    desk.outbox.close_all();
    desk.outbox.gone(PEER);
    assert_eq!(desk.ends(), [(id(1), Status::Unconfirmed)]);
    assert!(desk.outbox.receipt_key(id(1)).is_some());
    desk.outbox.receipt(id(1), ReceiptKind::Read);
    assert_eq!(desk.ends(), [(id(1), Status::Read)]);
    desk.outbox.receipt(id(1), ReceiptKind::Read);
    assert!(desk.ends().is_empty());
}

#[test]
fn later_holds_a_peer_back_until_there_is_room_and_then_starts_from_the_lowest() {
    let mut desk = Desk::new();
    for n in 1..=3 {
        desk.submit(n);
    }
    desk.submit_to(OTHER, 9).unwrap();
    desk.outbox.open(PEER);
    desk.hand_over();
    desk.outbox.accepted(id(1));
    desk.outbox.later(id(2));
    desk.outbox.later(id(3));
    desk.submit(4);
    assert!(desk.hand_over().is_empty());
    desk.outbox.open(PEER);
    assert!(desk.hand_over().is_empty(), "news of the peer are no room");
    desk.outbox.open(OTHER);
    assert_eq!(ids(&desk.hand_over()), [id(9)], "others are not held back");
    desk.outbox.room(PEER);
    let again = desk.hand_over();
    assert_eq!(ids(&again), [id(1), id(2), id(3), id(4)]);
    assert!(again[0].restart && again[0].resend && !again[3].resend);
}

#[test]
fn what_is_sealed_may_wait_at_a_hub_in_its_restart_grace_and_what_is_not_waits_for_a_card() {
    let mut desk = Desk::new();
    desk.submit(1);
    desk.outbox.open(PEER);
    desk.hand_over();
    desk.outbox.close_all();
    desk.submit(2);
    desk.outbox.open_for_sealed(PEER);
    assert_eq!(ids(&desk.hand_over()), [id(1)]);
    desk.outbox.open(PEER);
    assert_eq!(ids(&desk.hand_over()), [id(2)], "what was handed over is not again");
}

#[test]
fn sequence_numbers_run_at_most_63_ahead_of_the_oldest_without_an_end() {
    let mut desk = Desk::new();
    desk.submit(0);
    desk.outbox.open(PEER);
    desk.hand_over();
    let mut last = 0;
    for n in 1..=100 {
        desk.submit(n);
        if let Some(send) = desk.hand_over().first() {
            last = send.envelope.header.seq.0;
        }
        desk.outbox.receipt(id(n), ReceiptKind::Read);
        if last == 64 {
            break;
        }
    }
    assert_eq!(last, 64);
    desk.submit(200);
    assert!(desk.hand_over().is_empty());
    desk.outbox.receipt(id(0), ReceiptKind::Read);
    assert_eq!(desk.hand_over()[0].envelope.header.seq.0, 65);
}

#[test]
fn bounds_are_checked_here_first() {
    let mut desk = Desk::new();
    for n in 0..32 {
        desk.submit(n);
    }
    assert_eq!(desk.submit_to(PEER, 99).err(), Some(OutboxFull::Peer));
    let mut desk = Desk::new();
    assert!(desk.submit_sized(PEER, 1, PAIR_BYTES).is_ok());
    assert_eq!(desk.submit_sized(PEER, 2, 1).err(), Some(OutboxFull::Peer));
    for n in 3..=5 {
        assert!(desk.submit_sized(PeerKey([n; 32]), n, PAIR_BYTES).is_ok());
    }
    assert_eq!(desk.submit_sized(PeerKey([9; 32]), 6, 1).err(), Some(OutboxFull::Outbox));
    desk.outbox.abandon();
    assert!(desk.submit_sized(PeerKey([9; 32]), 7, 1).is_ok(), "ends make room");
}

#[test]
fn peers_take_turns() {
    let mut desk = Desk::new();
    for n in 1..=3 {
        desk.submit(n);
        desk.submit_to(OTHER, 10 + n).unwrap();
    }
    desk.outbox.open(PEER);
    desk.outbox.open(OTHER);
    let sends = ids(&desk.hand_over());
    let first_three: Vec<_> = sends[..3].to_vec();
    assert!(first_three.contains(&id(1)) && first_three.contains(&id(11)), "{sends:?}");
}

#[test]
fn a_session_that_leaves_says_what_is_known_of_each_message() {
    let mut desk = Desk::new();
    desk.submit(1);
    desk.outbox.open(PEER);
    desk.hand_over();
    desk.submit_to(OTHER, 2).unwrap();
    assert!(desk.outbox.has_in_flight());
    let mut left: Vec<_> = desk.outbox.abandon().into_iter().map(|(id, _, s)| (id, s)).collect();
    left.sort_by_key(|(id, _)| *id);
    assert_eq!(left, [(id(1), Status::Unconfirmed), (id(2), Status::Refused(Refusal::Gone))]);
    assert!(desk.outbox.is_empty());
}

#[test]
fn regression_a_refusal_of_what_the_receiver_opened_is_not_believed() {
    let mut desk = Desk::new();
    let status = desk.submit(1);
    desk.outbox.open(PEER);
    desk.hand_over();
    desk.outbox.receipt(id(1), ReceiptKind::Opened);
    desk.outbox.refused(id(1), Refusal::Gone);
    assert_eq!(*status.borrow(), Status::Opened);
    assert!(desk.ends().is_empty());
    desk.outbox.receipt(id(1), ReceiptKind::Read);
    assert_eq!(desk.ends(), [(id(1), Status::Read)]);
}
