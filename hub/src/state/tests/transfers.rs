//! Attachments: what is pulled, kept, relayed and given room.

use std::time::Duration;

use bytes::Bytes;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::id::ConnectionId;
use junction_shared::protocol::limits::{
    CHUNK, CHUNK_WINDOW, MAX_ATTACHMENTS, MAX_CHUNKS, MAX_SEALED_CHUNK, PAIR_OFFERS,
};
use junction_shared::protocol::wire::{
    AttachmentEnd, AttachmentReceipt, Card, Chunk, ChunkRange, Offer, READS_ATTACHMENTS, ToBridge,
    ToHub, TransferId,
};

use super::world::{ConnectionEnd, TIMEOUT, World, card, envelope, id, key, send};

const TTL: Duration = Duration::from_secs(60);

fn transfer(from: u8, to: u8, attachment: u8) -> TransferId {
    TransferId { from: key(from), to: key(to), message: id(1), attachment }
}

/// Joins a client whose bridge knows attachments.
fn join(world: &mut World, client: u8) -> ConnectionId {
    let alias = format!("client-{client}");
    let welcome = world.connect(client, Some(&alias), None);
    publish(world, welcome.connection, client);
    welcome.connection
}

fn publish(world: &mut World, connection: ConnectionId, client: u8) {
    let alias = format!("client-{client}");
    let card = Card { features: Some(READS_ATTACHMENTS), ..card(client, 1, &alias, None) };
    world.publish(connection, &card);
}

fn offer(world: &mut World, connection: ConnectionId, transfer: TransferId, chunks: u32) {
    let ttl_ms = u64::try_from(TTL.as_millis()).unwrap();
    world.say(connection, ToHub::Offer(Offer { transfer, chunks, ttl_ms }));
}

fn sealed(number: u32) -> Bytes {
    Bytes::from(number.to_be_bytes().to_vec())
}

/// Gives the hub all the chunks that it asks for, as a sender does. Returns their numbers.
fn serve(world: &mut World, connection: ConnectionId) -> Vec<u32> {
    let mut given = Vec::new();
    loop {
        let pulls: Vec<_> = pulls(world, connection);
        if pulls.is_empty() {
            return given;
        }
        for ChunkRange { transfer, next, until } in pulls {
            for number in next..until {
                let chunk = Chunk { transfer, number, sealed: sealed(number) };
                world.say(connection, ToHub::Chunk(chunk));
                given.push(number);
            }
        }
    }
}

fn pulls(world: &mut World, connection: ConnectionId) -> Vec<ChunkRange> {
    let frames = world.received(connection).into_iter();
    frames
        .filter_map(|frame| if let ToBridge::Pull(range) = frame { Some(range) } else { None })
        .collect()
}

fn fetch(world: &mut World, connection: ConnectionId, transfer: TransferId, next: u32, until: u32) {
    world.say(connection, ToHub::Fetch(ChunkRange { transfer, next, until }));
}

/// Returns the numbers of the chunks that are pushed now.
fn chunks(world: &mut World, connection: ConnectionId) -> Vec<u32> {
    let pushes = world.pushes(connection).into_iter();
    let chunk = |frame| match frame {
        ToBridge::Chunk(chunk) => {
            assert_eq!(chunk.sealed, sealed(chunk.number));
            Some(chunk.number)
        }
        _ => None,
    };
    pushes.filter_map(chunk).collect()
}

/// Fetches a whole transfer, as a receiver does, while its sender serves. Returns the numbers in the order of arrival.
fn fetch_all(
    world: &mut World,
    (sender, receiver): (ConnectionId, ConnectionId),
    transfer: TransferId,
    from: u32,
) -> Vec<u32> {
    let mut got = Vec::new();
    let (mut next, mut until) = (from, from);
    loop {
        let end = next + CHUNK_WINDOW;
        if end > until {
            fetch(world, receiver, transfer, until, end);
            until = end;
        }
        serve(world, sender);
        let new = chunks(world, receiver);
        if new.is_empty() {
            return got;
        }
        next += u32::try_from(new.len()).unwrap();
        got.extend(new);
    }
}

