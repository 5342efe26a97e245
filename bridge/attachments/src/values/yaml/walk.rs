//! The way along a path through the events of a YAML text, and the places that an edit needs.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::super::{ValueError, splice};
use super::lexing;

/// The deepest nesting that is read. The library itself refuses more than 255 brackets in each other.
const MAX_DEPTH: usize = 128;

/// What a path leads to.
pub(super) enum Found {
    /// A scalar.
    Scalar(FoundScalar),
    /// A mapping without the next name of the path.
    Missing(MappingSite),
    /// A text without any content.
    Nothing,
}

/// A scalar, and its places in the text.
pub(super) struct FoundScalar {
    pub(super) value: String,
    pub(super) is_null: bool,
    /// The scalar without tag and anchor; of a block scalar, its header.
    pub(super) content: Range<usize>,
    /// Of a block scalar, from the end of its header's line to the end of its last.
    pub(super) lines: Option<Range<usize>>,
}

/// A mapping that can be added to.
pub(super) struct MappingSite {
    /// How many names of the path lead to it.
    pub(super) depth: usize,
    /// Of one between brackets, the place behind the opening one.
    pub(super) flow: Option<usize>,
    /// The blanks before its keys.
    pub(super) indent: usize,
    /// Where its last entry ends, if it has one.
    pub(super) end: Option<usize>,
    /// Whether it takes entries of others in (`<<`).
    pub(super) merges: bool,
    /// Whether its last entry is a block scalar at the end of a text without a last line end, which would become a part
    /// of the value.
    pub(super) is_open: bool,
}

/// A reader of events that knows where it is in the text.
pub(super) struct Walker<'t> {
    text: &'t str,
    events: Parser<'t, StrInput<'t>>,
    /// The byte of every character, unless all are of one byte.
    bytes: Option<Vec<usize>>,
    depth: usize,
    /// Whether the last event came.
    is_over: bool,
    /// Whether a block scalar ends at the end of the text, without a line end.
    is_open: bool,
    /// Whether an alias refers to something on the path.
    is_aliased: bool,
    /// Where the content ends that was passed last.
    end: usize,
    /// A place, and where the signs of entries end behind it. Many empty scalars may follow the same content.
    signs: (usize, usize),
    /// The anchors of what is on the path.
    anchors: Vec<usize>,
}

