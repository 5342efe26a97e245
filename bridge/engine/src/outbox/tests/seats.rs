//! Messages to a receiver with a seat: what happens to them when its bridge is another.

use super::*;
use crate::outbox::receivers::OLDER_KEY_PATIENCE;

/// The receiver's second key.
const NEXT: PeerKey = PeerKey([3; 32]);
/// The receiver has read nothing and opened nothing.
const NOTHING: ReadWord = ReadWord { highest: Seq(0), read: 0, leased: 0 };

impl Desk {
    /// An outbox whose receiver has a seat, and is there.
    fn seated() -> Self {
        Self { is_returnable: true, ..Self::new() }
    }

    fn submit_to_seat(&mut self, n: u8) -> watch::Receiver<Status> {
        let status = self.submit(n);
        self.outbox.seated(PEER);
        status
    }

    /// The receiver has another key now, and the lane to it is open as soon as messages may go there.
    fn succeed(&mut self) {
        self.outbox.succeeded(PEER, NEXT, self.now);
        self.open_new_targets();
    }

    fn open_new_targets(&mut self) {
        for to in self.outbox.take_new_targets() {
            self.outbox.open(to);
        }
    }

    fn numbered_ends(&mut self) -> Vec<(u8, Status)> {
        self.outbox.take_ended().iter().map(|end| (end.id.0[0], end.status)).collect()
    }
}

/// The receiver and number of each hand-over, and whether it may not be refused.
fn to(sends: &[Send]) -> Vec<(u8, PeerKey, u64, bool)> {
    let one = |send: &Send| {
        let header = &send.envelope.header;
        (header.id.0[0], header.to, header.seq.0, send.resend)
    };
    sends.iter().map(one).collect()
}

#[test]
fn returned_messages_go_to_the_next_key_before_those_that_were_queued() {
    let mut desk = Desk::seated();
    let first = desk.submit_to_seat(1);
    desk.submit_to_seat(2);
    desk.outbox.open(PEER);
    assert_eq!(to(&desk.hand_over()), [(1, PEER, 1, false), (2, PEER, 2, false)]);
    desk.outbox.accepted(id(1));
    desk.outbox.returned(PEER, NOTHING);
    assert_eq!(*first.borrow(), Status::Queued);
    desk.submit_to_seat(3);
    // The key is over, whatever the hub says of it.
    desk.outbox.open(PEER);
    assert!(desk.hand_over().is_empty());
    desk.succeed();
    assert_eq!(
        to(&desk.hand_over()),
        [(1, NEXT, 1, true), (2, NEXT, 2, true), (3, NEXT, 3, false)]
    );
    desk.outbox.receipt(id(1), ReceiptKind::Read);
    assert_eq!(desk.numbered_ends(), [(1, Status::Read)]);
}

#[test]
fn nothing_goes_to_the_next_key_while_a_message_to_the_older_one_may_still_be_read() {
    let mut desk = Desk::seated();
    desk.submit_to_seat(1);
    desk.submit_to_seat(2);
    desk.outbox.open(PEER);
    desk.hand_over();
    // The second is on a page that is being written.
    desk.outbox.returned(PEER, ReadWord { highest: Seq(2), read: 0, leased: 1 });
    desk.succeed();
    assert!(desk.hand_over().is_empty());
    // That the receiver's old session has ended says nothing of it.
    desk.outbox.gone(PEER);
    assert!(desk.numbered_ends().is_empty() && desk.hand_over().is_empty());
    desk.outbox.receipt(id(2), ReceiptKind::Read);
    desk.open_new_targets();
    assert_eq!(to(&desk.hand_over()), [(1, NEXT, 1, true)]);
}

#[test]
fn second_word_returns_what_an_answer_that_never_left_held() {
    let mut desk = Desk::seated();
    desk.submit_to_seat(1);
    desk.outbox.open(PEER);
    desk.hand_over();
    desk.outbox.returned(PEER, ReadWord { highest: Seq(1), read: 0, leased: 1 });
    desk.succeed();
    desk.outbox.returned(PEER, ReadWord { highest: Seq(1), read: 0, leased: 0 });
    desk.open_new_targets();
    assert_eq!(to(&desk.hand_over()), [(1, NEXT, 1, true)]);
}

#[test]
fn word_of_what_was_read_stands_for_receipts_that_were_lost() {
    let mut desk = Desk::seated();
    desk.submit_to_seat(1);
    desk.outbox.open(PEER);
    desk.hand_over();
    desk.outbox.returned(PEER, ReadWord { highest: Seq(1), read: 1, leased: 0 });
    assert_eq!(desk.numbered_ends(), [(1, Status::Read)]);
}