fn receipt(kind: AttachmentEnd, transfer: TransferId) -> ToHub {
    ToHub::AttachmentReceipt(AttachmentReceipt { transfer, kind, mac: [0; 32] })
}

#[test]
fn offer_is_pulled_whole_and_kept_until_it_is_fetched() {
    let mut world = World::past_grace();
    let (ann, bob) = (join(&mut world, 1), join(&mut world, 2));
    let file = transfer(1, 2, 1);
    offer(&mut world, ann, file, MAX_CHUNKS);
    assert!(world.received(bob).contains(&ToBridge::Offered(file)));
    assert_eq!(serve(&mut world, ann), (0..MAX_CHUNKS).collect::<Vec<_>>());
    assert_eq!(world.state.attachment_bytes(), 256 * CHUNK);
    world.say(ann, ToHub::Leave);
    assert_eq!(fetch_all(&mut world, (ann, bob), file, 0), (0..MAX_CHUNKS).collect::<Vec<_>>());
}

/// Returns the attachments that the hub says it keeps whole.
fn kept(world: &mut World, connection: ConnectionId) -> Vec<u8> {
    let frames = world.received(connection).into_iter();
    frames
        .filter_map(|frame| match frame {
            ToBridge::Kept(transfer) => Some(transfer.attachment),
            _ => None,
        })
        .collect()
}

/// Gives the hub chunks that it asked for before.
fn give(world: &mut World, connection: ConnectionId, transfer: TransferId, chunks: u32) {
    for number in 0..chunks {
        world.say(connection, ToHub::Chunk(Chunk { transfer, number, sealed: sealed(number) }));
    }
}

#[test]
fn sender_is_told_once_what_is_kept_whole_and_again_on_its_next_connection() {
    let mut world = World::past_grace();
    let (ann, bob) = (join(&mut world, 1), join(&mut world, 2));
    offer(&mut world, ann, transfer(1, 2, 1), 2);
    give(&mut world, ann, transfer(1, 2, 1), 1);
    assert_eq!(kept(&mut world, ann), [0; 0]);
    world.say(
        ann,
        ToHub::Chunk(Chunk { transfer: transfer(1, 2, 1), number: 1, sealed: sealed(1) }),
    );
    assert_eq!(kept(&mut world, ann), [1]);
    fetch(&mut world, bob, transfer(1, 2, 1), 0, 2);
    assert_eq!(chunks(&mut world, bob), [0, 1]);
    assert_eq!(kept(&mut world, ann), [0; 0]);
    offer(&mut world, ann, transfer(1, 2, 1), 2);
    assert_eq!(kept(&mut world, ann), [1], "it has forgotten");
    world.say(bob, receipt(AttachmentEnd::Saved, transfer(1, 2, 1)));
    offer(&mut world, ann, transfer(1, 2, 1), 2);
    assert_eq!(kept(&mut world, ann), [0; 0], "the receiver says more than that");
}

#[test]
fn sender_is_not_told_of_what_is_only_relayed() {
    let mut world = World::past_grace();
    let bob = join(&mut world, 9);
    let senders: Vec<_> = (1..=3).map(|client| (client, join(&mut world, client))).collect();
    for (client, connection) in &senders[..2] {
        offer(&mut world, *connection, transfer(*client, 9, 1), MAX_CHUNKS);
    }
    let (third, file) = (senders[2].1, transfer(3, 9, 1));
    offer(&mut world, third, file, 2);
    fetch(&mut world, bob, file, 0, 2);
    give(&mut world, third, file, 2);
    assert_eq!(kept(&mut world, third), [0; 0]);
    // Until others have made room for it.
    world.say(bob, receipt(AttachmentEnd::Saved, transfer(1, 9, 1)));
    assert_eq!(kept(&mut world, third), [1]);
}

