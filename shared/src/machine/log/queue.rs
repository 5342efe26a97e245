//! The lines that wait for stderr. The queue is bounded: without room a line is dropped, and the number of dropped lines
//! is written once there is room again.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Lines that wait at most. A reader that is alive takes them as fast as they come.
const MAX_LINES: usize = 128;
/// Bytes of a line at most. The rest of a longer one is cut off.
const MAX_LINE: usize = 8 * 1024;

/// Lines on their way from any thread to the one that writes them.
pub(super) struct LineQueue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

struct QueueState {
    lines: VecDeque<Vec<u8>>,
    /// Lines for which there was no room since the last line that had room.
    dropped: u64,
    /// Whether the writer has a line that is not written yet.
    is_writing: bool,
    /// Whether nothing writes the lines.
    is_closed: bool,
}

impl LineQueue {
    pub(super) const fn new() -> Self {
        let state =
            QueueState { lines: VecDeque::new(), dropped: 0, is_writing: false, is_closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Adds a line with its newline, or counts it as dropped.
    pub(super) fn push(&self, mut line: Vec<u8>) {
        if line.len() > MAX_LINE {
            line.truncate(MAX_LINE - 1);
            line.push(b'\n');
        }
        let mut state = self.state();
        if state.is_closed {
            return;
        }
        // With room for the number of dropped lines before this one.
        if state.lines.len() + 1 < MAX_LINES {
            let notice = state.notice();
            state.lines.extend(notice);
            state.lines.push_back(line);
        } else {
            state.dropped += 1;
        }
        self.changed.notify_all();
    }

    /// Drops what waits and all that comes: nothing can write it.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.lines.clear();
        state.is_closed = true;
    }

    /// Writes lines for as long as the process lives. What cannot be written is lost.
    pub(super) fn write_to(&self, mut out: impl Write) {
        loop {
            let line = self.next();
            // The lock is not held: this is what may block.
            let _ = out.write_all(&line).and_then(|()| out.flush());
            self.state().is_writing = false;
            self.changed.notify_all();
        }
    }

    /// Waits until every line is written. False if that took longer than the limit.
    pub(super) fn drained(&self, limit: Duration) -> bool {
        let is_busy = |state: &mut QueueState| !state.lines.is_empty() || state.is_writing;
        let waited = self.changed.wait_timeout_while(self.state(), limit, is_busy);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// The next line to write, once there is one.
    fn next(&self) -> Vec<u8> {
        let mut state = self.state();
        loop {
            let line = state.lines.pop_front().or_else(|| state.notice());
            if let Some(line) = line {
                state.is_writing = true;
                return line;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    /// The line that says how many lines were dropped, if any were.
    fn notice(&mut self) -> Option<Vec<u8>> {
        let dropped = std::mem::take(&mut self.dropped);
        let text = || format!("Log lines dropped because stderr was not being read: {dropped}.\n");
        (dropped > 0).then(|| text().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, PipeReader};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    /// A queue, and the reading end of the pipe that its lines go to.
    fn queue() -> (&'static LineQueue, PipeReader) {
        let queue: &'static LineQueue = Box::leak(Box::new(LineQueue::new()));
        let (reader, writer) = std::io::pipe().unwrap();
        std::thread::spawn(move || queue.write_to(writer));
        (queue, reader)
    }

    fn numbered(number: usize) -> Vec<u8> {
        format!("line {number}\n").into_bytes()
    }

    #[test]
    fn lines_are_written_in_order() {
        let (queue, reader) = queue();
        (0..3).for_each(|number| queue.push(numbered(number)));
        assert!(queue.drained(LIMIT));
        let lines: Vec<_> = BufReader::new(reader).lines().take(3).map(Result::unwrap).collect();
        assert_eq!(lines, ["line 0", "line 1", "line 2"]);
    }

    #[test]
    fn regression_reader_that_reads_nothing_holds_nobody_up() {
        let (queue, reader) = queue();
        // More than the pipe and the queue together hold.
        let many = 40;
        let line = [vec![b'x'; MAX_LINE - 1], vec![b'\n']].concat();
        (0..MAX_LINES + many).for_each(|_| queue.push(line.clone()));
        assert!(!queue.drained(Duration::from_millis(1)));
        let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
        // Then it reads: whatever was dropped is counted behind what was there before.
        let written = lines.by_ref().take_while(|line| line.starts_with('x')).count();
        assert!(written < MAX_LINES + many);
        assert!(queue.drained(LIMIT));
        queue.push(numbered(7));
        // Lines that had room again may come behind the count.
        assert_eq!(lines.find(|line| line.starts_with("line")).unwrap(), "line 7");
    }

    #[test]
    fn dropped_lines_are_counted_before_the_next_line_with_room() {
        let queue = LineQueue::new();
        (0..MAX_LINES + 9).for_each(|number| queue.push(numbered(number)));
        assert_eq!(queue.next(), numbered(0));
        assert_eq!(queue.next(), numbered(1));
        queue.push(numbered(1000));
        let mut rest: Vec<_> = (2..MAX_LINES + 1).map(|_| queue.next()).collect();
        assert_eq!(rest.pop().unwrap(), numbered(1000));
        let notice = String::from_utf8(rest.pop().unwrap()).unwrap();
        assert_eq!(notice, "Log lines dropped because stderr was not being read: 10.\n");
        assert_eq!(rest.pop().unwrap(), numbered(MAX_LINES - 2));
    }

    #[test]
    fn long_line_is_cut_and_keeps_its_newline() {
        let queue = LineQueue::new();
        queue.push(vec![b'x'; 3 * MAX_LINE]);
        let line = queue.next();
        assert!(line.len() == MAX_LINE && line.ends_with(b"x\n"));
    }

    #[test]
    fn closed_queue_takes_nothing_and_is_waited_for_by_nobody() {
        let queue = LineQueue::new();
        queue.push(numbered(1));
        queue.close();
        queue.push(numbered(2));
        assert!(queue.drained(Duration::ZERO));
    }

    #[test]
    fn output_that_is_closed_is_no_reason_to_stop() {
        let (queue, reader) = queue();
        drop(reader);
        (0..3).for_each(|number| queue.push(numbered(number)));
        assert!(queue.drained(LIMIT));
    }
}
