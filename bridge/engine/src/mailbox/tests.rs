use std::sync::Arc;
use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;

use proptest::prelude::*;

use junction_shared::protocol::limits::SEQ_WINDOW;

use super::*;
use crate::Expectation;
use crate::hops::Hops;
use crate::seal::Identity;

const ALICE: PeerKey = PeerKey([1; 32]);
const BOB: PeerKey = PeerKey([2; 32]);

fn receipt_key() -> ReceiptKey {
    use junction_shared::protocol::crypto::public_key;
    use junction_shared::protocol::handshake::GroupKeys;
    use junction_shared::protocol::id::ReceiveKey;
    use junction_shared::secret::Secret;
    let group = GroupKeys::derive(&Secret::random());
    let to = ReceiveKey(public_key(&Secret::random()));
    crate::seal::keys_to(&group, &Secret::random(), &Identity::random(), &to).unwrap().receipt_key()
}

fn id(n: u8) -> MessageId {
    MessageId([n; 16])
}

fn message(from: PeerKey, n: u8) -> Message {
    Message {
        id: id(n),
        from: Alias::parse(if from == ALICE { "alice" } else { "bob" }).unwrap(),
        body: Arc::new(format!("message {n}")),
        sent_ms: 0,
        reply_to: None,
        key_changed: None,
        sender: from,
        peer: from,
        restarted: false,
        hops: Hops::first(id(n)),
        expects: Expectation::default(),
        group: None,
        from_person: false,
        past_limit: false,
        attachments: [].into(),
    }
}

/// A mailbox and what it was filled with.
struct Room {
    mailbox: Mailbox,
    now: Instant,
    key: ReceiptKey,
}

impl Room {
    fn new() -> Self {
        Self { mailbox: Mailbox::default(), now: Instant::now(), key: receipt_key() }
    }

    fn put(&mut self, message: Message, seq: u64) {
        let deadline = self.now + Duration::from_secs(u64::from(message.id.0[0]));
        let (key, urgency) = (self.key.clone(), Urgency::Normal);
        let place = (message.id, Seq(seq));
        self.mailbox.put(MailboxMessage::new(message, place, urgency, deadline, key));
    }

    fn arrive(&mut self, from: PeerKey, seq: u64, n: u8) -> Arrival {
        let arrival = self.mailbox.arrive(from, Seq(seq), id(n));
        if arrival == Arrival::New {
            self.put(message(from, n), seq);
        }
        arrival
    }

    fn page(&mut self, limit: usize) -> (LeaseId, Vec<MessageId>) {
        let (lease, page) =
            self.mailbox.lease_page(PageLimits { messages: limit, ..PageLimits::default() }, None);
        (lease, page.iter().map(|message| message.id).collect())
    }
}

#[test]
fn a_message_is_read_at_most_once_however_often_it_arrives() {
    let mut room = Room::new();
    assert_eq!(room.arrive(ALICE, 1, 1), Arrival::New);
    assert_eq!(room.arrive(ALICE, 1, 1), Arrival::Waiting);
    let (lease, page) = room.page(10);
    assert_eq!(page, [id(1)]);
    assert_eq!(room.arrive(ALICE, 1, 1), Arrival::Waiting, "leased is not read");
    assert_eq!(room.mailbox.ack(lease).len(), 1);
    assert_eq!(room.arrive(ALICE, 1, 1), Arrival::Read);
    assert!(room.page(10).1.is_empty());
}

#[test]
fn page_of_chosen_messages_holds_no_others_and_what_waits_is_listed_without_it() {
    let mut room = Room::new();
    for n in 1..=4 {
        room.arrive(ALICE, u64::from(n), n);
    }
    let listed = |room: &Room| -> Vec<MessageId> {
        room.mailbox.unread_messages().iter().map(|unread| unread.id).collect()
    };
    let wanted = [id(4), id(2), id(9)];
    let (lease, page) = room.mailbox.lease_page(PageLimits::default(), Some(&wanted));
    let page: Vec<_> = page.iter().map(|message| message.id).collect();
    assert_eq!(page, [id(2), id(4)]);
    assert_eq!(listed(&room), [id(1), id(2), id(3), id(4)], "what is held is not read yet");
    room.mailbox.give_back(lease);
    let (lease, _) = room.mailbox.lease_page(PageLimits::default(), Some(&wanted));
    assert_eq!(room.mailbox.ack(lease).len(), 2);
    assert_eq!((listed(&room), room.page(10).1), (vec![id(1), id(3)], vec![id(1), id(3)]));
    let (_, nothing) = room.mailbox.lease_page(PageLimits::default(), Some(&[]));
    assert!(nothing.is_empty());
}

#[test]
fn an_answer_that_never_left_gives_its_messages_back_in_order() {
    let mut room = Room::new();
    for n in 1..=3 {
        room.arrive(ALICE, u64::from(n), n);
    }
    let (lease, first) = room.page(2);
    assert_eq!(first, [id(1), id(2)]);
    assert_eq!(room.mailbox.unread().count, 1);
    room.mailbox.give_back(lease);
    assert_eq!(room.page(10).1, [id(1), id(2), id(3)]);
}

