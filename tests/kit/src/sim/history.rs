//! The history of a simulation: which messages were sent and read, and which ends were reported. Checks the promises
//! of docs/delivery.md at each step. The proofs over state machines and over a simulated network keep one each.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use junction_engine::{Message, Status};
use junction_shared::protocol::id::MessageId;

/// A message, and what became of it.
struct SentMessage<Who> {
    from: Who,
    /// The process of a session with a seat that sent it.
    process: Option<Who>,
    to: Who,
    /// The process of that session that it was addressed to.
    addressee: Option<Who>,
    /// Whether the sending process had heard from the receiver's session before.
    is_to_acquaintance: bool,
    text: String,
    /// The moment at which the time to live is over.
    ends: Duration,
    /// Whether the sender's call said that the message was not taken.
    is_void: bool,
    read: bool,
    /// Whether the process that sent it has ended.
    is_orphan: bool,
    reported: Vec<Status>,
}

/// All messages of a simulation, whose processes are named by `Who`.
pub struct History<Who> {
    /// By number, in the order in which they were submitted.
    sent: Vec<SentMessage<Who>>,
    numbers: HashMap<MessageId, usize>,
    /// Ends that were reported before the call that sent the message gave its id.
    early: HashMap<MessageId, (Who, Status, Duration)>,
    /// The number of the last message that a receiver (first) read of a sender.
    last_read: HashMap<(Who, Who), usize>,
    alive: HashSet<Who>,
    /// Processes that no hub heard of for a session timeout: their sessions may have ended.
    unheard: HashSet<Who>,
    /// Sessions of whose processes one may have ended without its word reaching every sender: what it had may have been
    /// read.
    shaken: HashSet<Who>,
    /// Which process has heard from which session, so that its seat is certain.
    met: HashSet<(Who, Who)>,
    /// The processes of each session that have ended, in that order. At its end one gives its word to the senders that
    /// it knew, and to no others.
    ended: HashMap<Who, Vec<Who>>,
    /// Processes among these whose end no hub saw.
    unseen: HashSet<Who>,
    /// How long messages of a process were on the wire, where no state machine counts the time.
    stalled: HashMap<Who, Duration>,
}

impl<Who> Default for History<Who> {
    fn default() -> Self {
        Self {
            sent: Vec::new(),
            numbers: HashMap::new(),
            early: HashMap::new(),
            last_read: HashMap::new(),
            alive: HashSet::new(),
            unheard: HashSet::new(),
            shaken: HashSet::new(),
            met: HashSet::new(),
            ended: HashMap::new(),
            unseen: HashSet::new(),
            stalled: HashMap::new(),
        }
    }
}

impl<Who: Copy + Debug + Eq + Hash> History<Who> {
    /// A process has started.
    pub fn started(&mut self, who: Who) {
        self.alive.insert(who);
    }

    /// A process has ended for good.
    pub fn died(&mut self, who: Who) {
        self.alive.remove(&who);
    }

    /// No hub has heard of a process for a session timeout.
    pub fn unheard(&mut self, who: Who) {
        self.unheard.insert(who);
    }

    /// A process of this session may have ended without its word reaching every sender.
    pub fn shaken(&mut self, who: Who) {
        self.shaken.insert(who);
    }

    /// A process has heard from the session that sent this message, or from the one that read it.
    pub fn met(&mut self, process: Who, id: MessageId) {
        if let Some(number) = self.numbers.get(&id) {
            let sent = &self.sent[*number];
            let sessions = [sent.from, sent.to].into_iter().chain(sent.process);
            self.met.extend(sessions.map(|met| (process, met)));
        }
    }

    /// A process of a session has ended, with a word to each sender that it knew.
    pub fn gave_word(&mut self, process: Who, session: Who) {
        self.ended.entry(session).or_default().push(process);
    }

    /// No hub saw this process of a session end, so none knows of the messages to it.
    pub fn ended_unseen(&mut self, process: Who) {
        self.unseen.insert(process);
    }

    /// The processes of the receiver's session that have ended since a message was addressed to one of them.
    fn ended_since(&self, sent: &SentMessage<Who>) -> impl Iterator<Item = &Who> {
        let ended = self.ended.get(&sent.to).into_iter().flatten();
        ended.skip_while(|process| Some(**process) != sent.addressee)
    }

