//! Hand-overs, pushes and receipts.

use std::time::Duration;

use junction_shared::protocol::close::Close;
use junction_shared::protocol::id::ConnectionId;
use junction_shared::protocol::limits::{MAX_SEALED, PAIR_MESSAGES};
use junction_shared::protocol::wire::{Receipt, ReceiptKind, Refusal, Send, ToBridge, ToHub};

use super::world::{ConnectionEnd, SWEEP, TIMEOUT, World, envelope, id, key, send};

const SECOND: Duration = Duration::from_secs(1);

fn resend(from: u8, to: u8, n: u8) -> Send {
    Send { resend: true, ..send(envelope(from, to, n, 300)) }
}

fn restart(from: u8, to: u8, n: u8) -> Send {
    Send { restart: true, ..resend(from, to, n) }
}

/// Joins two peers and fills the sender's share of the receiver's inbox.
fn full_share() -> (World, ConnectionId, ConnectionId) {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    for n in 0..32 {
        assert_eq!(world.hand(ann, send(envelope(1, 2, n, 300))), ToBridge::Accepted(id(n)));
    }
    (world, ann, bob)
}

#[test]
fn mail_is_pushed_in_order_with_its_age() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    world.hand(ann, Send { age_ms: 40, ..send(envelope(1, 2, 9, 300)) });
    world.hand(ann, send(envelope(1, 2, 8, 300)));
    world.now += SECOND;
    let expected = [(9, 1040), (8, 1000)];
    let expected = expected.map(|(n, age)| ToBridge::Deliver(envelope(1, 2, n, 300), age));
    assert_eq!(world.pushes(bob), expected);
    assert_eq!(world.pushes(bob), []);
}

#[test]
fn a_push_or_an_opened_receipt_removes_nothing() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    world.hand(ann, send(envelope(1, 2, 1, 300)));
    assert_eq!(world.pushed(bob), [id(1)]);
    world.receipt(bob, 1, 1, ReceiptKind::Opened);
    world.say(bob, ToHub::Repush);
    assert_eq!(world.pushed(bob), [id(1)]);
}

#[test]
fn a_final_receipt_removes_and_is_forwarded() {
    for kind in [ReceiptKind::Read, ReceiptKind::Expired, ReceiptKind::Stale] {
        let mut world = World::past_grace();
        let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
        world.hand(ann, send(envelope(1, 2, 1, 300)));
        world.receipt(bob, 1, 1, kind);
        let receipt =
            Receipt { to: key(1), id: id(1), kind, mac: [0; 32], outlook: None, seat: None };
        assert_eq!(world.received(ann), [ToBridge::Receipt(receipt)]);
        world.say(bob, ToHub::Repush);
        assert_eq!(world.pushed(bob), []);
        assert_eq!(world.state.store.bytes(), 0);
    }
}

#[test]
fn a_receipt_for_mail_of_another_peer_removes_nothing_and_is_forwarded() {
    let mut world = World::past_grace();
    let (ann, bob, eve) = (world.join(1, "ann"), world.join(2, "bob"), world.join(3, "eve"));
    world.hand(ann, send(envelope(1, 2, 1, 300)));
    world.receipt(eve, 1, 1, ReceiptKind::Read);
    assert!(matches!(world.received(ann).as_slice(), [ToBridge::Receipt(_)]));
    assert_eq!(world.pushed(bob), [id(1)]);
}

#[test]
fn a_repush_is_answered_first_and_starts_over() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    world.hand(ann, send(envelope(1, 2, 1, 300)));
    world.hand(ann, send(envelope(1, 2, 2, 300)));
    assert!(world.state.next_push(bob, world.now).is_some());
    world.say(bob, ToHub::Repush);
    let pushes = world.pushes(bob);
    assert_eq!(pushes[0], ToBridge::Repushing);
    assert_eq!(pushes.len(), 3);
}

#[test]
fn a_reconnect_starts_over() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    world.hand(ann, send(envelope(1, 2, 1, 300)));
    assert_eq!(world.pushed(bob), [id(1)]);
    world.disconnect(bob);
    world.hand(ann, send(envelope(1, 2, 2, 300)));
    assert_eq!(world.pushed(bob), []);
    let bob = world.connect(2, None, None).connection;
    assert_eq!(world.pushed(bob), [id(1), id(2)]);
}

