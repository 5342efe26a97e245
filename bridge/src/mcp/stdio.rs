//! The process's stdin and stdout, each served by a thread of its own.
//!
//! Threads, because clients hand over pipes, sockets, files and terminals, and only blocking reads and writes work on
//! all of them. No buffered layer, because its buffers would keep messages after they are written or read.

use std::fs::File;
use std::io::{self, Read, Write};
use std::thread;

use tokio::sync::{mpsc, oneshot};

mod lines;
mod long_line;
mod tool_line;
pub(crate) mod transport;

use super::calls::{BusyGuard, Responder};
#[cfg(test)]
pub(crate) use lines::MAX_LINE;
use lines::{InputLine, LineSplitter};

/// Lines read ahead of the server. While as many wait, nothing more is read, and the client's writes wait too.
const LINES_IN: usize = 16;
/// Lines that may wait to be written. A sender with one more waits.
const LINES_OUT: usize = 64;
/// The most bytes that one read takes: nearly all of the longest usual line, while idle bridges stay small.
const READ_BUFFER: usize = 64 * 1024;

/// A line on its way to the client.
pub(crate) struct OutgoingLine {
    /// The text with its newline.
    pub(crate) line: Vec<u8>,
    /// The right to answer the request, if the line is an answer.
    pub(crate) responder: Option<Responder>,
    /// Keeps the process alive until the line is written.
    pub(crate) busy: BusyGuard,
    /// Gets the outcome of the write, after the flush.
    pub(crate) written: oneshot::Sender<io::Result<()>>,
}

/// Starts a thread that reads lines from `input` until its end. The channel closes after the last line.
///
/// # Errors
/// If the system refuses a thread.
pub(crate) fn spawn_reader(
    input: impl Read + Send + 'static,
) -> io::Result<mpsc::Receiver<InputLine>> {
    let (sender, lines) = mpsc::channel(LINES_IN);
    thread::Builder::new().name("stdin".to_owned()).spawn(move || read_lines(input, &sender))?;
    Ok(lines)
}

/// Starts a thread that writes lines to `output`, each flushed before the next.
///
/// # Errors
/// If the system refuses a thread.
pub(crate) fn spawn_writer(
    output: impl Write + Send + 'static,
) -> io::Result<mpsc::Sender<OutgoingLine>> {
    let (lines, receiver) = mpsc::channel(LINES_OUT);
    thread::Builder::new()
        .name("stdout".to_owned())
        .spawn(move || write_lines(output, receiver))?;
    Ok(lines)
}

fn read_lines(mut input: impl Read, lines: &mpsc::Sender<InputLine>) {
    let mut buffer = vec![0; READ_BUFFER];
    let mut splitter = LineSplitter::default();
    loop {
        let read = match input.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // Input that cannot be read any more is at its end.
            Err(_) => 0,
        };
        let mut chunk = &buffer[..read];
        while let Some(line) = splitter.next_line(&mut chunk) {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
        if read == 0 {
            break;
        }
        // This buffer is not freed, so the allocator does not wipe it.
        buffer[..read].fill(0);
    }
    if let Some(line) = splitter.finish() {
        let _ = lines.blocking_send(line);
    }
}

fn write_lines(mut output: impl Write, mut lines: mpsc::Receiver<OutgoingLine>) {
    while let Some(OutgoingLine { line, responder, busy, written }) = lines.blocking_recv() {
        // The answer of a call that was cancelled while the answer waited here is not written.
        // After the claim it is too late to cancel: the client has the answer, or is about to have it.
        let claim = match responder.map(Responder::claim) {
            Some(None) => continue,
            Some(Some(claim)) => Some(claim),
            None => None,
        };
        let outcome = output.write_all(&line).and_then(|()| output.flush());
        match (&outcome, claim) {
            (Ok(()), Some(claim)) => claim.written(),
            // An answer that was not written gives back what it held.
            (_, claim) => drop(claim),
        }
        let _ = written.send(outcome);
        // Last, because the process may end as soon as nothing is busy.
        drop(busy);
    }
}

/// The process's stdin. If it is a pipe, makes it larger.
///
/// # Errors
/// If the descriptor is closed.
pub(crate) fn stdin() -> io::Result<Descriptor> {
    let file = imp::own(&io::stdin())?;
    imp::widen(&file);
    Ok(Descriptor(file))
}

/// The process's stdout. A pipe keeps its size: messages count as read once their answer is written, and the less a pipe
/// holds that its reader has not taken, the closer that is to the truth.
///
/// # Errors
/// If the descriptor is closed.
pub(crate) fn stdout() -> io::Result<Descriptor> {
    imp::own(&io::stdout()).map(Descriptor)
}

/// A descriptor of this process that blocks on reads and writes, even if the process that handed it over left it in
/// non-blocking mode. The mode is shared with that process, so it is not changed.
pub(crate) struct Descriptor(File);

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
    use std::os::fd::AsFd;

    use rustix::event::{PollFd, PollFlags, poll};

    /// The size for the client's pipe: the largest message and what surrounds it on its line.
    #[cfg(target_os = "linux")]
    const PIPE: usize = 128 * 1024;

    pub(super) const READABLE: PollFlags = PollFlags::IN;
    pub(super) const WRITABLE: PollFlags = PollFlags::OUT;

    pub(super) fn own(descriptor: &impl AsFd) -> io::Result<File> {
        descriptor.as_fd().try_clone_to_owned().map(File::from)
    }

    /// Makes a pipe large enough for the longest usual line. Through a pipe of the default size such a line passes in
    /// pieces, and its writer waits in between. Anything that is not a pipe stays as it is.
    #[cfg(target_os = "linux")]
    pub(super) fn widen(file: &File) {
        use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};

        if fcntl_getpipe_size(file).is_ok_and(|size| size < PIPE) {
            // The system bounds what an unprivileged user gets. A smaller pipe works too.
            let _ = fcntl_setpipe_size(file, PIPE);
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn widen(_: &File) {}

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
    use std::os::windows::io::AsHandle;

    pub(super) const READABLE: () = ();
    pub(super) const WRITABLE: () = ();

    pub(super) fn own(handle: &impl AsHandle) -> io::Result<File> {
        handle.as_handle().try_clone_to_owned().map(File::from)
    }

    pub(super) fn widen(_: &File) {}

    pub(super) fn blocking<T>(
        file: &File,
        (): (),
        mut attempt: impl FnMut(&File) -> io::Result<T>,
    ) -> io::Result<T> {
        attempt(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn descriptor_in_non_blocking_mode_is_read_and_written() {
        use std::os::unix::net::UnixStream;

        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut ours = Descriptor(imp::own(&ours).unwrap());
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

    #[test]
    fn reader_hands_over_every_line_and_then_ends() {
        let (ours, mut theirs) = io::pipe().unwrap();
        let mut lines = spawn_reader(ours).unwrap();
        theirs.write_all(b"one\ntwo").unwrap();
        drop(theirs);
        for expected in ["one", "two"] {
            let Some(InputLine::Text(line)) = lines.blocking_recv() else {
                panic!("a line is missing")
            };
            assert_eq!(line, expected.as_bytes());
        }
        assert!(lines.blocking_recv().is_none());
    }
}
