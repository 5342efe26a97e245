//! What is fetched, and what the sender is told.

use std::time::Duration;

use junction_shared::protocol::limits::CHUNK;

use super::*;
use crate::attachment::PreparedAttachments;
use crate::attachment::tests::{file, value};

const ME: PeerKey = PeerKey([1; 32]);
const SENDER: PeerKey = PeerKey([2; 32]);
const TTL: Duration = Duration::from_secs(60);

fn id(n: u8) -> MessageId {
    MessageId([n; 16])
}

fn transfer(message: u8, attachment: u8) -> TransferId {
    TransferId { from: SENDER, to: ME, message: id(message), attachment }
}

fn range(message: u8, attachment: u8, next: u32, until: u32) -> ChunkRange {
    ChunkRange { transfer: transfer(message, attachment), next, until }
}

struct Receiver {
    downloads: Downloads,
    now: Instant,
}

impl Receiver {
    fn new() -> Self {
        Self { downloads: Downloads::default(), now: Instant::now() }
    }

    /// Opens a message with three attachments: two of 20 chunks, and a value.
    fn open(&mut self, message: u8) {
        let large = || file("large", vec![7; 20 * CHUNK]);
        let prepared = PreparedAttachments::read(vec![large(), large(), value("K", "v")]).unwrap();
        let sender = Alias::parse("ann").unwrap();
        let deadline = self.now + TTL;
        self.downloads.add(id(message), (SENDER, sender), ME, prepared.manifest, deadline);
    }

    fn begin(&mut self, message: u8, attachment: u8) -> Result<BegunDownload, AttachmentError> {
        self.downloads.begin((id(message), attachment), self.now)
    }

    fn chunk(&mut self, message: u8, attachment: u8, number: u32) {
        let sealed = Bytes::from_static(b"sealed");
        let chunk = Chunk { transfer: transfer(message, attachment), number, sealed };
        self.downloads.chunk(chunk, self.now);
    }

    fn ranges(&mut self) -> Vec<ChunkRange> {
        self.downloads.take_ranges()
    }

    fn receipts(&mut self) -> Vec<(u8, u8, AttachmentEnd)> {
        let receipts = self.downloads.take_receipts().into_iter();
        let mut receipts: Vec<_> = receipts
            .map(|(transfer, end)| (transfer.message.0[0], transfer.attachment, end))
            .collect();
        receipts.sort_unstable_by_key(|(message, attachment, _)| (*message, *attachment));
        receipts
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.downloads.expire(self.now);
    }
}

/// Why a download ended, as its thread sees it.
fn end_of(begun: &BegunDownload) -> Option<AttachmentError> {
    begun.chunks.is_closed().then(|| begun.end.get().copied()).flatten()
}

#[test]
fn chunks_are_asked_for_as_they_are_taken() {
    let mut receiver = Receiver::new();
    receiver.open(1);
    let mut begun = receiver.begin(1, 1).unwrap();
    assert_eq!(receiver.ranges(), [range(1, 1, 0, 8)]);
    (0..8).for_each(|number| receiver.chunk(1, 1, number));
    (0..4).for_each(|_| _ = begun.chunks.try_recv().unwrap());
    receiver.downloads.taken(begun.id, 4);
    assert_eq!(receiver.ranges(), [range(1, 1, 8, 12)]);
    // Twice, out of order, and of somebody else.
    receiver.chunk(1, 1, 7);
    receiver.chunk(1, 1, 9);
    receiver.chunk(1, 2, 8);
    receiver.chunk(1, 1, 8);
    assert_eq!(begun.chunks.len(), 5);
    // No further than the end.
    (9..12).for_each(|number| receiver.chunk(1, 1, number));
    (0..8).for_each(|_| _ = begun.chunks.try_recv().unwrap());
    receiver.downloads.taken(begun.id, 8);
    assert_eq!(receiver.ranges(), [range(1, 1, 12, 20)]);
}

#[test]
fn unknown_messages_and_numbers_are_told_apart() {
    let mut receiver = Receiver::new();
    receiver.open(1);
    let error = |begun: Result<BegunDownload, _>| begun.err();
    assert_eq!(error(receiver.begin(2, 1)), Some(AttachmentError::UnknownMessage));
    for number in [0, 4, 255] {
        assert_eq!(error(receiver.begin(1, number)), Some(AttachmentError::UnknownNumber(3)));
    }
}