#[test]
fn all_of_two_messages_can_be_kept_for_one_receiver() {
    let mut world = World::past_grace();
    let ann = join(&mut world, 1);
    join(&mut world, 2);
    let all = u8::try_from(MAX_ATTACHMENTS).unwrap();
    for message in [7, 8] {
        for attachment in 1..=all {
            let file = TransferId { message: id(message), ..transfer(1, 2, attachment) };
            offer(&mut world, ann, file, 1);
            give(&mut world, ann, file, 1);
            assert_eq!(kept(&mut world, ann), [attachment]);
        }
    }
    assert_eq!(world.state.attachment_bytes(), PAIR_OFFERS * CHUNK);
    let one_more = TransferId { message: id(9), ..transfer(1, 2, 1) };
    offer(&mut world, ann, one_more, 1);
    give(&mut world, ann, one_more, 1);
    assert_eq!(world.state.attachment_bytes(), PAIR_OFFERS * CHUNK, "it took the place of one");
}

#[test]
fn hub_asks_for_no_more_than_a_window_ahead() {
    let mut world = World::past_grace();
    let (ann, bob) = (join(&mut world, 1), join(&mut world, 2));
    let file = transfer(1, 2, 1);
    offer(&mut world, ann, file, 100);
    let mut outstanding = 0;
    for number in 0..100 {
        for range in pulls(&mut world, ann) {
            outstanding += range.until - range.next;
        }
        assert!((1..=CHUNK_WINDOW).contains(&outstanding), "{outstanding} at {number}");
        world.say(ann, ToHub::Chunk(Chunk { transfer: file, number, sealed: sealed(number) }));
        outstanding -= 1;
    }
    fetch(&mut world, bob, file, 0, 3);
    assert_eq!(chunks(&mut world, bob), [0, 1, 2]);
    fetch(&mut world, bob, file, 3, 5);
    assert_eq!(chunks(&mut world, bob), [3, 4]);
    fetch(&mut world, bob, file, 1, 2);
    assert_eq!(chunks(&mut world, bob), [1]);
}

#[test]
fn messages_come_before_chunks() {
    let mut world = World::past_grace();
    let (ann, bob) = (join(&mut world, 1), join(&mut world, 2));
    let file = transfer(1, 2, 1);
    offer(&mut world, ann, file, 4);
    serve(&mut world, ann);
    fetch(&mut world, bob, file, 0, 4);
    world.hand(ann, send(envelope(1, 2, 9, 300)));
    assert!(matches!(world.pushes(bob)[0], ToBridge::Deliver(..)));
}

#[test]
fn without_room_chunks_are_relayed_as_they_are_fetched() {
    let mut world = World::past_grace();
    let bob = join(&mut world, 9);
    let senders: Vec<_> = (1..=3).map(|client| (client, join(&mut world, client))).collect();
    for (client, connection) in &senders {
        offer(&mut world, *connection, transfer(*client, 9, 1), MAX_CHUNKS);
    }
    let given: Vec<_> =
        senders.iter().map(|(_, sender)| serve(&mut world, *sender).len()).collect();
    assert_eq!(given, [256, 256, 0], "32 MiB are two of the largest files");
    let (third, file) = (senders[2].1, transfer(3, 9, 1));
    assert_eq!(fetch_all(&mut world, (third, bob), file, 0), (0..MAX_CHUNKS).collect::<Vec<_>>());
    assert_eq!(world.state.attachment_bytes(), 512 * CHUNK, "nothing of it was kept");
    // A second time, from the middle.
    assert_eq!(fetch_all(&mut world, (third, bob), file, 200).len(), 56);
}

