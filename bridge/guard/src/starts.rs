//! The starts of all tokens, in tables that the compiler makes: a place in a text is compared with the few starts that
//! have its first byte, and most places with none.

use crate::form::Form;
use crate::forms::FORMS;
use crate::looks;

/// The token of a provider that starts at `at`.
pub(crate) fn token(bytes: &[u8], at: usize) -> Option<&'static str> {
    let (&first, &second) = (bytes.get(at)?, bytes.get(at + 1)?);
    let first = usize::from(first);
    let third = bytes.get(at + 2).copied().unwrap_or_default();
    if THIRDS[first] >> (third & 31) & 1 == 0 {
        return None;
    }
    let bucket = &STARTS[usize::from(BUCKETS[first])..usize::from(BUCKETS[first + 1])];
    bucket.iter().filter(|start| start.fits(second, third)).find_map(|start| {
        let (form, text) = start.of();
        let body = form.body(bytes, at, text)?;
        (!looks::is_sample(body)).then_some(form.kind)
    })
}

/// Where a start is: the place of its form, and its own among the starts of that form. Small, as the tables are part of
/// the memory of each process.
#[derive(Clone, Copy)]
struct Start {
    form: u8,
    place: u8,
    /// The second byte of its text.
    second: u8,
    /// The third byte of its text, 0 where there is none.
    third: u8,
}

impl Start {
    /// The start at `place` among those of `form`.
    const fn new(form: u8, place: u8) -> Self {
        let text = FORMS[form as usize].starts[place as usize].as_bytes();
        let third = if text.len() > 2 { text[2] } else { 0 };
        Self { form, place, second: text[1], third }
    }

    /// The form and the text of the start.
    const fn of(self) -> (&'static Form, &'static str) {
        let form = &FORMS[self.form as usize];
        (form, form.starts[self.place as usize])
    }

    /// Whether it may start with these bytes after the first. Few starts do, so the text of hardly one is fetched.
    const fn fits(self, second: u8, third: u8) -> bool {
        self.second == second && (self.third == third || self.third == 0)
    }
}

/// For each first byte of a start, which third bytes it may have, by their last five bits. The second ones were looked
/// at by `places`.
static THIRDS: [u32; 256] = {
    let mut thirds = [0; 256];
    let mut at = 0;
    while at < COUNT {
        let first = STARTS[at].of().1.as_bytes()[0] as usize;
        let third = STARTS[at].third;
        thirds[first] |= if third == 0 { u32::MAX } else { 1 << (third & 31) };
        at += 1;
    }
    thirds
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

/// All starts in the order of their first bytes. More than a place has room for would not compile.
static STARTS: [Start; COUNT] = {
    let mut starts = [Start::new(0, 0); COUNT];
    let (mut count, mut first) = (0, 0);
    while first < 256 {
        let mut form = 0_u8;
        while (form as usize) < FORMS.len() {
            let mut at = 0_u8;
            while (at as usize) < FORMS[form as usize].starts.len() {
                let start = Start::new(form, at);
                if start.of().1.as_bytes()[0] as usize == first {
                    starts[count] = start;
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
static BUCKETS: [u16; 257] = {
    let mut buckets = [0; 257];
    let (mut at, mut first) = (0_u16, 0);
    while first < 256 {
        buckets[first] = at;
        while (at as usize) < COUNT && STARTS[at as usize].of().1.as_bytes()[0] as usize == first {
            at += 1;
        }
        first += 1;
    }
    buckets[256] = at;
    buckets
};