    /// Whether the process that a message was addressed to, or one after it, ended without a word to its sender. A hub
    /// that has not seen such an end may let senders that begin later address that process, too.
    fn is_stranger(&self, sent: &SentMessage<Who>) -> bool {
        let Some(by) = sent.process else { return false };
        self.ended_since(sent).any(|process| !self.met.contains(&(*process, by)))
    }

    /// Whether the sender of a message follows its receiver's session from the bridge that it was sent to. One that has not
    /// heard from that session learns of its next bridge by a hub alone.
    fn may_follow(&self, sent: &SentMessage<Who>) -> bool {
        let is_unseen = || self.ended_since(sent).any(|process| self.unseen.contains(process));
        sent.is_to_acquaintance || !(self.shaken.contains(&sent.to) || is_unseen())
    }

    /// A message was sent by this process of its session.
    pub fn sent_by(&mut self, number: usize, process: Who) {
        self.sent[number].process = Some(process);
    }

    /// The process that sent these messages has ended or goes on as somebody else: nobody is told of their ends any more.
    pub fn sender_ended(&mut self, process: Who) {
        for sent in self.sent.iter_mut().filter(|sent| sent.process == Some(process)) {
            sent.is_orphan = true;
        }
    }

    /// Messages of a process were on the wire for this long.
    pub fn stalled(&mut self, who: Who, time: Duration) {
        *self.stalled.entry(who).or_default() += time;
    }

    /// A message is about to be submitted. Gives its number and its text, which begins with the number.
    pub fn submit(&mut self, from: Who, to: Who, size: usize, ends: Duration) -> (usize, String) {
        let number = self.sent.len();
        let text = format!("{number:<size$}");
        let sent = SentMessage {
            from,
            process: None,
            to,
            addressee: None,
            is_to_acquaintance: false,
            text: text.clone(),
            ends,
            is_void: false,
            read: false,
            is_orphan: false,
            reported: Vec::new(),
        };
        self.sent.push(sent);
        (number, text)
    }

    /// The message was taken for this process of this session and lives until `ends`, which is decided when it is taken.
    pub fn readdress(&mut self, number: usize, addressee: Who, to: Who, ends: Duration) {
        let sent = &mut self.sent[number];
        (sent.addressee, sent.to, sent.ends) = (Some(addressee), to, ends);
        sent.is_to_acquaintance =
            sent.process.is_some_and(|process| self.met.contains(&(process, to)));
    }

    /// The message was taken under this id, or was not taken and must never be read.
    pub fn submitted(&mut self, number: usize, id: Option<MessageId>) {
        let Some(id) = id else {
            let sent = &mut self.sent[number];
            assert!(!sent.read, "message {number} was not taken, and was read");
            sent.is_void = true;
            return;
        };
        assert!(self.numbers.insert(id, number).is_none(), "an id is used once");
        if let Some((by, end, now)) = self.early.remove(&id) {
            self.ended(by, id, end, now);
        }
    }

    /// The answer with this message was written to the client of `by`. The answer was made at `since`, and leased
    /// messages do not expire.
    pub fn read(&mut self, by: Who, message: &Message, since: Duration) {
        let number = message.body.split(' ').next().and_then(|number| number.parse().ok());
        let number: usize = number.expect("a text begins with its number");
        let sent = &mut self.sent[number];
        assert_eq!(sent.text, message.body.as_str(), "what is read is what was sent");
        assert_eq!(sent.to, by, "it is read by whom it was for");
        assert!(!sent.is_void, "message {number} was not taken, and is read");
        assert!(!std::mem::replace(&mut sent.read, true), "message {number} is read twice");
        let unread = |reported: &Status| matches!(reported, Status::Expired | Status::Refused(_));
        assert!(!sent.reported.iter().any(unread), "{number} is read after {:?}", sent.reported);
        let stalled = |who| self.stalled.get(who).copied().unwrap_or_default();
        let ends = sent.ends + stalled(&sent.from) + stalled(&sent.to);
        assert!(
            since <= ends,
            "message {number} is read after its time: at {since:?}, not by {ends:?}"
        );
        // Of a message that its sender was told nothing certain of, others may have been sent in the meantime.
        if !sent.reported.contains(&Status::Unconfirmed) {
            let last = self.last_read.insert((by, sent.from), number);
            assert!(last < Some(number), "{last:?} was read before {number}");
        }
    }

    /// Who sent a message, once the call that sent it has given its id.
    pub fn sender(&self, id: MessageId) -> Option<Who> {
        self.numbers.get(&id).map(|number| self.sent[*number].from)
    }