#[test]
fn a_message_behind_a_later_one_is_dropped() {
    let mut room = Room::new();
    assert_eq!(room.arrive(ALICE, 5, 5), Arrival::New);
    assert_eq!(room.arrive(ALICE, 4, 4), Arrival::Dropped);
    assert_eq!(room.arrive(BOB, 4, 4), Arrival::New, "each sender has its own order");
}

#[test]
fn a_reply_that_is_waited_for_may_overtake() {
    let mut room = Room::new();
    room.arrive(ALICE, 1, 1);
    room.arrive(ALICE, 2, 2);
    let (lease, reply) = room.mailbox.lease_one(id(2)).unwrap();
    assert_eq!(reply.id, id(2));
    assert!(room.mailbox.lease_one(id(2)).is_none(), "it goes to one call alone");
    room.mailbox.ack(lease);
    assert_eq!(room.page(10).1, [id(1)]);
    assert_eq!(room.arrive(ALICE, 2, 2), Arrival::Read);
    assert_eq!(room.arrive(ALICE, 1, 1), Arrival::Waiting);
}

#[test]
fn leased_mail_does_not_expire_and_unread_mail_does() {
    let mut room = Room::new();
    room.arrive(ALICE, 1, 1);
    let (lease, _) = room.page(1);
    room.arrive(ALICE, 2, 2);
    let later = room.now + Duration::from_secs(9);
    let due = room.mailbox.expire(later);
    assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [id(2)]);
    room.mailbox.give_back(lease);
    assert_eq!(room.mailbox.deadline(), Some(room.now + Duration::from_secs(1)));
    assert_eq!(room.mailbox.expire(later).len(), 1);
    assert_eq!(room.arrive(ALICE, 2, 2), Arrival::Dropped, "expired is neither read nor new");
}

#[test]
fn a_page_holds_at_least_one_message_and_otherwise_stops_at_its_size() {
    let mut room = Room::new();
    for n in 1..=3 {
        room.arrive(ALICE, u64::from(n), n);
    }
    let (lease, page) =
        room.mailbox.lease_page(PageLimits { messages: 10, shown_len: |_| PAGE_CHARS + 1 }, None);
    assert_eq!(page.len(), 1);
    room.mailbox.ack(lease);
    assert_eq!(
        room.mailbox
            .lease_page(PageLimits { messages: 10, shown_len: |_| PAGE_CHARS / 2 }, None)
            .1
            .len(),
        2
    );
}

#[test]
fn the_notice_names_five_senders_and_counts_all() {
    let mut room = Room::new();
    for n in 1..=9 {
        let from = PeerKey([n; 32]);
        room.mailbox.arrive(from, Seq(1), id(n));
        let message =
            Message { from: Alias::parse(&format!("peer-{n}")).unwrap(), ..message(from, n) };
        room.put(message, 1);
    }
    let unread = room.mailbox.unread();
    assert_eq!((unread.count, unread.from.len()), (9, 5));
}

#[test]
fn the_mailbox_is_bounded_by_count_and_by_bytes() {
    let mut room = Room::new();
    assert!(room.mailbox.has_room(&ALICE, INBOX_BYTES));
    assert!(!room.mailbox.has_room(&ALICE, INBOX_BYTES + 1));
    for n in 0..INBOX_MESSAGES {
        assert!(room.mailbox.has_room(&ALICE, 1));
        room.arrive(ALICE, n as u64 + 1, u8::try_from(n).unwrap());
    }
    assert!(!room.mailbox.has_room(&ALICE, 0));
}

proptest! {
    /// Against a plain model: a set of numbers that were read, and the highest seen.
    #[test]
    fn the_window_agrees_with_a_set(steps in prop::collection::vec((1u64..200, any::<bool>()), 1..200)) {
        let mut room = Room::new();
        let (mut highest, mut read) = (0, std::collections::HashSet::new());
        for (seq, reads) in steps {
            let n = u8::try_from(seq).unwrap();
            let arrival = room.arrive(ALICE, seq, n);
            let waits = room.mailbox.messages.iter().any(|waiting| waiting.seq == Seq(seq));
            let expected = if seq > highest {
                Arrival::New
            } else if waits {
                Arrival::Waiting
            } else if read.contains(&seq) && highest - seq < SEQ_WINDOW {
                Arrival::Read
            } else {
                Arrival::Dropped
            };
            prop_assert_eq!(arrival, expected);
            highest = highest.max(seq);
            if reads {
                for waiting in &room.mailbox.messages {
                    read.insert(waiting.seq.0);
                }
                let (lease, _) = room.mailbox.lease_page(PageLimits { messages: usize::MAX, shown_len: |_| 0 }, None);
                room.mailbox.ack(lease);
            }
        }
    }
}
