//! The requests that this session was shown and has neither answered nor finished. A pure machine.
//!
//! A request is open from the answer that shows it until this session sends a message that answers it. If that message
//! provably does not arrive, the request is open again.

use std::collections::VecDeque;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::limits::OPEN_REQUESTS;

use crate::lease::LeaseId;
use crate::outcome::Status;

/// Dropped requests whose senders are still to be told; of more, the oldest are told to nobody.
const MAX_DROPPED: usize = 256;
/// The characters of a request's text that are kept.
const KEPT_CHARS: usize = 80;

/// A request that waits for an answer of this session, as a face shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRequest {
    /// The request's id, for `reply_to`.
    pub id: MessageId,
    /// The alias of its sender.
    pub from: Alias,
    /// When it was sent, by the sender's wall clock: milliseconds since 1970.
    pub since_ms: u64,
    /// The first 80 characters of its text, unescaped.
    pub text: String,
    /// Whether its sender repeated it for this process: an earlier one of this session had read it, or may have.
    pub is_repeated: bool,
}

/// An open request as the stop hook knows it: its number, which grows from one request to the next, and its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRequestSign {
    /// The number.
    pub number: u64,
    /// The alias of its sender.
    pub from: Alias,
    /// As in [`OpenRequest`].
    pub is_repeated: bool,
}

/// A request and what is known of it here.
struct KeptRequest {
    request: OpenRequest,
    number: u64,
    /// The key that its sender is known by.
    peer: PeerKey,
    /// The answer that shows it, while that is being written.
    lease: Option<LeaseId>,
    /// The message that answers it, until that has arrived.
    answer: Option<MessageId>,
}

/// The open requests, oldest first.
#[derive(Default)]
pub(crate) struct OpenRequests {
    kept: VecDeque<KeptRequest>,
    last: u64,
    /// Requests that had no room any more, and their senders.
    dropped: VecDeque<(PeerKey, MessageId)>,
}

/// The beginning of a request's text.
pub(crate) fn beginning(text: &str) -> String {
    text.chars().take(KEPT_CHARS).collect()
}

impl OpenRequests {
    /// A request is shown to the agent, in the answer that has this lease; or was shown to it before this process began.
    pub(crate) fn shown(&mut self, request: OpenRequest, peer: PeerKey, lease: Option<LeaseId>) {
        let is_same = |kept: &&mut KeptRequest| kept.request.id == request.id && kept.peer == peer;
        if let Some(kept) = self.kept.iter_mut().find(is_same) {
            kept.lease = kept.lease.and(lease);
            return;
        }
        self.last += 1;
        let number = self.last;
        self.kept.push_back(KeptRequest { request, number, peer, lease, answer: None });
        self.drop_surplus();
    }

    /// Drops the oldest of too many: of those that are open, and of those whose answers are on their way.
    fn drop_surplus(&mut self) {
        for is_answered in [false, true] {
            let is_such = |kept: &KeptRequest| kept.answer.is_some() == is_answered;
            let surplus = self.kept.iter().filter(|kept| is_such(kept)).count();
            for _ in OPEN_REQUESTS..surplus {
                let oldest = self.kept.iter().position(is_such);
                let oldest = oldest.and_then(|at| self.kept.remove(at));
                oldest.into_iter().for_each(|it| self.put_back_dropped(it.peer, it.request.id));
            }
        }
    }

    /// Notes that the sender of a request that had no room is still to be told.
    pub(crate) fn put_back_dropped(&mut self, peer: PeerKey, request: MessageId) {
        if self.dropped.len() == MAX_DROPPED {
            self.dropped.pop_front();
        }
        self.dropped.push_back((peer, request));
    }

    /// The answer with this lease was written, or not.
    pub(crate) fn lease_ended(&mut self, lease: LeaseId, written: bool) {
        if written {
            self.kept.iter_mut().for_each(|kept| _ = kept.lease.take_if(|held| *held == lease));
        } else {
            self.kept.retain(|kept| kept.lease != Some(lease));
        }
    }

    /// This session answers a request of this peer with a message.
    pub(crate) fn answering(&mut self, request: MessageId, peer: PeerKey, answer: MessageId) {
        let mut open = self.kept.iter_mut();
        if let Some(kept) = open.find(|kept| kept.request.id == request && kept.peer == peer) {
            kept.answer = Some(answer);
        }
        self.drop_surplus();
    }

    /// A message of this session came to its end. What it answers is answered, unless it provably did not arrive.
    pub(crate) fn answer_ended(&mut self, answer: MessageId, status: Status) {
        match status {
            Status::Refused(_) | Status::Expired => {
                self.kept.iter_mut().for_each(|kept| _ = kept.answer.take_if(|it| *it == answer));
                self.drop_surplus();
            }
            _ => self.kept.retain(|kept| kept.answer != Some(answer)),
        }
    }

    /// A peer has this alias now.
    pub(crate) fn renamed(&mut self, peer: &PeerKey, alias: &Alias) {
        for kept in self.kept.iter_mut().filter(|kept| kept.peer == *peer) {
            kept.request.from = alias.clone();
        }
    }

    /// A peer is gone: nobody waits for the answers to its requests.
    pub(crate) fn gone(&mut self, peer: &PeerKey) {
        self.kept.retain(|kept| kept.peer != *peer);
    }

    /// Whether a request of this id is known.
    pub(crate) fn knows(&self, id: MessageId) -> bool {
        self.kept.iter().any(|kept| kept.request.id == id)
    }