#[test]
fn relayed_transfers_of_a_receiver_are_bounded() {
    let mut world = World::past_grace();
    let bob = join(&mut world, 99);
    let senders: Vec<_> = (1..=19).map(|client| (client, join(&mut world, client))).collect();
    for (client, connection) in &senders {
        offer(&mut world, *connection, transfer(*client, 99, 1), MAX_CHUNKS);
        serve(&mut world, *connection);
    }
    for (client, _) in &senders[2..] {
        fetch(&mut world, bob, transfer(*client, 99, 1), 0, CHUNK_WINDOW);
    }
    let asked: Vec<_> =
        senders[2..].iter().map(|(_, sender)| serve(&mut world, *sender).len()).collect();
    let window = CHUNK_WINDOW as usize;
    assert_eq!(asked, [vec![window; 16], vec![0]].concat(), "the last waits for another's end");
    fetch(&mut world, bob, transfer(3, 99, 1), 0, 0);
    fetch(&mut world, bob, transfer(19, 99, 1), 0, CHUNK_WINDOW);
    assert_eq!(serve(&mut world, senders[18].1).len(), window);
}

#[test]
fn room_goes_to_the_sender_that_has_least() {
    let mut world = World::past_grace();
    let bob = join(&mut world, 9);
    let (ann, cat) = (join(&mut world, 1), join(&mut world, 2));
    for attachment in 1..=2 {
        offer(&mut world, ann, transfer(1, 9, attachment), MAX_CHUNKS);
    }
    serve(&mut world, ann);
    // Another of ann's takes the place of one of hers, and waits before cat's.
    offer(&mut world, ann, transfer(1, 9, 3), MAX_CHUNKS);
    offer(&mut world, cat, transfer(2, 9, 1), 1);
    serve(&mut world, ann);
    world.say(bob, receipt(AttachmentEnd::Saved, transfer(1, 9, 2)));
    serve(&mut world, ann);
    assert_eq!(serve(&mut world, cat).len(), 1);
    assert!(world.state.attachment_bytes() <= 512 * CHUNK);
}

#[test]
fn what_was_saved_stays_until_others_need_the_room() {
    let mut world = World::past_grace();
    let (ann, bob) = (join(&mut world, 1), join(&mut world, 2));
    let file = |attachment| transfer(1, 2, attachment);
    for attachment in 1..=2 {
        offer(&mut world, ann, file(attachment), MAX_CHUNKS);
        serve(&mut world, ann);
        world.say(bob, receipt(AttachmentEnd::Saved, file(attachment)));
        assert!(
            world.received(ann).iter().any(|frame| matches!(frame, ToBridge::AttachmentReceipt(_)))
        );
        assert_eq!(fetch_all(&mut world, (ann, bob), file(attachment), 0).len(), 256);
    }
    offer(&mut world, ann, file(3), MAX_CHUNKS);
    assert_eq!(serve(&mut world, ann).len(), 256);
    assert_eq!(world.state.attachment_bytes(), 512 * CHUNK);
    // The first is not here any more. Its sender is asked for it, and says that it cannot give it.
    fetch(&mut world, bob, file(1), 0, 8);
    assert_eq!(pulls(&mut world, ann), [ChunkRange { transfer: file(1), next: 0, until: 0 }]);
    world.received(bob);
    world.say(ann, ToHub::Withdraw(file(1)));
    assert_eq!(world.received(bob), [ToBridge::Unavailable(file(1))]);
}

#[test]
fn regression_repeated_receipt_does_not_stop_a_second_save() {
    let mut world = World::past_grace();
    let (ann, bob) = (join(&mut world, 1), join(&mut world, 2));
    let file = transfer(1, 2, 1);
    offer(&mut world, ann, file, 3);
    serve(&mut world, ann);
    world.say(bob, receipt(AttachmentEnd::Saved, file));
    fetch(&mut world, bob, file, 0, 3);
    world.say(bob, receipt(AttachmentEnd::Saved, file));
    assert_eq!(chunks(&mut world, bob), [0, 1, 2]);
}