#[test]
fn message_that_was_handed_over_and_not_returned_is_never_sealed_again() {
    let mut desk = Desk::seated();
    desk.submit_to_seat(1);
    desk.outbox.open(PEER);
    desk.hand_over();
    desk.outbox.accepted(id(1));
    desk.submit_to_seat(2);
    // Its bridge died without a word.
    desk.outbox.gone(PEER);
    assert_eq!(desk.numbered_ends(), [(1, Status::Unconfirmed)]);
    desk.succeed();
    assert_eq!(to(&desk.hand_over()), [(2, NEXT, 1, false)]);
}

#[test]
fn return_after_unconfirmed_corrects_it_and_seals_nothing_again() {
    let mut desk = Desk::seated();
    desk.submit_to_seat(1);
    desk.submit_to_seat(2);
    desk.outbox.open(PEER);
    desk.hand_over();
    desk.outbox.gone(PEER);
    desk.numbered_ends();
    desk.outbox.gone(PEER);
    for number in [1, 2] {
        desk.outbox.refused(id(number), Refusal::Gone);
    }
    desk.numbered_ends();
    desk.succeed();
    desk.outbox.returned(PEER, ReadWord { highest: Seq(1), read: 1, leased: 0 });
    assert_eq!(desk.numbered_ends(), [(1, Status::Read), (2, Status::Expired)]);
    assert!(desk.hand_over().is_empty());
}

#[test]
fn receiver_whose_text_is_gone_or_that_has_no_seat_ends_what_it_returns() {
    for mut desk in [Desk::new(), Desk { is_returnable: true, ..Desk::new() }] {
        desk.submit(1);
        desk.outbox.open(PEER);
        desk.hand_over();
        desk.outbox.returned(PEER, NOTHING);
        assert_eq!(desk.numbered_ends(), [(1, Status::Expired)]);
    }
}

#[test]
fn returned_message_that_nobody_comes_back_for_expires() {
    let mut desk = Desk::seated();
    desk.submit_to_seat(1);
    desk.outbox.open(PEER);
    desk.hand_over();
    desk.outbox.returned(PEER, NOTHING);
    desk.submit_to_seat(2);
    desk.outbox.gone(PEER);
    assert!(desk.numbered_ends().is_empty(), "what was never handed over waits, too");
    desk.now += TTL;
    desk.outbox.expire(desk.now);
    assert_eq!(desk.numbered_ends(), [(1, Status::Expired), (2, Status::Expired)]);
}

#[test]
fn answer_to_an_earlier_hand_over_says_nothing_of_the_later_one() {
    let mut desk = Desk::seated();
    let status = desk.submit_to_seat(1);
    desk.outbox.open(PEER);
    desk.hand_over();
    desk.outbox.returned(PEER, NOTHING);
    desk.succeed();
    assert_eq!(to(&desk.hand_over()), [(1, NEXT, 1, true)]);
    // The hub's answer to the first comes late.
    desk.outbox.refused(id(1), Refusal::Gone);
    assert!(desk.numbered_ends().is_empty());
    desk.outbox.accepted(id(1));
    assert_eq!(*status.borrow(), Status::Accepted);
}

#[test]
fn older_key_that_nobody_hears_of_is_given_up() {
    let mut desk = Desk::seated();
    desk.submit_to_seat(1);
    desk.outbox.open(PEER);
    desk.hand_over();
    desk.submit_to_seat(2);
    desk.succeed();
    assert_eq!(desk.outbox.deadline(), Some(desk.now + OLDER_KEY_PATIENCE));
    // Without a connection nothing could be heard.
    desk.outbox.close_all();
    desk.outbox.connected(desk.now + GRACE);
    desk.now += GRACE;
    desk.outbox.expire(desk.now);
    assert!(desk.numbered_ends().is_empty());
    desk.now += OLDER_KEY_PATIENCE;
    desk.outbox.expire(desk.now);
    assert_eq!(desk.numbered_ends(), [(1, Status::Unconfirmed)]);
    desk.open_new_targets();
    assert_eq!(to(&desk.hand_over()), [(2, NEXT, 1, false)]);
}

#[test]
fn laptop_that_slept_comes_back_under_its_key() {
    let mut desk = Desk::seated();
    desk.submit_to_seat(1);
    desk.outbox.gone(PEER);
    assert!(desk.numbered_ends().is_empty());
    desk.outbox.open(PEER);
    assert_eq!(to(&desk.hand_over()), [(1, PEER, 1, false)]);
}

#[test]
fn numbers_to_one_key_are_never_used_twice() {
    let mut desk = Desk::seated();
    desk.submit_to_seat(1);
    desk.outbox.open(PEER);
    desk.hand_over();
    desk.outbox.receipt(id(1), ReceiptKind::Read);
    desk.succeed();
    desk.outbox.succeeded(PEER, PEER, desk.now);
    desk.open_new_targets();
    desk.submit_to_seat(2);
    assert_eq!(to(&desk.hand_over()), [(2, PEER, 2, false)]);
}
