//! The definition of a tool, and its parameters. Each parameter is one constant: the JSON schema that a client sees and the check of what a model
//! passes both come from it.

use std::ops::RangeInclusive;

use junction_shared::machine::hosts::{MAX_HOST_NAME, is_host_name};
use junction_shared::protocol::alias::{Alias, MAX_ALIAS, MIN_ALIAS};
use junction_shared::protocol::limits::{MAX_ATTACHMENTS, MAX_MESSAGE};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::address::{ADDRESSES, Addressee};
use crate::results::place_of;

/// The longest wait of a call, in seconds. Some clients give up after ten minutes.
pub(crate) const MAX_WAIT: u64 = 540;
/// The longest cursor, in characters. A hub's cursors are as long as an alias.
const MAX_CURSOR: usize = 256;
/// The longest path, in characters: what Linux takes.
const MAX_PATH: usize = 4096;
/// The longest name of a value or a command, in characters.
const MAX_NAME: usize = 256;
/// The length of a fingerprint, in hexadecimal digits.
const FINGERPRINT: usize = 16;

/// The words among pairs of a word and its value.
pub(super) const fn words<T, const N: usize>(names: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut place = 0;
    while place < N {
        words[place] = names[place].0;
        place += 1;
    }
    words
}

/// The definition of a tool.
pub(crate) struct ToolSpec {
    /// The name by which a client calls the tool.
    pub(crate) name: &'static str,
    /// What the tool is for, for a model that sees nothing else.
    pub(crate) description: &'static str,
    /// The parameters of the tool, in the order in which errors name them.
    pub(crate) params: &'static [Param],
    /// Whether the tool changes nothing. Some clients run such calls side by side.
    pub(crate) read_only: bool,
    /// Whether the tool may undo or lose something.
    pub(crate) destructive: bool,
    /// Whether a second call with the same arguments changes nothing more.
    pub(crate) idempotent: bool,
    /// Whether Claude Code should keep the tool in the model's context, not behind its tool search.
    pub(crate) always_load: bool,
    /// From how many characters on Claude Code may put the result into a file, if not from its usual 50,000.
    pub(crate) max_result: Option<u32>,
    /// The fields of the tool's answer, for the documentation.
    #[cfg_attr(not(test), expect(dead_code, reason = "docs/tools.md is written by a test"))]
    pub(crate) returns: &'static [(&'static str, &'static str)],
}

impl ToolSpec {
    /// A tool of no name that takes nothing, for tests to begin with.
    #[cfg(test)]
    pub(crate) const EMPTY: Self = Self {
        name: "",
        description: "",
        params: &[],
        read_only: false,
        destructive: false,
        idempotent: false,
        always_load: false,
        max_result: None,
        returns: &[],
    };
}

/// One parameter of a tool.
pub(crate) struct Param {
    /// The name of the argument.
    pub(crate) name: &'static str,
    /// What the argument may be.
    pub(crate) kind: ParamKind,
    /// Whether a call must have the argument.
    pub(crate) required: bool,
    /// What the argument means, for a model; empty where the name is enough.
    pub(crate) meaning: &'static str,
}

/// What an argument may be.
pub(crate) enum ParamKind {
    /// An alias for this session.
    NewAlias,
    /// The alias of a peer.
    PeerAlias,
    /// Whom a message is for: a peer or a group.
    Address,
    /// A field of a context. A longer one is cut.
    Label,
    /// The name of a known host.
    HostName,
    /// The place where the next page of a list begins, as an earlier answer gave it.
    Cursor,
    /// The fingerprint of a peer's key.
    Fingerprint,
    /// The id of a message.
    MessageId,
    /// The text of a message, possibly empty.
    Message,
    /// The files and values to attach.
    Attachments,
    /// The number of an attachment in its message.
    AttachmentNumber,
    /// The path of a file.
    Path,
    /// Paths and patterns.
    Paths,
    /// Paths and patterns, or whether all are meant.
    PathsOrAll,
    /// The name of a value, or of a command.
    Name,
    /// Whether something is wanted. An absent argument stands for no.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// An integer in a range, with the value that an absent argument stands for, if it stands for one. A larger one stands
    /// for the largest.
    Integer(RangeInclusive<u64>, Option<u64>),
    /// Seconds to wait, in a range, with the value that an absent argument stands for. One out of range stands for the
    /// nearest in it.
    Wait(RangeInclusive<u64>, u64),
}

