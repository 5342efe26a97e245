//! Private keys under other names, by the first bytes of a file.

/// How many of the first bytes are looked at.
pub(crate) const LOOKED_AT: usize = 4096;

/// How a line of a private key begins, but for PEM.
const LINES: [&[u8]; 4] =
    [b"openssh-key-v1", b"PuTTY-User-Key-File-", b"AGE-SECRET-KEY-", b"AGE-PLUGIN-"];
const PEM: &[u8] = b"-----BEGIN ";
/// The rest of the line of PEM and of OpenPGP says this of a private key, whatever its kind.
const PRIVATE: &[u8] = b"PRIVATE KEY";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether a file that begins with these bytes holds a private key. Only the beginning of a line counts, so that a program
/// that speaks of keys is not taken for one.
pub(crate) fn is_private_key(first: &[u8]) -> bool {
    let first = first.strip_prefix(BYTE_ORDER_MARK).unwrap_or(first);
    let mut lines = first.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii_start);
    lines.any(|line| {
        let is_pem = line.starts_with(PEM) && contains(line, PRIVATE);
        is_pem || LINES.iter().any(|start| line.starts_with(start))
    }) || is_service_account(first)
}

/// Whether these are the credentials of a service account of Google's: JSON with a private key inside.
fn is_service_account(first: &[u8]) -> bool {
    first.trim_ascii_start().starts_with(b"{")
        && contains(first, b"\"service_account\"")
        && contains(first, b"\"private_key\"")
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_their_content() {
        for text in [
            "-----BEGIN PRIVATE KEY-----\nMII",
            "-----BEGIN RSA PRIVATE KEY-----",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----",
            "\u{feff}  -----BEGIN ENCRYPTED PRIVATE KEY-----",
            "Bag Attributes\r\n    friendlyName: x\r\n-----BEGIN EC PRIVATE KEY-----\r\n",
            "openssh-key-v1\0\0",
            "PuTTY-User-Key-File-3: ssh-ed25519",
            "# created: today\nAGE-SECRET-KEY-1QQ",
            "{\"type\": \"service_account\", \"private_key\": \"-----BEGIN",
        ] {
            assert!(is_private_key(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "-----BEGIN CERTIFICATE-----",
            "-----BEGIN PUBLIC KEY-----",
            "let pem = \"-----BEGIN PRIVATE KEY-----\";",
            "ssh-ed25519 AAAA",
            "{\"private_key\": 1}",
        ] {
            assert!(!is_private_key(text.as_bytes()), "{text}");
        }
    }
}
