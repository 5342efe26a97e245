//! The places in a text that are looked at. Most letters of a text are passed over: many at once in a long run of them,
//! and one by one, without a branch that depends on the text, in words.

use crate::form::Form;
use crate::forms::FORMS;

/// How many bytes are passed over at once.
const BLOCK: usize = 32;

/// What a byte says of the places after it, in one octal digit: it is no plain one, so a word may start behind it …
const SIGN: u8 = 0o1;

/// … it may begin an escape of two bytes, behind which a word may start …
const PAIR: u8 = 0o2;

/// … or one of three.
const TRIPLE: u8 = 0o4;

/// Where these are found in a trail: at a place itself or before it, two bytes before it, three bytes before it.
const OPENS: u32 = 0o4211;

/// The part of a trail that has a say at later places.
const RECENT: u32 = 0o777;

/// What `look` finds at the first place where it finds something, of those where a secret may begin or a sign stands
/// that gives one away.
///
/// A start in the middle of a token, and every sign, is no plain byte. All other tokens start a word, as
/// `form::starts_word` tells: behind a byte that is not plain, or behind an escape of two or three bytes. The last byte
/// of a text is no place: every start and every sign has a byte after it.
pub(crate) fn find_map<T>(bytes: &[u8], mut look: impl FnMut(usize) -> Option<T>) -> Option<T> {
    // Octal digits, one for each byte, the last one at the right. The beginning of a text is like a sign before it.
    let mut trail = u32::from(SIGN);
    let (mut from, last) = (0, bytes.len().saturating_sub(1));
    while from < last {
        let to = last.min(from + BLOCK);
        if trail & RECENT != 0 || !is_plain_block(&bytes[from..to]) {
            let mut places = places(&bytes[from..=to], &mut trail);
            while places != 0 {
                if let Some(found) = look(from + places.trailing_zeros() as usize) {
                    return Some(found);
                }
                places &= places - 1;
            }
        }
        from = to;
    }
    None
}

/// The places in `block` but for its last byte, one bit each. `trail` leads up to it.
fn places(block: &[u8], trail: &mut u32) -> u32 {
    block.windows(2).enumerate().fold(0, |places, (at, pair)| {
        let byte = usize::from(pair[0]);
        *trail = *trail << 3 | u32::from(CLASSES[byte]);
        // Neither is a branch: the processor would guess it wrong once a word.
        let is_place = (*trail & OPENS != 0) & (SECONDS[byte] >> (pair[1] & 31) & 1 != 0);
        places | u32::from(is_place) << at
    })
}

/// Whether all of `block` is plain. It does not stop at the first byte that is not, so that the compiler can make
/// instructions of it that take many bytes at once.
fn is_plain_block(block: &[u8]) -> bool {
    block.len() == BLOCK && block.iter().fold(true, |all, byte| all & is_plain(*byte))
}

/// What each byte says of the places after it.
static CLASSES: [u8; 256] = {
    let mut classes = [SIGN; 256];
    classes[b'\\' as usize] |= PAIR;
    classes[b'%' as usize] |= PAIR | TRIPLE;
    let mut byte = 0_u8;
    while byte < 128 {
        if is_plain(byte) {
            classes[byte as usize] = 0;
        }
        byte += 1;
    }
    classes
};

/// For each byte that a start or a sign begins with, which bytes may follow it, by their last five bits. Most places in
/// a text are none by these two bytes alone.
static SECONDS: [u32; 256] = {
    let mut seconds = [0; 256];
    let mut form = 0;
    while form < FORMS.len() {
        let mut at = 0;
        while at < FORMS[form].starts.len() {
            let text = FORMS[form].starts[at].as_bytes();
            seconds[text[0] as usize] |= 1 << (text[1] & 31);
            at += 1;
        }
        form += 1;
    }
    // The signs of `kind_at`: a space counts before `is`, a dash before a second one and before `p`.
    seconds[b' ' as usize] |= 1 << (b'i' & 31);
    seconds[b'-' as usize] |= 1 << (b'-' & 31) | 1 << (b'p' & 31);
    // Those of full width: `\u{ff1a}` and `\u{ff1d}`.
    seconds[0xef] |= 1 << (0xbc & 31);
    seconds[b':' as usize] = u32::MAX;
    seconds[b'=' as usize] = u32::MAX;
    seconds[b'>' as usize] = u32::MAX;
    seconds
};

