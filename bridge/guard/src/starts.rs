//! The starts of all tokens, in tables that the compiler makes: a place in a text is compared with the few starts that
//! have its first byte, and most places with none.

use crate::looks;
use crate::providers::FORMS;

/// The token of a provider that starts at `at`.
pub(crate) fn token(bytes: &[u8], at: usize) -> Option<&'static str> {
    let (&first, &second) = (bytes.get(at)?, bytes.get(at + 1)?);
    let first = usize::from(first);
    if SECONDS[first] >> (second & 31) & 1 == 0 {
        return None;
    }
    let starts = &STARTS[BUCKETS[first]..BUCKETS[first + 1]];
    let is_one = |&&(start, form): &&(&str, usize)| {
        FORMS[form].body(bytes, at, start).is_some_and(|body| !looks::is_sample(body))
    };
    starts.iter().find(is_one).map(|(_, form)| FORMS[*form].kind)
}

/// For each first byte of a start, which second bytes follow it, by their last five bits. Most places in a text are no
/// start by these two bytes alone.
static SECONDS: [u32; 256] = {
    let mut seconds = [0; 256];
    let mut at = 0;
    while at < COUNT {
        let text = STARTS[at].0.as_bytes();
        seconds[text[0] as usize] |= 1 << (text[1] & 31);
        at += 1;
    }
    seconds
};

/// How many starts all forms have.
const COUNT: usize = {
    let (mut count, mut form) = (0, 0);
    while form < FORMS.len() {
        count += FORMS[form].starts.len();
        form += 1;
    }
    count
};

/// All starts in the order of their first bytes, each with the place of its form.
static STARTS: [(&str, usize); COUNT] = {
    let mut starts = [("", 0); COUNT];
    let (mut count, mut first) = (0, 0);
    while first < 256 {
        let mut form = 0;
        while form < FORMS.len() {
            let mut at = 0;
            while at < FORMS[form].starts.len() {
                if FORMS[form].starts[at].as_bytes()[0] as usize == first {
                    starts[count] = (FORMS[form].starts[at], form);
                    count += 1;
                }
                at += 1;
            }
            form += 1;
        }
        first += 1;
    }
    starts
};

/// Where in `STARTS` those with each first byte begin.
static BUCKETS: [usize; 257] = {
    let mut buckets = [COUNT; 257];
    let mut at = COUNT;
    let mut first = 256;
    while first > 0 {
        first -= 1;
        while at > 0 && STARTS[at - 1].0.as_bytes()[0] as usize == first {
            at -= 1;
        }
        buckets[first] = at;
    }
    buckets
};
