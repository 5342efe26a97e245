//! Looking through bytes for the few that matter, in stretches of a fixed length: only those become comparisons
//! of many bytes at once where code is otherwise kept small.

/// Bytes that are looked at as one: two vector registers of any x86-64, and few enough to be counted in a byte.
const STRETCH: usize = 32;

/// How many bytes at the beginning of a text are of a kind.
pub(super) fn leading(text: &[u8], of_the_kind: impl Fn(u8) -> bool) -> usize {
    let (stretches, _) = text.as_chunks::<STRETCH>();
    let all = |stretch: &&[u8; STRETCH]| in_stretch(stretch, &of_the_kind) == STRETCH;
    let whole = STRETCH * stretches.iter().take_while(all).count();
    whole + text[whole..].iter().take_while(|byte| of_the_kind(**byte)).count()
}

/// How many bytes of a text are of a kind.
pub(super) fn count(text: &[u8], of_the_kind: impl Fn(u8) -> bool) -> usize {
    let (stretches, rest) = text.as_chunks::<STRETCH>();
    let whole: usize = stretches.iter().map(|stretch| in_stretch(stretch, &of_the_kind)).sum();
    whole + rest.iter().filter(|byte| of_the_kind(**byte)).count()
}

/// The same of a stretch. No way out in between, and counted in a byte, which has room for it: many are counted
/// at once.
fn in_stretch(stretch: &[u8; STRETCH], of_the_kind: impl Fn(u8) -> bool) -> usize {
    stretch.iter().map(|byte| u8::from(of_the_kind(*byte))).sum::<u8>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_of_another_kind_is_found_wherever_it_is() {
        for length in 0..3 * STRETCH {
            let mut text = vec![b'a'; length];
            assert_eq!(leading(&text, |byte| byte == b'a'), length);
            for at in (0..length).rev() {
                text[at] = b'b';
                assert_eq!(leading(&text, |byte| byte == b'a'), at);
            }
        }
    }
    #[test]
    fn all_of_a_kind_are_counted() {
        for length in [0, 1, 255, 256, 1_000] {
            let text = [vec![b'a'; length], vec![b'b'; 3]].concat();
            assert_eq!(count(&text, |byte| byte == b'a'), length);
        }
    }
}
