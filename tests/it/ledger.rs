//! What was sent, read and told, and what must be true of it: the promises of docs/delivery.md. The proofs over
//! machines and over a simulated network keep one each.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use junction_shared::protocol::id::MessageId;
use junction_testkit::sim::{Message, Status};

/// One message.
struct Sent<Who> {
    from: Who,
    to: Who,
    text: String,
    /// When its time to live is over.
    ends: Duration,
    /// Set once its sender's call said that it was not taken.
    is_void: bool,
    read: bool,
    told: Vec<Status>,
}

/// All of it. Processes are told apart by `Who`.
pub(crate) struct Ledger<Who> {
    /// By number, in the order in which they were submitted.
    sent: Vec<Sent<Who>>,
    numbers: HashMap<MessageId, usize>,
    /// Ends that were told before the call that sent the message gave its id.
    early: HashMap<MessageId, (Who, Status, Duration)>,
    /// The last that each receiver read of each sender.
    last_read: HashMap<(Who, Who), usize>,
    alive: HashSet<Who>,
    /// Those that no hub heard of for a session timeout: their sessions may have ended.
    lonely: HashSet<Who>,
    /// How long messages lay on the way from or to each, where no machine counts the time.
    stalled: HashMap<Who, Duration>,
}

impl<Who> Default for Ledger<Who> {
    fn default() -> Self {
        Self {
            sent: Vec::new(),
            numbers: HashMap::new(),
            early: HashMap::new(),
            last_read: HashMap::new(),
            alive: HashSet::new(),
            lonely: HashSet::new(),
            stalled: HashMap::new(),
        }
    }
}

impl<Who: Copy + Debug + Eq + Hash> Ledger<Who> {
    pub(crate) fn born(&mut self, who: Who) {
        self.alive.insert(who);
    }

    pub(crate) fn died(&mut self, who: Who) {
        self.alive.remove(&who);
    }

    pub(crate) fn lonely(&mut self, who: Who) {
        self.lonely.insert(who);
    }

    pub(crate) fn stalled(&mut self, who: Who, time: Duration) {
        *self.stalled.entry(who).or_default() += time;
    }

    /// A message is about to be submitted. Gives its number and its text, which begins with the number.
    pub(crate) fn submit(
        &mut self,
        from: Who,
        to: Who,
        size: usize,
        ends: Duration,
    ) -> (usize, String) {
        let number = self.sent.len();
        let text = format!("{number:<size$}");
        let sent = Sent {
            from,
            to,
            text: text.clone(),
            ends,
            is_void: false,
            read: false,
            told: Vec::new(),
        };
        self.sent.push(sent);
        (number, text)
    }

    /// The message was taken for this receiver, and lives until `ends`: that is decided when it is taken.
    pub(crate) fn readdress(&mut self, number: usize, to: Who, ends: Duration) {
        let sent = &mut self.sent[number];
        (sent.to, sent.ends) = (to, ends);
    }

    /// It was taken, under this id; or it was not, and must never be read.
    pub(crate) fn submitted(&mut self, number: usize, id: Option<MessageId>) {
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

    /// The answer that holds this message was written to this reader's client. It was made at `since`: what is
    /// leased does not expire.
    pub(crate) fn read(&mut self, by: Who, message: &Message, since: Duration) {
        let number = message.text.split(' ').next().and_then(|number| number.parse().ok());
        let number: usize = number.expect("a text begins with its number");
        let sent = &mut self.sent[number];
        assert_eq!(sent.text, message.text, "what is read is what was sent");
        assert_eq!(sent.to, by, "it is read by whom it was for");
        assert!(!sent.is_void, "message {number} was not taken, and is read");
        assert!(!std::mem::replace(&mut sent.read, true), "message {number} is read twice");
        let unread = |told: &Status| matches!(told, Status::Expired | Status::Refused(_));
        assert!(!sent.told.iter().any(unread), "{number} is read after {:?}", sent.told);
        let stalled = |who| self.stalled.get(who).copied().unwrap_or_default();
        let ends = sent.ends + stalled(&sent.from) + stalled(&sent.to);
        assert!(
            since <= ends,
            "message {number} is read after its time: at {since:?}, not by {ends:?}"
        );
        let last = self.last_read.insert((by, sent.from), number);
        assert!(last < Some(number), "{last:?} was read before {number}");
    }

    /// A sender was told the end of its message.
    pub(crate) fn ended(&mut self, by: Who, id: MessageId, end: Status, now: Duration) {
        let Some(number) = self.numbers.get(&id).copied() else {
            assert!(self.early.insert(id, (by, end, now)).is_none(), "{id:?} ends twice");
            return;
        };
        let sent = &mut self.sent[number];
        assert_eq!(sent.from, by, "its sender is told");
        match end {
            Status::Read => assert!(sent.read, "message {number} is told as read, and was not"),
            Status::Expired => assert!(!sent.read, "message {number} expired, and was read"),
            Status::Refused(_) => assert!(!sent.read, "message {number} was refused, and read"),
            Status::Unconfirmed => {
                let lost = !self.alive.contains(&sent.to) || self.lonely.contains(&sent.to);
                let late = now >= sent.ends;
                assert!(lost || late, "message {number} is unconfirmed, though its receiver lives");
            }
            Status::Queued | Status::Accepted | Status::Opened => panic!("{end:?} is no end"),
        }
        let corrects = sent.told == [Status::Unconfirmed] && end != Status::Unconfirmed;
        assert!(
            sent.told.is_empty() || corrects,
            "message {number}: {:?}, then {end:?}",
            sent.told
        );
        sent.told.push(end);
    }

    /// The messages of living senders whose end has not been told.
    pub(crate) fn open(&self) -> impl Iterator<Item = usize> {
        let of_the_living = |sent: &Sent<Who>| self.alive.contains(&sent.from) && !sent.is_void;
        let sent = self.sent.iter().enumerate();
        sent.filter(move |(_, sent)| of_the_living(sent) && sent.told.is_empty())
            .map(|(number, _)| number)
    }

    /// Every message between the living has come to its end, and its sender knows what it is. One whose time was
    /// over before anything came back ends by the clock.
    pub(crate) fn all_ended_between_the_living(&self, now: Duration) {
        let in_time = |sent: &Sent<Who>| self.alive.contains(&sent.to) && now < sent.ends;
        let open = self.open().find(|number| in_time(&self.sent[*number]));
        assert_eq!(open, None, "that message never ends");
        for sent in self.sent.iter().filter(|sent| sent.read && in_time(sent)) {
            let told_read = sent.told.last() == Some(&Status::Read);
            assert!(told_read || !self.alive.contains(&sent.from), "{} was read", sent.text);
        }
    }

    /// Every message of a living sender has come to its end.
    pub(crate) fn all_have_ended(&self) {
        assert_eq!(self.open().next(), None, "that message never ends");
    }

    /// What came of it all: messages sent, read, and ends told.
    pub(crate) fn counts(&self) -> [usize; 3] {
        let read = self.sent.iter().filter(|sent| sent.read).count();
        let told = self.sent.iter().map(|sent| sent.told.len()).sum();
        [self.sent.len(), read, told]
    }
}
