//! Descriptors that a parent process handed over.

use std::fs::File;
use std::io::{self, Read, Write};

/// A descriptor of this process that blocks on reads and writes, even if the process that handed it over left it in
/// non-blocking mode. The mode is shared with that process, so it is not changed. Locks of the standard library, which a
/// blocked writer would hold, are not used.
pub struct Descriptor(File);

impl Descriptor {
    /// A descriptor of its own for the same file.
    ///
    /// # Errors
    /// If the descriptor is closed.
    #[cfg(unix)]
    pub fn of(descriptor: &impl std::os::fd::AsFd) -> io::Result<Self> {
        descriptor.as_fd().try_clone_to_owned().map(|owned| Self(owned.into()))
    }

    /// A descriptor of its own for the same file.
    ///
    /// # Errors
    /// If the descriptor is closed.
    #[cfg(windows)]
    pub fn of(descriptor: &impl std::os::windows::io::AsHandle) -> io::Result<Self> {
        descriptor.as_handle().try_clone_to_owned().map(|owned| Self(owned.into()))
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.0
    }
}

impl Read for Descriptor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        imp::blocking(&self.0, imp::READABLE, |mut file| file.read(buffer))
    }
}

impl Write for Descriptor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        imp::blocking(&self.0, imp::WRITABLE, |mut file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(unix)]
mod imp {
    use std::fs::File;
    use std::io;

    use rustix::event::{PollFd, PollFlags, poll};

    pub(super) const READABLE: PollFlags = PollFlags::IN;
    pub(super) const WRITABLE: PollFlags = PollFlags::OUT;

    pub(super) fn blocking<T>(
        file: &File,
        ready: PollFlags,
        mut attempt: impl FnMut(&File) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match attempt(file) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match poll(&mut [PollFd::new(file, ready)], None) {
                        Ok(_) | Err(rustix::io::Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                outcome => return outcome,
            }
        }
    }
}

#[cfg(windows)]
mod imp {
    use std::fs::File;
    use std::io;

    pub(super) const READABLE: () = ();
    pub(super) const WRITABLE: () = ();

    pub(super) fn blocking<T>(
        file: &File,
        (): (),
        mut attempt: impl FnMut(&File) -> io::Result<T>,
    ) -> io::Result<T> {
        attempt(file)
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;

    #[test]
    fn descriptor_in_non_blocking_mode_is_read_and_written() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut ours = Descriptor::of(&ours).unwrap();
        let reader = thread::spawn(move || {
            let mut first = [0; 5];
            ours.read_exact(&mut first).unwrap();
            // Far more than the socket holds.
            ours.write_all(&vec![b'x'; 4 << 20]).unwrap();
            first
        });
        theirs.write_all(b"hello").unwrap();
        let mut written = vec![0; 4 << 20];
        theirs.read_exact(&mut written).unwrap();
        assert_eq!(&reader.join().unwrap(), b"hello");
    }
}