#[test]
fn saved_attachment_is_told_and_can_be_saved_again() {
    let mut receiver = Receiver::new();
    receiver.open(1);
    for _ in 0..2 {
        let begun = receiver.begin(1, 3).unwrap();
        receiver.chunk(1, 3, 0);
        assert_eq!(receiver.downloads.commit(begun.id), Ok(()));
        receiver.downloads.ended(begun.id, true, receiver.now);
        assert_eq!(receiver.receipts(), [(1, 3, AttachmentEnd::Saved)]);
    }
    receiver.downloads.offered(&transfer(1, 3));
    assert_eq!(receiver.receipts(), [(1, 3, AttachmentEnd::Saved)]);
    receiver.downloads.offered(&transfer(1, 1));
    assert_eq!(receiver.receipts(), []);
}

#[test]
fn what_was_not_saved_in_time_is_told_as_expired_and_its_key_is_gone() {
    let mut receiver = Receiver::new();
    receiver.open(1);
    let begun = receiver.begin(1, 3).unwrap();
    receiver.downloads.ended(begun.id, true, receiver.now);
    receiver.pass(TTL - PATIENCE / 2);
    let waiting = receiver.begin(1, 1).unwrap();
    receiver.receipts();
    receiver.pass(PATIENCE / 2);
    let expired = |attachment| (1, attachment, AttachmentEnd::Expired);
    let saved = (1, 3, AttachmentEnd::Saved);
    assert_eq!(receiver.receipts(), [expired(1), expired(2), saved]);
    assert_eq!(end_of(&waiting), Some(AttachmentError::Expired));
    assert_eq!(receiver.begin(1, 1).err(), Some(AttachmentError::Expired));
    assert!(receiver.downloads.messages[&id(1)].sealed.is_none());
    // Said again on the next connection, and to a sender that offers it again.
    receiver.downloads.connected(receiver.now);
    assert_eq!(receiver.receipts(), [expired(1), expired(2), saved]);
    receiver.downloads.offered(&transfer(1, 2));
    assert_eq!(receiver.receipts(), [expired(2)]);
    receiver.pass(AFTERLIFE);
    assert!(receiver.downloads.messages.is_empty());
}

#[test]
fn what_is_being_put_in_its_place_does_not_expire() {
    for is_saved in [true, false] {
        let mut receiver = Receiver::new();
        receiver.open(1);
        let begun = receiver.begin(1, 3).unwrap();
        receiver.chunk(1, 3, 0);
        assert_eq!(receiver.downloads.commit(begun.id), Ok(()));
        receiver.pass(TTL);
        receiver.downloads.offered(&transfer(1, 3));
        let told = receiver.receipts();
        assert!(told.iter().all(|(_, attachment, _)| *attachment != 3), "{told:?}");
        receiver.downloads.ended(begun.id, is_saved, receiver.now);
        let end = if is_saved { AttachmentEnd::Saved } else { AttachmentEnd::Expired };
        assert_eq!(receiver.receipts(), [(1, 3, end)]);
    }
}

#[test]
fn nothing_is_saved_after_it_was_told_as_expired() {
    let mut receiver = Receiver::new();
    receiver.open(1);
    let begun = receiver.begin(1, 3).unwrap();
    receiver.chunk(1, 3, 0);
    receiver.pass(TTL);
    assert_eq!(receiver.downloads.commit(begun.id), Err(AttachmentError::Expired));
}

#[test]
fn session_that_leaves_for_good_tells_what_it_has_not_saved() {
    let mut receiver = Receiver::new();
    receiver.open(1);
    let begun = receiver.begin(1, 1).unwrap();
    receiver.downloads.leave();
    assert_eq!(receiver.receipts().len(), 3);
    assert_eq!(end_of(&begun), Some(AttachmentError::Expired));
}

#[test]
fn two_of_a_sender_are_fetched_at_a_time() {
    let mut receiver = Receiver::new();
    receiver.open(1);
    let first = receiver.begin(1, 1).unwrap();
    let _second = receiver.begin(1, 2).unwrap();
    receiver.ranges();
    let _third = receiver.begin(1, 3).unwrap();
    assert_eq!(receiver.ranges(), []);
    receiver.downloads.ended(first.id, false, receiver.now);
    assert_eq!(receiver.ranges(), [range(1, 1, 0, 0), range(1, 3, 0, 1)]);
}

