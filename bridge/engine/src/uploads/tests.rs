//! What is offered, sealed and told, frame by frame.

use std::sync::Arc;

use junction_shared::protocol::limits::CHUNK;
use junction_shared::protocol::wire::{Offer, Refusal};

use super::*;
use crate::attachment::tests::{TestSource, file, value};
use crate::attachment::{Attachment, PreparedAttachments};

const ME: PeerKey = PeerKey([1; 32]);
const PEER: PeerKey = PeerKey([2; 32]);
const PEER_AGAIN: PeerKey = PeerKey([3; 32]);
const TTL: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(10);

fn id(n: u8) -> MessageId {
    MessageId([n; 16])
}

fn transfer(message: u8, attachment: u8) -> TransferId {
    TransferId { from: ME, to: PEER, message: id(message), attachment }
}

fn range(message: u8, attachment: u8, next: u32, until: u32) -> ChunkRange {
    ChunkRange { transfer: transfer(message, attachment), next, until }
}

struct Sender {
    uploads: Uploads,
    now: Instant,
}

impl Sender {
    fn new() -> Self {
        let mut uploads = Uploads::default();
        uploads.set_grace(GRACE);
        Self { uploads, now: Instant::now() }
    }

    /// Sends a message with these attachments, which the hub has at once.
    fn send(&mut self, message: u8, attachments: Vec<Attachment>) {
        self.submit(message, attachments);
        self.uploads.arrived(id(message), PEER);
    }

    fn submit(&mut self, message: u8, attachments: Vec<Attachment>) {
        let prepared = PreparedAttachments::read(attachments).unwrap();
        let alias = Alias::parse("bob").unwrap();
        self.uploads.add(id(message), alias, PEER, self.now + TTL, prepared);
    }

    fn frames(&mut self) -> Vec<ToHub> {
        self.uploads.take_frames(ME, self.now)
    }

    /// The attachments that are offered now.
    fn offers(&mut self) -> Vec<TransferId> {
        let offer = |frame| match frame {
            ToHub::Offer(offer) => offer.transfer,
            other => panic!("{other:?}"),
        };
        self.frames().into_iter().map(offer).collect()
    }

    fn pull(&mut self, range: ChunkRange) {
        self.uploads.pulled(&range, self.now);
    }

    /// Does all jobs that there are, and gives the numbers of the chunks that are ready then.
    fn seal(&mut self) -> Vec<u32> {
        let mut numbers = Vec::new();
        loop {
            while let Some(job) = self.uploads.next_job(ME) {
                self.uploads.sealed(job.run());
            }
            let Some(chunk) = self.uploads.next_chunk() else { return numbers };
            numbers.push(chunk.number);
        }
    }

    /// The ends that are told: message, attachment, status.
    fn ends(&mut self) -> Vec<(MessageId, u8, Status)> {
        let ended = self.uploads.take_ended().into_iter();
        ended.map(|ended| (ended.message, ended.number, ended.status)).collect()
    }
}

fn large() -> Attachment {
    file("large", vec![7; 20 * CHUNK])
}

#[test]
fn nothing_is_offered_before_the_hub_has_the_message() {
    let mut sender = Sender::new();
    sender.submit(1, vec![large()]);
    assert_eq!(sender.frames(), []);
    sender.uploads.arrived(id(1), PEER);
    let offer = Offer { transfer: transfer(1, 1), chunks: 20, ttl_ms: 60_000 };
    assert_eq!(sender.frames(), [ToHub::Offer(offer)]);
    assert_eq!(sender.frames(), []);
}

#[test]
fn two_of_a_pair_are_offered_at_a_time_in_their_order() {
    let mut sender = Sender::new();
    sender.send(1, vec![large(), value("KEY", "x")]);
    sender.send(2, vec![file("c", "c")]);
    assert_eq!(sender.offers(), [transfer(1, 1), transfer(1, 2)]);
    sender.uploads.receipt(&transfer(1, 2), AttachmentEnd::Saved);
    assert_eq!(sender.offers(), [transfer(2, 1)]);
    assert_eq!(sender.ends(), [(id(1), 2, Status::Saved)]);
}

