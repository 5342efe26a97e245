//! A log of calls: which messages were sent and read, and which statuses receipts gave. Checks that they agree.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde_json::Value;

use super::{BRIDGES, VICTIM, may_end};

/// A message's id. The ids of one sender sort in the order in which its messages were taken.
type Id = String;

/// A message, unique by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TestMessage {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) number: usize,
    pub(super) size: usize,
}

impl TestMessage {
    pub(super) fn write(self) -> String {
        let Self { from, to, number, size } = self;
        format!("{from} {to} {number} {size} {}", "s".repeat(size))
    }

    /// The message in a text, every byte of which must be as it was written.
    fn parse(text: &str) -> Self {
        let mut parts = text.split(' ').map(|part| part.parse().unwrap_or_default());
        let mut part = || parts.next().unwrap_or_default();
        let parsed = Self { from: part(), to: part(), number: part(), size: part() };
        assert!(parsed.write() == text, "a text was altered: {text:.60}");
        parsed
    }
}

/// What one bridge sent, read and was told.
#[derive(Default)]
struct BridgeLog {
    sent: BTreeMap<Id, TestMessage>,
    /// The messages that an earlier bridge of the session sent: nobody is told what becomes of them.
    sent_before: HashSet<Id>,
    read: Vec<(Id, TestMessage)>,
    statuses: HashMap<Id, Vec<String>>,
    /// How often the session was started again.
    restarts: usize,
    /// How often a message said that the session of this sender had been started again.
    restarted: [usize; BRIDGES],
}

/// The log of all bridges.
pub(super) struct CallLog {
    names: Vec<String>,
    bridges: [RefCell<BridgeLog>; BRIDGES],
    numbers: Cell<usize>,
}

/// The printed result of a run.
#[derive(Default)]
pub(super) struct Summary {
    messages: usize,
    bytes: usize,
    ends: BTreeMap<String, usize>,
    corrections: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, bytes, ends, corrections } = self;
        write!(f, "{messages} messages, {bytes} bytes; their ends:")?;
        for (end, count) in ends {
            write!(f, " {count} {end},")?;
        }
        write!(f, " {corrections} of them corrections")
    }
}

impl CallLog {
    /// A log of bridges with these aliases.
    pub(super) fn new(names: Vec<String>) -> Self {
        let bridges = std::array::from_fn(|_| RefCell::default());
        Self { names, bridges, numbers: Cell::new(0) }
    }

    /// The alias of this bridge.
    pub(super) fn name(&self, at: usize) -> &str {
        &self.names[at]
    }

