//! What reaches the agent: opened messages and the ends of its own, for calls that read or wait for an answer.
//! Everything goes out under a lease, so that an answer that is never written loses nothing.

mod reply_calls;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::Hindrance;
use tokio::sync::{oneshot, watch};

use crate::clock::wall_ms;
use crate::downloads::Downloads;
use crate::error::Error;
use crate::forecast::Arrived;
use crate::hops::Chains;
use crate::intent::Intent;
use crate::lease::LeaseId;
use crate::mailbox::{Mailbox, MailboxMessage, ReceiptDue};
use crate::open_requests::{OpenRequest, OpenRequests, beginning};
use crate::outcomes::{Outcomes, PageOutcomes};
use crate::past_words::PastWords;
use crate::recent::RecentMap;
use crate::reply_waiters::ReplyWaiters;
use crate::urgency::Urgency;
use crate::{Lease, MailPage, Message, Notification, Outcome, PageLimits, Snapshot, Status, Waker};

/// Notifications on one page.
const PAGE_NOTIFICATIONS: usize = 50;

/// How long a call must have waited so that a message past the limit of its chain does not end it: a call that has
/// waited for less was about to read anyway.
const REAL_WAIT: Duration = Duration::from_secs(1);

/// A call to `read_messages`.
pub(crate) struct ReadCall {
    /// The bounds of the page.
    pub(crate) limits: PageLimits,
    /// The messages that the page may hold; `None` for any.
    pub(crate) only: Option<Vec<MessageId>>,
    /// Whether the call waits for a message.
    pub(crate) wait: bool,
    /// When the call began.
    pub(crate) since: Instant,
    /// Where the page goes.
    pub(crate) reply: oneshot::Sender<Result<MailPage, Error>>,
}

/// What a page that is being answered holds.
struct LeasedPage {
    lease: LeaseId,
    outcomes: PageOutcomes,
    notifications: Vec<Notification>,
    /// Whether the page tells that the session has joined again.
    rejoined: bool,
}

/// Mail and ends on their way to the agent.
pub(crate) struct Delivery {
    pub(crate) mailbox: Mailbox,
    /// The messages that the agent was shown, and how long their chains are.
    pub(crate) chains: Chains,
    /// What became of messages that this session sent.
    pub(crate) outcomes: Outcomes,
    /// The requests that the agent was shown and has not answered.
    pub(crate) open_requests: OpenRequests,
    /// Notifications that were asked for and not read yet.
    notifications: VecDeque<Notification>,
    /// Refusals that their calls are telling.
    refusals: HashMap<LeaseId, Outcome>,
    readers: VecDeque<ReadCall>,
    replies: ReplyWaiters,
    /// One page at a time: a second read waits, so that order holds.
    page: Option<LeasedPage>,
    leases: FuturesUnordered<BoxFuture<'static, (LeaseId, bool)>>,
    /// The peers that this session's messages went to, until one of them has answered.
    unanswered: RecentMap<(MessageId, PeerKey), ()>,
    /// The number of the last notification's arrival.
    notified_at: u64,
    /// The attachments of messages that were opened.
    pub(crate) downloads: Downloads,
    /// What was read under earlier keys of this process.
    pub(crate) past_words: PastWords,
    snapshot: watch::Sender<Snapshot>,
}

impl Delivery {
    /// Nothing to deliver yet.
    pub(crate) fn new(snapshot: watch::Sender<Snapshot>) -> Self {
        Self {
            mailbox: Mailbox::default(),
            chains: Chains::default(),
            unanswered: RecentMap::default(),
            notified_at: 0,
            downloads: Downloads::default(),
            past_words: PastWords::default(),
            outcomes: Outcomes::default(),
            open_requests: OpenRequests::default(),
            notifications: VecDeque::new(),
            refusals: HashMap::new(),
            readers: VecDeque::new(),
            replies: ReplyWaiters::default(),
            page: None,
            leases: FuturesUnordered::new(),
            snapshot,
        }
    }

    /// What goes on under another key than this one: the leases that are held, what they hold, and what waits to be told.
    /// Waits for answers end, and those for messages as soon as it serves.
    pub(crate) fn retire(&mut self, key: PeerKey) -> Self {
        let snapshot = self.snapshot.clone();
        let mut next = std::mem::replace(self, Self::new(snapshot));
        next.mailbox.retire(key);
        next.replies.clear();
        next.readers.iter_mut().for_each(|reader| reader.wait = false);
        next.unanswered = RecentMap::default();
        // Their senders repeat them for the session that was shown them, when that is here again.
        next.open_requests = OpenRequests::default();
        next.downloads = next.downloads.successor();
        next
    }