#[test]
fn what_the_hub_has_whole_makes_way_for_others_and_is_known_to_the_sender() {
    let mut sender = Sender::new();
    let five = || (0..5).map(|_| file("a", "a")).collect::<Vec<_>>();
    let prepared = PreparedAttachments::read(five()).unwrap();
    let progress = prepared.progress();
    let alias = Alias::parse("bob").unwrap();
    sender.uploads.add(id(1), alias, PEER, sender.now + TTL, prepared);
    sender.uploads.arrived(id(1), PEER);
    let states = || progress.borrow().iter().map(|it| it.state).collect::<Vec<_>>();
    use UploadState::{Coming, Ended, Kept};
    assert_eq!(sender.offers(), [transfer(1, 1), transfer(1, 2)]);
    sender.pull(range(1, 1, 0, 1));
    assert_eq!(sender.seal(), [0]);
    assert_eq!(progress.borrow()[0].given, CHUNK as u64);
    sender.uploads.kept(&transfer(1, 1));
    sender.uploads.kept(&TransferId { to: PEER_AGAIN, ..transfer(1, 2) });
    assert_eq!(states(), [Kept, Coming, Coming, Coming, Coming]);
    assert_eq!(sender.offers(), [transfer(1, 3)]);
    sender.uploads.receipt(&transfer(1, 1), AttachmentEnd::Saved);
    assert_eq!(sender.offers(), [], "it had its place no more");
    sender.uploads.kept(&transfer(1, 2));
    sender.uploads.receipt(&transfer(1, 3), AttachmentEnd::Expired);
    let ends = [Ended(Status::Saved), Kept, Ended(Status::Expired), Coming, Coming];
    assert_eq!(states(), ends);
    // A hub that comes back may have nothing.
    sender.uploads.disconnected();
    assert_eq!(states(), [ends[0], Coming, ends[2], Coming, Coming]);
    sender.frames();
    sender.uploads.kept(&transfer(1, 2));
    sender.pull(range(1, 2, 0, 0));
    assert_eq!(states()[1], Coming, "it asks for the offer again");
}

#[test]
fn no_more_are_on_offer_than_the_hub_takes_of_a_pair() {
    let mut sender = Sender::new();
    for message in 1..=3 {
        sender.send(message, (0..8).map(|_| file("a", "a")).collect());
    }
    let mut count = 0;
    loop {
        let offers = sender.offers();
        if offers.is_empty() {
            break;
        }
        count += offers.len();
        offers.iter().for_each(|transfer| sender.uploads.kept(transfer));
    }
    assert_eq!(count, PAIR_OFFERS);
}

#[test]
fn chunks_are_sealed_as_they_are_asked_for() {
    let mut sender = Sender::new();
    sender.send(1, vec![large()]);
    sender.frames();
    sender.pull(range(1, 1, 0, 8));
    assert_eq!(sender.seal(), (0..8).collect::<Vec<_>>());
    // Where the one before ended.
    sender.pull(range(1, 1, 8, 12));
    assert_eq!(sender.seal(), (8..12).collect::<Vec<_>>());
    // Somewhere else, and no further than the end.
    sender.pull(range(1, 1, 2, 4));
    assert_eq!(sender.seal(), [2, 3]);
    sender.pull(range(1, 1, 18, 30));
    assert_eq!(sender.seal(), [18, 19]);
}

#[test]
fn little_is_sealed_ahead() {
    let mut sender = Sender::new();
    sender.send(1, vec![large()]);
    sender.frames();
    sender.pull(range(1, 1, 0, 20));
    while let Some(job) = sender.uploads.next_job(ME) {
        sender.uploads.sealed(job.run());
    }
    assert!(sender.uploads.ready.len() <= MAX_READY + JOB_CHUNKS as usize);
}