#[test]
fn restarted_hub_asks_for_what_is_still_wanted_first() {
    let mut world = World::in_grace();
    let (ann, bob) = (join(&mut world, 1), join(&mut world, 2));
    let file = transfer(1, 2, 1);
    fetch(&mut world, bob, file, 128, 136);
    assert_eq!(pulls(&mut world, ann), [ChunkRange { transfer: file, next: 0, until: 0 }]);
    offer(&mut world, ann, file, MAX_CHUNKS);
    assert!(world.received(bob).contains(&ToBridge::Offered(file)));
    let got = fetch_all(&mut world, (ann, bob), file, 128);
    assert_eq!(got, (128..MAX_CHUNKS).collect::<Vec<_>>());
    // What was passed over comes afterwards, for a second time.
    assert_eq!(fetch_all(&mut world, (ann, bob), file, 0).len(), 256);
}

#[test]
fn regression_sender_without_a_card_yet_is_not_told_as_unavailable() {
    let mut world = World::in_grace();
    let bob = join(&mut world, 2);
    let ann = world.connect(1, Some("client-1"), None).connection;
    world.received(bob);
    fetch(&mut world, bob, transfer(1, 2, 1), 0, 8);
    assert_eq!(world.received(bob), []);
    publish(&mut world, ann, 1);
    fetch(&mut world, bob, transfer(1, 2, 1), 0, 8);
    assert_eq!(pulls(&mut world, ann).len(), 1);
}

#[test]
fn sender_that_comes_back_goes_on_where_it_was() {
    let mut world = World::past_grace();
    let (ann, bob) = (join(&mut world, 1), join(&mut world, 2));
    let file = transfer(1, 2, 1);
    offer(&mut world, ann, file, 20);
    for number in 0..3 {
        world.say(ann, ToHub::Chunk(Chunk { transfer: file, number, sealed: sealed(number) }));
    }
    world.disconnect(ann);
    fetch(&mut world, bob, file, 0, 8);
    assert_eq!(chunks(&mut world, bob), [0, 1, 2]);
    let ann = world.connect(1, None, None).connection;
    publish(&mut world, ann, 1);
    offer(&mut world, ann, file, 20);
    assert_eq!(serve(&mut world, ann), (3..20).collect::<Vec<_>>());
    assert_eq!(chunks(&mut world, bob), [3, 4, 5, 6, 7]);
}

#[test]
fn receiver_is_told_when_nobody_can_give_what_it_fetches() {
    let mut world = World::past_grace();
    let (ann, bob) = (join(&mut world, 1), join(&mut world, 2));
    let file = transfer(1, 2, 1);
    offer(&mut world, ann, file, 20);
    fetch(&mut world, bob, file, 0, 8);
    world.received(bob);
    world.say(ann, ToHub::Leave);
    assert!(world.received(bob).contains(&ToBridge::Unavailable(file)));
    fetch(&mut world, bob, file, 0, 8);
    assert_eq!(world.received(bob), [ToBridge::Unavailable(file)]);
    assert_eq!(world.state.attachment_bytes(), 0);
}

#[test]
fn transfers_expire_and_end_with_their_receiver() {
    let mut world = World::past_grace();
    let (ann, bob) = (join(&mut world, 1), join(&mut world, 2));
    offer(&mut world, ann, transfer(1, 2, 1), 20);
    serve(&mut world, ann);
    world.pass(TTL);
    assert_eq!(world.state.attachment_bytes(), 0);
    offer(&mut world, ann, transfer(1, 2, 2), 20);
    world.say(bob, ToHub::Leave);
    assert_eq!(world.state.attachment_bytes(), 0);
    world.pass(TIMEOUT);
}

