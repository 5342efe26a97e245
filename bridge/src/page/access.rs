//! Who may use the page: a browser that was given a link that works once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use junction_shared::protocol::crypto::{mac, mac_holds};
use junction_shared::secret::Secret;

/// Links that may be open at once. The oldest goes first.
const MAX_LINKS: usize = 16;
/// How long a browser that was opened may take to come.
const OPENING_TIME: Duration = Duration::from_secs(60);
/// The bytes of a link's number.
const NUMBER: usize = 4;

/// What a browser has to show, and which links it can get that by.
pub(crate) struct PageAccess {
    /// All that a browser has to show is derived from this.
    secret: Secret,
    links: Mutex<Links>,
    /// Until when one browser is let in that shows no link.
    lets_in: Mutex<Option<Instant>>,
}

/// The links that were given out.
#[derive(Default)]
struct Links {
    next: u32,
    open: BTreeSet<u32>,
}

impl PageAccess {
    /// Access to one page, by no link yet.
    pub(crate) fn new() -> Self {
        Self { secret: Secret::random(), links: Mutex::default(), lets_in: Mutex::default() }
    }

    /// What a new link ends with.
    pub(crate) fn new_link(&self) -> String {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let number = links.next;
        links.next = links.next.wrapping_add(1);
        links.open.insert(number);
        while links.open.len() > MAX_LINKS {
            links.open.pop_first();
        }
        let number = number.to_be_bytes();
        let tag = mac(self.secret.expose(), &[b"link", &number]);
        format!("{}{}", HEXLOWER.encode(&number), HEXLOWER.encode(&tag))
    }

    /// Whether this is what a link ends with that was not used yet. From now on it was.
    pub(crate) fn use_link(&self, text: &str) -> bool {
        let Some((number, tag)) = text.split_at_checked(2 * NUMBER) else { return false };
        let number = HEXLOWER.decode(number.as_bytes()).ok();
        let Some(number) = number.and_then(|bytes| <[u8; NUMBER]>::try_from(bytes).ok()) else {
            return false;
        };
        let is_ours = self.holds(&[b"link", &number], tag);
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        is_ours && links.open.remove(&u32::from_be_bytes(number))
    }

    /// Lets one browser in that shows no link, if it comes soon.
    pub(crate) fn let_in(&self) {
        let mut lets_in = self.lets_in.lock().unwrap_or_else(PoisonError::into_inner);
        *lets_in = Some(Instant::now() + OPENING_TIME);
    }

    /// Whether a browser is let in that shows no link. The next one is not.
    pub(crate) fn is_let_in(&self) -> bool {
        let until = self.lets_in.lock().unwrap_or_else(PoisonError::into_inner).take();
        until.is_some_and(|until| Instant::now() < until)
    }

    /// The value of the cookie.
    pub(crate) fn cookie(&self) -> String {
        HEXLOWER.encode(&mac(self.secret.expose(), &[b"cookie"]))
    }

    /// Whether this is the value of the cookie.
    pub(crate) fn is_cookie(&self, text: &str) -> bool {
        self.holds(&[b"cookie"], text)
    }

    /// The key that the page keeps.
    pub(crate) fn key(&self) -> String {
        HEXLOWER.encode(&mac(self.secret.expose(), &[b"key"]))
    }

    /// Whether this is the key that the page keeps.
    pub(crate) fn is_key(&self, text: &str) -> bool {
        self.holds(&[b"key"], text)
    }

    /// Whether this text is the tag of these parts, compared in constant time.
    fn holds(&self, parts: &[&[u8]], text: &str) -> bool {
        let tag = HEXLOWER.decode(text.as_bytes()).ok();
        let tag = tag.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        tag.is_some_and(|tag| mac_holds(self.secret.expose(), parts, &tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_works_once_and_for_its_own_page() {
        let (page, other) = (PageAccess::new(), PageAccess::new());
        let (one, two) = (page.new_link(), page.new_link());
        assert!(one != two && !other.use_link(&one));
        assert!(page.use_link(&two) && page.use_link(&one), "in any order");
        assert!(!page.use_link(&one) && !page.use_link(&two), "once");
        let never_given_out = format!("00000009{}", &page.new_link()[8..]);
        for wrong in ["", "0", "00000000", "é€", &one[1..], &page.key(), &never_given_out] {
            assert!(!page.use_link(wrong), "{wrong}");
        }
    }

    #[test]
    fn old_links_end_before_there_are_many() {
        let page = PageAccess::new();
        let links: Vec<_> = (0..=MAX_LINKS).map(|_| page.new_link()).collect();
        assert!(!page.use_link(&links[0]) && page.use_link(&links[1]));
    }

    #[test]
    fn cookie_and_key_are_not_each_other() {
        let page = PageAccess::new();
        let (cookie, key) = (page.cookie(), page.key());
        assert!(page.is_cookie(&cookie) && page.is_key(&key));
        assert!(!page.is_cookie(&key) && !page.is_key(&cookie) && !page.is_key(""));
        assert!(!PageAccess::new().is_cookie(&cookie));
    }
}