/// The number of an attachment that a text stands for.
pub(crate) fn attachment_number(text: &str) -> Option<u8> {
    let number = text.parse().ok()?;
    (1..=MAX_ATTACHMENTS).contains(&usize::from(number)).then_some(number)
}

/// A parameter that a call may leave out.
pub(crate) const fn optional(name: &'static str, kind: ParamKind, meaning: &'static str) -> Param {
    Param { name, kind, required: false, meaning }
}

/// A parameter that a call must have.
pub(crate) const fn required(name: &'static str, kind: ParamKind, meaning: &'static str) -> Param {
    Param { name, kind, required: true, meaning }
}

/// The JSON schema of an object with these parameters as its members.
pub(crate) fn schema(params: &[Param]) -> Map<String, Value> {
    let properties: Map<_, _> =
        params.iter().map(|param| (param.name.to_owned(), param.schema().into())).collect();
    let required: Vec<_> =
        params.iter().filter(|param| param.required).map(|param| param.name).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), properties.into());
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    // Further members are allowed: some clients add their own to every call.
    schema
}

impl Param {
    fn schema(&self) -> Map<String, Value> {
        let mut schema = Map::new();
        let mut add = |key: &str, value: Value| schema.insert(key.to_owned(), value);
        add("type", self.kind.json_type());
        match &self.kind {
            ParamKind::Integer(range, default) => {
                add("minimum", json!(range.start()));
                add("maximum", json!(range.end()));
                if let Some(default) = default {
                    add("default", json!(default));
                }
            }
            ParamKind::Wait(range, default) => {
                add("minimum", json!(range.start()));
                add("maximum", json!(range.end()));
                add("default", json!(default));
            }
            ParamKind::Choice(words) => {
                add("enum", json!(words));
            }
            ParamKind::Attachments => {
                let text = json!({ "type": "string" });
                let members = json!({ "path": text, "key": text, "env": text });
                add("items", json!({ "type": "object", "properties": members }));
            }
            ParamKind::Paths | ParamKind::PathsOrAll => {
                add("items", json!({ "type": "string" }));
            }
            // A schema can bound characters, but not bytes.
            ParamKind::Message => {
                add("description", json!(format!("At most {MAX_MESSAGE} bytes")));
            }
            kind => {
                if let Some(lengths) = kind.lengths() {
                    // A client that checks the schema must let an empty text pass, which stands for an absent one.
                    if self.required {
                        add("minLength", json!(lengths.start()));
                    }
                    add("maxLength", json!(lengths.end()));
                }
            }
        }
        if !self.meaning.is_empty() {
            add("description", json!(self.meaning));
        }
        schema
    }
}

impl ParamKind {
    /// The type that JSON has for an argument of this kind.
    fn json_type(&self) -> Value {
        match self {
            Self::Integer(..) | Self::Wait(..) => json!("integer"),
            Self::Flag => json!("boolean"),
            Self::Attachments | Self::Paths => json!("array"),
            Self::PathsOrAll => json!(["array", "boolean"]),
            _ => json!("string"),
        }
    }

    /// How many characters a text of this kind has, if it is bounded by characters.
    fn lengths(&self) -> Option<RangeInclusive<usize>> {
        match self {
            Self::NewAlias | Self::PeerAlias => Some(MIN_ALIAS..=MAX_ALIAS),
            Self::HostName => Some(1..=MAX_HOST_NAME),
            Self::Cursor => Some(1..=MAX_CURSOR),
            Self::Fingerprint => Some(FINGERPRINT..=FINGERPRINT),
            Self::Path => Some(1..=MAX_PATH),
            Self::Name => Some(1..=MAX_NAME),
            Self::Address
            | Self::Attachments
            | Self::AttachmentNumber
            | Self::Flag
            | Self::Paths
            | Self::PathsOrAll
            | Self::Label
            | Self::Message
            | Self::MessageId
            | Self::Choice(_)
            | Self::Integer(..)
            | Self::Wait(..) => None,
        }
    }

