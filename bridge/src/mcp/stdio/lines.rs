//! Splits a stream of bytes into lines of JSON-RPC: one message a line, at most [`MAX_LINE`] bytes.

use std::io::BufRead;

use super::long_line::LongLine;

/// The longest line that is accepted, in bytes without its newline: the largest message, each of its bytes as the six
/// characters of a JSON escape, with room to spare.
pub(crate) const MAX_LINE: usize = 1 << 20;

/// U+FEFF, with which some programs on Windows begin what they write. JSON has no use for it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Room for the rest of a line whose first part is one whole chunk.
const REST: usize = 4 * 1024;

/// One line of the input.
pub(crate) enum InputLine {
    /// A line without its newline. At least one byte is not white space.
    Text(Vec<u8>),
    /// The gist of a line that was longer than [`MAX_LINE`].
    TooLong(Vec<u8>),
}

/// Collects bytes until they are a line, and skips blank lines.
#[derive(Default)]
pub(crate) struct LineSplitter {
    line: Vec<u8>,
    long: Option<Box<LongLine>>,
}

impl LineSplitter {
    /// Takes the next line that ends in `chunk`, and leaves `chunk` at what follows the line. Returns nothing once all of
    /// `chunk` is taken.
    pub(crate) fn next_line(&mut self, chunk: &mut &[u8]) -> Option<InputLine> {
        while !chunk.is_empty() {
            let start = *chunk;
            // The standard library searches with vector instructions. Reading from a slice cannot fail.
            let taken = chunk.skip_until(b'\n').unwrap_or(start.len());
            let Some(rest_of_line) = start[..taken].strip_suffix(b"\n") else {
                // A message of the largest size is a little longer than one read. Room for its rest saves a copy of
                // this chunk.
                self.add(start, start.len() + REST);
                break;
            };
            self.add(rest_of_line, rest_of_line.len());
            if let Some(line) = self.finish() {
                return Some(line);
            }
        }
        None
    }

    /// Takes what was collected as a line: its newline was read, or the end of the input.
    pub(crate) fn finish(&mut self) -> Option<InputLine> {
        let mut line = std::mem::take(&mut self.line);
        if let Some(long) = self.long.take() {
            return Some(InputLine::TooLong(long.finish()));
        }
        if line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        let blank = line.iter().all(u8::is_ascii_whitespace);
        (!blank).then_some(InputLine::Text(line))
    }

    fn add(&mut self, bytes: &[u8], room: usize) {
        if let Some(long) = &mut self.long {
            long.read(bytes);
        } else if self.line.len() + bytes.len() > MAX_LINE {
            let mut long = Box::<LongLine>::default();
            let start = std::mem::take(&mut self.line);
            let mut parts = [start.as_slice(), bytes];
            let first = &mut parts[usize::from(start.is_empty())];
            *first = first.strip_prefix(BYTE_ORDER_MARK).unwrap_or(first);
            parts.iter().for_each(|part| long.read(part));
            self.long = Some(long);
        } else {
            self.line.reserve(room);
            self.line.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of an input that arrives in pieces of these sizes, repeated in turn.
    fn split_all(input: &[u8], sizes: &[usize]) -> Vec<Option<Vec<u8>>> {
        let mut splitter = LineSplitter::default();
        let mut lines = Vec::new();
        let mut rest = input;
        let mut sizes = sizes.iter().cycle();
        while !rest.is_empty() {
            let size = sizes.next().map_or(1, |size| (*size).clamp(1, rest.len()));
            let (mut chunk, behind) = rest.split_at(size);
            while let Some(line) = splitter.next_line(&mut chunk) {
                lines.push(line);
            }
            rest = behind;
        }
        lines.extend(splitter.finish());
        let text = |line| match line {
            InputLine::Text(text) => Some(text),
            InputLine::TooLong(_) => None,
        };
        lines.into_iter().map(text).collect()
    }

    /// The expected lines, found by the simplest means.
    fn expected(input: &[u8]) -> Vec<Option<Vec<u8>>> {
        let lines = input.split(|byte| *byte == b'\n');
        let solid =
            lines.filter(|line| !line.iter().all(u8::is_ascii_whitespace) || line.len() > MAX_LINE);
        solid.map(|line| (line.len() <= MAX_LINE).then(|| line.to_vec())).collect()
    }

    #[test]
    fn last_line_needs_no_newline() {
        assert_eq!(split_all(b"a\r\n\n  \nb", &[3]), [Some(b"a\r".to_vec()), Some(b"b".to_vec())]);
    }

    #[test]
    fn line_of_exactly_the_limit_is_taken_and_one_more_byte_is_not() {
        for (length, taken) in [(MAX_LINE, true), (MAX_LINE + 1, false), (2 * MAX_LINE, false)] {
            let mut input = vec![b'x'; length];
            input.extend_from_slice(b"\nnext\n");
            let lines = split_all(&input, &[65_536]);
            assert_eq!(lines.len(), 2, "{length}");
            assert_eq!(lines[0].is_some(), taken, "{length}");
            assert_eq!(lines[1].as_deref(), Some(&b"next"[..]));
        }
    }

    #[test]
    fn line_too_long_keeps_no_memory() {
        let mut splitter = LineSplitter::default();
        for _ in 0..64 {
            assert!(splitter.next_line(&mut &[b'x'; 65_536][..]).is_none());
        }
        assert_eq!(splitter.line.capacity(), 0);
    }

    #[test]
    fn regression_byte_order_mark_before_a_line_is_left_out() {
        assert_eq!(
            split_all("\u{feff}{}\n\u{feff}\r\n{}".as_bytes(), &[2]),
            [Some(b"{}".to_vec()), Some(b"{}".to_vec())]
        );
        let long = format!("\u{feff}{{\"id\":1,\"t\":\"{}\"}}\n", "x".repeat(MAX_LINE));
        let Some(InputLine::TooLong(gist)) =
            LineSplitter::default().next_line(&mut long.as_bytes())
        else {
            panic!("no line that is too long")
        };
        assert_eq!(gist, br#"{"id":1,"t":null}"#);
    }

    proptest! {
        #[test]
        fn every_line_comes_once_however_the_input_is_chunked(
            input in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), any::<u8>()], 0..400),
            sizes in prop::collection::vec(1_usize..60, 1..8),
        ) {
            prop_assert_eq!(split_all(&input, &sizes), expected(&input));
        }
    }
}
