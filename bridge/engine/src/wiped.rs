//! Text and bytes that are wiped as they go.
//!
//! `zeroize`'s own wrapper does the same for a vector, but byte by byte with a barrier after each, which takes
//! longer than the cipher for a large message. Here the buffer is wiped as a whole.

use std::io;
use std::ops::{Deref, DerefMut};

use zeroize::Zeroize;

/// A buffer that is wiped when it is dropped, with all that it has room for.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Wiped<T: Wipe>(T);

/// What [`Wiped`] can hold.
pub trait Wipe {
    /// Overwrites all of the buffer.
    fn wipe(&mut self);
}

impl Wipe for Vec<u8> {
    fn wipe(&mut self) {
        self.spare_capacity_mut().zeroize();
        self.as_mut_slice().zeroize();
    }
}

impl Wipe for String {
    fn wipe(&mut self) {
        std::mem::take(self).into_bytes().wipe();
    }
}

impl<T: Wipe> Wiped<T> {
    /// From here on the buffer is wiped.
    pub fn new(buffer: T) -> Self {
        Self(buffer)
    }
}

impl Wiped<Vec<u8>> {
    /// Makes room for so many bytes more, and leaves no copy behind where the buffer has to grow.
    pub fn make_room(&mut self, bytes: usize) {
        let needed = self.len() + bytes;
        if needed > self.capacity() {
            let mut larger = Self(Vec::with_capacity(needed.max(2 * self.capacity())));
            larger.extend_from_slice(self);
            // The smaller one is wiped as it drops.
            *self = larger;
        }
    }

    /// Appends, and leaves no copy behind where the buffer has to grow.
    pub fn append(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.extend_from_slice(bytes);
    }
}

impl io::Write for Wiped<Vec<u8>> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<T: Wipe> Deref for Wiped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Wipe> DerefMut for Wiped<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Wipe> Drop for Wiped<T> {
    fn drop(&mut self) {
        self.0.wipe();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn all_of_a_buffer_is_wiped() {
        let mut buffer = b"secret, and what was cut off it".to_vec();
        buffer.truncate(6);
        buffer.wipe();
        assert_eq!(buffer, [0; 6]);
    }

    #[test]
    fn what_is_written_is_all_there_however_the_buffer_grew() {
        let mut buffer = Wiped::new(Vec::with_capacity(2));
        for _ in 0..100 {
            buffer.write_all(b"abc").unwrap();
        }
        assert_eq!(*buffer, b"abc".repeat(100));
    }
}
