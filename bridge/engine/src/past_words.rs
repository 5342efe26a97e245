//! What this process has read under a key that it has no more, while answers hold mail of that key.

use std::collections::HashMap;
use std::sync::Arc;

use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::limits::SEQ_WINDOW;
use junction_shared::protocol::wire::{Return, ReturnBody};
use junction_shared::secret::Secret;

use crate::mailbox::PastMessage;
use crate::seal::return_word;

/// The last word to each sender of whose mail an answer holds something. It goes out again once the answer has ended.
#[derive(Default)]
pub(crate) struct PastWords(HashMap<PeerKey, PastWord>);

struct PastWord {
    psk: Arc<Secret>,
    body: ReturnBody,
}

impl PastWords {
    /// Keeps a word that names mail which may still be read.
    pub(crate) fn keep(&mut self, to: PeerKey, psk: Arc<Secret>, body: ReturnBody) {
        if body.leased != 0 {
            self.0.insert(to, PastWord { psk, body });
        }
    }

    /// Takes over what a later key of the process leaves.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// An answer has ended: the words to the senders of what it held.
    pub(crate) fn ended(&mut self, messages: &[PastMessage], was_written: bool) -> Vec<Return> {
        let mut touched = Vec::new();
        for PastMessage { sender, seq } in messages {
            let Some(PastWord { body, .. }) = self.0.get_mut(sender) else { continue };
            let back = body.highest.0.wrapping_sub(seq.0);
            let bit = if back < SEQ_WINDOW { 1 << back } else { 0 };
            body.leased &= !bit;
            body.read |= if was_written { bit } else { 0 };
            if !touched.contains(sender) {
                touched.push(*sender);
            }
        }
        let word = |to: &PeerKey| {
            let PastWord { psk, body } = self.0.get(to)?;
            Some(return_word(psk, *to, body))
        };
        let words = touched.iter().filter_map(word).collect();
        self.0.retain(|_, word| word.body.leased != 0);
        words
    }
}
