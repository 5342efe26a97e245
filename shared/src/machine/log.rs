//! Output to stderr that holds nothing up. A client may never read its server's stderr: once such a pipe is full, a write
//! to it blocks for ever. So a thread of its own writes the lines, and the rest of the program only queues them.
//!
//! A warning is written once. After that its repetitions are counted, and the count is written each time that it has grown
//! tenfold, and at the end. Commands that a person runs in a terminal write to stderr directly.

use std::io::{self, Write};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

mod queue;
mod repeats;

use crate::machine::descriptor::Descriptor;
use crate::machine::redact::Redacted;
use queue::LineQueue;
use repeats::Repeats;

/// The stack of the thread that writes. It only takes lines and writes them.
const STACK: usize = 64 * 1024;

static LINES: LineQueue = LineQueue::new();
static REPEATS: Mutex<Repeats> = Mutex::new(Repeats::new());
/// Started with the first line: most processes write none.
static WRITER: Once = Once::new();

/// Logs what passes this filter from now on.
pub fn start(filter: Targets) {
    let lines = tracing_subscriber::fmt::layer().with_writer(LogLines).with_ansi(false);
    // This fails only where logging has been started already.
    let _ = tracing_subscriber::registry().with(lines).with(filter).try_init();
}

/// Writes a line whatever the filter says, without waiting for it to be written.
pub fn say(line: &str) {
    push(format!("{line}\n").into_bytes());
}

/// Writes what is still counted and waits until all lines are written, for at most this long.
pub fn finish(limit: Duration) {
    for line in repeats(Repeats::untold) {
        push(line.into_bytes());
    }
    LINES.drained(limit);
}

/// Calls [`finish`] when it is dropped, at the end of the program or while a panic ends it.
#[must_use]
pub struct LogGuard(pub Duration);

impl Drop for LogGuard {
    fn drop(&mut self) {
        finish(self.0);
    }
}

fn repeats<T>(note: impl FnOnce(&mut Repeats) -> T) -> T {
    note(&mut REPEATS.lock().unwrap_or_else(PoisonError::into_inner))
}

fn push(line: Vec<u8>) {
    LINES.push(line);
    WRITER.call_once(|| {
        let started = Descriptor::of(&io::stderr()).and_then(|stderr| {
            let thread = thread::Builder::new().name("stderr".to_owned()).stack_size(STACK);
            thread.spawn(move || LINES.write_to(stderr))
        });
        if started.is_err() {
            LINES.close();
        }
    });
}

/// Makes a writer for each line of the log.
struct LogLines;

/// The writer of one line.
struct LogLine {
    is_warning: bool,
}

impl MakeWriter<'_> for LogLines {
    type Writer = LogLine;

    fn make_writer(&self) -> LogLine {
        LogLine { is_warning: false }
    }

    fn make_writer_for(&self, event: &Metadata<'_>) -> LogLine {
        LogLine { is_warning: *event.level() <= Level::WARN }
    }
}

impl Write for LogLine {
    /// Takes the whole line at once, as the log writes it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut redacted = Vec::with_capacity(line.len());
        Redacted::new(&mut redacted).write_all(line)?;
        if !self.is_warning {
            push(redacted);
        } else if let Some(line) =
            repeats(|repeats| repeats.note(&String::from_utf8_lossy(&redacted)))
        {
            push(line.into_bytes());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