#[test]
fn mail_after_an_emptied_inbox_is_pushed_too() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    for n in 0..3 {
        world.hand(ann, send(envelope(1, 2, n, 300)));
        assert_eq!(world.pushed(bob), [id(n)]);
        world.receipt(bob, 1, n, ReceiptKind::Read);
    }
}

#[test]
fn the_same_bytes_again_are_accepted_once() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    for hand_over in [send(envelope(1, 2, 1, 300)), send(envelope(1, 2, 1, 300)), resend(1, 2, 1)] {
        assert_eq!(world.hand(ann, hand_over), ToBridge::Accepted(id(1)));
    }
    assert_eq!(world.pushed(bob), [id(1)]);
}

#[test]
fn other_bytes_under_the_same_id_are_a_conflict() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    world.hand(ann, send(envelope(1, 2, 1, 300)));
    let mut other = envelope(1, 2, 1, 300);
    other.header.seq = other.header.seq.next();
    for other in [other, envelope(1, 2, 1, 301)] {
        let refused = ToBridge::Refused(id(1), Refusal::IdConflict);
        assert_eq!(world.hand(ann, send(other)), refused);
    }
    assert_eq!(world.pushed(bob), [id(1)]);
}

#[test]
fn one_id_from_two_senders_is_two_messages() {
    let mut world = World::past_grace();
    let (ann, bob, eve) = (world.join(1, "ann"), world.join(2, "bob"), world.join(3, "eve"));
    world.hand(ann, send(envelope(1, 2, 1, 300)));
    assert_eq!(world.hand(eve, send(envelope(3, 2, 1, 300))), ToBridge::Accepted(id(1)));
    assert_eq!(world.pushed(bob), [id(1), id(1)]);
}

#[test]
fn a_message_already_read_is_kept_and_pushed_again() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    world.hand(ann, send(envelope(1, 2, 1, 300)));
    world.receipt(bob, 1, 1, ReceiptKind::Read);
    assert_eq!(world.hand(ann, resend(1, 2, 1)), ToBridge::Accepted(id(1)));
    assert_eq!(world.pushed(bob), [id(1)]);
}

#[test]
fn hand_overs_that_can_never_be_read_are_refused() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    let to_self = ToBridge::Refused(id(1), Refusal::ToSelf);
    assert_eq!(world.hand(ann, send(envelope(1, 1, 1, 300))), to_self);
    let gone = ToBridge::Refused(id(1), Refusal::Gone);
    assert_eq!(world.hand(ann, send(envelope(1, 9, 1, 300))), gone);
    assert_eq!(world.hand(ann, resend(1, 9, 1)), gone);
    world.say(bob, ToHub::Leave);
    assert_eq!(world.hand(ann, send(envelope(1, 2, 1, 300))), gone);
}

#[test]
fn in_the_restart_grace_mail_is_kept_for_unknown_peers_but_not_for_those_that_left() {
    let mut world = World::in_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    assert_eq!(world.hand(ann, send(envelope(1, 3, 1, 300))), ToBridge::Accepted(id(1)));
    world.say(bob, ToHub::Leave);
    let gone = ToBridge::Refused(id(1), Refusal::Gone);
    assert_eq!(world.hand(ann, send(envelope(1, 2, 1, 300))), gone);
    let eve = world.connect(3, None, None).connection;
    assert_eq!(world.pushed(eve), [id(1)]);
}

#[test]
fn the_end_of_the_restart_grace_drops_mail_for_unknown_peers_and_notifies() {
    let mut world = World::in_grace();
    world.pass(TIMEOUT - SECOND);
    let ann = world.join(1, "ann");
    world.hand(ann, send(envelope(1, 3, 1, 300)));
    world.pass(SECOND);
    let received = world.received(ann);
    let gone = junction_shared::protocol::wire::Standing::Gone;
    assert_eq!(received, [ToBridge::Peer(key(3), gone, None)]);
    assert_eq!(world.state.store.bytes(), 0);
}

#[test]
fn a_sender_learns_that_its_receiver_is_gone() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    world.hand(ann, send(envelope(1, 2, 1, 300)));
    world.say(bob, ToHub::Leave);
    let gone = junction_shared::protocol::wire::Standing::Gone;
    assert_eq!(world.received(ann), [ToBridge::Peer(key(2), gone, None)]);
    assert_eq!(world.state.store.bytes(), 0);
}

#[test]
fn mail_outlives_its_sender() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    world.hand(ann, send(envelope(1, 2, 1, 300)));
    world.say(ann, ToHub::Leave);
    assert_eq!(world.pushed(bob), [id(1)]);
}

