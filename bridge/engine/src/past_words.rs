//! What this process has read under a key that it has no more, while answers hold mail of that key.

use std::collections::HashMap;
use std::sync::Arc;

use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::limits::SEQ_WINDOW;
use junction_shared::protocol::wire::{Return, ReturnBody};
use junction_shared::secret::Secret;

use crate::mailbox::PastMessage;
use crate::seal::return_word;

/// The last words to senders of whose mail an answer holds something, by the earlier key of this process and the sender.
/// A word goes out again once the answer has ended.
#[derive(Default)]
pub(crate) struct PastWords(HashMap<(PeerKey, PeerKey), PastWord>);

struct PastWord {
    psk: Arc<Secret>,
    body: ReturnBody,
}

impl PastWords {
    /// Keeps a word that names mail which may still be read.
    pub(crate) fn keep(&mut self, to: PeerKey, psk: Arc<Secret>, body: ReturnBody) {
        if body.leased != 0 {
            self.0.insert((body.from, to), PastWord { psk, body });
        }
    }

    /// Takes over what a later key of the process leaves.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// An answer has ended: the words to the senders of what it held.
    pub(crate) fn ended(&mut self, messages: &[PastMessage], was_written: bool) -> Vec<Return> {
        let mut touched = Vec::new();
        for PastMessage { key, sender, seq } in messages {
            let said = (*key, *sender);
            let Some(PastWord { body, .. }) = self.0.get_mut(&said) else { continue };
            let back = body.highest.0.wrapping_sub(seq.0);
            let bit = if back < SEQ_WINDOW { 1 << back } else { 0 };
            body.leased &= !bit;
            body.read |= if was_written { bit } else { 0 };
            if !touched.contains(&said) {
                touched.push(said);
            }
        }
        let word = |said: &(PeerKey, PeerKey)| {
            let PastWord { psk, body } = self.0.get(said)?;
            Some(return_word(psk, said.1, body))
        };
        let words = touched.iter().filter_map(word).collect();
        self.0.retain(|_, word| word.body.leased != 0);
        words
    }
}
