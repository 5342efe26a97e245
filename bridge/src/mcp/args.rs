//! The arguments of one tool call. They are checked here rather than by a deserialiser, so that a model that gets one
//! wrong learns which one and what it must be, in a sentence that quotes nothing. What models write in another way than
//! the schema says, and what can only mean one thing, is taken as that.

use std::time::Duration;

use junction_engine::error::Error;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::context_text::{CONTEXT_TEXT, TextLimit};
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::limits::MAX_MESSAGE;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::argument_names::{IgnoredJson, take_unknown};
use super::params::{Param, ParamKind, ToolSpec};
use super::tool_error::ToolError;
use crate::address;
pub(super) use crate::address::bare;
use crate::address::{AddressFault, Addressee, GROUP_AMONG_OTHERS};
use crate::results::place_of;

/// What some models write for an argument that they leave out.
const ABSENT: [&str; 2] = ["", "null"];
/// What some models write for nothing. For a text of a context it means that there is to be none.
const NONE: &str = "none";

/// The arguments of one call, read by name.
pub(crate) struct ToolArgs {
    pub(super) tool: &'static ToolSpec,
    given: Map<String, Value>,
    notes: ArgumentsJson,
}

/// What an answer tells of the arguments of its call.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ArgumentsJson {
    #[serde(flatten)]
    ignored: IgnoredJson,
    /// Arguments that were out of range, with what was taken instead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    clamped: Vec<String>,
}

pub(super) type Parsed<T> = Result<T, ToolError>;

impl ToolArgs {
    /// The arguments that a client gave to this tool.
    ///
    /// # Errors
    /// If one has a name that is nearly the tool's.
    pub(crate) fn new(tool: &'static ToolSpec, mut given: Map<String, Value>) -> Parsed<Self> {
        let ignored = take_unknown(tool.params, &mut given).map_err(|meant| {
            let (tool, meant) = (tool.name, meant.join(", "));
            ToolError::Argument(format!(
                "Some arguments have wrong names: {tool} calls them {meant}. Nothing was done: call {tool} again with these names."
            ))
        })?;
        Ok(Self { tool, given, notes: ArgumentsJson { ignored, clamped: Vec::new() } })
    }

    /// What the answer tells of the arguments.
    pub(crate) fn into_notes(self) -> ArgumentsJson {
        self.notes
    }

    /// An alias that this session would like to have.
    pub(crate) fn new_alias(&mut self, name: &'static str) -> Parsed<Option<Alias>> {
        match self.take(name).1 {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().eq_ignore_ascii_case(NONE) => Ok(None),
            Some(value) => alias(&value).map(Some).ok_or(Error::BadAlias.into()),
        }
    }

    /// The alias of a peer, if one is given.
    pub(crate) fn peer(&mut self, name: &'static str) -> Parsed<Option<Alias>> {
        let (param, value) = self.take(name);
        let Some(value) = value else { return Ok(None) };
        alias(&value).map(Some).ok_or_else(|| {
            let what = param.kind.description();
            ToolError::Argument(format!(
                "{name} must be {what}. Call list_peers to see who is there."
            ))
        })
    }

    /// Whom a message is for, which must be given.
    pub(crate) fn address(&mut self, name: &'static str) -> Parsed<Addressee> {
        let (param, value) = self.take(name);
        let what = param.kind.description();
        let Some(value) = value else {
            let tool = self.tool.name;
            return argument(format!(
                "{tool} needs {name}: {what}. Call list_peers to see who is there."
            ));
        };
        Addressee::of_value(&value).map_err(|fault| {
            ToolError::Argument(match fault {
                AddressFault::GroupAmongOthers => GROUP_AMONG_OTHERS.to_owned(),
                AddressFault::Nobody => {
                    format!("{name} names nobody. Call list_peers to see who is there.")
                }
                AddressFault::Unknown => {
                    format!("{name} must be {what}. Call list_peers to see who is there.")
                }
            })
        })
    }

