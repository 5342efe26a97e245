//! What was sent, read and told, and what must be true of it: the promises of docs/delivery.md.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use junction_bridge::sim::{Message, Status};
use junction_shared::id::{MessageId, PeerKey};

/// One message.
struct Sent {
    from: PeerKey,
    to: PeerKey,
    text: String,
    /// Its place among all messages.
    number: usize,
    /// When its time to live is over.
    ends: Duration,
    read: bool,
    told: Vec<Status>,
}

/// All of it.
#[derive(Default)]
pub(super) struct Ledger {
    sent: HashMap<MessageId, Sent>,
    /// The last that each receiver read of each sender.
    last_read: HashMap<(PeerKey, PeerKey), usize>,
    alive: HashSet<PeerKey>,
    /// Those that no hub heard of for a session timeout: their sessions may have ended.
    lonely: HashSet<PeerKey>,
    texts: usize,
    /// How long frames lay on the way, where no machine counts the time.
    stalled: Duration,
}

impl Ledger {
    pub(super) fn born(&mut self, key: PeerKey) {
        self.alive.insert(key);
    }

    pub(super) fn died(&mut self, key: PeerKey) {
        self.alive.remove(&key);
    }

    pub(super) fn lonely(&mut self, key: PeerKey) {
        self.lonely.insert(key);
    }

    pub(super) fn stalled(&mut self, time: Duration) {
        self.stalled += time;
    }

    /// A text that no other message has.
    pub(super) fn next_text(&mut self, size: usize) -> String {
        self.texts += 1;
        format!("{:<size$}", self.texts)
    }

    pub(super) fn sent(
        &mut self,
        id: MessageId,
        from: PeerKey,
        to: PeerKey,
        text: String,
        ends: Duration,
    ) {
        let number = self.texts;
        let sent = Sent { from, to, text, number, ends, read: false, told: Vec::new() };
        assert!(self.sent.insert(id, sent).is_none(), "an id is used once");
    }

    /// The answer that holds this message was written to this reader's client. It was made at `since`: what is
    /// leased does not expire.
    pub(super) fn read(&mut self, by: PeerKey, message: &Message, since: Duration) {
        let sent = self.sent.get_mut(&message.id).expect("nobody reads what nobody sent");
        assert_eq!(sent.text, message.text, "what is read is what was sent");
        assert_eq!(sent.to, by, "it is read by whom it was for");
        assert!(!std::mem::replace(&mut sent.read, true), "message {} is read twice", sent.number);
        let unread = |told: &Status| matches!(told, Status::Expired | Status::Refused(_));
        assert!(!sent.told.iter().any(unread), "{} is read after {:?}", sent.number, sent.told);
        assert!(
            since <= sent.ends + self.stalled,
            "message {} is read after its time: at {since:?}, not by {:?}",
            sent.number,
            sent.ends + self.stalled
        );
        let last = self.last_read.insert((by, sent.from), sent.number);
        assert!(last < Some(sent.number), "{last:?} was read before {}", sent.number);
    }

    /// A sender was told the end of its message.
    pub(super) fn ended(&mut self, by: PeerKey, id: MessageId, end: Status, now: Duration) {
        let sent = self.sent.get_mut(&id).expect("only what was sent ends");
        assert_eq!(sent.from, by, "its sender is told");
        let number = sent.number;
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

    /// Every message between the living has come to its end, and its sender knows what it is. One whose time was
    /// over before anything came back ends by the clock.
    pub(super) fn all_ended_between_the_living(&self, now: Duration) {
        let in_time = |sent: &Sent| self.alive.contains(&sent.to) && now < sent.ends;
        self.all_ended(in_time);
        for sent in self.sent.values().filter(|sent| sent.read && in_time(sent)) {
            let told_read = sent.told.last() == Some(&Status::Read);
            assert!(told_read || !self.alive.contains(&sent.from), "{} was read", sent.number);
        }
    }

    /// Every message of a living sender has come to its end.
    pub(super) fn all_have_ended(&self) {
        self.all_ended(|_| true);
    }

    fn all_ended(&self, which: impl Fn(&Sent) -> bool) {
        for sent in self.sent.values().filter(|sent| self.alive.contains(&sent.from)) {
            assert!(!which(sent) || !sent.told.is_empty(), "message {} never ends", sent.number);
        }
    }

    /// What came of it all: messages sent, read, and ends told.
    pub(super) fn counts(&self) -> [usize; 3] {
        let read = self.sent.values().filter(|sent| sent.read).count();
        let told = self.sent.values().map(|sent| sent.told.len()).sum();
        [self.sent.len(), read, told]
    }
}
