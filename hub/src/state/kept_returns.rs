//! What receivers have returned to senders, kept until the senders' sessions end, and whose words are worth most.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::Return;

/// The maximum number of words kept for a sender: more than the receivers it writes to in the time of one session timeout.
const MAX_WORDS: usize = 64;
/// The maximum number of receivers remembered for a sender, the last ones. Words of others count as those of strangers.
const MAX_RECEIVERS: usize = 256;
/// The maximum number of words kept for senders that a restarted hub has not seen yet.
const MAX_EARLY: usize = 4096;

/// A word of a receiver, kept for the sender of the messages.
pub(super) struct KeptReturn {
    /// The peer whose connection brought the word.
    pub(super) by: PeerKey,
    /// The receiver that it is about, which may be an earlier key of the same process.
    pub(super) from: PeerKey,
    /// The word.
    pub(super) word: Return,
}

/// Words for senders that may still come back to a hub that was restarted, by the peer that gave them, oldest first.
#[derive(Default)]
pub(super) struct EarlyReturns {
    words: HashMap<PeerKey, VecDeque<KeptReturn>>,
    count: usize,
}

impl EarlyReturns {
    /// Keeps a word. If there are too many, the oldest goes of the peer that has given most.
    pub(super) fn keep(&mut self, kept: KeptReturn) {
        self.words.entry(kept.by).or_default().push_back(kept);
        self.count += 1;
        if self.count > MAX_EARLY {
            let most = self.words.iter().max_by_key(|(_, words)| words.len()).map(|(by, _)| *by);
            if let Some(Entry::Occupied(mut words)) = most.map(|by| self.words.entry(by)) {
                words.get_mut().pop_front();
                self.count -= 1;
                // A peer of whom nothing is kept takes no room.
                if words.get().is_empty() {
                    words.remove();
                }
            }
        }
    }

    /// Takes the words for a sender that has come back.
    pub(super) fn take(&mut self, sender: &PeerKey) -> KeptReturns {
        let mut kept = KeptReturns::default();
        for words in self.words.values_mut() {
            let (taken, left): (VecDeque<_>, _) =
                std::mem::take(words).into_iter().partition(|early| early.word.to == *sender);
            *words = left;
            self.count -= taken.len();
            taken.into_iter().for_each(|early| kept.keep(early));
        }
        self.words.retain(|_, words| !words.is_empty());
        kept
    }

    /// Drops all words: a sender that has not come back by now is gone.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// What receivers have returned to one sender, oldest first.
#[derive(Default)]
pub(super) struct KeptReturns {
    words: VecDeque<KeptReturn>,
    /// The receivers to whom the hub has taken mail of this sender: nobody else has any to return.
    receivers: VecDeque<PeerKey>,
}

impl KeptReturns {
    /// Notes that the hub has taken a message for this receiver.
    pub(super) fn note_receiver(&mut self, to: PeerKey) {
        if self.receivers.back() == Some(&to) || self.receivers.contains(&to) {
            return;
        }
        self.receivers.push_back(to);
        if self.receivers.len() > MAX_RECEIVERS {
            self.receivers.pop_front();
        }
    }

    /// Keeps a word. It replaces an earlier one of the same receiver: it says more.
    pub(super) fn keep(&mut self, kept: KeptReturn) {
        self.words.retain(|other| other.by != kept.by || other.from != kept.from);
        self.words.push_back(kept);
        if self.words.len() > MAX_WORDS {
            self.drop_one();
        }
    }

    /// Returns all words, oldest first.
    pub(super) fn words(&self) -> Vec<Return> {
        self.words.iter().map(|kept| kept.word.clone()).collect()
    }

    /// Drops all words.
    pub(super) fn clear(&mut self) {
        self.words.clear();
    }

    /// Drops the word that is worth least. The word of a peer that has no mail of the sender says nothing, but a hub that was
    /// restarted may not know of the mail yet: so such a word is kept while there is room. Of equals the oldest goes of the
    /// peer that has given most.
    fn drop_one(&mut self) {
        let is_known = |key: &PeerKey| self.receivers.contains(key);
        let given = |by: &PeerKey| self.words.iter().filter(|kept| kept.by == *by).count();
        let worth = |kept: &KeptReturn| {
            // Anyone can say a word about another's key, but nobody can give it by the connection of that one.
            (is_known(&kept.by), is_known(&kept.from), Reverse(given(&kept.by)))
        };
        let least = (0..self.words.len()).min_by_key(|&at| self.words.get(at).map(worth));
        if let Some(at) = least {
            self.words.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u16) -> PeerKey {
        let mut key = [0; 32];
        key[..2].copy_from_slice(&number.to_be_bytes());
        PeerKey(key)
    }

    fn word(by: u16, to: u16) -> KeptReturn {
        let (by, to) = (key(by), key(to));
        KeptReturn { by, from: by, word: Return { to, body: Vec::new(), mac: [0; 32] } }
    }

    #[test]
    fn early_words_and_their_givers_are_bounded_and_gone_when_taken() {
        let mut early = EarlyReturns::default();
        let givers = u16::try_from(MAX_EARLY).unwrap() + 100;
        (0..givers).for_each(|by| early.keep(word(by, 1)));
        assert_eq!((early.count, early.words.len()), (MAX_EARLY, MAX_EARLY));
        early.keep(word(9_999, 2));
        assert_eq!(early.take(&key(2)).words().len(), 1);
        assert_eq!(early.take(&key(1)).words().len(), MAX_WORDS);
        assert_eq!((early.count, early.words.len()), (0, 0));
    }
}
