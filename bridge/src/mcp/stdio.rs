//! The process's stdin and stdout, each with a thread of its own.
//!
//! Threads, because agents hand over pipes, sockets, files and terminals, and only blocking reads and
//! writes work on all of them; and without a buffered layer, because such a layer keeps what went through
//! it unwiped.

use std::fs::File;
use std::io::{self, Read, Write};
use std::thread;

use junction_engine::wiped::Wiped;
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroize;

mod lines;
mod tool_line;
pub(crate) mod transport;

use super::calls::{Answer, Busy};
#[cfg(test)]
pub(crate) use lines::MAX_LINE;
use lines::{Cutter, Line};

/// Lines read ahead of the server; with all of them waiting the client's writes wait too.
const LINES_IN: usize = 16;
/// Lines waiting to be written; whoever has one more waits.
const LINES_OUT: usize = 64;
/// One read takes at most this many bytes: all but the end of the longest usual line, and idle bridges stay small.
const READ_BUFFER: usize = 64 * 1024;

/// A line on its way to the client.
pub(crate) struct Outgoing {
    /// The text with its newline.
    pub(crate) line: Wiped<Vec<u8>>,
    /// The call that it answers, if it is a call's answer.
    pub(crate) answer: Option<Answer>,
    /// Keeps the process alive for the moment that the line needs to be written.
    pub(crate) busy: Busy,
    /// Told how the write ended, after the flush.
    pub(crate) written: oneshot::Sender<io::Result<()>>,
}

/// Reads lines from `input` until its end. The channel closes behind the last one.
///
/// # Errors
/// If the system has no thread to give.
pub(crate) fn spawn_reader(input: impl Read + Send + 'static) -> io::Result<mpsc::Receiver<Line>> {
    let (sender, lines) = mpsc::channel(LINES_IN);
    thread::Builder::new().name("stdin".to_owned()).spawn(move || read_lines(input, &sender))?;
    Ok(lines)
}

/// Writes lines to `output`, each flushed before the next.
///
/// # Errors
/// If the system has no thread to give.
pub(crate) fn spawn_writer(
    output: impl Write + Send + 'static,
) -> io::Result<mpsc::Sender<Outgoing>> {
    let (lines, receiver) = mpsc::channel(LINES_OUT);
    thread::Builder::new()
        .name("stdout".to_owned())
        .spawn(move || write_lines(output, receiver))?;
    Ok(lines)
}

fn read_lines(mut input: impl Read, lines: &mpsc::Sender<Line>) {
    let mut buffer = Wiped::new(vec![0; READ_BUFFER]);
    let mut cutter = Cutter::default();
    loop {
        let read = match input.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // A descriptor that cannot be read any more has come to its end.
            Err(_) => 0,
        };
        let mut chunk = &buffer[..read];
        while let Some(line) = cutter.cut(&mut chunk) {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
        if read == 0 {
            break;
        }
        buffer[..read].zeroize();
    }
    if let Some(line) = cutter.finish() {
        let _ = lines.blocking_send(line);
    }
}

fn write_lines(mut output: impl Write, mut lines: mpsc::Receiver<Outgoing>) {
    while let Some(Outgoing { line, answer, busy, written }) = lines.blocking_recv() {
        // The answer of a call that was cancelled while the answer waited here is not written at all.
        // From the claim on it is too late to cancel: the client has, or is about to have, the answer.
        let claim = match answer.map(Answer::claim) {
            Some(None) => continue,
            Some(Some(claim)) => Some(claim),
            None => None,
        };
        let outcome = output.write_all(&line).and_then(|()| output.flush());
        match (&outcome, claim) {
            (Ok(()), Some(claim)) => claim.settle(),
            // An answer that never left gives back what it held.
            (_, claim) => drop(claim),
        }
        let _ = written.send(outcome);
        // Last: whoever waits for quiet may end the process on it.
        drop(busy);
    }
}

/// The process's stdin, as it was given, but wider if it is a pipe.
///
/// # Errors
/// If it is closed.
pub(crate) fn stdin() -> io::Result<Descriptor> {
    let file = imp::own(&io::stdin())?;
    imp::widen(&file);
    Ok(Descriptor(file))
}

/// The process's stdout, as it was given: an answer counts as read once it is written, so the less a pipe takes ahead
/// of its reader the truer that is.
///
/// # Errors
/// If it is closed.
pub(crate) fn stdout() -> io::Result<Descriptor> {
    imp::own(&io::stdout()).map(Descriptor)
}

/// A descriptor of this process, read and written in blocking mode even if whoever gave it to us left it
/// in the other: that mode is shared with them, so it is not ours to change.
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

    /// What the client's pipe is to hold: a message of the largest size, with what is around it.
    #[cfg(target_os = "linux")]
    const PIPE: usize = 128 * 1024;

    pub(super) const READABLE: PollFlags = PollFlags::IN;
    pub(super) const WRITABLE: PollFlags = PollFlags::OUT;

    pub(super) fn own(descriptor: &impl AsFd) -> io::Result<File> {
        descriptor.as_fd().try_clone_to_owned().map(File::from)
    }

    /// Makes a pipe hold the longest usual line: through one of the usual size such a line passes in pieces, and
    /// its writer waits in between. Whatever else it is stays as it is.
    #[cfg(target_os = "linux")]
    pub(super) fn widen(file: &File) {
        use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};

        if fcntl_getpipe_size(file).is_ok_and(|size| size < PIPE) {
            // An unprivileged user has only so much of it; less is no fault.
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
    fn descriptor_left_in_non_blocking_mode_is_read_and_written_all_the_same() {
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
            let Some(Line::Text(line)) = lines.blocking_recv() else { panic!("a line is missing") };
            assert_eq!(*line, expected.as_bytes());
        }
        assert!(lines.blocking_recv().is_none());
    }
}