    /// Whether a text is one of this kind.
    pub(crate) fn accepts(&self, text: &str) -> bool {
        let is_sized = self.lengths().is_none_or(|lengths| lengths.contains(&text.chars().count()));
        is_sized
            && match self {
                Self::NewAlias | Self::PeerAlias => Alias::parse(text).is_ok(),
                Self::Address => Addressee::parse(text).is_ok(),
                Self::Label | Self::Path | Self::Name => true,
                Self::AttachmentNumber => attachment_number(text).is_some(),
                Self::HostName => is_host_name(text),
                Self::Cursor => place_of(text).is_some(),
                Self::Fingerprint => text.bytes().all(|byte| byte.is_ascii_hexdigit()),
                Self::MessageId => Uuid::try_parse(text).is_ok(),
                Self::Message => text.len() <= MAX_MESSAGE,
                Self::Choice(words) => words.contains(&text),
                Self::Integer(..)
                | Self::Wait(..)
                | Self::Attachments
                | Self::Flag
                | Self::Paths
                | Self::PathsOrAll => false,
            }
    }

    /// What an argument of this kind is, for an error.
    pub(crate) fn description(&self) -> String {
        match self {
            Self::NewAlias => "an alias".to_owned(),
            Self::PeerAlias => "a peer's alias, as list_peers shows it".to_owned(),
            Self::Address => ADDRESSES.to_owned(),
            Self::Label => "a string".to_owned(),
            Self::HostName => "the name of a host, as known_hosts shows it".to_owned(),
            Self::Cursor => "an unchanged nextCursor from an earlier answer".to_owned(),
            Self::Fingerprint => {
                format!("a string of {FINGERPRINT} hexadecimal digits, as list_peers shows it")
            }
            Self::MessageId => "a message id, as read_messages shows it".to_owned(),
            Self::Message => format!("a string of at most {MAX_MESSAGE} bytes"),
            Self::Attachments => format!(
                "a list of at most {MAX_ATTACHMENTS} objects such as {{\"path\": \"report.pdf\"}}, {{\"path\": \".env\", \"key\": \
                 \"NAME\"}} or {{\"env\": \"NAME\"}}"
            ),
            Self::AttachmentNumber => {
                "the id of an attachment, as read_messages shows it".to_owned()
            }
            Self::Paths => "a list of at most 512 paths or patterns such as src/**/*.rs".to_owned(),
            Self::PathsOrAll => {
                "a list of at most 512 paths that you have claimed, or true for all".to_owned()
            }
            Self::Path => "a path of at most 4096 characters".to_owned(),
            Self::Name => format!("a name of at most {MAX_NAME} characters"),
            Self::Flag => "true or false".to_owned(),
            Self::Choice(words) => match words {
                [first @ .., last] => format!("{} or {last}", first.join(", ")),
                [] => String::new(),
            },
            Self::Integer(range, _) | Self::Wait(range, _) => {
                format!("an integer from {} to {}", range.start(), range.end())
            }
        }
    }
}

#[cfg(test)]
impl ParamKind {
    /// Arguments at the bounds that are just inside, and others that stand for such.
    pub(crate) fn inside(&self) -> Vec<Value> {
        match self {
            Self::Integer(range, _) | Self::Wait(range, _) => {
                let (least, most) = (range.start(), range.end());
                let texts = [format!(" {least} "), format!("{most}.0"), "1e300".to_owned()];
                let mut inside =
                    vec![json!(least), json!(most), json!(most + 1), json!(-1), json!(0)];
                inside.extend(texts.map(Value::from));
                inside
            }
            Self::Label => ["", "größer – später", &"x".repeat(121), "none", "null", "\u{202e}"]
                .map(Value::from)
                .into(),
            Self::Cursor => vec![
                json!(crate::results::cursor_to("bob")),
                json!(" "),
                json!("null"),
                json!("None"),
            ],
            Self::Choice(words) => {
                words.iter().flat_map(|word| [json!(word), json!(word.to_uppercase())]).collect()
            }
            Self::Address => {
                vec![json!("bob"), json!("role:x"), json!("*"), json!(["bob", "eve"])]
            }
            Self::Attachments => vec![json!([]), json!("[]")],
            Self::Paths => vec![json!([]), json!(["src/*.rs"]), json!("src")],
            Self::PathsOrAll => vec![json!([]), json!(["src"]), json!(true), json!("true")],
            Self::AttachmentNumber => vec![json!("1"), json!("8"), json!(8), json!(" 2 ")],
            Self::Flag => vec![json!(true), json!(false), json!("true"), json!("No"), json!(1)],
            Self::Message => vec![json!(""), json!("x".repeat(MAX_MESSAGE))],
            Self::MessageId => vec![json!("018f0000-0000-7000-8000-0000000000ff")],
            _ => {
                let lengths = self.lengths().expect("a text with bounds");
                [*lengths.start(), *lengths.end()].map(|length| json!("a".repeat(length))).into()
            }
        }
    }