#[test]
fn mail_expires_at_its_ttl_including_its_age() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    world.hand(ann, Send { age_ms: 59_000, ..send(envelope(1, 2, 1, 300)) });
    world.hand(ann, send(envelope(1, 2, 2, 300)));
    world.hand(ann, Send { age_ms: u64::MAX, ..send(envelope(1, 2, 3, 300)) });
    world.pass(SECOND);
    world.received(ann);
    assert_eq!(world.pushed(bob), [id(2)]);
    world.pass(Duration::from_secs(59));
    assert_eq!(world.state.store.bytes(), 0);
    assert_eq!(world.received(ann), []);
}

#[test]
fn no_mail_lives_longer_than_a_session() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    let mut eternal = envelope(1, 2, 1, 300);
    eternal.header.ttl_ms = u64::MAX;
    world.hand(ann, send(eternal));
    world.now += TIMEOUT - SWEEP;
    world.state.touch(bob, world.now);
    world.pass(SWEEP);
    assert_eq!(world.state.store.bytes(), 0);
    assert_eq!(world.ended(bob), None);
}

#[test]
fn a_forged_sender_or_an_oversized_text_ends_the_connection() {
    for forged in [envelope(2, 1, 1, 300), envelope(1, 2, 1, MAX_SEALED + 1)] {
        let mut world = World::past_grace();
        let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
        world.say(ann, ToHub::Send(send(forged)));
        assert_eq!(world.ended(ann), Some(ConnectionEnd::Closed(Close::ProtocolError)));
        assert_eq!(world.pushed(bob), []);
    }
}

#[test]
fn a_share_of_the_largest_messages_fits() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    for n in 0..32 {
        let accepted = ToBridge::Accepted(id(n));
        assert_eq!(world.hand(ann, send(envelope(1, 2, n, MAX_SEALED))), accepted);
    }
    assert_eq!(world.pushed(bob).len(), PAIR_MESSAGES);
}

#[test]
fn a_full_share_refuses_a_first_hand_over_and_lets_others_through() {
    let (mut world, ann, _) = full_share();
    let full = ToBridge::Refused(id(40), Refusal::InboxFull);
    assert_eq!(world.hand(ann, send(envelope(1, 2, 40, 300))), full);
    let eve = world.join(3, "eve");
    assert_eq!(world.hand(eve, send(envelope(3, 2, 41, 300))), ToBridge::Accepted(id(41)));
    // A refusal is final: nothing is deferred.
    assert_eq!(world.state.backpressure.len(), 0);
}

#[test]
fn a_full_inbox_refuses_by_number_and_by_bytes() {
    for (size, fits) in [(300, 256), (MAX_SEALED, 128)] {
        let mut world = World::past_grace();
        let bob = world.join(200, "bob");
        let mut accepted = 0;
        for from in 1..=9 {
            let sender = world.join(from, &format!("sender-{from}"));
            for n in 0..32 {
                let answer = world.hand(sender, send(envelope(from, 200, n, size)));
                accepted += usize::from(answer == ToBridge::Accepted(id(n)));
            }
        }
        assert_eq!(accepted, fits);
        assert_eq!(world.pushed(bob).len(), fits);
    }
}

#[test]
fn a_resend_over_a_bound_defers_all_mail_of_its_pair() {
    let (mut world, ann, bob) = full_share();
    assert_eq!(world.hand(ann, resend(1, 2, 40)), ToBridge::Later(id(40)));
    assert_eq!(world.hand(ann, send(envelope(1, 2, 41, 300))), ToBridge::Later(id(41)));
    world.receipt(bob, 1, 0, ReceiptKind::Read);
    assert!(world.received(ann).contains(&ToBridge::Room(key(2))));
    // There is room now, but no message may overtake the first deferred one. A sender that gets `Later`
    // although there is room is notified of the room again.
    assert_eq!(world.hand(ann, resend(1, 2, 41)), ToBridge::Later(id(41)));
    assert_eq!(world.received(ann), [ToBridge::Room(key(2))]);
    assert_eq!(world.hand(ann, restart(1, 2, 40)), ToBridge::Accepted(id(40)));
    assert_eq!(world.hand(ann, resend(1, 2, 41)), ToBridge::Later(id(41)));
}

