//! Finds secrets in the text of a message before it is sent: private keys, tokens of cloud providers and services, URLs
//! and connection strings with a password, and passwords or keys that are assigned to a name or given to a command.
//!
//! The rules are tables of constants. Nothing is built at start or kept between calls, and the time a text takes grows
//! with its length alone: every look from a place in the text, forwards or back, is bounded.
//!
//! A text that only looks like a secret must not be stopped, so samples and stand-ins (`ghp_xxxx…`, `$DB_PASSWORD`,
//! `user:pass@host`, `AKIAIOSFODNN7EXAMPLE`) are let through, and so are hashes, UUIDs, public keys and certificates.

mod address;
mod assignment;
mod commands;
mod connection;
mod encoded;
mod form;
mod forms;
mod invisible;
mod keys;
mod looks;
mod name;
mod places;
mod private_key;
mod providers;
mod starts;
mod value;

/// A secret that was found in a text. It holds none of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    kind: &'static str,
}

impl Finding {
    /// What was found, in words that fit into a sentence: `a GitHub token`, `a private key`.
    pub fn kind(self) -> &'static str {
        self.kind
    }
}

/// Finds a secret in `text`, if it holds one. Invisible characters in it hide none.
pub fn find(text: &str) -> Option<Finding> {
    let kind = |text: &str| {
        let bytes = text.as_bytes();
        places::find_map(bytes, |at| kind_at(bytes, at))
    };
    // The text as it is comes first: there, an invisible character may also stand between a word and a token.
    kind(text)
        .or_else(|| invisible::removed(text).and_then(|text| kind(&text)))
        .map(|kind| Finding { kind })
}

/// The kind of secret that the byte at `at` gives away, with what stands around it. A sign
/// that gets a rule here has to be among those of `places`.
fn kind_at(bytes: &[u8], at: usize) -> Option<&'static str> {
    let around = match bytes[at] {
        b':' => address::find(bytes, at).or_else(|| assignment::find(bytes, at)),
        b'=' => connection::find(bytes, at).or_else(|| assignment::find(bytes, at)),
        b'>' | b' ' => assignment::find(bytes, at),
        // The first byte of a full-width colon or equals sign.
        0xef => assignment::wide(bytes, at),
        b'-' => private_key::find(bytes, at)
            .or_else(|| assignment::flag(bytes, at))
            .or_else(|| commands::option(bytes, at)),
        _ => None,
    };
    around.or_else(|| starts::token(bytes, at))
}
