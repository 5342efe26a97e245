//! What reaches the agent: opened messages and the ends of its own, to whoever reads or waits for an answer.
//! Everything goes out under a lease, so that an answer that is never written loses nothing.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use junction_shared::protocol::id::{MessageId, PeerKey};
use tokio::sync::{oneshot, watch};

use crate::error::Error;
use crate::hops::Chains;
use crate::mailbox::{Due, LeaseId, Mail, Mailbox};
use crate::{Lease, MailPage, Message, Notification, Outcome, PageLimits, Snapshot, Status};

/// Ends on one page.
const PAGE_ENDS: usize = 100;
/// Notification on one page.
const PAGE_NEWS: usize = 50;
/// Ends that wait for a read; beyond it the oldest `read` goes, and is counted.
const MAX_ENDS: usize = 2048;

/// From when on a call that waits is one that a message past the limit of its chain does not end: what has waited for
/// less was about to read anyway.
const REAL_WAIT: Duration = Duration::from_secs(1);

/// A call to `read_messages`.
pub(crate) struct ReadCall {
    /// What bounds its page.
    pub(crate) limits: PageLimits,
    /// Whether it waits for a message.
    pub(crate) wait: bool,
    /// Since when.
    pub(crate) since: Instant,
    /// Where its page goes.
    pub(crate) reply: oneshot::Sender<Result<MailPage, Error>>,
}

/// A call that waits for the answer to a message.
struct Waiting {
    from: PeerKey,
    since: Instant,
    reply: oneshot::Sender<(Message, Lease)>,
}

/// What a page that is being answered holds.
struct OnPage {
    lease: LeaseId,
    ends: Vec<Outcome>,
    news: Vec<Notification>,
    dropped: usize,
    /// Whether it tells that the session was joined anew.
    rejoined: bool,
}

/// Mail and ends on their way to the agent.
pub(crate) struct Delivery {
    pub(crate) mailbox: Mailbox,
    /// What of it was shown, and how long its chains are.
    pub(crate) chains: Chains,
    ends: VecDeque<Outcome>,
    /// Notification that were asked for.
    news: VecDeque<Notification>,
    /// Ends that had no room, and are only counted.
    dropped: usize,
    /// Refusals that their calls are telling.
    refusals: HashMap<LeaseId, Outcome>,
    readers: VecDeque<ReadCall>,
    replies: HashMap<MessageId, Waiting>,
    /// One page at a time: a second read waits, so that order holds.
    page: Option<OnPage>,
    leases: FuturesUnordered<BoxFuture<'static, (LeaseId, bool)>>,
    snapshot: watch::Sender<Snapshot>,
}

impl Delivery {
    /// Nothing to deliver yet.
    pub(crate) fn new(snapshot: watch::Sender<Snapshot>) -> Self {
        Self {
            mailbox: Mailbox::default(),
            chains: Chains::default(),
            ends: VecDeque::new(),
            news: VecDeque::new(),
            dropped: 0,
            refusals: HashMap::new(),
            readers: VecDeque::new(),
            replies: HashMap::new(),
            page: None,
            leases: FuturesUnordered::new(),
            snapshot,
        }
    }

    /// A message was opened: an answer that is waited for goes to its call alone, all else to the readers. What comes
    /// at the end of too long a chain ends no wait that has lasted.
    pub(crate) fn arrived(&mut self, mail: Mail, now: Instant) {
        let (id, from, answers) = (mail.id, mail.from, mail.reply_to);
        let (may_disturb, wakes) = (mail.may_disturb(), mail.wakes());
        self.mailbox.put(mail);
        let ends = |waiting: &Waiting| {
            waiting.from == from && (may_disturb || now < waiting.since + REAL_WAIT)
        };
        let waiting = answers.and_then(|to| match self.replies.entry(to) {
            Entry::Occupied(waiting) if ends(waiting.get()) => Some(waiting.remove()),
            _ => None,
        });
        if let Some(waiting) = waiting.filter(|waiting| !waiting.reply.is_closed()) {
            self.reply(id, waiting);
        }
        self.count_arrivals(wakes.into());
        self.serve(now);
    }

    /// Something has happened that the agent asked to be told of.
    pub(crate) fn happened(&mut self, news: Vec<Notification>) {
        self.count_arrivals(news.iter().filter(|news| may_wake(news)).count());
        self.news.extend(news);
        self.turn_pages(|_| false);
    }

    /// How many news have not been told yet.
    pub(crate) fn untold(&self) -> usize {
        self.news.len()
    }

    fn count_arrivals(&self, count: usize) {
        self.snapshot.send_if_modified(|snapshot| {
            snapshot.arrivals += count as u64;
            false
        });
    }

    /// The agent is shown these.
    fn shown(&mut self, messages: &[Message], news: &[Notification]) {
        for news in news {
            self.chains.heard_of(news.peer, news.place);
        }
        for message in messages {
            self.chains.read(message.id, message.sender, message.place);
        }
        self.snapshot.send_modify(|snapshot| snapshot.reads += 1);
    }

