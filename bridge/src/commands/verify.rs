//! `junction-bridge verify`: words for two people to compare.

use anyhow::{anyhow, bail};
use junction_shared::phrase::safety_phrase;

use super::tell;

/// Shows the safety phrase of two fingerprints.
///
/// # Errors
/// If one of them is none, or both are the same.
pub(crate) fn verify(one: &str, other: &str) -> anyhow::Result<()> {
    let parse = |text: &str| {
        let text = text.trim().to_ascii_lowercase();
        let is_one = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        is_one.then_some(text).ok_or_else(|| {
            anyhow!(
                "That is not a fingerprint. Give two of 16 hexadecimal digits, as register and list_peers show them."
            )
        })
    };
    let (one, other) = (parse(one)?, parse(other)?);
    if one == other {
        bail!("Both fingerprints are the same. Give your session's, and its peer's.");
    }
    tell(&safety_phrase(&one, &other))
}
