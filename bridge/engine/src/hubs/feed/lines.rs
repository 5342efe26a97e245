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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// The events of a stream that comes in these pieces, and whether it was too long.
    fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<RawEvent>, Oversized> {
        let (mut lines, mut events) = (EventLines::default(), Vec::new());
        for piece in pieces {
            lines.push(Bytes::copy_from_slice(piece));
            while let Some(event) = lines.next()? {
                events.push(event);
            }
        }
        Ok(events)
    }

    fn event(name: &str, data: &str) -> RawEvent {
        RawEvent { name: name.into(), data: data.into() }
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        let stream = b": a comment\n\nevent: joined\ndata: {\"a\":1}\n\ndata:b\r\ndata: c\r\rdata\nid: 7\nunknown\n\nevent: x\n\n\
                       event:  y\ndata:  d\n\ndata: cut off\n";
        let expected =
            [event("joined", "{\"a\":1}"), event("", "b\nc"), event("", ""), event(" y", " d")];
        assert_eq!(events([&stream[..]]).unwrap(), expected);
        let bytes = stream.chunks(1);
        assert_eq!(events(bytes).unwrap(), expected, "a byte at a time");
    }

    #[test]
    fn event_that_does_not_end_is_refused_before_it_is_kept() {
        let line = vec![b'x'; MAX_EVENT / 4];
        assert_eq!(events([&b"data: "[..], &line, &line, &line, &line]), Err(Oversized));
        let with_name = [&b"data: "[..], &line, b"\ndata: ", &line, b"\nevent: ", &line];
        assert!(events(with_name).is_ok());
        assert_eq!(events(with_name.into_iter().chain([&b"\n"[..], &line, &line])), Err(Oversized));
        let short = b"data: 1\n".repeat(MAX_EVENT / 2 + 1);
        assert_eq!(events(short.chunks(1 << 20)), Err(Oversized));
    }

    /// Bytes among which those are frequent that mean something.
    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"data: ".to_vec()),
            Just(b"event:".to_vec()),
            vec(any::<u8>(), 0..4),
        ];
        vec(piece, 0..64).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_split_of_any_bytes_gives_the_same_events(stream in stream(), cuts in vec(0usize..256, 0..8)) {
            let whole = events([&stream[..]]).unwrap();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]);
            prop_assert_eq!(&events(pieces).unwrap(), &whole);
            prop_assert!(whole.iter().all(|event| !event.data.contains(&b'\r') && !event.name.contains(&b'\n')));
        }
    }
}
