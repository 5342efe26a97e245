//! The messages to and from the person, as long as the page is served and they have room.

use std::collections::{HashMap, VecDeque};

use super::letter::Letter;

/// Messages that are kept.
const MAX_LETTERS: usize = 1000;
/// The bytes of their texts, at most.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Messages in the order in which they came.
#[derive(Default)]
pub(crate) struct Letters {
    order: VecDeque<String>,
    by_id: HashMap<String, Letter>,
    bytes: usize,
}

impl Letters {
    /// Takes in a message, or what is new of one, and marks what it answers. Returns the ids of all that has changed.
    pub(crate) fn put(&mut self, letter: Letter) -> Vec<String> {
        let id = letter.id.clone();
        let mut changed = vec![id.clone()];
        let answered = letter.reply_to.as_ref().and_then(|asked| self.by_id.get_mut(asked));
        if let Some(asked) = answered.filter(|asked| asked.marks.mine != letter.marks.mine)
            && !std::mem::replace(&mut asked.marks.answered, true)
        {
            changed.push(asked.id.clone());
        }
        self.bytes += letter.len();
        match self.by_id.insert(id.clone(), letter) {
            Some(before) => {
                self.bytes -= before.len();
                // What is known here stays so when a message comes again.
                self.by_id.entry(id).and_modify(|letter| {
                    letter.marks.answered |= before.marks.answered;
                    letter.marks.unread &= before.marks.unread;
                    letter.marks.dismissed |= before.marks.dismissed;
                });
            }
            None => self.order.push_back(id),
        }
        while self.order.len() > MAX_LETTERS || self.bytes > MAX_BYTES && self.order.len() > 1 {
            let Some(oldest) = self.order.pop_front() else { break };
            self.bytes -= self.by_id.remove(&oldest).map_or(0, |letter| letter.len());
        }
        changed
    }

    /// Changes a message. Returns whether it is here.
    pub(crate) fn change(&mut self, id: &str, change: impl FnOnce(&mut Letter)) -> bool {
        let Some(letter) = self.by_id.get_mut(id) else { return false };
        self.bytes -= letter.len();
        change(letter);
        self.bytes += letter.len();
        true
    }

    /// Forgets a message. Returns whether it was here.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let Some(letter) = self.by_id.remove(id) else { return false };
        self.bytes -= letter.len();
        self.order.retain(|kept| kept != id);
        true
    }

    /// The message of this id.
    pub(crate) fn get(&self, id: &str) -> Option<&Letter> {
        self.by_id.get(id)
    }

    /// All messages, in their order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Letter> {
        self.order.iter().filter_map(|id| self.by_id.get(id))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::page::letter::LetterMarks;

    fn letter(id: usize, reply_to: Option<usize>, mine: bool, length: usize) -> Letter {
        Letter {
            id: id.to_string(),
            reply_to: reply_to.map(|id| id.to_string()),
            text: "x".repeat(length),
            marks: LetterMarks { mine, ..LetterMarks::default() },
            ..Letter::default()
        }
    }

    #[test]
    fn answer_of_the_other_side_marks_what_it_answers() {
        let mut letters = Letters::default();
        letters.put(letter(1, None, false, 1));
        assert_eq!(letters.put(letter(2, Some(1), false, 1)), ["2"], "a peer answers itself");
        assert_eq!(letters.put(letter(3, Some(1), true, 1)), ["3", "1"]);
        assert_eq!(letters.put(letter(4, Some(1), true, 1)), ["4"], "answered before");
        // What comes again stays answered.
        letters.put(letter(1, None, false, 2));
        assert!(letters.get("1").unwrap().marks.answered);
    }

    proptest! {
        #[test]
        fn what_is_kept_is_bounded_and_counted(
            puts in prop::collection::vec((0usize..1500, 0usize..70_000), 1..1500),
        ) {
            let mut letters = Letters::default();
            for (id, length) in puts {
                letters.put(letter(id, None, true, length));
                letters.change(&id.to_string(), |letter| letter.status = Some("read".to_owned()));
            }
            let bytes: usize = letters.all().map(Letter::len).sum();
            prop_assert_eq!(bytes, letters.bytes);
            prop_assert_eq!(letters.order.len(), letters.by_id.len());
            prop_assert!(bytes <= MAX_BYTES && letters.order.len() <= MAX_LETTERS);
        }
    }
}
