//! What goes to the hub: control frames first, then messages, sealed as they are handed over.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::{
    Envelope, Header, Kind, READS_ATTACHMENTS, Receipt, Refusal, Return, ToHub,
};
use tokio::sync::oneshot;

use super::directory::Directory;
use super::kept_words::KeptWords;
use super::membership::Membership;
use super::sent_receipts::SentReceipts;
use crate::clock::wall_ms;
use crate::outbox::{Outbox, OutboxStep, Unsealed};
use crate::seal::{Broken, Identity, ReceiptKey, seal};
use crate::send_keys::SendKeys;
use crate::sent_requests::SentRequests;
use crate::uploads::Uploads;

/// Control frames that wait to be written; with more, the connection is too slow to keep.
const MAX_CONTROL: usize = 2048;

/// How long the sessions of a hub that was restarted may take to come back to it.
const GATHERING: Duration = Duration::from_secs(2);

/// Frames for the hub, on this connection and on those to come.
#[derive(Default)]
pub(super) struct OutgoingFrames {
    is_connected: bool,
    control: VecDeque<ToHub>,
    /// The messages that this session sends, until their ends are known.
    pub(super) outbox: Outbox,
    /// The attachments of messages that this session sends, until they are saved.
    pub(super) uploads: Uploads,
    /// The requests that this session has made, until they are answered.
    pub(super) requests: SentRequests,
    /// The send keys that the agent gave messages.
    pub(super) keys: SendKeys,
    /// When the sessions of a hub that was restarted have had time to come back to it.
    gathered_at: Option<Instant>,
    /// Whether the hub of the last connection carries attachments.
    hub_takes_attachments: Option<bool>,
    sent_receipts: SentReceipts,
    /// Words about mail to earlier keys of this process.
    words: KeptWords,
    /// Calls that wait until no message is on its way.
    flushing: Vec<oneshot::Sender<()>>,
}

impl OutgoingFrames {
    /// Whether a hub has welcomed the session on a connection that still stands.
    pub(super) fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// A connection begins: frames can be posted from now on.
    pub(super) fn connected(&mut self) {
        self.is_connected = true;
    }

    /// The connection is over. Nothing goes out until each receiver has been looked up on the next one.
    pub(super) fn disconnected(&mut self) {
        self.is_connected = false;
        self.control.clear();
        self.outbox.close_all();
        self.uploads.disconnected();
        self.words.disconnected();
    }

    /// The hub does not know this session any more: it was restarted, and others come back to it in these moments, too.
    pub(super) fn hub_restarted(&mut self, now: Instant) {
        self.gathered_at = Some(now + GATHERING);
    }

    /// Until when a message to a group waits, because the hub may not know all members yet.
    pub(super) fn groups_wait_until(&self, now: Instant) -> Option<Instant> {
        self.gathered_at.filter(|at| now < *at)
    }

    /// Notes whether the hub carries attachments.
    pub(super) fn set_takes_attachments(&mut self, takes: bool) {
        self.hub_takes_attachments = Some(takes);
    }

    /// Whether the hub of the last connection carries attachments. Nothing before the first.
    pub(super) fn hub_takes_attachments(&self) -> Option<bool> {
        self.hub_takes_attachments
    }

    /// Whether frames about attachments can be posted on this connection.
    pub(super) fn takes_attachments(&self) -> bool {
        self.is_connected && self.hub_takes_attachments == Some(true)
    }

    /// Whether a message, an attachment of one, or a request waits for the next key of the receiver that has this one.
    pub(super) fn has_waiting(&mut self, key: PeerKey) -> bool {
        self.outbox.has_waiting(key)
            || self.uploads.receivers().any(|receiver| receiver == key)
            || self.requests.holders().any(|holder| holder == key)
    }

    /// Whether [`OutgoingFrames::next_chunk`] has a frame.
    pub(super) fn has_chunk(&self) -> bool {
        self.is_connected && self.uploads.has_chunk()
    }

    /// The next chunk of an attachment, for a connection that has nothing else to write.
    pub(super) fn next_chunk(&mut self) -> Option<Bytes> {
        let chunk = self.uploads.next_chunk()?;
        Some(encode(&ToHub::Chunk(chunk)))
    }

    /// Queues a frame for this connection. Without one the frame is dropped: its fact is said again on the next.
    pub(super) fn post(&mut self, frame: ToHub) {
        if self.is_connected {
            self.control.push_back(frame);
        }
    }

    /// Queues frames, as [`OutgoingFrames::post`].
    pub(super) fn post_all(&mut self, frames: impl IntoIterator<Item = ToHub>) {
        frames.into_iter().for_each(|frame| self.post(frame));
    }

    /// Posts a final receipt now, and on every connection until this time.
    pub(super) fn post_final_receipt(&mut self, receipt: Receipt, until: Instant) {
        self.sent_receipts.keep(receipt.clone(), until);
        self.post(ToHub::Receipt(receipt));
    }

    /// Keeps words about mail to earlier keys of this process until this time, for every connection to a hub that knows
    /// seats. `posts` says whether this one's does.
    pub(super) fn post_words(&mut self, words: Vec<Return>, until: Instant, posts: bool) {
        let is_posted = posts && self.is_connected;
        for word in words {
            self.words.keep(word.clone(), until, is_posted);
            if is_posted {
                self.post(ToHub::Return(word));
            }
        }
    }

    /// Takes over the words of an earlier key of this process.
    pub(super) fn take_words(&mut self, earlier: &mut Self) {
        self.words = std::mem::take(&mut earlier.words);
        self.words.disconnected();
    }

    /// The words that are kept.
    pub(super) fn words_mut(&mut self) -> &mut KeptWords {
        &mut self.words
    }

