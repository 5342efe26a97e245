//! The secret from which the seats of this configuration directory are derived.

use data_encoding::BASE64URL_NOPAD;

use crate::machine::config_dir::{ConfigDir, ConfigError};
use crate::protocol::id::Incarnation;
use crate::secret::Secret;

/// The file's name in the configuration directory.
pub const SEAT_FILE: &str = "seat.key";
/// The file with the last number that was given to a bridge process.
const LAST_FILE: &str = "seat.last";
/// How far a number may be ahead of the clock, in milliseconds: a day.
const MAX_AHEAD_MS: u64 = 24 * 60 * 60 * 1000;
/// Characters of base64url for 32 bytes.
const TEXT: usize = 43;

/// The secret of this directory, if it has been made.
///
/// # Errors
/// [`ConfigError`] if the file is not private to this user, cannot be read, or does not hold a secret.
pub fn read_seat_secret(dir: &ConfigDir) -> Result<Option<Secret>, ConfigError> {
    dir.read_private(SEAT_FILE)?.map(|text| parse(dir, &text)).transpose()
}

/// The secret of this directory. The first process that needs it makes it.
///
/// # Errors
/// [`ConfigError`] if the file is not private to this user, cannot be read or made, or does not hold a secret.
pub fn seat_secret(dir: &ConfigDir) -> Result<Secret, ConfigError> {
    if let Some(secret) = read_seat_secret(dir)? {
        return Ok(secret);
    }
    dir.open()?;
    let _lock = dir.lock()?;
    if let Some(secret) = read_seat_secret(dir)? {
        return Ok(secret);
    }
    let secret = Secret::random();
    let mut text = String::with_capacity(TEXT + 1);
    BASE64URL_NOPAD.encode_append(secret.expose(), &mut text);
    text.push('\n');
    dir.write_private(SEAT_FILE, &text)?;
    Ok(secret)
}

/// The number for a bridge process that starts at this time of the wall clock, in milliseconds since 1970: higher than every
/// one that this directory has given out before, also if the clock was set back. Where the last one cannot be read or
/// written, the clock alone decides.
#[must_use]
pub fn next_incarnation(dir: &ConfigDir, now_ms: u64) -> Incarnation {
    let text = dir.read_private(LAST_FILE).ok().flatten();
    let last = text.and_then(|text| text.trim_end().parse().ok());
    // Nobody believes a number that is far ahead of the clock.
    let last = last.filter(|last| *last <= now_ms.saturating_add(MAX_AHEAD_MS)).map(Incarnation);
    let next = Incarnation(now_ms).max(last.map_or(Incarnation::default(), Incarnation::next));
    if let Err(error) = dir.write_private(LAST_FILE, &format!("{next}\n")) {
        tracing::warn!(%error, "last_incarnation_not_kept");
    }
    next
}

fn parse(dir: &ConfigDir, text: &str) -> Result<Secret, ConfigError> {
    let text = text.trim_end().as_bytes();
    let fill = |secret: &mut [u8; 32]| match text.len() {
        TEXT => BASE64URL_NOPAD.decode_mut(text, secret).map(|_| ()).map_err(|_| ()),
        _ => Err(()),
    };
    Secret::try_filled(fill).map_err(|()| ConfigError::BadSeatSecret(dir.path().join(SEAT_FILE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_made_once_and_private() {
        let home = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(home.path().join("junction"));
        let first = seat_secret(&dir).unwrap();
        assert_eq!(seat_secret(&dir).unwrap().expose(), first.expose());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(dir.path().join(SEAT_FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn numbers_grow_even_if_the_clock_is_set_back() {
        let home = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(home.path().join("junction"));
        dir.open().unwrap();
        let now = 1_700_000_000_000;
        assert_eq!(next_incarnation(&dir, now), Incarnation(now));
        assert_eq!(next_incarnation(&dir, now), Incarnation(now + 1));
        assert_eq!(next_incarnation(&dir, now - 3_600_000), Incarnation(now + 2));
        assert_eq!(next_incarnation(&dir, now + 100), Incarnation(now + 100));
        // The clock was years ahead for a while.
        assert_eq!(next_incarnation(&dir, 2 * now), Incarnation(2 * now));
        assert_eq!(next_incarnation(&dir, now + 200), Incarnation(now + 200));
        dir.write_private(LAST_FILE, "no number").unwrap();
        assert_eq!(next_incarnation(&dir, 7), Incarnation(7));
    }

    #[test]
    fn text_that_is_no_secret_is_reported_and_kept() {
        let home = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(home.path().join("junction"));
        for text in ["", "short", &"?".repeat(TEXT), &"A".repeat(TEXT + 1)] {
            dir.write_private(SEAT_FILE, text).unwrap();
            assert!(matches!(seat_secret(&dir), Err(ConfigError::BadSeatSecret(_))), "{text}");
            assert_eq!(dir.read_private(SEAT_FILE).unwrap().as_deref(), Some(text));
        }
    }
}
