//! What a client is given to name its session by. The gateway keeps nothing of it: that it is genuine, and how the client calls
//! itself, is in the id.

use data_encoding::BASE64URL_NOPAD;
use junction_shared::protocol::crypto::{mac, mac_holds};
use junction_shared::secret::{Secret, random_bytes};

/// What the mark of an id is derived for.
const MARK: &[u8] = b"aj1 gateway session";
/// Random bytes of an id.
const RANDOM: usize = 12;
/// The longest name of a client that is kept, in bytes.
const MAX_CLIENT: usize = 64;
/// The longest id.
const MAX_ID: usize = 192;

/// The id of a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionId {
    text: String,
    client: String,
}

impl SessionId {
    /// A new id, for a client that calls itself so, at this door of the gateway.
    pub(crate) fn new(secret: &Secret, door: &str, client: &str) -> Self {
        let client = &client[..client.floor_char_boundary(MAX_CLIENT)];
        let named = BASE64URL_NOPAD.encode(client.as_bytes());
        let body = format!("{}.{named}", BASE64URL_NOPAD.encode(&random_bytes::<RANDOM>()));
        let mark = mac(secret.expose(), &[MARK, door.as_bytes(), b"\0", body.as_bytes()]);
        let text = format!("{body}.{}", BASE64URL_NOPAD.encode(&mark));
        Self { text, client: client.to_owned() }
    }

    /// The id that a client shows at this door, if it was given there.
    pub(crate) fn read(secret: &Secret, door: &str, text: &str) -> Option<Self> {
        let (body, mark) = text.rsplit_once('.').filter(|_| text.len() <= MAX_ID)?;
        let mark = BASE64URL_NOPAD.decode(mark.as_bytes()).ok()?;
        let mark = mark.as_slice().try_into().ok()?;
        if !mac_holds(secret.expose(), &[MARK, door.as_bytes(), b"\0", body.as_bytes()], mark) {
            return None;
        }
        let client = BASE64URL_NOPAD.decode(body.split_once('.')?.1.as_bytes()).ok()?;
        Some(Self { text: text.to_owned(), client: String::from_utf8(client).ok()? })
    }

    /// The id, as it is sent.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// How the client calls itself.
    pub(crate) fn client(&self) -> &str {
        &self.client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_genuine_where_it_was_given() {
        let secret = Secret::random();
        for client in ["claude-code", "", "ü\r\n漢", &"é".repeat(99)] {
            let id = SessionId::new(&secret, "desk", client);
            assert!(
                id.text().len() <= MAX_ID && id.text().bytes().all(|byte| byte.is_ascii_graphic())
            );
            assert!(client.starts_with(id.client()) && id.client().len() <= MAX_CLIENT);
            assert_eq!(SessionId::read(&secret, "desk", id.text()), Some(id.clone()));
            assert_eq!(SessionId::read(&secret, "shop", id.text()), None);
            assert_eq!(SessionId::read(&Secret::random(), "desk", id.text()), None);
            let another = format!("A{}", id.text());
            assert_eq!(SessionId::read(&secret, "desk", &another), None);
        }
        for wrong in ["", ".", "..", "a.b.c", &"a".repeat(5_000)] {
            assert_eq!(SessionId::read(&secret, "desk", wrong), None);
        }
    }
}