    /// A message was opened. An answer that a call waits for goes to that call alone, any other message to the readers.
    /// Such a message ends the waits for answers of its sender, and all waits if its sender waits, too: otherwise two
    /// sessions that ask each other would stand still. Returns what a face should be asked of the message, if it waits
    /// unread and ends no wait.
    pub(crate) fn arrived(&mut self, mut arrived: MailboxMessage, now: Instant) -> Option<Arrived> {
        let Message { id, peer: from, reply_to: answers, past_limit, .. } = arrived.message;
        let asks = arrived.message.expects.asks;
        let wakes = arrived.wakes();
        let is_low = arrived.urgency == Urgency::Low;
        arrived.is_answer = wakes && answers.is_some_and(|sent| self.is_first_answer(sent, from));
        self.count_arrivals(wakes.into());
        arrived.arrival = self.snapshot.borrow().arrivals;
        let arrival = wakes.then_some(arrived.arrival);
        self.mailbox.put(arrived);
        match answers.and_then(|to| self.replies.answered(to, from)) {
            Some(waiter) => self.reply(id, waiter),
            None => self.end_waits(id, |waiter| asks || waiter.from == from),
        }
        self.serve(now);
        let is_asked = !is_low && self.mailbox.is_news(id);
        is_asked.then_some(Arrived { arrival, past_limit })
    }

    /// A message of this session, under the id that it is shown with, was submitted to this peer.
    pub(crate) fn sent(&mut self, id: MessageId, to: PeerKey) {
        self.unanswered.keep((id, to), ());
    }

    /// Whether this peer is the one that the message went to, and answers it for the first time.
    fn is_first_answer(&mut self, sent: MessageId, from: PeerKey) -> bool {
        let is_first = self.unanswered.get(&(sent, from)).is_some();
        self.unanswered.remove(&(sent, from));
        is_first
    }

    /// Something has happened that the agent asked to be notified of. Calls that wait are served.
    pub(crate) fn notify(&mut self, notifications: Vec<Notification>) {
        if !notifications.is_empty() {
            self.add_notifications(notifications);
            self.serve_ready(|_| false);
        }
    }

    /// Something has happened that the agent asked to be notified of, and more that belongs on the same page is about to be
    /// taken in.
    pub(crate) fn add_notifications(&mut self, notifications: Vec<Notification>) {
        let waking = notifications.iter().filter(|notification| self.may_wake(notification));
        let waking = waking.count();
        self.count_arrivals(waking);
        if waking > 0 {
            self.notified_at = self.snapshot.borrow().arrivals;
        }
        self.notifications.extend(notifications);
    }

    /// How many notifications have not been read yet.
    pub(crate) fn pending_notifications(&self) -> usize {
        self.notifications.len()
    }

    fn count_arrivals(&self, count: usize) {
        self.snapshot.send_if_modified(|snapshot| {
            snapshot.arrivals += count as u64;
            false
        });
    }

    /// The agent is shown these, in the answer with this lease.
    fn shown(&mut self, messages: &[Message], notifications: &[Notification], lease: LeaseId) {
        for notification in notifications {
            self.chains.notified(notification.peer, notification.hops);
        }
        for message in messages {
            self.chains.shown(message.id, message.peer, message.hops);
            if message.expects.intent == Intent::Request {
                let request = OpenRequest {
                    id: message.id,
                    from: message.from.clone(),
                    since_ms: message.sent_ms,
                    text: beginning(&message.body),
                    is_repeated: false,
                };
                self.open_requests.shown(request, message.peer, Some(lease));
            }
        }
        self.snapshot.send_modify(|snapshot| snapshot.reads += 1);
    }

    /// A message of this session came to its end.
    pub(crate) fn ended(&mut self, end: Outcome) {
        self.open_requests.answer_ended(end.id, end.status);
        self.outcomes.add(end);
    }

    /// A message that waits at this peer unread wakes its agent no more.
    pub(crate) fn hindered(&mut self, id: MessageId, to: Alias, why: Hindrance) {
        let (status, hindrance) = (Status::Opened, Some(why));
        let (id, at_ms) = (self.outcomes.shown_id(id), wall_ms());
        let end = Outcome { id, attachment: None, to, status, hindrance, group: None, at_ms };
        self.outcomes.put(end);
    }

    /// A message was refused, and the call that sent it tells so. If the call's answer never leaves, the end is told
    /// among the receipts.
    pub(crate) fn refused(&mut self, end: Outcome, call: oneshot::Sender<Lease>) {
        if call.is_closed() {
            // The call has answered long ago.
            return self.ended(end);
        }
        self.open_requests.answer_ended(end.id, end.status);
        let lease = self.mailbox.new_lease();
        self.refusals.insert(lease, end);
        let _ = call.send(self.hold(lease));
    }