    /// The text of a message, which must be given and may be empty.
    pub(crate) fn message(&mut self, name: &'static str) -> Parsed<String> {
        let (param, value) = self.take(name);
        match value {
            Some(Value::String(text)) => {
                if param.kind.accepts(&text) {
                    Ok(text)
                } else {
                    Err(Error::TooLarge { limit: MAX_MESSAGE }.into())
                }
            }
            _ => self.wrong(param, &param.kind.description()),
        }
    }

    /// A text of a context, cut to its limit. It is empty where the context is to have none.
    pub(crate) fn label(&mut self, name: &'static str) -> Parsed<Option<String>> {
        const UNCUT: TextLimit = TextLimit { chars: usize::MAX, bytes: usize::MAX };
        let (param, value) = self.take(name);
        let text = match value {
            None => return Ok(None),
            Some(Value::String(text)) => text,
            Some(_) => return self.wrong(param, &param.kind.description()),
        };
        // As in an address of a message.
        let text = ["role:", "repo:"]
            .into_iter()
            .find_map(|kind| text.strip_prefix(kind))
            .unwrap_or(&text);
        if text.trim().eq_ignore_ascii_case(NONE) {
            return Ok(Some(String::new()));
        }
        let (whole, label) = (UNCUT.label(text), CONTEXT_TEXT.label(text));
        if let Some(label) = label.as_ref().filter(|_| label != whole) {
            let length = label.chars().count();
            self.notes.clamped.push(format!("{name}: {length} characters"));
        }
        Ok(label)
    }

    /// A text to search for, if any.
    pub(crate) fn filter(&mut self, name: &'static str) -> Parsed<Option<String>> {
        Ok(self.label(name)?.filter(|text| !text.is_empty()))
    }

    /// The name of a host.
    pub(crate) fn host(&mut self, name: &'static str) -> Parsed<Option<String>> {
        self.text(name)
    }

    /// The place of a list behind which a page begins.
    pub(crate) fn place(&mut self, name: &'static str) -> Parsed<Option<String>> {
        let cursor = self.text(name).map_err(|_| {
            let (tool, what) = (self.tool.name, ParamKind::Cursor.description());
            ToolError::Argument(format!(
                "{name} must be {what}. Call {tool} again with one, or without {name} for the first page."
            ))
        })?;
        Ok(cursor.as_deref().and_then(place_of).map(str::to_owned))
    }

    /// The fingerprint of a key, in lower case.
    pub(crate) fn fingerprint(&mut self, name: &'static str) -> Parsed<Option<String>> {
        Ok(self.text(name)?.map(|text| text.to_ascii_lowercase()))
    }

    /// The id of a message.
    pub(crate) fn message_id(&mut self, name: &'static str) -> Parsed<Option<MessageId>> {
        let id = self.text(name)?.and_then(|text| Uuid::try_parse(&text).ok());
        Ok(id.map(|id| MessageId(id.into_bytes())))
    }

    /// The id of a message, which must be given.
    pub(crate) fn required_message_id(&mut self, name: &'static str) -> Parsed<MessageId> {
        let what = ParamKind::MessageId.description();
        let tool = self.tool.name;
        self.message_id(name)?.ok_or_else(|| {
            ToolError::Argument(format!("{tool} needs {name}: {what}. Call {tool} again with one."))
        })
    }

    /// A path, or the name of a value or a command.
    pub(crate) fn name(&mut self, name: &'static str) -> Parsed<Option<String>> {
        self.text(name)
    }

    /// Whether something is wanted.
    pub(crate) fn flag(&mut self, name: &'static str) -> Parsed<bool> {
        let (param, value) = self.take_number(name);
        let word =
            value.as_ref().and_then(Value::as_str).map(|text| bare(text).to_ascii_lowercase());
        match (&value, word.as_deref()) {
            (None, _) | (_, Some("false" | "no" | "0")) => Ok(false),
            (_, Some("true" | "yes" | "1")) => Ok(true),
            (Some(Value::Bool(flag)), _) => Ok(*flag),
            (Some(Value::Number(number)), _) if number.as_i64() == Some(1) => Ok(true),
            (Some(Value::Number(number)), _) if number.as_i64() == Some(0) => Ok(false),
            _ => self.wrong(param, &param.kind.description()),
        }
    }

