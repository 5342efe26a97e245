//! The secret from which the seats of this configuration directory are derived.

use data_encoding::BASE64URL_NOPAD;

use crate::machine::config_dir::{ConfigDir, ConfigError};
use crate::secret::Secret;

/// The file's name in the configuration directory.
pub const SEAT_FILE: &str = "seat.key";
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