    /// The requests that nothing answers yet, oldest first.
    pub(crate) fn list(&self) -> Vec<OpenRequest> {
        self.unanswered().map(|kept| kept.request.clone()).collect()
    }

    /// The numbers and senders of the requests that nothing answers yet, oldest first.
    pub(crate) fn signs(&self) -> Vec<OpenRequestSign> {
        let sign = |kept: &KeptRequest| OpenRequestSign {
            number: kept.number,
            from: kept.request.from.clone(),
            is_repeated: kept.request.is_repeated,
        };
        self.unanswered().map(sign).collect()
    }

    /// Takes the requests that had no room, for their senders to be told.
    pub(crate) fn take_dropped(&mut self) -> VecDeque<(PeerKey, MessageId)> {
        std::mem::take(&mut self.dropped)
    }

    fn unanswered(&self) -> impl Iterator<Item = &KeptRequest> {
        self.kept.iter().filter(|kept| kept.answer.is_none())
    }
}

#[cfg(test)]
mod tests {
    use junction_shared::protocol::wire::Refusal;
    use proptest::prelude::*;

    use super::*;
    use crate::mailbox::Mailbox;

    const PEER: PeerKey = PeerKey([1; 32]);
    const OTHER: PeerKey = PeerKey([2; 32]);

    fn id(number: u8) -> MessageId {
        MessageId([number; 16])
    }

    fn request(number: u8) -> OpenRequest {
        let from = Alias::parse("bob").unwrap();
        OpenRequest { id: id(number), from, since_ms: 0, text: String::new(), is_repeated: false }
    }

    fn open(requests: &OpenRequests) -> Vec<MessageId> {
        requests.list().iter().map(|request| request.id).collect()
    }

    #[test]
    fn request_is_open_until_its_answer_is_sent_and_again_if_that_does_not_arrive() {
        let mut requests = OpenRequests::default();
        requests.shown(request(1), PEER, None);
        requests.answering(id(1), OTHER, id(9));
        assert_eq!(open(&requests), [id(1)], "only an answer to its sender counts");
        for lost in [Status::Expired, Status::Refused(Refusal::InboxFull)] {
            requests.answering(id(1), PEER, id(9));
            assert!(open(&requests).is_empty());
            requests.answer_ended(id(8), lost);
            assert!(open(&requests).is_empty());
            requests.answer_ended(id(9), lost);
            assert_eq!(open(&requests), [id(1)]);
        }
        requests.answering(id(1), PEER, id(9));
        requests.answer_ended(id(9), Status::Read);
        assert!(open(&requests).is_empty() && !requests.knows(id(1)));
    }

    #[test]
    fn request_of_an_answer_that_was_not_written_is_shown_again() {
        let (mut requests, mut mailbox) = (OpenRequests::default(), Mailbox::default());
        let (first, second) = (mailbox.new_lease(), mailbox.new_lease());
        requests.shown(request(1), PEER, Some(first));
        requests.lease_ended(first, false);
        assert!(open(&requests).is_empty());
        requests.shown(request(1), PEER, Some(second));
        requests.lease_ended(second, true);
        requests.lease_ended(second, false);
        assert_eq!(open(&requests), [id(1)]);
    }

    #[test]
    fn request_that_comes_twice_is_open_once() {
        let mut requests = OpenRequests::default();
        requests.shown(request(1), PEER, None);
        requests.shown(request(1), PEER, None);
        requests.shown(request(1), OTHER, None);
        assert_eq!(open(&requests), [id(1), id(1)]);
        requests.gone(&PEER);
        assert_eq!(open(&requests), [id(1)]);
    }

    proptest! {
        #[test]
        fn what_is_kept_is_bounded_and_what_is_open_is_not_dropped_for_what_is_answered(
            steps in prop::collection::vec((any::<bool>(), 1u8..200), 1..400),
        ) {
            let mut requests = OpenRequests::default();
            for (answers, number) in steps {
                let open = requests.list().len();
                if answers {
                    requests.answering(id(number), PEER, id(250));
                    prop_assert!(requests.take_dropped().len() <= 1);
                } else {
                    requests.shown(request(number), PEER, None);
                    let dropped = requests.take_dropped().len();
                    prop_assert!(dropped == 0 || open == OPEN_REQUESTS);
                }
                prop_assert!(requests.list().len() <= OPEN_REQUESTS);
                prop_assert!(requests.kept.len() <= 2 * OPEN_REQUESTS);
            }
            requests.answer_ended(id(250), Status::Expired);
            prop_assert!(requests.list().len() <= OPEN_REQUESTS);
        }

        #[test]
        fn the_newest_requests_are_kept_and_the_others_are_told(count in 0u8..200) {
            let mut requests = OpenRequests::default();
            (1..=count).for_each(|number| requests.shown(request(number), PEER, None));
            let dropped: Vec<_> = requests.take_dropped().into_iter().map(|(_, id)| id).collect();
            let all: Vec<_> = (1..=count).map(id).collect();
            prop_assert_eq!([dropped, open(&requests)].concat(), all);
            prop_assert!(requests.list().len() <= OPEN_REQUESTS);
            prop_assert!(requests.signs().is_sorted_by_key(|sign| sign.number));
        }

        #[test]
        fn beginning_is_short_and_begins_the_text(text in "\\PC{0,200}") {
            let beginning = beginning(&text);
            prop_assert!(text.starts_with(&beginning));
            prop_assert_eq!(beginning.chars().count(), text.chars().count().min(KEPT_CHARS));
        }
    }
}