    /// One of a few words, as what it stands for.
    pub(crate) fn choice<T>(
        &mut self,
        name: &'static str,
        names: impl IntoIterator<Item = (&'static str, T)>,
    ) -> Parsed<Option<T>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        Ok(names.into_iter().find(|(word, _)| *word == text).map(|(_, value)| value))
    }

    /// An integer. Nothing but a larger one is out of range; 0 and less stand for an absent one, and that for the
    /// parameter's default.
    pub(crate) fn integer(&mut self, name: &'static str) -> Parsed<Option<u64>> {
        self.integer_up_to(name, u64::MAX)
    }

    /// An integer as [`ToolArgs::integer`], of which no bound is larger than `limit`.
    pub(crate) fn integer_up_to(&mut self, name: &'static str, limit: u64) -> Parsed<Option<u64>> {
        let (param, value) = self.take_number(name);
        let ParamKind::Integer(range, default) = &param.kind else { return Ok(None) };
        let range = *range.start().min(&limit)..=*range.end().min(&limit);
        let Some(value) = value else { return Ok(*default) };
        match integer(&value) {
            Some(number) if number <= 0 => Ok(*default),
            Some(number) if number.unsigned_abs() >= *range.start() => {
                Ok(Some(self.clamp(name, number, range.start(), range.end())))
            }
            _ => self.wrong(param, &ParamKind::Integer(range, None).description()),
        }
    }

    /// A number of seconds to wait, of which no bound is larger than `longest`.
    pub(crate) fn seconds(&mut self, name: &'static str, longest: u64) -> Parsed<Duration> {
        let (param, value) = self.take_number(name);
        let ParamKind::Wait(range, default) = &param.kind else { return Ok(Duration::ZERO) };
        let range = *range.start().min(&longest)..=*range.end().min(&longest);
        let seconds = match value.as_ref().map(integer) {
            None => *default.min(&longest),
            Some(Some(number)) if number < 0 => {
                self.clamp(name, number, range.start(), range.start())
            }
            Some(Some(number)) => self.clamp(name, number, range.start(), range.end()),
            Some(None) => return self.wrong(param, &param.kind.description()),
        };
        Ok(Duration::from_secs(seconds))
    }

    /// The number, or the nearest in this range, and then a note of that.
    fn clamp(&mut self, name: &str, number: i64, least: &u64, most: &u64) -> u64 {
        let taken = u64::try_from(number).unwrap_or_default().clamp(*least, *most);
        if i64::try_from(taken) != Ok(number) {
            self.notes.clamped.push(format!("{name}: {taken}"));
        }
        taken
    }

    /// A text of the parameter's kind, without what models put around it.
    fn text(&mut self, name: &'static str) -> Parsed<Option<String>> {
        let (param, value) = self.take(name);
        let text = match value {
            None => return Ok(None),
            Some(Value::String(text)) => bare(&text).to_owned(),
            Some(_) => return self.wrong(param, &param.kind.description()),
        };
        let is_choice = matches!(param.kind, ParamKind::Choice(_));
        let text =
            if is_choice { text.to_ascii_lowercase().replace([' ', '_'], "-") } else { text };
        if param.kind.accepts(&text) {
            Ok(Some(text))
        } else if text.is_empty() || text.eq_ignore_ascii_case(NONE) {
            Ok(None)
        } else {
            self.wrong(param, &param.kind.description())
        }
    }

    pub(super) fn take_number(&mut self, name: &str) -> (&'static Param, Option<Value>) {
        let (param, value) = self.take(name);
        let is_none = |value: &Value| {
            value.as_str().is_some_and(|text| bare(text).eq_ignore_ascii_case(NONE))
        };
        (param, value.filter(|value| !is_none(value)))
    }