    fn reply(&mut self, id: MessageId, waiting: Waiting) {
        let Some((lease, message)) = self.mailbox.lease_one(id) else { return };
        let hold = self.hold(lease);
        self.shown(std::slice::from_ref(&message), &[]);
        self.publish();
        // A call that is gone by now drops the hold, and the message waits for a reader again.
        let _ = waiting.reply.send((message, hold));
    }

    /// A call waits for the answer to this message, from this peer.
    pub(crate) fn expect_reply(
        &mut self,
        to: MessageId,
        from: PeerKey,
        reply: oneshot::Sender<(Message, Lease)>,
        since: Instant,
    ) {
        self.replies.retain(|_, waiting| !waiting.reply.is_closed());
        self.replies.insert(to, Waiting { from, since, reply });
    }

    /// A message of this session came to its end.
    pub(crate) fn ended(&mut self, end: Outcome) {
        self.ends.push_back(end);
        if self.ends.len() > MAX_ENDS {
            // Good news is missed least. That something was dropped is told.
            let good = self.ends.iter().position(|end| end.status == Status::Read);
            self.ends.remove(good.unwrap_or(0));
            self.dropped += 1;
        }
    }

    /// A message was refused, and the call that sent it waits to tell so. If its answer never leaves, the end is
    /// told as all others are.
    pub(crate) fn refused(&mut self, end: Outcome, call: oneshot::Sender<Lease>) {
        if call.is_closed() {
            // The call has told its agent something else long ago.
            return self.ended(end);
        }
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

    /// Gives the next reader in turn its page, if there is one for it.
    pub(crate) fn serve(&mut self, now: Instant) {
        self.turn_pages(|reader| now < reader.since + REAL_WAIT);
    }

    fn turn_pages(&mut self, has_just_come: impl Fn(&ReadCall) -> bool) {
        while self.page.is_none() {
            let is_awaited = self.mailbox.has_awaited() || self.news.iter().any(may_wake);
            let mail_waits = self.mailbox.unread().count > 0 || !self.news.is_empty();
            let ready = |reader: &ReadCall| {
                !reader.wait || is_awaited || (mail_waits && has_just_come(reader))
            };
            let Some(at) = self.readers.iter().position(ready) else { break };
            let Some(reader) = self.readers.remove(at) else { break };
            if !reader.reply.is_closed() {
                self.turn_page(reader);
            }
        }
        self.publish();
    }

    fn turn_page(&mut self, reader: ReadCall) {
        let (lease, messages) = self.mailbox.lease_page(reader.limits);
        let count = self.ends.len().min(PAGE_ENDS);
        let ends: Vec<Outcome> = self.ends.drain(..count).collect();
        let count = self.news.len().min(PAGE_NEWS);
        let news: Vec<Notification> = self.news.drain(..count).collect();
        let hold = self.hold(lease);
        if !messages.is_empty() || !news.is_empty() {
            self.shown(&messages, &news);
        }
        let rejoined = self.snapshot.borrow().rejoined.is_some();
        let dropped = std::mem::take(&mut self.dropped);
        let (kept, told) = (ends.clone(), news.clone());
        self.page = Some(OnPage { lease, ends: kept, news: told, dropped, rejoined });
        // The snapshot first: the answer says what is left after it.
        self.publish();
        let page = MailPage { messages, receipts: ends, news, dropped, lease: hold };
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

    /// A lease ended. What was written is read, and its receipts are due; the rest waits again, for
    /// [`Delivery::serve`] to hand out.
    pub(crate) fn lease_ended(&mut self, lease: LeaseId, written: bool) -> Vec<Due> {
        if let Some(end) = self.refusals.remove(&lease) {
            if !written {
                self.ended(end);
            }
            return Vec::new();
        }
        let on_page = self.page.take_if(|page| page.lease == lease);
        if written {
            if on_page.is_some_and(|page| page.rejoined) {
                self.snapshot.send_modify(|snapshot| snapshot.rejoined = None);
            }
            self.mailbox.settle(lease)
        } else {
            self.mailbox.give_back(lease);
            if let Some(page) = on_page {
                self.dropped += page.dropped;
                page.ends.into_iter().rev().for_each(|end| self.ends.push_front(end));
                page.news.into_iter().rev().for_each(|news| self.news.push_front(news));
            }
            Vec::new()
        }
    }

    /// Shows what waits unread.
    pub(crate) fn publish(&self) {
        let (mut unread, news) = (self.mailbox.unread(), self.news.len());
        unread.waking += self.news.iter().filter(|news| may_wake(news)).count();
        self.snapshot.send_if_modified(|snapshot| {
            let changed = snapshot.unread != unread || snapshot.news != news;
            (snapshot.unread, snapshot.news) = (unread, news);
            changed
        });
    }

    /// Ends that no read has told yet, as the session moves.
    pub(crate) fn take_ends(&mut self) -> Vec<Outcome> {
        self.ends.drain(..).collect()
    }
}

/// Whether news may wake the agent, or end what it waits for: like an answer to the message that they are of.
fn may_wake(news: &Notification) -> bool {
    !news.place.is_past_limit()
}
