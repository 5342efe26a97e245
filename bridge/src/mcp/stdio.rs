//! The process's stdin and stdout, each served by a thread of its own.
//!
//! Threads, because clients hand over pipes, sockets, files and terminals, and only blocking reads and writes work on
//! all of them. No buffered layer, because its buffers would keep messages after they are written or read.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::thread;

use junction_shared::machine::descriptor::Descriptor;
use tokio::sync::{mpsc, oneshot};

mod input_end;
mod lines;
mod long_line;
mod tool_line;
pub(crate) mod transport;

use super::calls::{BusyGuard, Responder};
pub(crate) use input_end::{HangUp, LineCounts};
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

/// The lines of the input, as the server takes them.
pub(crate) struct InputLines {
    lines: mpsc::Receiver<InputLine>,
    counts: Arc<LineCounts>,
}

impl InputLines {
    /// The next line; nothing after the last one. A call that is dropped before it ends has taken no line.
    pub(crate) async fn recv(&mut self) -> Option<InputLine> {
        let line = self.lines.recv().await;
        self.counts.took();
        line
    }

    /// How many lines were read and taken so far.
    pub(crate) fn counts(&self) -> Arc<LineCounts> {
        Arc::clone(&self.counts)
    }
}

/// Starts a thread that reads lines from `input` until its end.
///
/// # Errors
/// If the system refuses a thread.
pub(crate) fn spawn_reader(input: impl Read + Send + 'static) -> io::Result<InputLines> {
    let (sender, lines) = mpsc::channel(LINES_IN);
    let counts = Arc::<LineCounts>::default();
    let lines = InputLines { lines, counts: Arc::clone(&counts) };
    let thread = thread::Builder::new().name("stdin".to_owned());
    thread.spawn(move || read_lines(input, &sender, &counts))?;
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

fn read_lines(mut input: impl Read, lines: &mpsc::Sender<InputLine>, counts: &LineCounts) {
    let hand_over = |line| {
        // Before it is sent: a line for which there is no room counts, too.
        counts.read();
        lines.blocking_send(line)
    };
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
            if hand_over(line).is_err() {
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
        let _ = hand_over(line);
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
    let stdin = Descriptor::of(&io::stdin())?;
    widen(&stdin);
    Ok(stdin)
}

/// The process's stdout. A pipe keeps its size: messages count as read once their answer is written, and the less a pipe
/// holds that its reader has not taken, the closer that is to the truth.
///
/// # Errors
/// If the descriptor is closed.
pub(crate) fn stdout() -> io::Result<Descriptor> {
    Descriptor::of(&io::stdout())
}

/// Makes a pipe large enough for the longest usual line: the largest message and what surrounds it. Through a pipe of the
/// default size such a line passes in pieces, and its writer waits in between. Anything that is not a pipe stays as it is.
#[cfg(target_os = "linux")]
fn widen(input: &Descriptor) {
    use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};

    const PIPE: usize = 128 * 1024;

    if fcntl_getpipe_size(input.file()).is_ok_and(|size| size < PIPE) {
        // The system bounds what an unprivileged user gets. A smaller pipe works too.
        let _ = fcntl_setpipe_size(input.file(), PIPE);
    }
}

#[cfg(not(target_os = "linux"))]
fn widen(_: &Descriptor) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_hands_over_every_line_and_then_ends() {
        let (ours, mut theirs) = io::pipe().unwrap();
        let mut lines = spawn_reader(ours).unwrap();
        theirs.write_all(b"one\ntwo").unwrap();
        drop(theirs);
        for expected in ["one", "two"] {
            let Some(InputLine::Text(line)) = lines.lines.blocking_recv() else {
                panic!("a line is missing")
            };
            assert_eq!(line, expected.as_bytes());
        }
        assert!(lines.lines.blocking_recv().is_none());
    }
}
