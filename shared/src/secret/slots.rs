//! Places for secrets, in pages that the system is asked to keep out of swap.
//!
//! A page is locked once and never given back, because a lock is on the page and not on what is in it. As many pages are
//! locked as the system's limit allows (`RLIMIT_MEMLOCK` on Linux, 64 KiB and more by default); secrets beyond them are
//! kept all the same, in pages that may be swapped.

use std::sync::{Mutex, PoisonError};

/// The length of a secret in bytes.
const LENGTH: usize = 32;
/// Secrets in one page.
const PER_PAGE: usize = 4096 / LENGTH;
/// Pages that are locked at most: room for 1,024 secrets, and half of the smallest limit that is usual.
const MAX_LOCKED: usize = 8;

/// A page of secrets. Its alignment is that of a page, so that nothing else is locked with it.
#[repr(align(4096))]
struct SlotPage([[u8; LENGTH]; PER_PAGE]);

/// The places that are free, and how many pages there are.
struct Slots {
    free: Vec<&'static mut [u8; LENGTH]>,
    pages: usize,
}

static SLOTS: Mutex<Slots> = Mutex::new(Slots { free: Vec::new(), pages: 0 });

/// Takes a free place, which holds zeros.
pub(super) fn take() -> &'static mut [u8; LENGTH] {
    let mut slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        match slots.free.pop() {
            Some(slot) => return slot,
            None => slots.add_page(),
        }
    }
}

/// Gives a place back, which its user has wiped.
pub(super) fn give_back(slot: &'static mut [u8; LENGTH]) {
    SLOTS.lock().unwrap_or_else(PoisonError::into_inner).free.push(slot);
}

impl Slots {
    fn add_page(&mut self) {
        let page: &'static mut SlotPage = Box::leak(Box::new(SlotPage([[0; LENGTH]; PER_PAGE])));
        if self.pages < MAX_LOCKED
            && let Ok(lock) = region::lock(&raw const *page, size_of::<SlotPage>())
        {
            // For as long as the process lives.
            let _: &'static mut region::LockGuard = Box::leak(Box::new(lock));
        }
        self.pages += 1;
        self.free.extend(page.0.iter_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn page_with_secrets_is_locked_where_the_limit_allows() {
        use rustix::process::{Resource, getrlimit};

        let limit = getrlimit(Resource::Memlock).current;
        if limit.is_some_and(|bytes| bytes < 4096) {
            eprintln!("skipped: this process may lock no page");
            return;
        }
        let slot = take();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
        let locked: u64 = locked.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(locked >= 4, "{locked} KiB");
        give_back(slot);
    }

    #[test]
    fn places_are_apart_and_used_again() {
        let mut taken: Vec<_> = (0..3 * PER_PAGE).map(|_| take()).collect();
        for (number, slot) in taken.iter_mut().enumerate() {
            slot[..8].copy_from_slice(&number.to_be_bytes());
        }
        let numbers = taken.iter().map(|slot| slot[..8].to_vec());
        assert_eq!(numbers.collect::<std::collections::BTreeSet<_>>().len(), 3 * PER_PAGE);
        for slot in taken {
            *slot = [0; LENGTH];
            give_back(slot);
        }
    }
}
