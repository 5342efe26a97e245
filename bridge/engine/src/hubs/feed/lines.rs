//! Server-sent events (WHATWG HTML §9.2): bytes in any pieces become events, of which one at a time is kept.

use bytes::Bytes;

/// The most bytes that one event may have: a snapshot of 16,384 sessions whose texts are as long as they may be.
const MAX_EVENT: usize = 32 << 20;

/// An event as it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RawEvent {
    /// The event's name.
    pub(super) name: Vec<u8>,
    /// The lines of its data.
    pub(super) data: Vec<u8>,
}

/// An event has more than [`MAX_EVENT`] bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Oversized;

/// Makes events of pieces of a stream.
#[derive(Default)]
pub(super) struct EventLines {
    /// What came last and is not parsed yet.
    chunk: Bytes,
    /// The beginning of a line of which the rest has not come.
    line: Vec<u8>,
    /// Whether the last line ended with a carriage return, so that a newline belongs to its end.
    is_after_return: bool,
    name: Vec<u8>,
    data: Vec<u8>,
}

impl EventLines {
    /// Adds the next piece of the stream. The last one was parsed until [`EventLines::next`] returned no event.
    pub(super) fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty(), "a chunk is parsed before the next one");
        self.chunk = chunk;
    }

    /// The next event, if all of it has come.
    pub(super) fn next(&mut self) -> Result<Option<RawEvent>, Oversized> {
        while self.take_line()? {
            let line = std::mem::take(&mut self.line);
            if !line.is_empty() {
                self.field(&line);
            } else if let Some(event) = self.dispatch() {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Moves bytes of the chunk into the line. Whether the line is whole.
    fn take_line(&mut self) -> Result<bool, Oversized> {
        if self.is_after_return && !self.chunk.is_empty() {
            self.is_after_return = false;
            if self.chunk[0] == b'\n' {
                let _ = self.chunk.split_to(1);
            }
        }
        let end = self.chunk.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let part = self.chunk.split_to(end.unwrap_or(self.chunk.len()));
        if part.len() > MAX_EVENT.saturating_sub(self.len()) {
            return Err(Oversized);
        }
        self.line.extend_from_slice(&part);
        if end.is_some() {
            self.is_after_return = self.chunk.split_to(1)[0] == b'\r';
        }
        Ok(end.is_some())
    }

    /// The bytes that are kept of the event.
    fn len(&self) -> usize {
        self.line.len() + self.name.len() + self.data.len()
    }

    /// Takes a line that is not empty. Comments have no name.
    fn field(&mut self, line: &[u8]) {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"event" => self.name = value.to_vec(),
            b"data" => {
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            _ => {}
        }
    }

    /// The event that ends with an empty line, if it has data.
    fn dispatch(&mut self) -> Option<RawEvent> {
        let (name, mut data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
        data.pop()?;
        Some(RawEvent { name, data })
    }
}