#[test]
fn jobs_take_turns_and_one_that_hangs_holds_up_no_other() {
    let mut sender = Sender::new();
    sender.send(1, vec![large(), large()]);
    sender.frames();
    sender.pull(range(1, 1, 0, 8));
    sender.pull(range(1, 2, 0, 8));
    let hanging = sender.uploads.next_job(ME).unwrap();
    assert_eq!(hanging.transfer, transfer(1, 1));
    let other = sender.uploads.next_job(ME).unwrap();
    assert_eq!(other.transfer, transfer(1, 2));
    assert!(sender.uploads.next_job(ME).is_none(), "each is at work");
    sender.uploads.sealed(other.run());
    assert_eq!(sender.seal(), (0..8).collect::<Vec<_>>());
    drop(hanging);
}

#[test]
fn attachment_that_is_wanted_out_of_its_turn_is_offered() {
    let mut sender = Sender::new();
    sender.send(1, vec![large(), large(), large()]);
    sender.frames();
    sender.pull(range(1, 3, 0, 0));
    assert_eq!(sender.offers(), [transfer(1, 3)]);
    sender.pull(range(1, 3, 0, 4));
    assert_eq!(sender.seal(), [0, 1, 2, 3]);
}

#[test]
fn what_is_not_known_is_taken_back() {
    let mut sender = Sender::new();
    sender.send(1, vec![large()]);
    sender.frames();
    for range in [range(2, 1, 0, 0), range(1, 2, 0, 0)] {
        sender.pull(range);
        assert_eq!(sender.frames(), [ToHub::Withdraw(range.transfer)]);
    }
    let elsewhere = TransferId { to: PEER_AGAIN, ..transfer(1, 1) };
    sender.pull(ChunkRange { transfer: elsewhere, next: 0, until: 1 });
    assert_eq!(sender.frames(), [ToHub::Withdraw(elsewhere)]);
}

#[test]
fn saved_attachment_can_be_fetched_again_and_is_told_once() {
    let mut sender = Sender::new();
    sender.send(1, vec![large()]);
    sender.frames();
    sender.uploads.receipt(&transfer(1, 1), AttachmentEnd::Saved);
    sender.uploads.receipt(&transfer(1, 1), AttachmentEnd::Saved);
    assert_eq!(sender.ends(), [(id(1), 1, Status::Saved)]);
    sender.pull(range(1, 1, 0, 0));
    assert_eq!(sender.offers(), [transfer(1, 1)]);
    sender.pull(range(1, 1, 0, 1));
    assert_eq!(sender.seal(), [0]);
    sender.uploads.expire(sender.now + TTL + GRACE);
    assert_eq!(sender.ends(), []);
    sender.pull(range(1, 1, 0, 0));
    assert_eq!(sender.frames(), [ToHub::Withdraw(transfer(1, 1))]);
}

#[test]
fn connection_that_was_lost_begins_again_with_the_offers() {
    let mut sender = Sender::new();
    sender.send(1, vec![large()]);
    sender.frames();
    sender.pull(range(1, 1, 0, 8));
    let job = sender.uploads.next_job(ME).unwrap();
    sender.uploads.disconnected();
    sender.uploads.sealed(job.run());
    assert!(!sender.uploads.has_chunk(), "it was sealed for the connection before");
    assert_eq!(sender.offers(), [transfer(1, 1)]);
    sender.pull(range(1, 1, 5, 6));
    assert_eq!(sender.seal(), [5]);
}

#[test]
fn range_that_was_replaced_gives_nothing() {
    let mut sender = Sender::new();
    sender.send(1, vec![large()]);
    sender.frames();
    sender.pull(range(1, 1, 0, 8));
    let job = sender.uploads.next_job(ME).unwrap();
    sender.pull(range(1, 1, 12, 14));
    sender.uploads.sealed(job.run());
    assert_eq!(sender.seal(), [12, 13]);
}

