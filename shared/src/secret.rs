//! 32 secret bytes: in a place of their own from birth, filled there, never moved or copied, wiped on drop, and kept out of
//! swap where the system allows it.

use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroize;

mod slots;

/// A secret of 32 bytes, without `Debug`, `Clone` or a serialised form.
pub struct Secret(Option<&'static mut [u8; 32]>);

/// What a secret shows whose place was given back. No secret does before it is dropped.
const NOTHING: &[u8; 32] = &[0; 32];

impl Secret {
    /// A secret from the operating system's random source.
    ///
    /// # Panics
    /// If the operating system has no randomness to give: nothing here is safe to do without it.
    #[must_use]
    pub fn random() -> Self {
        #[expect(clippy::expect_used, reason = "documented: there is no safe way on")]
        Self::filled(|bytes| {
            SysRng.try_fill_bytes(bytes).expect("the operating system gives randomness");
        })
    }

    /// Creates a secret by letting `fill` write it into its final place.
    #[must_use]
    pub fn filled(fill: impl FnOnce(&mut [u8; 32])) -> Self {
        let mut secret = Self(Some(slots::take()));
        if let Some(place) = &mut secret.0 {
            fill(place);
        }
        secret
    }

    /// Creates a secret by letting a fallible `fill` write it into its final place.
    ///
    /// # Errors
    /// The error that `fill` returns.
    pub fn try_filled<E>(fill: impl FnOnce(&mut [u8; 32]) -> Result<(), E>) -> Result<Self, E> {
        let mut secret = Self(Some(slots::take()));
        if let Some(place) = &mut secret.0 {
            fill(place)?;
        }
        Ok(secret)
    }

    /// Borrows the bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.as_deref().unwrap_or(NOTHING)
    }
}

/// How much of the stack [`wiping_stack`] wipes: more than the reading, sealing and parsing of a file use.
const STACK: usize = 128 * 1024;

/// How much of the stack [`wiping_small_stack`] wipes: more than looking through a text uses.
const SMALL_STACK: usize = 16 * 1024;

/// Does `work`, whose data are secret, and wipes the stack that it used.
pub fn wiping_stack<T>(work: impl FnOnce() -> T) -> T {
    let result = below(work);
    zeroize::zeroize_stack::<STACK>();
    result
}

/// Does `work` as [`wiping_stack`] does, for work that calls little and is done for each message.
pub fn wiping_small_stack<T>(work: impl FnOnce() -> T) -> T {
    let result = below(work);
    zeroize::zeroize_stack::<SMALL_STACK>();
    result
}

/// Calls `work` in a frame of its own, so that all that it uses is below that of the caller.
#[inline(never)]
fn below<T>(work: impl FnOnce() -> T) -> T {
    work()
}

impl Drop for Secret {
    fn drop(&mut self) {
        if let Some(place) = self.0.take() {
            place.zeroize();
            slots::give_back(place);
        }
    }
}

/// N public random bytes, for nonces and ids.
///
/// # Panics
/// If the operating system has no randomness to give.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::expect_used, reason = "documented: there is no safe way on")]
    SysRng.try_fill_bytes(&mut bytes).expect("the operating system gives randomness");
    bytes
}
