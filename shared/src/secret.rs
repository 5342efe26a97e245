//! 32 secret bytes: boxed from birth, filled in place, never moved or copied, wiped on drop.

use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroize;

/// A secret of 32 bytes, without `Debug`, `Clone` or a serialised form.
pub struct Secret(Box<[u8; 32]>);

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
        let mut secret = Self(Box::new([0; 32]));
        fill(&mut secret.0);
        secret
    }

    /// Creates a secret by letting a fallible `fill` write it into its final place.
    ///
    /// # Errors
    /// The error that `fill` returns.
    pub fn try_filled<E>(fill: impl FnOnce(&mut [u8; 32]) -> Result<(), E>) -> Result<Self, E> {
        let mut secret = Self(Box::new([0; 32]));
        fill(&mut secret.0)?;
        Ok(secret)
    }

    /// Borrows the bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
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
