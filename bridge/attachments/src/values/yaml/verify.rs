//! Proof that an edit made one change: the events of both texts side by side.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::is_document;

/// The one change between two texts.
pub(super) enum Change<'a> {
    /// A scalar became this one.
    Replaced(&'a str),
    /// These names were added at the end of a mapping, each in the mapping of the one before, with a value in the last.
    Added(&'a [String], &'a str),
}

/// Whether two texts are the same but for one change.
pub(super) fn is_only_change(before: &str, after: &str, change: &Change<'_>) -> bool {
    let mut old = Parser::new_from_str(before);
    let mut new = Parser::new_from_str(after);
    let mut is_made = false;
    loop {
        let (Some(Ok((old_event, _))), Some(Ok((mut new_event, _)))) =
            (old.next_event(), new.next_event())
        else {
            return false;
        };
        if !is_same(&old_event, &new_event) {
            let is_allowed = match change {
                _ if is_made => false,
                Change::Replaced(value) => is_replaced(&old_event, &new_event, value),
                Change::Added(names, value) if old_event == Event::MappingEnd => {
                    for added in added(names, value) {
                        if !is_equal(&added, &new_event) {
                            return false;
                        }
                        let Some(Ok((next, _))) = new.next_event() else { return false };
                        new_event = next;
                    }
                    new_event == Event::MappingEnd
                }
                Change::Added(..) => false,
            };
            if !is_allowed {
                return false;
            }
            is_made = true;
        }
        if old_event == Event::StreamEnd {
            return true;
        }
    }
}

fn is_same(old: &Event<'_>, new: &Event<'_>) -> bool {
    old == new || is_document(old) && is_document(new)
}

fn is_replaced(old: &Event<'_>, new: &Event<'_>, value: &str) -> bool {
    let (Event::Scalar(_, _, old_anchor, old_tag), Event::Scalar(text, _, anchor, tag)) =
        (old, new)
    else {
        return false;
    };
    text == value && old_anchor == anchor && old_tag == tag
}

/// The events of an addition.
fn added<'a>(names: &'a [String], value: &'a str) -> Vec<Event<'a>> {
    let scalar = |text: &'a str| Event::Scalar(Cow::Borrowed(text), ScalarStyle::Plain, 0, None);
    let mut events = Vec::new();
    for (depth, name) in names.iter().enumerate() {
        if depth > 0 {
            events.push(Event::MappingStart(0, None));
        }
        events.push(scalar(name));
    }
    events.push(scalar(value));
    events.extend((1..names.len()).map(|_| Event::MappingEnd));
    events
}

/// Whether an added event is the wanted one, however its scalar is quoted.
fn is_equal(wanted: &Event<'_>, found: &Event<'_>) -> bool {
    match (wanted, found) {
        (Event::Scalar(wanted, ..), Event::Scalar(found, _, 0, None)) => wanted == found,
        _ => wanted == found,
    }
}