    /// Posts the words for a peer that is there, if they did not go out on this connection. A hub keeps them for nobody else.
    pub(super) fn post_words_to(&mut self, to: PeerKey) {
        let words = self.words.post_to(to);
        self.post_all(words.into_iter().map(ToHub::Return));
    }

    /// Posts the final receipts that were sent while there was no hub, or may have been lost with a connection.
    pub(super) fn repeat_receipts(&mut self, now: Instant) {
        let receipts = self.sent_receipts.all(now);
        self.post_all(receipts.into_iter().map(ToHub::Receipt));
    }

    /// Forgets the final receipts: another hub has none of their messages.
    pub(super) fn forget_receipts(&mut self) {
        self.sent_receipts = SentReceipts::default();
    }

    /// Whether more control frames wait than a working connection leaves.
    pub(super) fn overrun(&self) -> bool {
        self.control.len() > MAX_CONTROL
    }

    /// Takes the control frames, encoded, for the end of a connection.
    pub(super) fn drain_control(&mut self) -> Vec<Bytes> {
        self.control.drain(..).map(|frame| encode(&frame)).collect()
    }

    /// Answers this call once no message that was handed over waits for a receipt.
    pub(super) fn flush(&mut self, call: oneshot::Sender<()>) {
        self.flushing.push(call);
    }

    /// Answers the calls that wait for a flush, if there is nothing on its way.
    pub(super) fn end_flush(&mut self) {
        if !self.flushing.is_empty() && !self.outbox.has_in_flight() {
            self.flushing.drain(..).for_each(|call| _ = call.send(()));
        }
    }

    /// Whether [`OutgoingFrames::next`] has a frame.
    pub(super) fn has_next(&mut self, now: Instant) -> bool {
        self.is_connected && (!self.control.is_empty() || self.outbox.has_next(now))
    }

    /// The next frame to write. A message counts as handed over by this call. One that cannot be sealed at all ends
    /// in the outbox.
    pub(super) fn next(
        &mut self,
        directory: &mut Directory,
        membership: &Membership,
        now: Instant,
    ) -> Option<Bytes> {
        if !self.is_connected {
            return None;
        }
        if let Some(frame) = self.control.pop_front() {
            return Some(encode(&frame));
        }
        let (group, me) = membership.keys()?;
        loop {
            let message = match self.outbox.next(now)? {
                OutboxStep::HandOver(send) => return Some(encode(&ToHub::Send(send))),
                OutboxStep::Seal(message) => message,
            };
            let id = message.id;
            let takes = self.hub_takes_attachments == Some(true)
                && directory.features(&message.to) & READS_ATTACHMENTS != 0;
            if message.plain.attachments.is_some() && !takes {
                self.outbox.unsealable(id, Refusal::NoAttachments);
                continue;
            }
            match seal_message(&message, directory, group, me) {
                Ok((envelope, key)) => {
                    let is_returnable = directory.is_returnable(&envelope.header.to);
                    self.outbox.sealed(envelope, key, is_returnable, now);
                }
                Err(Broken) => self.outbox.unsealable(id, Refusal::Gone),
            }
        }
    }
}

/// Seals a message to the newest card of its receiver.
fn seal_message(
    message: &Unsealed<'_>,
    directory: &mut Directory,
    group: &GroupKeys,
    me: &Identity,
) -> Result<(Envelope, ReceiptKey), Broken> {
    let (epoch, keys) = directory.sealing_keys(&message.to, group, me)?;
    let header = Header {
        group: group.group,
        id: message.id,
        from: me.key,
        to: message.to,
        epoch,
        enc: keys.enc,
        seq: message.seq,
        sent_ms: wall_ms(),
        ttl_ms: u64::try_from(message.ttl.as_millis()).unwrap_or(u64::MAX),
        kind: Kind::Text,
    };
    let sealed = seal(&keys, &header, message.plain, directory.features(&message.to))?;
    Ok((Envelope { header, sealed }, keys.receipt_key()))
}

#[cfg(test)]
mod tests {
    use junction_shared::protocol::codec::decode;

    use super::*;

    #[test]
    fn control_frames_belong_to_one_connection() {
        let (mut outgoing, now) = (OutgoingFrames::default(), Instant::now());
        let (mut directory, membership) = (Directory::default(), Membership::new());
        outgoing.post(ToHub::Repush);
        outgoing.connected();
        assert!(!outgoing.has_next(now), "what was posted without a connection is dropped");
        outgoing.post(ToHub::Repush);
        outgoing.post(ToHub::Leave);
        let first = outgoing.next(&mut directory, &membership, now).unwrap();
        assert_eq!(decode::<ToHub>(&first).unwrap(), ToHub::Repush);
        outgoing.disconnected();
        outgoing.connected();
        assert!(!outgoing.has_next(now));
    }

    #[test]
    fn connection_that_takes_no_control_frames_is_overrun() {
        let mut outgoing = OutgoingFrames::default();
        outgoing.connected();
        (0..MAX_CONTROL).for_each(|_| outgoing.post(ToHub::Repush));
        assert!(!outgoing.overrun());
        outgoing.post(ToHub::Repush);
        assert!(outgoing.overrun());
        assert_eq!(outgoing.drain_control().len(), MAX_CONTROL + 1);
    }

    #[test]
    fn flush_ends_at_once_where_nothing_is_on_its_way() {
        let mut outgoing = OutgoingFrames::default();
        let (call, mut flushed) = oneshot::channel();
        outgoing.flush(call);
        outgoing.end_flush();
        assert_eq!(flushed.try_recv(), Ok(()));
    }
}