#[test]
fn content_that_changed_ends_its_attachment_and_is_never_sealed() {
    for changed in [vec![8; 20 * CHUNK], vec![7; 20 * CHUNK - 1], vec![7; 20 * CHUNK + 1], vec![]] {
        let source = TestSource::new(vec![7; 20 * CHUNK]);
        let attachment = Attachment { source: Arc::clone(&source) as _, ..large() };
        let mut sender = Sender::new();
        sender.send(1, vec![attachment, large()]);
        sender.frames();
        sender.pull(range(1, 1, 0, 4));
        assert_eq!(sender.seal().len(), 4);
        *source.0.lock().unwrap() = changed;
        // Opened again, as after a restart of the hub.
        sender.uploads.disconnected();
        sender.frames();
        sender.pull(range(1, 1, 16, 20));
        let sealed = sender.seal();
        assert!(sealed.is_empty(), "{sealed:?}");
        assert_eq!(sender.ends(), [(id(1), 1, Status::Refused(Refusal::Changed))]);
        assert!(sender.frames().contains(&ToHub::Withdraw(transfer(1, 1))));
        sender.pull(range(1, 2, 0, 1));
        assert_eq!(sender.seal(), [0], "the other one goes on");
    }
}

#[test]
fn regression_receipt_of_what_was_saved_before_its_content_changed_still_counts() {
    let source = TestSource::new("before");
    let attachment = Attachment { source: Arc::clone(&source) as _, ..file("a", "before") };
    let mut sender = Sender::new();
    sender.send(1, vec![attachment]);
    sender.frames();
    sender.pull(range(1, 1, 0, 1));
    assert_eq!(sender.seal(), [0]);
    *source.0.lock().unwrap() = b"after".to_vec();
    sender.uploads.disconnected();
    sender.frames();
    sender.pull(range(1, 1, 0, 1));
    assert_eq!(sender.seal(), [0; 0]);
    sender.frames();
    sender.pull(range(1, 1, 0, 1));
    assert_eq!(sender.frames(), [ToHub::Withdraw(transfer(1, 1))]);
    for _ in 0..2 {
        sender.uploads.receipt(&transfer(1, 1), AttachmentEnd::Saved);
    }
    assert_eq!(sender.ends(), [(id(1), 1, CHANGED), (id(1), 1, Status::Saved)]);
}

#[test]
fn attachments_end_with_their_message_and_its_time() {
    let mut sender = Sender::new();
    sender.submit(1, vec![large()]);
    sender.uploads.message_ended(id(1), Status::Refused(Refusal::InboxFull));
    assert_eq!(sender.ends(), [], "the call tells it");
    sender.submit(2, vec![large(), large()]);
    sender.uploads.message_ended(id(2), Status::Expired);
    assert_eq!(sender.ends(), [(id(2), 1, Status::Expired), (id(2), 2, Status::Expired)]);
    for (message, status) in [(3, Status::Read), (4, Status::Unconfirmed)] {
        sender.send(message, vec![large()]);
        sender.uploads.message_ended(id(message), status);
        assert_eq!(sender.ends(), []);
    }
    assert_eq!(sender.uploads.deadline(), Some(sender.now + TTL + GRACE));
    sender.uploads.expire(sender.now + TTL);
    assert_eq!(sender.ends(), []);
    sender.uploads.expire(sender.now + TTL + GRACE);
    let unconfirmed = |message| (id(message), 1, Status::Unconfirmed);
    assert_eq!(sender.ends(), [unconfirmed(3), unconfirmed(4)]);
}