#[test]
fn expired_receipt_removes_only_what_is_addressed_to_its_maker() {
    let mut world = World::past_grace();
    let (ann, bob, cat) = (join(&mut world, 1), join(&mut world, 2), join(&mut world, 3));
    let file = transfer(1, 2, 1);
    offer(&mut world, ann, file, 20);
    serve(&mut world, ann);
    for frame in [receipt(AttachmentEnd::Expired, file), ToHub::Withdraw(file)] {
        world.say(cat, frame);
        assert_eq!(world.state.attachment_bytes(), 20 * CHUNK);
    }
    fetch(&mut world, cat, file, 0, 8);
    assert_eq!(chunks(&mut world, cat), [0; 0]);
    assert_eq!(world.received(ann), []);
    world.say(bob, receipt(AttachmentEnd::Expired, file));
    assert_eq!(world.state.attachment_bytes(), 0);
}

#[test]
fn bridges_that_know_no_attachments_hear_nothing_of_them() {
    let mut world = World::past_grace();
    let (ann, old) = (join(&mut world, 1), world.join(2, "old"));
    world.received(old);
    offer(&mut world, ann, transfer(1, 2, 1), 20);
    serve(&mut world, ann);
    world.say(ann, ToHub::Withdraw(transfer(1, 2, 1)));
    // Another asks it for what it never offered.
    fetch(&mut world, ann, transfer(2, 1, 1), 0, 8);
    assert!(world.received(ann).contains(&ToBridge::Unavailable(transfer(2, 1, 1))));
    assert_eq!(world.received(old), []);
}

#[test]
fn false_offers_and_chunks_close_the_connection() {
    let ok = transfer(1, 2, 1);
    let offers = [
        (transfer(2, 3, 1), 1),
        (transfer(1, 1, 1), 1),
        (transfer(1, 2, 0), 1),
        (transfer(1, 2, 9), 1),
        (ok, 0),
        (ok, MAX_CHUNKS + 1),
    ];
    for (transfer, chunks) in offers {
        let mut world = World::past_grace();
        let ann = join(&mut world, 1);
        offer(&mut world, ann, transfer, chunks);
        assert_eq!(world.ended(ann), Some(ConnectionEnd::Closed(Close::ProtocolError)));
    }
    let large = Bytes::from(vec![0; MAX_SEALED_CHUNK + 1]);
    for chunk in [
        Chunk { transfer: ok, number: 0, sealed: large },
        Chunk { transfer: transfer(2, 3, 1), number: 0, sealed: sealed(0) },
    ] {
        let mut world = World::past_grace();
        let ann = join(&mut world, 1);
        world.say(ann, ToHub::Chunk(chunk));
        assert_eq!(world.ended(ann), Some(ConnectionEnd::Closed(Close::ProtocolError)));
    }
}

#[test]
fn chunks_that_nobody_asked_for_are_dropped_and_end_the_connection() {
    let mut world = World::past_grace();
    let (ann, _bob) = (join(&mut world, 1), join(&mut world, 2));
    let file = transfer(1, 2, 1);
    offer(&mut world, ann, file, 20);
    for _ in 0..64 {
        world.say(ann, ToHub::Chunk(Chunk { transfer: file, number: 11, sealed: sealed(11) }));
    }
    assert_eq!(world.ended(ann), None);
    world.say(ann, ToHub::Chunk(Chunk { transfer: file, number: 11, sealed: sealed(11) }));
    assert_eq!(world.ended(ann), Some(ConnectionEnd::Closed(Close::ProtocolError)));
}

#[test]
fn transfers_of_a_receiver_are_bounded() {
    let mut world = World::past_grace();
    let _bob = join(&mut world, 255);
    for client in 1..=200 {
        let connection = join(&mut world, client);
        for attachment in 1..=8 {
            offer(&mut world, connection, transfer(client, 255, attachment), MAX_CHUNKS);
        }
        serve(&mut world, connection);
    }
    assert!(world.state.transfers() <= 256 && world.state.attachment_bytes() <= 512 * CHUNK);
}