    /// A number that no message has had.
    pub(super) fn number(&self) -> usize {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    /// The bridge took a message, as the one of this number that its session has had.
    pub(super) fn sent(&self, answer: &Value, text: TestMessage, process: usize) {
        let mut bridge = self.bridges[text.from].borrow_mut();
        let before = bridge.sent.insert(id(answer), text);
        assert_eq!(before, None, "two messages have one id");
        if process < bridge.restarts {
            bridge.sent_before.insert(id(answer));
        }
    }

    /// The session has another bridge.
    pub(super) fn restarted(&self, at: usize) {
        let mut bridge = self.bridges[at].borrow_mut();
        bridge.restarts += 1;
        bridge.sent_before = bridge.sent.keys().cloned().collect();
    }

    /// Records an answer to `read_messages` of this bridge.
    pub(super) fn note(&self, reader: usize, answer: &Value) {
        let mut bridge = self.bridges[reader].borrow_mut();
        for message in answer["messages"].as_array().into_iter().flatten() {
            let text = TestMessage::parse(message["message"].as_str().expect("a text"));
            assert_eq!(text.to, reader, "a message for somebody else");
            assert_eq!(message["from"], self.names[text.from]);
            assert_eq!(message.get("key_changed"), None, "{reader} reads {text:?}");
            bridge.restarted[text.from] += usize::from(message.get("restarted").is_some());
            bridge.read.push((id(message), text));
        }
        for receipt in answer["receipts"].as_array().into_iter().flatten() {
            let status = receipt["status"].as_str().expect("a status").to_owned();
            bridge.statuses.entry(id(receipt)).or_default().push(status);
        }
    }

    /// Describes the messages of living senders that have no end yet; none once every message has one.
    pub(super) fn missing(&self) -> Option<String> {
        let mut words = Vec::new();
        for (sender, bridge) in self.bridges.iter().enumerate().filter(|(at, _)| *at != VICTIM) {
            let bridge = bridge.borrow();
            let is_open =
                |id: &Id| !bridge.statuses.contains_key(id) && !bridge.sent_before.contains(id);
            for (id, text) in bridge.sent.iter().filter(|(id, _)| is_open(id)) {
                let was_read = self.was_read(id, text);
                words.push(format!("{sender} has no receipt for {id} {text:?}, read: {was_read}"));
            }
        }
        (!words.is_empty()).then(|| words.join("\n"))
    }

    fn was_read(&self, id: &Id, text: &TestMessage) -> bool {
        self.bridges[text.to].borrow().read.iter().any(|(read, _)| read == id)
    }

    /// Checks everything that must hold; the summary of the run.
    pub(super) fn check(&self) -> Summary {
        let mut summary = Summary::default();
        for from in 0..BRIDGES {
            for to in (0..BRIDGES).filter(|to| *to != from) {
                self.check_order(from, to);
                let marked = self.bridges[to].borrow().restarted[from];
                let restarts = self.bridges[from].borrow().restarts;
                assert!(marked <= restarts, "{from} to {to}: {marked} for {restarts} restarts");
            }
            self.check_ends(from, &mut summary);
        }
        summary
    }

    /// Checks that between two living bridges every message was read once and in order, unless it was refused. A bridge that
    /// was ended may have missed messages, and may have sent some without an answer.
    fn check_order(&self, from: usize, to: usize) {
        let sender = self.bridges[from].borrow();
        let sent: Vec<_> = sender.sent.iter().filter(|(_, text)| text.to == to).collect();
        let reader = self.bridges[to].borrow();
        let read: Vec<_> = reader
            .read
            .iter()
            .filter(|(_, text)| text.from == from)
            .map(|(id, t)| (id, t))
            .collect();
        assert!(read.is_sorted_by(|one, next| one.0 < next.0), "{from} to {to}: {read:?}");
        if may_end(from) {
            return;
        }
        let refused =
            |id: &Id| sender.statuses[id].iter().any(|status| status.starts_with("refused"));
        if may_end(to) {
            assert!(read.iter().all(|line| sent.contains(line)), "read, but never sent: {read:?}");
        } else {
            let taken: Vec<_> = sent.into_iter().filter(|(id, _)| !refused(id)).collect();
            let lost: Vec<_> = taken.iter().filter(|line| !read.contains(line)).collect();
            let made: Vec<_> = read.iter().filter(|line| !taken.contains(line)).collect();
            assert!(read == taken, "{from} to {to}: lost {lost:?}, never sent {made:?}");
        }
    }

    /// Checks that every end is true and reported once; only `unconfirmed` is ever corrected.
    fn check_ends(&self, from: usize, summary: &mut Summary) {
        let bridge = self.bridges[from].borrow();
        for (id, statuses) in &bridge.statuses {
            // A sender that died during a call gets no receipts any more.
            let text = bridge.sent.get(id);
            let text = text.unwrap_or_else(|| panic!("{id} was never sent: {statuses:?}"));
            let (last, before) = statuses.split_last().expect("one end at least");
            assert!(
                before.len() < 2 && before.iter().all(|end| end == "unconfirmed"),
                "{statuses:?}"
            );
            let was_read = self.was_read(id, text);
            let is_true = match last.as_str() {
                "read" => was_read,
                "refused(inbox_full)" => !was_read,
                "expired" | "refused(gone)" => !was_read && may_end(text.to),
                "unconfirmed" => may_end(text.to),
                _ => false,
            };
            assert!(is_true, "{id} {text:?} is reported as {statuses:?}, read: {was_read}");
            summary.messages += 1;
            summary.bytes += text.write().len();
            summary.corrections += before.len();
            *summary.ends.entry(last.clone()).or_default() += 1;
        }
    }
}

fn id(message: &Value) -> Id {
    message["id"].as_str().expect("an id").to_owned()
}