/// Whether `byte` is a letter, a digit or `_`, and the first byte of no start that stands in the middle of a token.
const fn is_plain(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let is_digit = byte.wrapping_sub(b'0') < 10;
    let mut plain = is_letter | is_digit | (byte == b'_');
    let mut at = 0;
    while at < INNER.len() {
        plain &= byte != INNER[at];
        at += 1;
    }
    plain
}

/// The first bytes of the starts that stand in the middle of a token.
const INNER: [u8; COUNT] = {
    let mut inner = [0; COUNT];
    let (mut count, mut form) = (0, 0);
    while form < FORMS.len() {
        let mut at = 0;
        while at < inner_starts(&FORMS[form]).len() {
            inner[count] = inner_starts(&FORMS[form])[at].as_bytes()[0];
            count += 1;
            at += 1;
        }
        form += 1;
    }
    inner
};

/// How many starts stand in the middle of a token.
const COUNT: usize = {
    let (mut count, mut form) = (0, 0);
    while form < FORMS.len() {
        count += inner_starts(&FORMS[form]).len();
        form += 1;
    }
    count
};

/// The starts of `form` that stand in the middle of a token.
const fn inner_starts(form: &Form) -> &'static [&'static str] {
    if form.before.is_some() { form.starts } else { &[] }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::find_map;
    use crate::form::{Part, Set};
    use crate::forms::FORMS;
    use crate::kind_at;

    /// What stands before and between tokens: signs, escapes, parts of words and the text of assignments.
    const BETWEEN: [&str; 33] = [
        "",
        " ",
        "\n",
        "\n-",
        "-",
        "_",
        "\\",
        "\\n",
        "\\t",
        "%",
        "%3",
        "%3D",
        "a",
        "Z",
        "0",
        "Q",
        "A",
        "=",
        ":",
        "\"",
        "é",
        "\u{1f511}",
        "password=",
        "the password is ",
        "the password is: ",
        "password\u{ff1a}",
        "token:\n",
        "--token ",
        "a://b:",
        "@c",
        "<password>",
        "curl -u ada:",
        "abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz",
    ];

    /// A character of `set`, by a number.
    fn character(set: Set, seed: &mut u64) -> char {
        let all: Vec<char> = (' '..='~').filter(|one| set.has(*one as u8)).collect();
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        all[(*seed >> 33) as usize % all.len()]
    }

    /// A token of the form at `form`. Which of its starts it has, `start` says.
    fn token(form: usize, start: usize, mut seed: u64) -> String {
        let form = &FORMS[form];
        let mut text = String::new();
        if let Some((set, least, _)) = form.before {
            (0..least).for_each(|_| text.push(character(set, &mut seed)));
        }
        text.push_str(form.starts[start % form.starts.len()]);
        for part in form.rest {
            match *part {
                Part::Text(part) => text.push_str(part),
                Part::Password(_) => text.push_str("kX93mmQz01Lw"),
                Part::Run(set, least, _) => {
                    (0..least).for_each(|_| text.push(character(set, &mut seed)));
                }
            }
        }
        text
    }

    /// What is found in `text` at the places, and what at every byte.
    fn both(text: &str) -> [Option<&'static str>; 2] {
        let bytes = text.as_bytes();
        let look = |at| kind_at(bytes, at);
        [find_map(bytes, look), (0..bytes.len()).find_map(look)]
    }

    #[test]
    fn every_start_is_a_place() {
        let mut found = 0;
        for (at, form) in FORMS.iter().enumerate() {
            for start in 0..form.starts.len() {
                for before in BETWEEN {
                    let text = format!("{before}{}", token(at, start, 7));
                    let [quick, slow] = both(&text);
                    assert_eq!(quick, slow, "{text}");
                    found += usize::from(quick.is_some());
                }
            }
        }
        assert!(found > FORMS.len() * BETWEEN.len() / 2, "{found}");
    }

    proptest! {
        #[test]
        fn no_place_is_passed_over(
            parts in proptest::collection::vec((any::<u64>(), 0..BETWEEN.len(), 0..FORMS.len(), 0..9_usize), 0..8),
            damage in 0..200_usize,
        ) {
            let mut text: String = parts
                .iter()
                .map(|(seed, between, form, start)| match seed % 3 {
                    0 => BETWEEN[*between].to_owned() + &token(*form, *start, *seed),
                    _ => BETWEEN[*between].to_owned(),
                })
                .collect();
            if text.is_char_boundary(damage) && damage < text.len() {
                text.remove(damage);
            }
            let [quick, slow] = both(&text);
            prop_assert_eq!(quick, slow, "{}", text);
        }
    }
}