    /// Whether an argument was given as a text, and was not taken before.
    pub(super) fn gives_text(&self, name: &str) -> bool {
        self.given.get(name).is_some_and(Value::is_string)
    }

    /// The parameter of this name, and the argument for it unless that is absent, or what models write for absent.
    #[expect(clippy::expect_used, reason = "a test passes every parameter of every tool")]
    pub(super) fn take(&mut self, name: &str) -> (&'static Param, Option<Value>) {
        let param = self.tool.params.iter().find(|param| param.name == name);
        let param = param.expect("the tool has this parameter");
        let is_message = matches!(param.kind, ParamKind::Message);
        let is_absent =
            |text: &str| ABSENT.iter().any(|word| text.trim().eq_ignore_ascii_case(word));
        let value = self.given.remove(name).filter(|value| match value {
            Value::Null => false,
            Value::String(text) => is_message || !is_absent(text),
            _ => true,
        });
        (param, value)
    }

    pub(super) fn wrong<T>(&self, param: &Param, what: &str) -> Parsed<T> {
        let (tool, name) = (self.tool.name, param.name);
        argument(format!("{name} must be {what}. Call {tool} again with one."))
    }
}

pub(super) fn argument<T>(text: String) -> Parsed<T> {
    Err(ToolError::Argument(text))
}

/// The alias that a value stands for.
fn alias(value: &Value) -> Option<Alias> {
    address::alias(value.as_str()?)
}

/// The integer that a JSON number or a text stands for. Some models write 30.0 for 30, some "30". One that is too large
/// stands for the largest.
pub(super) fn integer(value: &Value) -> Option<i64> {
    if let Some(text) = value.as_str() {
        let text = bare(text);
        return text.parse().ok().or_else(|| whole(text.parse().ok()?));
    }
    value.as_i64().or_else(|| whole(value.as_f64()?))
}