impl<'t> Walker<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let of_chars = || text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect();
        let bytes = (!text.is_ascii()).then(of_chars);
        let events = Parser::new_from_str(text);
        Self {
            text,
            events,
            bytes,
            depth: 0,
            is_over: false,
            is_open: false,
            is_aliased: false,
            end: 0,
            signs: (0, 0),
            anchors: Vec::new(),
        }
    }

    /// Follows a path through the first document.
    pub(super) fn find(&mut self, path: &[String]) -> Result<Found, ValueError> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd => return Ok(Found::Nothing),
                Event::MappingStart(anchor, _) => {
                    self.anchors.push(anchor);
                    return self.mapping(path, 0, span);
                }
                Event::Scalar(value, ScalarStyle::Plain, 0, None) if value.is_empty() => {
                    return Ok(Found::Nothing);
                }
                _ => return Err(ValueError::NotTable),
            }
        }
    }

    /// Follows a path through the only document, which is read to its end.
    pub(super) fn find_only(mut self, path: &[String]) -> Result<Found, ValueError> {
        let found = self.find(path)?;
        self.finish()?;
        Ok(found)
    }

    /// Reads on to the end of the text. Refused are a second document, and an alias of something on the path, which a
    /// change would change too.
    fn finish(&mut self) -> Result<(), ValueError> {
        while !self.is_over {
            if let (Event::DocumentStart(_), _) = self.next()? {
                return Err(ValueError::Documents);
            }
        }
        if self.is_aliased { Err(ValueError::Alias) } else { Ok(()) }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), ValueError> {
        let Some(Ok((event, span))) = self.events.next_event() else {
            return Err(ValueError::Syntax);
        };
        match &event {
            Event::MappingStart(..) | Event::SequenceStart(..) => self.depth += 1,
            Event::MappingEnd | Event::SequenceEnd => self.depth -= 1,
            Event::StreamEnd => self.is_over = true,
            Event::Alias(anchor) => self.is_aliased |= self.anchors.contains(anchor),
            _ => {}
        }
        if self.depth > MAX_DEPTH { Err(ValueError::Syntax) } else { Ok((event, span)) }
    }

    fn place(&self, span: Span) -> Range<usize> {
        let byte = |char: usize| match &self.bytes {
            Some(bytes) => bytes.get(char).copied().unwrap_or(self.text.len()),
            None => char.min(self.text.len()),
        };
        byte(span.start.index())..byte(span.end.index())
    }

    /// Follows what is left of a path through a mapping that has begun.
    fn mapping(&mut self, path: &[String], depth: usize, start: Span) -> Result<Found, ValueError> {
        let place = self.place(start);
        // The place of a mapping without brackets is empty, but for its tag and anchor.
        let (open, _) = lexing::after_properties(self.text, place.start);
        let is_flow = open < place.end && self.text[open..].starts_with('{');
        let mut site = MappingSite {
            depth,
            flow: is_flow.then_some(open + 1),
            indent: start.start.col(),
            end: None,
            merges: false,
            is_open: false,
        };
        self.end = self.end.max(place.end);
        let mut found = None;
        loop {
            let (key, span) = self.next()?;
            if key == Event::MappingEnd {
                self.pass(&key, span);
                site.is_open = self.is_open;
                return Ok(found.unwrap_or(Found::Missing(site)));
            }
            if site.end.is_none() {
                site.indent = span.start.col();
            }
            let is_named = matches!(&key, Event::Scalar(name, ..) if *name == path[depth]);
            site.merges |=
                matches!(&key, Event::Scalar(name, ScalarStyle::Plain, ..) if name == "<<");
            self.skip(&key, span)?;
            let (value, span) = self.next()?;
            if !is_named {
                self.skip(&value, span)?;
            } else if found.is_some() {
                return Err(ValueError::Twice);
            } else {
                found = Some(self.value(value, span, path, depth + 1)?);
            }
            site.end = Some(self.end);
        }
    }

    /// What the value of a name on the path leads to. `depth` names of the path are passed.
    fn value(
        &mut self,
        value: Event<'t>,
        span: Span,
        path: &[String],
        depth: usize,
    ) -> Result<Found, ValueError> {
        let is_last = depth == path.len();
        match value {
            Event::Alias(_) => Err(ValueError::Alias),
            Event::MappingStart(anchor, _) if !is_last => {
                self.anchors.push(anchor);
                self.mapping(path, depth, span)
            }
            Event::Scalar(text, style, anchor, tag) if is_last => {
                self.anchors.push(anchor);
                let has_properties = anchor > 0 || tag.is_some();
                let is_plain = style == ScalarStyle::Plain;
                let is_null = is_plain
                    && tag.is_none()
                    && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let (content, lines) = if is_plain && text.is_empty() {
                    self.empty(has_properties)?
                } else {
                    self.content(style, span).ok_or(ValueError::Layout)?
                };
                self.end = lines.as_ref().map_or(content.end, |lines| lines.end);
                Ok(Found::Scalar(FoundScalar { value: text.into_owned(), is_null, content, lines }))
            }
            _ if is_last => Err(ValueError::NotSingle),
            _ => Err(ValueError::NotTable),
        }
    }

    /// Passes over a node, whose first event this is.
    fn skip(&mut self, event: &Event<'t>, span: Span) -> Result<(), ValueError> {
        let outer = self.depth;
        let is_container = matches!(event, Event::MappingStart(..) | Event::SequenceStart(..));
        self.pass(event, span);
        while is_container && self.depth >= outer {
            let (event, span) = self.next()?;
            self.pass(&event, span);
        }
        Ok(())
    }

    /// Behind the signs that follow the content that was passed last.
    fn after_signs(&mut self) -> usize {
        if self.signs.0 != self.end || self.end == 0 {
            self.signs = (self.end, lexing::after_indicators(self.text, self.end));
        }
        self.signs.1
    }

    /// Notes where the content of an event ends.
    fn pass(&mut self, event: &Event<'_>, span: Span) {
        let end = match event {
            Event::Scalar(text, ScalarStyle::Plain, anchor, tag) if text.is_empty() => {
                let sign = self.after_signs();
                let has_properties = *anchor > 0 || tag.is_some();
                if has_properties { lexing::after_properties(self.text, sign).1 } else { sign }
            }
            Event::Scalar(_, style, ..) => match self.content(*style, span) {
                Some((_, Some(lines))) => lines.end,
                Some((content, None)) => content.end,
                None => self.place(span).end,
            },
            Event::MappingStart(..) | Event::SequenceStart(..) | Event::Alias(_) => {
                let place = self.place(span);
                // The place of a tag or an anchor before lines goes over the line's end.
                place.start + self.text[place].trim_end().len()
            }
            // What has no brackets has an end without a length, behind blanks and comments.
            Event::MappingEnd | Event::SequenceEnd if !self.place(span).is_empty() => {
                self.place(span).start + 1
            }
            _ => return,
        };
        self.end = self.end.max(end);
    }

    /// The place of a value that is not there: behind the colon, or the tag and anchor.
    fn empty(
        &self,
        has_properties: bool,
    ) -> Result<(Range<usize>, Option<Range<usize>>), ValueError> {
        let mut at = lexing::after_colon(self.text, self.end).ok_or(ValueError::Layout)?;
        if has_properties {
            at = lexing::after_properties(self.text, at).1;
        }
        Ok((at..at, None))
    }

    /// The place of a scalar's content, and of the lines of a block scalar.
    fn content(
        &mut self,
        style: ScalarStyle,
        span: Span,
    ) -> Option<(Range<usize>, Option<Range<usize>>)> {
        let place = self.place(span);
        match style {
            ScalarStyle::Plain => {
                let (start, _) = lexing::after_properties(self.text, place.start);
                (start <= place.end).then_some((start..place.end, None))
            }
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                let (start, _) = lexing::after_properties(self.text, place.start);
                Some((start..lexing::quoted_end(self.text, start)?, None))
            }
            ScalarStyle::Literal | ScalarStyle::Folded => {
                let sign = self.after_signs();
                let (start, _) = lexing::after_properties(self.text, sign);
                let end = lexing::header_end(self.text, start)?;
                let first = splice::line_end(self.text, end);
                let lines = self.text.get(first..place.end)?;
                // Only with a plus do empty lines at the end belong to the value.
                let kept = if self.text[start..end].contains('+') {
                    let lines = lines.trim_end_matches(' ');
                    let lines = lines.strip_suffix('\n').unwrap_or(lines);
                    lines.strip_suffix('\r').unwrap_or(lines)
                } else {
                    lines.trim_end()
                };
                let last = splice::line_end(self.text, first + kept.len());
                self.is_open = last == self.text.len() && !self.text[start..end].contains('-');
                Some((start..end, Some(first..last)))
            }
        }
    }
}