#[test]
fn regression_two_saves_of_one_attachment_come_one_after_the_other() {
    let mut receiver = Receiver::new();
    receiver.open(1);
    let mut first = receiver.begin(1, 3).unwrap();
    let mut second = receiver.begin(1, 3).unwrap();
    assert_eq!(receiver.ranges(), [range(1, 3, 0, 1)]);
    receiver.chunk(1, 3, 0);
    assert!(first.chunks.try_recv().is_ok() && second.chunks.try_recv().is_err());
    assert_eq!(receiver.ranges(), [range(1, 3, 0, 1)]);
    receiver.chunk(1, 3, 0);
    assert!(second.chunks.try_recv().is_ok());
}

#[test]
fn lost_connection_goes_on_where_it_was() {
    let mut receiver = Receiver::new();
    receiver.open(1);
    let _begun = receiver.begin(1, 1).unwrap();
    (0..5).for_each(|number| receiver.chunk(1, 1, number));
    receiver.ranges();
    receiver.downloads.connected(receiver.now);
    assert_eq!(receiver.ranges(), [range(1, 1, 5, 8)]);
    receiver.downloads.offered(&transfer(1, 1));
    assert_eq!(receiver.ranges(), [range(1, 1, 5, 8)]);
}

#[test]
fn regression_hub_that_forgot_the_question_is_asked_again() {
    let mut receiver = Receiver::new();
    receiver.open(1);
    let _begun = receiver.begin(1, 1).unwrap();
    receiver.ranges();
    assert_eq!(receiver.downloads.deadline(), Some(receiver.now + REPEAT));
    receiver.pass(REPEAT);
    assert_eq!(receiver.ranges(), [range(1, 1, 0, 8)]);
    receiver.chunk(1, 1, 0);
    receiver.pass(REPEAT - Duration::from_millis(1));
    assert_eq!(receiver.ranges(), []);
    receiver.pass(Duration::from_millis(1));
    assert_eq!(receiver.ranges(), [range(1, 1, 1, 8)]);
}

#[test]
fn download_ends_when_nobody_can_give_it_or_nothing_comes() {
    let mut receiver = Receiver::new();
    receiver.open(1);
    let begun = receiver.begin(1, 1).unwrap();
    receiver.downloads.unavailable(&transfer(1, 2), receiver.now);
    assert_eq!(end_of(&begun), None);
    receiver.downloads.unavailable(&transfer(1, 1), receiver.now);
    assert_eq!(end_of(&begun), Some(AttachmentError::Unavailable));
    let begun = receiver.begin(1, 1).unwrap();
    receiver.pass(PATIENCE - Duration::from_secs(1));
    receiver.chunk(1, 1, 0);
    receiver.pass(PATIENCE - Duration::from_secs(1));
    assert_eq!(end_of(&begun), None);
    receiver.ranges();
    receiver.pass(Duration::from_secs(1));
    assert_eq!(end_of(&begun), Some(AttachmentError::Stalled));
    assert_eq!(receiver.ranges(), [range(1, 1, 0, 0)], "the hub need not go on either");
}

#[test]
fn call_that_was_given_up_makes_room_for_others() {
    let mut receiver = Receiver::new();
    receiver.open(1);
    for _ in 0..MAX_DOWNLOADS * 2 {
        drop(receiver.begin(1, 1).unwrap());
    }
    let all: Vec<_> = (0..MAX_DOWNLOADS).map(|_| receiver.begin(1, 1).unwrap()).collect();
    assert_eq!(receiver.begin(1, 1).err(), Some(AttachmentError::TooMany));
    drop(all);
    assert!(receiver.begin(1, 1).is_ok());
}

#[test]
fn regression_thread_of_an_earlier_session_says_nothing_of_a_later_one() {
    let mut receiver = Receiver::new();
    receiver.open(1);
    let earlier = receiver.begin(1, 3).unwrap();
    receiver.downloads = receiver.downloads.successor();
    receiver.open(2);
    let _later = receiver.begin(2, 3).unwrap();
    receiver.downloads.ended(earlier.id, true, receiver.now);
    assert_eq!(receiver.receipts(), []);
}

#[test]
fn messages_with_attachments_are_bounded() {
    let mut receiver = Receiver::new();
    let prepared = PreparedAttachments::read(vec![value("K", "v")]).unwrap();
    for n in 0..=MAX_MESSAGES {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        let sender = (SENDER, Alias::parse("ann").unwrap());
        let deadline = receiver.now + TTL + Duration::from_secs(n as u64);
        let sealed = prepared.manifest.clone();
        receiver.downloads.add(MessageId(bytes), sender, ME, sealed, deadline);
    }
    assert_eq!(receiver.downloads.messages.len(), MAX_MESSAGES);
    assert_eq!(receiver.receipts(), [(0, 1, AttachmentEnd::Expired)]);
}
