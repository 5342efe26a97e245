//! What was sent, read and told, and whether it all fits together.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde_json::Value;

use super::{CREW, VICTIM};

/// A message's id. Ids of one sender sort as its messages were taken.
type Id = String;

/// A text, and what tells it from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) number: usize,
    pub(super) size: usize,
}

impl Text {
    pub(super) fn write(self) -> String {
        let Self { from, to, number, size } = self;
        format!("{from} {to} {number} {size} {}", "s".repeat(size))
    }

    /// The text that somebody wrote; every byte of it must be as it was written.
    fn parse(text: &str) -> Self {
        let mut parts = text.split(' ').map(|part| part.parse().unwrap_or_default());
        let mut part = || parts.next().unwrap_or_default();
        let parsed = Self { from: part(), to: part(), number: part(), size: part() };
        assert!(parsed.write() == text, "a text was altered: {text:.60}");
        parsed
    }
}

/// What one bridge sent and saw.
#[derive(Default)]
struct Page {
    sent: BTreeMap<Id, Text>,
    read: Vec<(Id, Text)>,
    told: HashMap<Id, Vec<String>>,
}

/// All of it.
pub(super) struct Ledger {
    pages: [RefCell<Page>; CREW],
    numbers: Cell<usize>,
}

/// What came of it, to be printed.
#[derive(Default)]
pub(super) struct Figures {
    messages: usize,
    bytes: usize,
    ends: BTreeMap<String, usize>,
    corrections: usize,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, bytes, ends, corrections } = self;
        write!(f, "{messages} messages, {bytes} bytes; their ends:")?;
        for (end, count) in ends {
            write!(f, " {count} {end},")?;
        }
        write!(f, " {corrections} of them corrections")
    }
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { pages: std::array::from_fn(|_| RefCell::default()), numbers: Cell::new(0) }
    }

    /// A number that no text has had.
    pub(super) fn number(&self) -> usize {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    /// The bridge took a message.
    pub(super) fn sent(&self, answer: &Value, text: Text) {
        let before = self.pages[text.from].borrow_mut().sent.insert(id(answer), text);
        assert_eq!(before, None, "an id is given twice");
    }

    /// What an answer to `read_messages` of this bridge says.
    pub(super) fn note(&self, reader: usize, answer: &Value) {
        let mut page = self.pages[reader].borrow_mut();
        for message in answer["messages"].as_array().into_iter().flatten() {
            let text = Text::parse(message["message"].as_str().expect("a text"));
            assert_eq!(text.to, reader, "a message for somebody else");
            assert_eq!(message["from"], super::alias(text.from));
            page.read.push((id(message), text));
        }
        for receipt in answer["receipts"].as_array().into_iter().flatten() {
            let status = receipt["status"].as_str().expect("a status").to_owned();
            page.told.entry(id(receipt)).or_default().push(status);
        }
    }

    /// What is still missing, in words; nothing once every message has its end and every living reader has
    /// read what it is to read.
    pub(super) fn missing(&self) -> Option<String> {
        let mut words = Vec::new();
        for (sender, page) in self.pages.iter().enumerate().filter(|(at, _)| *at != VICTIM) {
            let page = page.borrow();
            for (id, text) in page.sent.iter().filter(|(id, _)| !page.told.contains_key(*id)) {
                let was_read = self.was_read(id, text);
                words.push(format!("{sender} is told no end of {id} {text:?}, read: {was_read}"));
            }
        }
        (!words.is_empty()).then(|| words.join("\n"))
    }

    fn was_read(&self, id: &Id, text: &Text) -> bool {
        self.pages[text.to].borrow().read.iter().any(|(read, _)| read == id)
    }

    /// Everything that must hold, and what there was of it.
    pub(super) fn check(&self) -> Figures {
        let mut figures = Figures::default();
        for from in 0..CREW {
            for to in (0..CREW).filter(|to| *to != from) {
                self.check_order(from, to);
            }
            self.check_ends(from, &mut figures);
        }
        figures
    }

    /// Between two that live: all that was sent was read, once, in its order, but what was refused. Whoever
    /// died may have missed something, or have sent what nobody told it was taken.
    fn check_order(&self, from: usize, to: usize) {
        let sender = self.pages[from].borrow();
        let sent: Vec<_> = sender.sent.iter().filter(|(_, text)| text.to == to).collect();
        let reader = self.pages[to].borrow();
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
        let refused = |id: &Id| sender.told[id].iter().any(|status| status.starts_with("refused"));
        if to == VICTIM {
            assert!(read.iter().all(|line| sent.contains(line)), "read, but never sent: {read:?}");
        } else {
            let taken: Vec<_> = sent.into_iter().filter(|(id, _)| !refused(id)).collect();
            let lost: Vec<_> = taken.iter().filter(|line| !read.contains(line)).collect();
            let made: Vec<_> = read.iter().filter(|line| !taken.contains(line)).collect();
            assert!(read == taken, "{from} to {to}: lost {lost:?}, never sent {made:?}");
        }
    }

    /// Every end is true, and told once; only `unconfirmed` is ever corrected.
    fn check_ends(&self, from: usize, figures: &mut Figures) {
        let page = self.pages[from].borrow();
        for (id, told) in &page.told {
            // A sender that died in the middle of a call is told nothing any more.
            let text = page.sent.get(id).unwrap_or_else(|| panic!("{id} was never sent: {told:?}"));
            let (last, before) = told.split_last().expect("one end at least");
            assert!(before.len() < 2 && before.iter().all(|end| end == "unconfirmed"), "{told:?}");
            let was_read = self.was_read(id, text);
            let is_true = match last.as_str() {
                "read" => was_read,
                "refused(inbox_full)" => !was_read,
                "expired" | "refused(gone)" => !was_read && text.to == VICTIM,
                "unconfirmed" => text.to == VICTIM,
                _ => false,
            };
            assert!(is_true, "{id} {text:?} is told as {told:?}, read: {was_read}");
            figures.messages += 1;
            figures.bytes += text.write().len();
            figures.corrections += before.len();
            *figures.ends.entry(last.clone()).or_default() += 1;
        }
    }
}

fn id(message: &Value) -> Id {
    message["id"].as_str().expect("an id").to_owned()
}