    /// Arguments one past the bounds, and of other types.
    pub(crate) fn outside(&self) -> Vec<Value> {
        let mut outside = match self {
            Self::Integer(..) | Self::Wait(..) => ["soon", "30 s", "1.5", "NaN", "inf"]
                .map(Value::from)
                .into_iter()
                .chain([json!(0.5)])
                .collect(),
            Self::Label => Vec::new(),
            Self::Cursor => ["0", "bob", "bob.00000000", ".", "undefined"].map(Value::from).into(),
            Self::Choice(words) => vec![json!(format!("{}x", words[0]))],
            Self::Message => vec![json!("x".repeat(MAX_MESSAGE + 1))],
            Self::Address => vec![json!("team:x"), json!("bob eve")],
            Self::Attachments => {
                return vec![json!([{}]), json!([{ "key": "K" }]), json!(vec!["a"; 9]), json!(7)];
            }
            Self::Paths => return vec![json!(7), json!([7]), json!({}), json!([""])],
            Self::PathsOrAll => return vec![json!({}), json!([7]), json!(2)],
            Self::AttachmentNumber => vec![json!("0"), json!("9"), json!(9), json!("one")],
            Self::Flag => return vec![json!("maybe"), json!(2), json!([]), json!({})],
            Self::MessageId => vec![json!("018f0000-0000-7000-8000-0000000000f")],
            _ => {
                let lengths = self.lengths().expect("a text with bounds");
                // An empty text stands for an absent one.
                let shorter = lengths.start().checked_sub(1).filter(|length| *length > 0);
                let lengths = shorter.into_iter().chain([lengths.end() + 1]);
                lengths.map(|length| json!("a".repeat(length))).collect()
            }
        };
        outside.extend([json!(true), json!([]), json!({})]);
        outside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> Vec<ParamKind> {
        vec![
            ParamKind::NewAlias,
            ParamKind::PeerAlias,
            ParamKind::HostName,
            ParamKind::Fingerprint,
            ParamKind::MessageId,
            ParamKind::Message,
            ParamKind::Choice(&["low", "high"]),
        ]
    }

    #[test]
    fn texts_just_inside_the_bounds_are_accepted_and_those_just_outside_are_not() {
        for kind in kinds() {
            let texts = kind.inside().into_iter().filter(|text| {
                // Choices of other case are folded before they are checked.
                text.as_str().is_some_and(|text| text.to_lowercase() == text)
            });
            for text in texts {
                assert!(kind.accepts(text.as_str().unwrap()), "{}: {text}", kind.description());
            }
            for text in kind.outside().iter().filter_map(Value::as_str) {
                assert!(!kind.accepts(text), "{}: {text}", kind.description());
            }
        }
    }

    #[test]
    fn schema_has_the_bounds_that_are_checked() {
        let params = [
            required("one", ParamKind::Integer(3..=7, Some(5)), "How many"),
            optional("two", ParamKind::Choice(&["low", "high"]), ""),
            optional("three", ParamKind::Label, ""),
        ];
        let expected = json!({
            "type": "object",
            "properties": {
                "one": {
                    "type": "integer", "minimum": 3, "maximum": 7, "default": 5,
                    "description": "How many",
                },
                "two": { "type": "string", "enum": ["low", "high"] },
                "three": { "type": "string" },
            },
            "required": ["one"],
        });
        assert_eq!(Value::from(schema(&params)), expected);
    }
}
