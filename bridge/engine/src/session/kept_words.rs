//! Words about mail to earlier keys of this process. They stay true, and go out on every connection on which their
//! receivers are there.

use std::collections::BTreeMap;
use std::time::Instant;

use junction_shared::protocol::id::{PeerKey, Seq};
use junction_shared::protocol::wire::Return;

use crate::seal::return_of;

/// Words kept: those of a key at its end, and of the answers that end later.
const MAX_WORDS: usize = 1024;
/// Receivers of words that are looked up on a connection.
const MAX_RECEIVERS: usize = 256;

struct KeptWord {
    word: Return,
    /// Whether anything of the receiver was opened under that key. Otherwise the word is only in case that it had sent
    /// something.
    is_about_mail: bool,
    /// When nothing that the word is about can be left.
    dies: Instant,
    /// Whether the word went out on this connection.
    is_posted: bool,
}

/// The last word about each earlier key to each peer.
#[derive(Default)]
pub(super) struct KeptWords(BTreeMap<(PeerKey, PeerKey), KeptWord>);

impl KeptWords {
    /// Keeps a word until this time. `is_posted` says whether it goes out on this connection now.
    pub(super) fn keep(&mut self, word: Return, until: Instant, is_posted: bool) {
        let Some(body) = return_of(&word) else { return };
        let is_about_mail = body.highest > Seq::default();
        self.0
            .insert((body.from, word.to), KeptWord { word, is_about_mail, dies: until, is_posted });
        if self.0.len() > MAX_WORDS {
            let worth = |kept: &KeptWord| (kept.is_about_mail, kept.dies);
            let least = self.0.iter().min_by_key(|(_, kept)| worth(kept)).map(|(about, _)| *about);
            least.map(|about| self.0.remove(&about));
        }
    }

    /// The connection is over.
    pub(super) fn disconnected(&mut self) {
        self.0.values_mut().for_each(|kept| kept.is_posted = false);
    }

    /// A peer is gone. If it comes back, the words go out once more: nobody has kept them for it.
    pub(super) fn gone(&mut self, to: PeerKey) {
        let to_it = self.0.values_mut().filter(|kept| kept.word.to == to);
        to_it.for_each(|kept| kept.is_posted = false);
    }

    /// The peers that words are for, those whose mail they are about first. Words that are of no use any more are dropped.
    pub(super) fn receivers(&mut self, now: Instant) -> Vec<PeerKey> {
        self.0.retain(|_, kept| kept.dies > now);
        let (mail, rest): (Vec<_>, Vec<_>) = self.0.values().partition(|kept| kept.is_about_mail);
        let mut receivers = Vec::new();
        for kept in mail.into_iter().chain(rest) {
            if receivers.len() < MAX_RECEIVERS && !receivers.contains(&kept.word.to) {
                receivers.push(kept.word.to);
            }
        }
        receivers
    }

    /// The words for a peer that is there, which are posted now if they were not on this connection.
    pub(super) fn post_to(&mut self, to: PeerKey) -> Vec<Return> {
        let due = self.0.values_mut().filter(|kept| kept.word.to == to && !kept.is_posted);
        let posted = due.map(|kept| {
            kept.is_posted = true;
            kept.word.clone()
        });
        posted.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use junction_shared::protocol::codec::encode;
    use junction_shared::protocol::id::SeatKey;
    use junction_shared::protocol::wire::ReturnBody;

    use super::*;

    fn key(number: u16) -> PeerKey {
        let mut key = [0; 32];
        key[..2].copy_from_slice(&number.to_be_bytes());
        PeerKey(key)
    }

    /// A word about the key of this number, to the peer of that one.
    fn word(about: u16, to: u16, highest: u64) -> Return {
        let (from, seat, highest) = (key(about), SeatKey([9; 32]), Seq(highest));
        let body = encode(&ReturnBody { from, seat, highest, read: 0, leased: 0 }).to_vec();
        Return { to: key(to), body, mac: [0; 32] }
    }

    #[test]
    fn last_word_about_a_key_goes_out_once_a_connection_to_each_peer_that_is_there() {
        let (mut words, now) = (KeptWords::default(), Instant::now());
        let until = now + Duration::from_secs(9);
        words.keep(word(1, 7, 1), until, true);
        words.keep(word(1, 7, 2), until, false);
        words.keep(word(1, 8, 0), until, true);
        assert_eq!(words.receivers(now), [key(7), key(8)]);
        assert_eq!(words.post_to(key(7)), [word(1, 7, 2)]);
        assert_eq!((words.post_to(key(7)), words.post_to(key(8))), (vec![], vec![]));
        words.gone(key(8));
        assert_eq!(words.post_to(key(8)), [word(1, 8, 0)]);
        words.disconnected();
        assert_eq!(words.post_to(key(7)), [word(1, 7, 2)]);
        assert_eq!(words.receivers(until), []);
    }

    #[test]
    fn of_too_many_words_those_about_no_mail_go_first_then_the_oldest() {
        let (mut words, now) = (KeptWords::default(), Instant::now());
        let until = |seconds| now + Duration::from_secs(seconds);
        words.keep(word(1, 1, 1), until(1), false);
        words.keep(word(1, 2, 1), until(2), false);
        words.keep(word(1, 3, 0), until(9), false);
        let most = u16::try_from(MAX_WORDS).unwrap();
        (4..=most + 1).for_each(|to| words.keep(word(1, to, 1), until(9), false));
        assert_eq!(words.post_to(key(3)), []);
        words.keep(word(1, most + 2, 1), until(9), false);
        assert_eq!((words.post_to(key(1)), words.post_to(key(2)).len()), (vec![], 1));
        assert_eq!(words.receivers(now).len(), MAX_RECEIVERS);
    }
}