    /// A call reads.
    pub(crate) fn read(&mut self, reader: ReadCall) {
        let now = reader.since;
        self.readers.retain(|waiting| !waiting.reply.is_closed());
        self.readers.push_back(reader);
        self.serve(now);
    }

    /// Answers the calls that have something to read, in their turn.
    pub(crate) fn serve(&mut self, now: Instant) {
        self.serve_ready(|reader| now < reader.since + REAL_WAIT);
    }

    fn serve_ready(&mut self, has_just_come: impl Fn(&ReadCall) -> bool) {
        while self.page.is_none() {
            let is_awaited = self.mailbox.has_awaited() || self.has_waking_notification();
            let mail_waits = self.mailbox.has_unread() || !self.notifications.is_empty();
            let ready = |reader: &ReadCall| {
                !reader.wait || is_awaited || (mail_waits && has_just_come(reader))
            };
            let Some(at) = self.readers.iter().position(ready) else { break };
            let Some(reader) = self.readers.remove(at) else { break };
            if !reader.reply.is_closed() {
                self.hand_page(reader);
            }
        }
        self.publish();
    }

    fn hand_page(&mut self, reader: ReadCall) {
        let (lease, messages) = self.mailbox.lease_page(reader.limits, reader.only.as_deref());
        let outcomes = self.outcomes.take_page();
        let count = self.notifications.len().min(PAGE_NOTIFICATIONS);
        let notifications: Vec<Notification> = self.notifications.drain(..count).collect();
        let hold = self.hold(lease);
        if !messages.is_empty() || !notifications.is_empty() {
            self.shown(&messages, &notifications, lease);
        }
        let rejoined = self.snapshot.borrow().rejoined.is_some();
        let (leased, told) = (outcomes.clone(), notifications.clone());
        self.page = Some(LeasedPage { lease, outcomes: leased, notifications: told, rejoined });
        // The snapshot first: the answer says what is left after it.
        self.publish();
        let PageOutcomes { ends: receipts, dropped } = outcomes;
        let open_requests = self.open_requests.list();
        let page =
            MailPage { messages, receipts, notifications, dropped, open_requests, lease: hold };
        let _ = reader.reply.send(Ok(page));
    }

    fn hold(&mut self, id: LeaseId) -> Lease {
        let (lease, end) = Lease::new();
        self.leases.push(Box::pin(async move { (id, end.await.is_ok()) }));
        lease
    }

    /// The next lease that ends, and whether its answer was written. Without any lease it never returns.
    pub(crate) async fn next_lease_end(&mut self) -> (LeaseId, bool) {
        match self.leases.next().await {
            Some(end) => end,
            None => std::future::pending().await,
        }
    }

    /// A lease ended. If its answer was written, its messages are read and their receipts are due; otherwise they wait
    /// again, for [`Delivery::serve`] to hand out.
    pub(crate) fn lease_ended(&mut self, lease: LeaseId, written: bool) -> Vec<ReceiptDue> {
        if let Some(end) = self.refusals.remove(&lease) {
            if !written {
                self.ended(end);
            }
            return Vec::new();
        }
        let on_page = self.page.take_if(|page| page.lease == lease);
        self.open_requests.lease_ended(lease, written);
        if written {
            if on_page.is_some_and(|page| page.rejoined) {
                self.snapshot.send_modify(|snapshot| snapshot.rejoined = None);
            }
            self.mailbox.ack(lease)
        } else {
            self.mailbox.give_back(lease);
            if let Some(page) = on_page {
                self.outcomes.give_back(page.outcomes);
                page.notifications
                    .into_iter()
                    .rev()
                    .for_each(|old| self.notifications.push_front(old));
            }
            Vec::new()
        }
    }

    /// Shows what waits unread.
    pub(crate) fn publish(&self) {
        let (mut unread, notifications) = (self.mailbox.unread(), self.notifications.len());
        unread.wakers.extend(self.has_waking_notification().then_some(Waker {
            arrival: self.notified_at,
            sender: None,
            is_answer: false,
            is_urgent: false,
        }));
        let requests = self.open_requests.signs();
        self.snapshot.send_if_modified(|snapshot| {
            let changed = snapshot.unread != unread
                || snapshot.notifications != notifications
                || snapshot.team.open_requests != requests;
            (snapshot.unread, snapshot.notifications) = (unread, notifications);
            snapshot.team.open_requests = requests;
            changed
        });
    }

    fn has_waking_notification(&self) -> bool {
        self.notifications.iter().any(|notification| self.may_wake(notification))
    }

    /// Whether a notification may wake the agent, or end what the agent waits for: as an answer to its message would.
    fn may_wake(&self, notification: &Notification) -> bool {
        !self.chains.is_past_limit(notification.hops)
    }
}
