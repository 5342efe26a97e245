//! Redaction of invite links in logs. No log line of this project holds a link; text that a library or a mistake adds is
//! filtered all the same, when it is written.
//!
//! A link is whatever `junction://[^\s"'<>]+` matches, which a scanner for secrets can look for too.

use std::io::{self, Write};

use crate::invite_link::SCHEME;

/// The replacement for a link.
const REDACTED: &str = "junction://(redacted)";

/// A writer that redacts links, provided that each link is written in one piece.
pub struct Redacted<W>(W);

impl<W> Redacted<W> {
    /// Wraps a writer.
    pub fn new(writer: W) -> Self {
        Self(writer)
    }
}

impl<W: Write> Write for Redacted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let Some(at) = find(rest) {
            let (before, link) = rest.split_at(at);
            self.0.write_all(before)?;
            self.0.write_all(REDACTED.as_bytes())?;
            let length = link.iter().position(|byte| ends_link(*byte)).unwrap_or(link.len());
            rest = &link[length..];
        }
        self.0.write_all(rest)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn find(bytes: &[u8]) -> Option<usize> {
    let scheme = SCHEME.as_bytes();
    bytes.windows(scheme.len()).position(|window| window.eq_ignore_ascii_case(scheme))
}

fn ends_link(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'<' | b'>')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::invite_link::InviteLink;
    use crate::secret::Secret;

    fn redacted(text: &str) -> String {
        let mut out = Vec::new();
        Redacted::new(&mut out).write_all(text.as_bytes()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn links_are_taken_out_and_nothing_else() {
        assert_eq!(redacted("nothing here\n"), "nothing here\n");
        assert_eq!(
            redacted("a junction://x:1/#1.abc, \"junction://y\" JUNCTION://Z\nb"),
            "a junction://(redacted) \"junction://(redacted)\" junction://(redacted)\nb"
        );
    }

    proptest! {
        #[test]
        fn no_link_passes_whatever_is_round_it(before in ".{0,40}", after in ".{0,40}", key in any::<[u8; 32]>()) {
            let secret = Secret::filled(|bytes| bytes.copy_from_slice(&key));
            let link = InviteLink { host: "10.0.0.1".to_owned(), port: 1, pin: key, secret }.to_text();
            let text = redacted(&format!("{before}{link}{after}"));
            prop_assert!(!text.contains(&link[22..]), "{text}");
        }
    }
}
