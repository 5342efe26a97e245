//! Invite links: one line of text that lets a machine join a group. A link holds the hub's address, the pin of
//! its TLS key and the group's join secret.
//!
//! ```text
//! junction://HOST:PORT/#1.<pin><secret><checksum>
//!                       │   43 characters of base64url, a dot, 43 more, 6 more
//!                       version
//! ```
//!
//! The checksum is the first 6 base64url characters of the SHA-256 of everything before it. It catches a link that a
//! chat or a terminal altered, before anything is dialled.

use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

use crate::protocol::crypto::STACK;
use crate::protocol::handshake::Pin;
use crate::secret::Secret;

/// The scheme that every link begins with.
pub(crate) const SCHEME: &str = "junction://";
const VERSION: &str = "1";
/// Characters of base64url for 32 bytes.
const KEY: usize = 43;
/// Characters of the checksum: 36 bits.
const CHECKSUM: usize = 6;
/// Characters after the version and its dot: pin, dot, secret, checksum.
const PAYLOAD: usize = KEY + 1 + KEY + CHECKSUM;
/// The longest name of the DNS, in characters (RFC 1035 §2.3.4, without the root's dot).
const MAX_NAME: usize = 253;
/// The longest part of a name between dots (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

/// A hub's address, the pin of its TLS key, and the join secret of its group. A link is as secret as the secret in it,
/// so the type has no `Debug`.
pub struct InviteLink {
    /// A DNS name or an IP address; an IPv6 address without its brackets.
    pub host: String,
    /// The hub's port, never 0.
    pub port: u16,
    /// SHA-256 of the hub's TLS key.
    pub pin: Pin,
    /// The join secret.
    pub secret: Secret,
}

/// Why a text is not an invite link. The error never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The text does not begin with the scheme.
    #[error("That is not an invite link. Copy the whole link, which begins with junction://.")]
    NotALink,
    /// The link's version is unknown to this program.
    #[error(
        "This program does not know the link's version. Install the release of Agent Junction that made the link."
    )]
    UnknownVersion,
    /// The link is too short.
    #[error("The link is cut short. Copy the whole link, up to its last character.")]
    CutShort,
    /// The link is too long.
    #[error("The link is too long. Copy the link alone, without the text after it.")]
    TooLong,
    /// The link contains white space.
    #[error("The link contains spaces or line breaks. Copy it as one unbroken line.")]
    Spaces,
    /// The link's host or port is invalid.
    #[error("The link names no valid host and port. Copy it again from where it was made.")]
    BadAddress,
    /// The part after the version is not base64url.
    #[error(
        "The link contains characters that links never contain. Copy it again from where it was made."
    )]
    BadCharacters,
    /// The checksum does not match.
    #[error(
        "The link's checksum does not match: it was altered in transit. Copy it again from where it was made."
    )]
    Altered,
}

impl InviteLink {
    /// Parses a link. White space and quotes around it are ignored.
    ///
    /// # Errors
    /// [`LinkError`] for anything that [`InviteLink::to_text`] would not write.
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let text = text.trim_matches(is_wrapping);
        let rest = text.strip_prefix(SCHEME).ok_or(LinkError::NotALink)?;
        if rest.contains(char::is_whitespace) {
            return Err(LinkError::Spaces);
        }
        let (address, fragment) = rest.split_once("/#").ok_or(LinkError::CutShort)?;
        let (host, port) = parse_address(address).ok_or(LinkError::BadAddress)?;
        let payload = payload(fragment)?;
        let (checked, checksum) = text.split_at(text.len() - CHECKSUM);
        if checksum_of(checked) != checksum.as_bytes() {
            return Err(LinkError::Altered);
        }
        let mut pin = [0; 32];
        decode_key(&payload[..KEY], &mut pin)?;
        let secret = Secret::try_filled(|key| decode_key(&payload[KEY + 1..2 * KEY + 1], key))?;
        Ok(Self { host, port, pin, secret })
    }

    /// A link to the same hub and group at another address.
    #[must_use]
    pub fn at(&self, host: &str, port: u16) -> Self {
        let secret = Secret::filled(|key| key.copy_from_slice(self.secret.expose()));
        Self { host: host.to_owned(), port, pin: self.pin, secret }
    }

    /// The link as one line of text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let head = format!("{SCHEME}{}/#{VERSION}.", address_text(&self.host, self.port));
        let mut text = String::with_capacity(head.len() + PAYLOAD);
        text.push_str(&head);
        BASE64URL_NOPAD.encode_append(&self.pin, &mut text);
        text.push('.');
        BASE64URL_NOPAD.encode_append(self.secret.expose(), &mut text);
        let checksum = checksum_of(&text);
        text.extend(checksum.map(char::from));
        zeroize::zeroize_stack::<STACK>();
        text
    }
}

