//! The line that answers a call of a tool: the answer as structured content, and as the same JSON in a text.
//!
//! An answer may hold more than 64 KiB. Its JSON is written once, at its place on the line, and the text is made from
//! those bytes.

use std::ops::Range;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::json_text::{count, leading};
use crate::mcp::envelope::ClientId;

/// Room for everything on the line except for the answer.
const FRAME: usize = 256;

/// The line for structured content and the other members of its result, whose own content is left out.
pub(super) fn line(id: &ClientId, structure: &Value, result: &impl Serialize) -> Vec<u8> {
    let room = room(structure);
    // Twice the answer, and a quarter of it more for escapes. Where that is too little, the line grows.
    let mut line = Vec::with_capacity(2 * room + room / 4 + FRAME);
    line.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    write(&mut line, id);
    line.extend_from_slice(b",\"result\":{\"structuredContent\":");
    let start = line.len();
    write(&mut line, structure);
    let json = start..line.len();
    line.extend_from_slice(b",\"content\":[{\"type\":\"text\",\"text\":\"");
    append_escaped(&mut line, json);
    line.extend_from_slice(b"\"}]");
    for (name, value) in others(result) {
        line.extend_from_slice(b",");
        write(&mut line, &name);
        line.extend_from_slice(b":");
        write(&mut line, &value);
    }
    line.extend_from_slice(b"}}\n");
    line
}

/// The members of a result except for its content. Its structured content was taken out before.
fn others(result: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(result) {
        Ok(Value::Object(mut members)) => {
            members.remove("content");
            members
        }
        // Every result is a struct.
        _ => Map::new(),
    }
}

fn write(line: &mut Vec<u8>, value: &impl Serialize) {
    // A vector accepts every write, and all keys here are texts.
    let _ = serde_json::to_writer(line, value);
}

/// The approximate length of a value as JSON, in bytes.
fn room(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 3,
        Value::Array(items) => items.iter().map(room).sum::<usize>() + 2,
        Value::Object(members) => {
            members.iter().map(|(name, value)| name.len() + 4 + room(value)).sum::<usize>() + 2
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

/// Appends JSON that is on the line already, escaped as the inside of a JSON text. Compact JSON has only two characters
/// that a text must escape: quotes and backslashes.
fn append_escaped(line: &mut Vec<u8>, json: Range<usize>) {
    let plain = |byte| byte != b'"' && byte != b'\\';
    let escapes = count(&line[json.clone()], |byte| !plain(byte));
    line.reserve(json.len() + escapes + FRAME);
    let mut at = json.start;
    while at < json.end {
        let run = at..at + leading(&line[at..json.end], plain);
        at = run.end;
        line.extend_from_within(run);
        if at < json.end {
            line.push(b'\\');
            line.extend_from_within(at..=at);
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn structured_content_and_text_are_the_same_json(text: String, id: i64, padding in 0_usize..5_000) {
            let structure = json!({ "messages": [{ "message": text + &"\"".repeat(padding) }], "n": 1 });
            let result = json!({ "content": [], "isError": false, "resultType": "complete" });
            let line = line(&ClientId::Number(id), &structure, &result);
            let (last, line) = line.split_last().unwrap();
            prop_assert_eq!(*last, b'\n');
            prop_assert!(!line.contains(&b'\n'));
            let line: Value = serde_json::from_slice(line).unwrap();
            let expected = json!({
                "jsonrpc": "2.0",
                "id": id,
                "result": {
                    "structuredContent": structure,
                    "content": [{ "type": "text", "text": structure.to_string() }],
                    "isError": false,
                    "resultType": "complete",
                },
            });
            prop_assert_eq!(line, expected);
        }
    }
}