fn whole(float: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a cast of a float keeps to the range")]
    (float.fract() == 0.0).then_some(float as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::mcp::params::{optional, required};
    use crate::results::cursor_to;
    use crate::wording::Wording as _;

    static TOOL: ToolSpec = ToolSpec {
        name: "send_message",
        params: &[
            optional("alias", ParamKind::NewAlias, ""),
            optional("peer", ParamKind::PeerAlias, ""),
            required("to", ParamKind::Address, ""),
            optional("label", ParamKind::Label, ""),
            optional("fingerprint", ParamKind::Fingerprint, ""),
            optional("id", ParamKind::MessageId, ""),
            optional("message", ParamKind::Message, ""),
            optional("number", ParamKind::Integer(1..=9, Some(5)), ""),
            optional("ttl", ParamKind::Integer(10..=7200, None), ""),
            optional("wait", ParamKind::Wait(0..=540, 0), ""),
            optional("pause", ParamKind::Wait(3..=540, 30), ""),
            optional("urgency", ParamKind::Choice(&["low", "normal", "high"]), ""),
            optional("cursor", ParamKind::Cursor, ""),
            optional("host", ParamKind::HostName, ""),
        ],
        ..ToolSpec::EMPTY
    };

    fn args(given: Value) -> ToolArgs {
        let Value::Object(given) = given else { panic!("no object") };
        ToolArgs::new(&TOOL, given).unwrap()
    }

    fn error<T>(outcome: Parsed<T>) -> String {
        outcome.err().unwrap().wording()
    }

    #[test]
    fn regression_numbers_may_be_written_as_texts_and_floats() {
        for given in [
            json!(7),
            json!(7.0),
            json!("7"),
            json!(" 7 "),
            json!("7.0"),
            json!("+7"),
            json!("\"7\""),
        ] {
            let mut args = args(json!({ "number": given, "wait": given, "pause": given }));
            assert_eq!(args.integer("number"), Ok(Some(7)), "{given}");
            assert_eq!(args.seconds("wait", 540), Ok(Duration::from_secs(7)));
            assert_eq!(args.seconds("pause", 540), Ok(Duration::from_secs(7)));
            assert_eq!(args.into_notes(), ArgumentsJson::default());
        }
        for given in [
            json!(3.5),
            json!("3.5"),
            json!("soon"),
            json!([3]),
            json!(true),
            json!("true"),
            json!("NaN"),
            json!("inf"),
            json!("3 s"),
            json!({}),
        ] {
            let mut args = args(json!({ "number": given, "wait": given }));
            assert_eq!(
                error(args.integer("number")),
                "number must be an integer from 1 to 9. Call send_message again with one."
            );
            assert!(
                error(args.seconds("wait", 540))
                    .starts_with("wait must be an integer from 0 to 540.")
            );
        }
    }

    #[test]
    fn regression_waits_are_clamped_both_ways_and_other_numbers_downwards_and_told() {
        for (given, wait, pause) in [
            (json!(541), 540, 540),
            (json!("600"), 540, 540),
            (json!(1e300), 540, 540),
            (json!(u64::MAX), 540, 540),
            (json!("99999999999999999999"), 540, 540),
            (json!(-1), 0, 3),
            (json!("-7.0"), 0, 3),
        ] {
            let mut args = args(json!({ "wait": given, "pause": given }));
            assert_eq!(args.seconds("wait", 540), Ok(Duration::from_secs(wait)), "{given}");
            assert_eq!(args.seconds("pause", 540), Ok(Duration::from_secs(pause)), "{given}");
            let told = json!({ "clamped": [format!("wait: {wait}"), format!("pause: {pause}")] });
            assert_eq!(serde_json::to_value(args.into_notes()).unwrap(), told);
        }
        let mut short = args(json!({ "wait": 300, "pause": 290 }));
        assert_eq!(short.seconds("wait", 290), Ok(Duration::from_secs(290)));
        assert_eq!(short.seconds("pause", 290), Ok(Duration::from_secs(290)));
        assert_eq!(short.into_notes().clamped, ["wait: 290"]);
        let mut numbers = args(json!({ "number": 10, "ttl": "99999" }));
        assert_eq!(numbers.integer("number"), Ok(Some(9)));
        assert_eq!(numbers.integer_up_to("ttl", 1800), Ok(Some(1800)));
        assert_eq!(numbers.into_notes().clamped, ["number: 9", "ttl: 1800"]);
        for nothing in [json!(0), json!(-5), json!("0"), json!(-1e300), json!(-0.0)] {
            let mut args = args(json!({ "number": nothing, "ttl": nothing }));
            assert_eq!((args.integer("number"), args.integer("ttl")), (Ok(Some(5)), Ok(None)));
        }
        assert!(
            error(args(json!({ "ttl": 9 })).integer_up_to("ttl", 1800))
                .contains("from 10 to 1800.")
        );
        assert_eq!(args(json!({ "ttl": 9 })).integer_up_to("ttl", 5), Ok(Some(5)));
    }

    #[test]
    fn regression_null_and_empty_texts_are_absent() {
        for absent in [json!(null), json!(""), json!("  "), json!("null"), json!("NULL")] {
            let given: Map<_, _> =
                TOOL.params.iter().map(|param| (param.name.to_owned(), absent.clone())).collect();
            let mut args = args(given.into());
            assert_eq!((args.integer("number"), args.integer("ttl")), (Ok(Some(5)), Ok(None)));
            assert_eq!(
                (args.seconds("wait", 540), args.seconds("pause", 540)),
                (Ok(Duration::ZERO), Ok(Duration::from_secs(30)))
            );
            assert_eq!((args.new_alias("alias"), args.label("label")), (Ok(None), Ok(None)));
            assert_eq!((args.fingerprint("fingerprint"), args.host("host")), (Ok(None), Ok(None)));
            assert_eq!((args.message_id("id"), args.place("cursor")), (Ok(None), Ok(None)));
            assert_eq!(args.choice("urgency", [("low", 1)]), Ok(None));
            assert_eq!(
                error(args.address("to")),
                "send_message needs to: a peer's alias, role:NAME, repo:NAME, * for every peer, or several aliases with commas. Call \
                 list_peers to see who is there."
            );
            assert_eq!(args.message("message").ok(), absent.as_str().map(str::to_owned));
        }
    }

    #[test]
    fn regression_none_clears_a_text_and_stands_for_nothing_elsewhere() {
        for none in ["none", "None", " NONE "] {
            let mut args = args(json!({
                "label": none, "alias": none, "id": none, "fingerprint": none, "cursor": none, "urgency": none,
                "number": none, "wait": none,
            }));
            assert_eq!(args.label("label"), Ok(Some(String::new())));
            assert_eq!((args.new_alias("alias"), args.message_id("id")), (Ok(None), Ok(None)));
            assert_eq!(
                (args.fingerprint("fingerprint"), args.place("cursor")),
                (Ok(None), Ok(None))
            );
            assert_eq!(args.choice("urgency", [("low", 1)]), Ok(None));
            assert_eq!(
                (args.integer("number"), args.seconds("wait", 540)),
                (Ok(Some(5)), Ok(Duration::ZERO))
            );
        }
        assert_eq!(args(json!({ "label": "none" })).filter("label"), Ok(None));
    }

    #[test]
    fn regression_aliases_are_found_as_people_and_models_write_them() {
        for written in [
            "bob",
            "Bob",
            " bob ",
            "@bob",
            "@Bob",
            "`bob`",
            "\"bob\"",
            "'BOB'",
            "`@bob`",
            "@ `bob`",
            "“bob”",
            "\n@bob\t",
        ] {
            let mut args = args(json!({ "peer": written, "alias": written }));
            assert_eq!(args.peer("peer").unwrap().unwrap().as_str(), "bob", "{written}");
            assert_eq!(args.new_alias("alias").unwrap().unwrap().as_str(), "bob");
        }
        for other in ["b o b", "bob!", "bób", "@", "@@bob", "bob@host", "ВОВ"] {
            let mut args = args(json!({ "peer": other, "alias": other }));
            assert_eq!(
                error(args.peer("peer")),
                "peer must be a peer's alias, as list_peers shows it. Call list_peers to see who is there."
            );
            assert_eq!(args.new_alias("alias"), Err(Error::BadAlias.into()));
        }
    }

    #[test]
    fn regression_texts_of_a_context_are_cleaned_and_cut_and_the_cut_is_told() {
        let label = |text: &str| {
            let mut args = args(json!({ "label": text }));
            (args.label("label").unwrap(), args.into_notes().clamped)
        };
        for text in ["größer – später", "日本語", &"x".repeat(120), "👩‍💻"] {
            assert_eq!(label(text), (Some(text.to_owned()), vec![]));
        }
        assert_eq!(label(" a\u{202e}b\n"), (Some("ab".to_owned()), vec![]));
        assert_eq!(label("\u{202e}"), (None, vec![]));
        let cut = |text: String, most| (Some(text), vec![format!("label: {most} characters")]);
        assert_eq!(label(&"x".repeat(500)), cut("x".repeat(120), 120));
        assert_eq!(label(&"ü".repeat(76)), cut("ü".repeat(75), 75));
        assert!(
            error(args(json!({ "label": 7 })).label("label"))
                .starts_with("label must be a string.")
        );
    }

    #[test]
    fn limit_lowers_both_bounds_of_an_integer() {
        let up_to = |limit, number| args(json!({ "ttl": number })).integer_up_to("ttl", limit);
        assert_eq!(up_to(60, 60), Ok(Some(60)));
        assert_eq!(up_to(60, 61), Ok(Some(60)));
        assert_eq!(up_to(5, 5), Ok(Some(5)));
        assert_eq!(up_to(9_000, 7_201), Ok(Some(7_200)));
    }

    #[test]
    fn regression_names_that_are_nearly_ours_are_refused_and_others_told() {
        let given = |name: &str| Map::from_iter([(name.to_owned(), json!(1))]);
        assert_eq!(
            error(ToolArgs::new(&TOOL, given("Urgncy"))),
            "Some arguments have wrong names: send_message calls them urgency. Nothing was done: call send_message again with these names."
        );
        let notes = ToolArgs::new(&TOOL, given("wait_for_previous")).unwrap().into_notes();
        assert_eq!(
            serde_json::to_value(notes).unwrap(),
            json!({ "ignored": ["wait_for_previous"] })
        );
        assert!(ToolArgs::new(&ToolSpec::EMPTY, given("s3cret")).is_ok());
    }

    #[test]
    fn message_that_is_too_large_has_an_error_of_its_own() {
        for text in ParamKind::Message.inside() {
            assert!(args(json!({ "message": text })).message("message").is_ok());
        }
        let large = ParamKind::Message.outside().remove(0);
        let outcome = args(json!({ "message": large })).message("message");
        assert_eq!(outcome.err(), Some(Error::TooLarge { limit: MAX_MESSAGE }.into()));
        assert!(error(args(json!({})).message("message")).contains("message must be a string"));
    }

    #[test]
    fn texts_become_what_they_stand_for() {
        let id = " `018F0000-0000-7000-8000-0000000000ff` ";
        assert!(matches!(args(json!({ "id": id })).message_id("id"), Ok(Some(_))));
        let fingerprint = args(json!({ "fingerprint": " ABCDEF0123456789" }));
        let lower = Some("abcdef0123456789".to_owned());
        assert_eq!({ fingerprint }.fingerprint("fingerprint"), Ok(lower));
        let cursor = cursor_to("bob");
        assert_eq!(args(json!({ "cursor": cursor })).place("cursor"), Ok(Some("bob".to_owned())));
    }

    #[test]
    fn regression_cursor_that_no_answer_gave_is_an_error() {
        for cursor in [
            json!("0"),
            json!(0),
            json!("bob"),
            json!("undefined"),
            json!("1"),
            json!("eyJvIjoxfQ=="),
            json!({}),
        ] {
            assert_eq!(
                error(args(json!({ "cursor": cursor })).place("cursor")),
                "cursor must be an unchanged nextCursor from an earlier answer. Call send_message again with one, or without cursor for the first page."
            );
        }
    }

    #[test]
    fn choices_are_named_when_one_is_wrong() {
        let names = [("low", 1), ("normal", 2), ("high", 3)];
        assert_eq!(args(json!({ "urgency": " High" })).choice("urgency", names), Ok(Some(3)));
        assert_eq!(args(json!({})).choice("urgency", names), Ok(None));
        assert_eq!(
            error(args(json!({ "urgency": "s3cret" })).choice("urgency", names)),
            "urgency must be low, normal or high. Call send_message again with one."
        );
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "qq.{0,80}qq".prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 8, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("qq[a-z]*", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_value_is_taken_or_refused_without_a_quote(value in any_json()) {
            let given = |name: &str| {
                args(Value::Object(Map::from_iter([(name.to_owned(), value.clone())])))
            };
            let texts = TOOL.params.iter().map(|param| given(param.name).text(param.name).map(|_| ()));
            let outcomes = texts.chain([
                given("alias").new_alias("alias").map(|_| ()),
                given("peer").peer("peer").map(|_| ()),
                given("label").label("label").map(|_| ()),
                given("message").message("message").map(|_| ()),
                given("wait").seconds("wait", 540).map(|_| ()),
                given("number").integer("number").map(|_| ()),
                given("cursor").place("cursor").map(|_| ()),
            ]);
            for error in outcomes.filter_map(Result::err) {
                prop_assert!(!error.wording().contains("qq"), "{error:?}");
            }
        }
    }
}