#[test]
fn room_is_notified_once() {
    let (mut world, ann, bob) = full_share();
    world.hand(ann, resend(1, 2, 40));
    let room = |world: &mut World, n| {
        world.received(ann);
        world.receipt(bob, 1, n, ReceiptKind::Read);
        world.received(ann).contains(&ToBridge::Room(key(2)))
    };
    assert!(room(&mut world, 0));
    assert!(!room(&mut world, 1));
    assert_eq!(world.hand(ann, restart(1, 2, 40)), ToBridge::Accepted(id(40)));
    assert_eq!(world.hand(ann, resend(1, 2, 41)), ToBridge::Accepted(id(41)));
    assert_eq!(world.hand(ann, resend(1, 2, 42)), ToBridge::Later(id(42)));
    assert!(room(&mut world, 2));
}

#[test]
fn a_restart_is_checked_against_the_bounds_again() {
    let (mut world, ann, _) = full_share();
    world.hand(ann, resend(1, 2, 40));
    assert_eq!(world.hand(ann, restart(1, 2, 40)), ToBridge::Later(id(40)));
    let first = Send { resend: false, ..restart(1, 2, 41) };
    assert_eq!(world.hand(ann, first), ToBridge::Refused(id(41), Refusal::InboxFull));
    assert_eq!(world.state.backpressure.len(), 0);
}

#[test]
fn a_restart_whose_message_is_stored_admits_those_behind_it() {
    let (mut world, ann, bob) = full_share();
    world.hand(ann, resend(1, 2, 40));
    world.receipt(bob, 1, 9, ReceiptKind::Read);
    // After a reconnect the sender restarts with its oldest message, which the hub still has.
    assert_eq!(world.hand(ann, restart(1, 2, 0)), ToBridge::Accepted(id(0)));
    assert_eq!(world.hand(ann, resend(1, 2, 40)), ToBridge::Accepted(id(40)));
}

#[test]
fn no_mail_is_deferred_for_or_from_a_peer_that_is_gone() {
    let (mut world, ann, bob) = full_share();
    world.hand(ann, resend(1, 2, 40));
    world.say(bob, ToHub::Leave);
    assert_eq!(world.state.backpressure.len(), 0);
    assert!(!world.received(ann).contains(&ToBridge::Room(key(2))));

    let (mut world, ann, bob) = full_share();
    world.hand(ann, resend(1, 2, 40));
    world.say(ann, ToHub::Leave);
    assert_eq!(world.state.backpressure.len(), 0);
    world.receipt(bob, 1, 0, ReceiptKind::Read);
}

#[test]
fn regression_no_mail_is_deferred_for_an_unknown_peer_after_the_restart_grace() {
    let mut world = World::in_grace();
    let ann = world.join(1, "ann");
    for n in 0..32 {
        world.hand(ann, send(envelope(1, 3, n, 300)));
    }
    world.hand(ann, resend(1, 3, 40));
    world.pass(Duration::from_secs(60));
    assert_eq!((world.state.store.bytes(), world.state.backpressure.len()), (0, 1));
    world.pass(TIMEOUT);
    assert_eq!(world.state.backpressure.len(), 0);
}

#[test]
fn expiry_makes_room_too() {
    let (mut world, ann, _) = full_share();
    world.hand(ann, resend(1, 2, 40));
    world.pass(Duration::from_secs(60));
    assert_eq!(world.received(ann), [ToBridge::Room(key(2))]);
}

#[test]
fn a_full_hub_defers_senders_and_notifies_them_of_room() {
    let mut world = World::in_grace();
    let sealed = bytes::Bytes::from(vec![0; MAX_SEALED]);
    let large = |from, to, n| {
        let mut send = resend(from, to, n);
        send.envelope.sealed = sealed.clone();
        send
    };
    // 128 shares of 32 messages of 64 KiB fill a hub exactly.
    let mut senders = Vec::new();
    for client in 0..128 {
        let sender = world.join(client, &format!("client-{client:03}"));
        for n in 0..32 {
            assert_eq!(
                world.hand(sender, large(client, client + 100, n)),
                ToBridge::Accepted(id(n))
            );
        }
        senders.push(sender);
    }
    let (ann, bob) = (senders[0], senders[127]);
    assert_eq!(world.hand(ann, large(0, 240, 40)), ToBridge::Later(id(40)));
    // The mail of sender 27 is in the inbox of peer 127.
    world.receipt(bob, 27, 0, ReceiptKind::Read);
    assert_eq!(world.received(ann), [ToBridge::Room(key(240))]);
}
