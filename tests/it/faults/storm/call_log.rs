//! A log of calls: which messages were sent and read, and which statuses receipts gave. Checks that they agree.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde_json::Value;

use super::{BRIDGES, VICTIM};

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
    read: Vec<(Id, TestMessage)>,
    statuses: HashMap<Id, Vec<String>>,
}

/// The log of all bridges.
pub(super) struct CallLog {
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
    pub(super) fn new() -> Self {
        Self { bridges: std::array::from_fn(|_| RefCell::default()), numbers: Cell::new(0) }
    }

    /// A number that no message has had.
    pub(super) fn number(&self) -> usize {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    /// The bridge took a message.
    pub(super) fn sent(&self, answer: &Value, text: TestMessage) {
        let before = self.bridges[text.from].borrow_mut().sent.insert(id(answer), text);
        assert_eq!(before, None, "two messages have one id");
    }

    /// Records an answer to `read_messages` of this bridge.
    pub(super) fn note(&self, reader: usize, answer: &Value) {
        let mut bridge = self.bridges[reader].borrow_mut();
        for message in answer["messages"].as_array().into_iter().flatten() {
            let text = TestMessage::parse(message["message"].as_str().expect("a text"));
            assert_eq!(text.to, reader, "a message for somebody else");
            assert_eq!(message["from"], super::alias(text.from));
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
            for (id, text) in
                bridge.sent.iter().filter(|(id, _)| !bridge.statuses.contains_key(*id))
            {
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
            }
            self.check_ends(from, &mut summary);
        }
        summary
    }

    /// Checks that between two living bridges every message was read once and in order, unless it was refused. The bridge
    /// that died may have missed messages, and may have sent some without an answer.
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
        if from == VICTIM {
            return;
        }
        let refused =
            |id: &Id| sender.statuses[id].iter().any(|status| status.starts_with("refused"));
        if to == VICTIM {
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
            let text =
                bridge.sent.get(id).unwrap_or_else(|| panic!("{id} was never sent: {statuses:?}"));
            let (last, before) = statuses.split_last().expect("one end at least");
            assert!(
                before.len() < 2 && before.iter().all(|end| end == "unconfirmed"),
                "{statuses:?}"
            );
            let was_read = self.was_read(id, text);
            let is_true = match last.as_str() {
                "read" => was_read,
                "refused(inbox_full)" => !was_read,
                "expired" | "refused(gone)" => !was_read && text.to == VICTIM,
                "unconfirmed" => text.to == VICTIM,
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
