//! Calls that wait for the answer to a message.

use junction_shared::protocol::id::{MessageId, PeerKey};
use tokio::sync::oneshot;

use super::Delivery;
use crate::WaitEnd;
use crate::reply_waiters::ReplyWaiter;

impl Delivery {
    /// A call waits for the answer to this message, from this peer. An unread question whose sender waits ends the wait
    /// at once.
    pub(crate) fn expect_reply(
        &mut self,
        to: MessageId,
        from: PeerKey,
        wait_end: oneshot::Sender<WaitEnd>,
    ) {
        self.replies.add(to, ReplyWaiter { from, wait_end });
        if let Some(question) = self.mailbox.oldest_question() {
            self.end_waits(question.id, |_| true);
        }
    }

    /// A call waits for the answer to a message that an earlier call has sent. An answer that waits unread ends the wait at
    /// once; so does one that was read, or that the earlier call still waits for.
    pub(crate) fn expect_reply_again(
        &mut self,
        to: MessageId,
        from: PeerKey,
        wait_end: oneshot::Sender<WaitEnd>,
    ) {
        if let Some(answer) = self.mailbox.unread_answer(to, from) {
            self.reply(answer, ReplyWaiter { from, wait_end });
        } else if self.unanswered.get(&(to, from)).is_some() && !self.replies.awaits(to, from) {
            self.expect_reply(to, from, wait_end);
        }
    }

    /// A peer is gone, and answers nothing any more.
    pub(crate) fn peer_gone(&mut self, peer: PeerKey) {
        self.open_requests.gone(&peer);
        for waiter in self.replies.take(|waiter| waiter.from == peer) {
            let _ = waiter.wait_end.send(WaitEnd::Gone);
        }
    }

    /// Answers a call with a message, which is leased to it.
    pub(super) fn reply(&mut self, id: MessageId, waiter: ReplyWaiter) {
        let Some((lease, message)) = self.mailbox.lease_one(id) else { return };
        let hold = self.hold(lease);
        self.shown(std::slice::from_ref(&message), &[], lease);
        self.publish();
        // A call that is gone by now drops the hold, and the message waits for a reader again.
        let _ = waiter.wait_end.send(WaitEnd::Reply(Box::new(message), hold));
    }

    /// Ends these waits, for an unread message that is no answer to them. For the message's chain that counts as
    /// reading it: the agent is about to.
    pub(super) fn end_waits(&mut self, by: MessageId, which: impl Fn(&ReplyWaiter) -> bool) {
        let ended = self.replies.take(which);
        if ended.is_empty() {
            return;
        }
        let Some(message) = self.mailbox.ends_wait(by) else { return };
        for waiter in ended {
            let _ = waiter.wait_end.send(WaitEnd::EndedBy(message.from.clone()));
        }
        self.chains.shown(by, message.peer, message.hops);
    }
}