    /// A sender got the end of its message.
    pub fn ended(&mut self, by: Who, id: MessageId, end: Status, now: Duration) {
        let Some(number) = self.numbers.get(&id).copied() else {
            assert!(self.early.insert(id, (by, end, now)).is_none(), "{id:?} ends twice");
            return;
        };
        let sent = &self.sent[number];
        // A hub keeps the word of a process that ended for as long as its receiver's session lasts there.
        let has_missed_word =
            self.unheard.contains(&sent.from) && self.ended_since(sent).next().is_some();
        let is_untold = self.is_stranger(sent) || has_missed_word;
        let sent = &mut self.sent[number];
        assert_eq!(sent.from, by, "the end is reported to the sender");
        match end {
            Status::Read => assert!(sent.read, "message {number} is reported as read, and was not"),
            Status::Expired => assert!(!sent.read, "message {number} expired, and was read"),
            Status::Refused(_) => assert!(!sent.read, "message {number} was refused, and read"),
            Status::Unconfirmed => {
                let lost = !self.alive.contains(&sent.to)
                    || self.unheard.contains(&sent.to)
                    || self.shaken.contains(&sent.to)
                    || is_untold;
                let late = now >= sent.ends || sent.is_orphan;
                assert!(lost || late, "message {number} is unconfirmed, though its receiver lives");
            }
            Status::Queued | Status::Accepted | Status::Opened | Status::Saved => {
                panic!("{end:?} is no end")
            }
        }
        let corrects = sent.reported == [Status::Unconfirmed] && end != Status::Unconfirmed;
        assert!(
            sent.reported.is_empty() || corrects,
            "message {number}: {:?}, then {end:?}",
            sent.reported
        );
        sent.reported.push(end);
    }

    /// Whether the sender of a message is alive, and follows its receiver's session from the bridge that it was sent to.
    pub fn is_followed(&self, number: usize) -> bool {
        let sent = &self.sent[number];
        self.alive.contains(&sent.to) && !sent.is_orphan && self.may_follow(sent)
    }

    /// Whether the sender of a message has ended, or was told that the message was refused: it is told no more.
    pub fn is_untellable(&self, number: usize) -> bool {
        let sent = &self.sent[number];
        let is_refused = |end: &Status| matches!(end, Status::Refused(_));
        sent.is_orphan || !self.alive.contains(&sent.from) || sent.reported.iter().any(is_refused)
    }

    /// Who a message is for.
    pub fn receiver(&self, number: usize) -> Who {
        self.sent[number].to
    }

    /// The messages of living senders whose end has not been reported.
    pub fn open(&self) -> impl Iterator<Item = usize> {
        let of_the_living = |sent: &SentMessage<Who>| {
            self.alive.contains(&sent.from) && !sent.is_void && !sent.is_orphan
        };
        let sent = self.sent.iter().enumerate();
        sent.filter(move |(_, sent)| of_the_living(sent) && sent.reported.is_empty())
            .map(|(number, _)| number)
    }

    /// Checks that every message between living processes has come to its end, and that its sender knows. A message
    /// whose time was over before anything came back ends by the clock.
    pub fn all_ended_between_the_living(&self, now: Duration) {
        let in_time = |sent: &SentMessage<Who>| {
            self.alive.contains(&sent.to) && now < sent.ends && self.may_follow(sent)
        };
        let open = self.open().find(|number| in_time(&self.sent[*number]));
        assert_eq!(open, None, "that message never ends");
        for sent in self.sent.iter().filter(|sent| sent.read && in_time(sent)) {
            let told_read = sent.reported.last() == Some(&Status::Read);
            let may_be_untold = sent.is_orphan || self.shaken.contains(&sent.to);
            let is_untold = !told_read && self.alive.contains(&sent.from) && !may_be_untold;
            assert!(!is_untold, "{} was read", sent.text);
        }
    }

    /// Checks that every message of a living sender has come to its end.
    pub fn all_have_ended(&self) {
        assert_eq!(self.open().next(), None, "that message never ends");
    }

    /// The number of messages sent, of messages read, and of ends reported.
    pub fn counts(&self) -> [usize; 3] {
        let read = self.sent.iter().filter(|sent| sent.read).count();
        let reported = self.sent.iter().map(|sent| sent.reported.len()).sum();
        [self.sent.len(), read, reported]
    }
}