#[test]
fn receiver_that_came_back_is_told_again_of_what_it_had_read() {
    let mut sender = Sender::new();
    sender.send(1, vec![large()]);
    sender.send(2, vec![large()]);
    sender.send(3, vec![large()]);
    sender.send(4, vec![large()]);
    sender.uploads.receipt(&transfer(3, 1), AttachmentEnd::Expired);
    sender.uploads.receipt(&transfer(4, 1), AttachmentEnd::Saved);
    // The second is still unread, and comes to the new process by itself.
    let mut again = sender.uploads.to_repeat(&PEER, &PEER_AGAIN, |message| message == id(2));
    again.sort_unstable();
    assert_eq!(again, [id(1), id(4)], "what was saved can be saved again");
    sender.uploads.repetition(id(4), id(8)).unwrap();
    let (_, manifest, deadline) = sender.uploads.repetition(id(1), id(9)).unwrap();
    assert_eq!((manifest.repeats, deadline), (Some(id(1)), sender.now + TTL));
    assert!(sender.uploads.is_repetition(&id(9)));
    assert_eq!(sender.uploads.to_repeat(&PEER, &PEER_AGAIN, |message| message == id(2)), []);
    sender.frames();
    sender.uploads.arrived(id(9), PEER_AGAIN);
    let elsewhere = TransferId { to: PEER_AGAIN, ..transfer(1, 1) };
    assert_eq!(sender.offers(), [elsewhere]);
    // What the process before says still counts, and what a stranger says does not.
    assert!(sender.uploads.knows(&transfer(1, 1)) && sender.uploads.knows(&elsewhere));
    assert!(!sender.uploads.knows(&TransferId { to: PeerKey([9; 32]), ..elsewhere }));
}

#[test]
fn regression_process_that_came_back_does_not_know_what_the_one_before_saved() {
    let mut sender = Sender::new();
    sender.send(1, vec![large(), large()]);
    sender.uploads.repetition(id(1), id(9)).unwrap();
    sender.uploads.arrived(id(9), PEER_AGAIN);
    let elsewhere = TransferId { to: PEER_AGAIN, ..transfer(1, 1) };
    sender.uploads.receipt(&elsewhere, AttachmentEnd::Expired);
    let second = TransferId { attachment: 2, ..elsewhere };
    sender.uploads.receipt(&second, AttachmentEnd::Saved);
    assert_eq!(sender.ends(), [(id(1), 1, Status::Unconfirmed), (id(1), 2, Status::Saved)]);
}

#[test]
fn session_that_ends_leaves_what_is_open_unconfirmed() {
    let mut sender = Sender::new();
    sender.send(1, vec![large(), large()]);
    sender.uploads.receipt(&transfer(1, 1), AttachmentEnd::Expired);
    sender.uploads.abandon();
    let ends = [(id(1), 1, Status::Expired), (id(1), 2, Status::Unconfirmed)];
    assert_eq!(sender.ends(), ends);
}

#[test]
fn uploads_are_bounded_for_each_receiver_and_saved_ones_make_room() {
    let mut sender = Sender::new();
    let eight = || (0..8).map(|_| value("K", "v")).collect::<Vec<_>>();
    for message in 0..8 {
        assert!(sender.uploads.has_room(&PEER, 8));
        sender.send(message, eight());
    }
    assert!(!sender.uploads.has_room(&PEER, 1));
    assert!(
        sender.uploads.has_room(&PEER_AGAIN, 8),
        "one that saves nothing is no other's trouble"
    );
    (1..=8).for_each(|number| sender.uploads.receipt(&transfer(3, number), AttachmentEnd::Saved));
    assert!(sender.uploads.has_room(&PEER, 8));
    sender.send(8, eight());
    assert!(sender.uploads.messages.contains_key(&id(3)), "it can be saved again");
    for message in 0..33 {
        if message > 8 {
            sender.send(message, eight());
        }
        let saved =
            |number| sender.uploads.receipt(&transfer(message, number), AttachmentEnd::Saved);
        (1..=8).for_each(saved);
    }
    assert!(!sender.uploads.messages.contains_key(&id(0)), "the first went for the last");
}