/// Characters that surround a link copied out of other text.
fn is_wrapping(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '\u{feff}' | '\u{200b}')
}

/// Whether a text may contain a link or the secret part of one.
#[must_use]
pub fn holds_link(text: &str) -> bool {
    text.to_ascii_lowercase().contains(SCHEME) || text.contains("/#1.")
}

/// Parses `HOST:PORT`. The host is a DNS name, an IPv4 address or an IPv6 address in brackets, which are removed; the
/// port is 1 to 65535 in plain decimal.
#[must_use]
pub fn parse_address(text: &str) -> Option<(String, u16)> {
    let (host, digits) = text.rsplit_once(':')?;
    let port: u16 = digits.parse().ok()?;
    // Exactly one spelling: no sign, no leading zero.
    if port == 0 || port.to_string() != digits {
        return None;
    }
    let host = match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok().then_some(inner),
        None => is_name_or_ipv4(host).then_some(host),
    };
    host.map(|host| (host.to_owned(), port))
}

/// Formats `HOST:PORT` as [`parse_address`] reads it, with an IPv6 address in brackets.
#[must_use]
pub fn address_text(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Whether a text is a DNS name: letters, digits and inner hyphens between dots (RFC 1123 §2.1). If the last label is
/// a number, the whole must be an IPv4 address, so that a mistyped address is never looked up as a name.
fn is_name_or_ipv4(host: &str) -> bool {
    let label = |part: &str| {
        (1..=MAX_LABEL).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    let numeric = host.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
    if numeric {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    host.len() <= MAX_NAME && host.split('.').all(label)
}

/// The part of the fragment after the version, if its length and characters are right.
fn payload(fragment: &str) -> Result<&[u8], LinkError> {
    let payload = match fragment.split_once('.') {
        Some((VERSION, payload)) => payload.as_bytes(),
        None if VERSION.starts_with(fragment) => return Err(LinkError::CutShort),
        _ => return Err(LinkError::UnknownVersion),
    };
    let coded = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let shaped =
        payload.iter().enumerate().all(|(at, b)| if at == KEY { *b == b'.' } else { coded(b) });
    match payload.len() {
        PAYLOAD if shaped => Ok(payload),
        PAYLOAD => Err(LinkError::BadCharacters),
        short if short < PAYLOAD => Err(LinkError::CutShort),
        _ => Err(LinkError::TooLong),
    }
}

/// Decodes 32 bytes from 43 characters. The spare bits of the last character must be zero, so each value has exactly
/// one spelling.
fn decode_key(text: &[u8], key: &mut [u8; 32]) -> Result<(), LinkError> {
    BASE64URL_NOPAD.decode_mut(text, key).map(|_| ()).map_err(|_| LinkError::BadCharacters)
}

fn checksum_of(text: &str) -> [u8; CHECKSUM] {
    let mut coded = [0; KEY];
    BASE64URL_NOPAD.encode_mut(&Sha256::digest(text), &mut coded);
    zeroize::zeroize_stack::<STACK>();
    std::array::from_fn(|at| coded[at])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A link whose 32-byte fields are all one byte.
    fn text(host: &str, port: u16, pin: u8, secret: u8) -> String {
        let secret = Secret::filled(|key| key.fill(secret));
        InviteLink { host: host.to_owned(), port, pin: [pin; 32], secret }.to_text()
    }

    /// Any text with the checksum that fits it.
    fn checked(head: &str) -> String {
        let checksum = checksum_of(head).map(char::from);
        head.chars().chain(checksum).collect()
    }

    fn error(text: &str) -> Option<LinkError> {
        InviteLink::parse(text).err()
    }

    #[test]
    fn link_has_its_frozen_form() {
        assert_eq!(
            text("127.0.0.1", 4200, 1, 2),
            "junction://127.0.0.1:4200/#1.AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE.\
             AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIe2N-_0"
        );
    }

    #[test]
    fn what_is_around_a_link_is_no_part_of_it() {
        let link = text("hub.example", 4200, 1, 2);
        for (before, after) in
            [("  ", "\r\n"), ("\u{feff}", ""), ("<", ">"), ("`", "`"), ("'", "'\u{200b}")]
        {
            let parsed = InviteLink::parse(&format!("{before}{link}{after}"));
            assert!(parsed.is_ok_and(|parsed| *parsed.to_text() == link), "{before:?} {after:?}");
        }
    }

    #[test]
    fn links_are_known_in_other_text() {
        assert!(holds_link("--hub=JUNCTION://x") && holds_link("10.0.0.1:4200/#1.AQEB"));
        assert!(!holds_link("junction") && !holds_link("/home/x/#1"));
    }

    #[test]
    fn each_mistake_has_its_own_word() {
        let good = text("hub.example", 4200, 1, 2);
        let head = good.strip_suffix(|_: char| true).unwrap();
        let other_checksum = if good.ends_with('A') { "B" } else { "A" };
        let cases = [
            ("", LinkError::NotALink),
            ("https://hub.example/", LinkError::NotALink),
            ("JUNCTION://hub.example:4200/#1.", LinkError::NotALink),
            ("junction://hub.example:4200", LinkError::CutShort),
            ("junction://hub.example:4200/#", LinkError::CutShort),
            ("junction://hub.example:4200/#1", LinkError::CutShort),
            (head, LinkError::CutShort),
            (&format!("{good}x"), LinkError::TooLong),
            (&good.replace("#1.", "#2."), LinkError::UnknownVersion),
            (&good.replace("#1.", "#11."), LinkError::UnknownVersion),
            (&good.replace("#1.", "#1.\n"), LinkError::Spaces),
            (&good.replace("#1.", "#1.\u{a0}"), LinkError::Spaces),
            (&good.replace("AQE", "AQ+"), LinkError::BadCharacters),
            (&good.replace("AQE.", "AQE="), LinkError::BadCharacters),
            (&good.replace("AQE.", "AQÉ"), LinkError::BadCharacters),
            (&good.replace(":4200", ""), LinkError::BadAddress),
            (&good.replace(":4200", ":0"), LinkError::BadAddress),
            (&good.replace("example", "exomple"), LinkError::Altered),
            (&format!("{head}{other_checksum}"), LinkError::Altered),
        ];
        for (text, expected) in cases {
            assert_eq!(error(text), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn white_space_around_a_link_is_no_part_of_it() {
        let good = text("hub.example", 4200, 1, 2);
        assert!(InviteLink::parse(&format!(" \t{good}\r\n")).is_ok());
    }

    #[test]
    fn spare_bits_must_be_zero() {
        let good = text("hub.example", 4200, 1, 2);
        // The last character of a key holds 4 bits; the next one in the alphabet sets a spare one.
        let pin = &good[..good.len() - CHECKSUM].replace("AQE.", "AQF.");
        assert_eq!(error(&checked(pin)), Some(LinkError::BadCharacters));
        let secret = good[..good.len() - CHECKSUM].strip_suffix('I').unwrap();
        assert_eq!(error(&checked(&format!("{secret}J"))), Some(LinkError::BadCharacters));
        assert_eq!(error(&checked(&format!("{secret}I"))), None);
    }

    #[test]
    fn addresses_are_names_and_ip_addresses_with_a_port() {
        let good = [
            ("a:1", "a", 1),
            ("hub.local:4200", "hub.local", 4200),
            ("a-1.b2:65535", "a-1.b2", 65535),
            ("10.0.0.1:80", "10.0.0.1", 80),
            ("[::1]:80", "::1", 80),
            ("[2001:db8::1]:443", "2001:db8::1", 443),
        ];
        for (text, host, port) in good {
            assert_eq!(parse_address(text), Some((host.to_owned(), port)), "{text}");
            assert_eq!(address_text(host, port), text);
        }
        let long = format!("{}:1", "a".repeat(64));
        let bad = [
            "",
            ":",
            "a",
            "a:",
            ":1",
            "a:0",
            "a:01",
            "a:+1",
            "a:65536",
            "::1:80",
            "[]:1",
            "[a]:1",
            "[::1:1",
            "[10.0.0.1]:1",
            "1.2.3:1",
            "1.2.3.4.5:1",
            "256.0.0.1:1",
            "-a:1",
            "a-:1",
            "a..b:1",
            ".a:1",
            "a.:1",
            "a_b:1",
            "ä:1",
            "a@b:1",
            "a/b:1",
            &long,
        ];
        for text in bad {
            assert_eq!(parse_address(text), None, "{text}");
        }
    }

    #[test]
    fn errors_say_what_to_do_and_echo_nothing() {
        assert_eq!(
            LinkError::CutShort.to_string(),
            "The link is cut short. Copy the whole link, up to its last character."
        );
    }

    fn hosts() -> impl Strategy<Value = String> {
        let name =
            "[a-zA-Z0-9]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?(\\.[a-z]([a-z0-9-]{0,20}[a-z0-9])?){0,3}";
        prop_oneof![
            name.prop_filter("a number is no name", |name| name.contains(char::is_alphabetic)
                && !name.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()))),
            any::<Ipv4Addr>().prop_map(|ip| ip.to_string()),
            any::<Ipv6Addr>().prop_map(|ip| ip.to_string()),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(host in hosts(), port in 1u16.., pin: [u8; 32], key: [u8; 32]) {
            let secret = Secret::filled(|bytes| *bytes = key);
            let text = InviteLink { host: host.clone(), port, pin, secret }.to_text();
            let link = InviteLink::parse(&text);
            prop_assert!(link.is_ok());
            let link = link.ok().unwrap();
            prop_assert_eq!((link.host.as_str(), link.port, link.pin), (host.as_str(), port, pin));
            prop_assert_eq!(link.secret.expose(), &key);
            prop_assert_eq!(link.to_text(), text);
        }

        #[test]
        fn any_changed_character_is_noticed(key: [u8; 32], at: prop::sample::Index, other: char) {
            let secret = Secret::filled(|bytes| *bytes = key);
            let link = InviteLink { host: "hub.example".to_owned(), port: 4200, pin: key, secret };
            let mut text: Vec<char> = link.to_text().chars().collect();
            let at = at.index(text.len());
            prop_assume!(text[at] != other && !(at + 1 == text.len() && other.is_whitespace()));
            text[at] = other;
            prop_assert!(error(&text.iter().collect::<String>()).is_some());
        }

        #[test]
        fn any_cut_is_noticed(key: [u8; 32]) {
            let secret = Secret::filled(|bytes| *bytes = key);
            let text = InviteLink { host: "hub.example".to_owned(), port: 1, pin: key, secret }.to_text();
            for end in 0..text.len() {
                prop_assert!(error(&text[..end]).is_some());
                prop_assert!(error(&text[end + 1..]).is_some());
            }
        }

        #[test]
        fn no_text_makes_it_panic(text: String, tail in "[ -~é]{0,120}") {
            let _ = error(&text);
            let _ = error(&format!("junction://a:1/#1.{tail}"));
        }
    }
}
