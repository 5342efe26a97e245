//! The arguments of a tool call. They are read here rather than by a deserialiser, so that an agent that
//! gets one wrong is told which, and what it takes, in words that quote nothing.

use std::ops::RangeInclusive;
use std::time::Duration;

use junction_engine::wiped::Wiped;
use junction_shared::machine::hosts::is_host_name;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::limits::{MAX_CONTEXT_FIELD, MAX_MESSAGE};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::wording::Wording;
use junction_engine::error::Error;
use junction_engine::label::is_label;

/// The longest wait, in seconds: some clients give up after ten minutes.
pub(crate) const MAX_WAIT: u64 = 540;
/// The longest cursor: those of a hub are an alias long.
const MAX_CURSOR: usize = 256;
/// Characters of a fingerprint.
const FINGERPRINT: usize = 16;

/// The arguments of one call, read by name. Whoever has read all that the tool takes calls
/// [`Args::done`].
pub(crate) struct Args {
    tool: &'static str,
    given: Map<String, Value>,
    takes: Vec<&'static str>,
}

type Parsed<T> = Result<T, ToolError>;

/// Why a tool call failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToolError {
    /// An argument is wrong: which one, and what it takes.
    Argument(String),
    /// The engine could not do what was asked for.
    Engine(Error),
}

impl From<Error> for ToolError {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl Wording for ToolError {
    fn wording(&self) -> String {
        match self {
            Self::Argument(wording) => wording.clone(),
            Self::Engine(error) => error.wording(),
        }
    }
}

impl Args {
    pub(crate) fn new(tool: &'static str, given: Map<String, Value>) -> Self {
        Self { tool, given, takes: Vec::new() }
    }

    /// Nothing but what was asked for is there.
    pub(crate) fn done(self) -> Parsed<()> {
        let Self { tool, given, takes } = self;
        if given.is_empty() {
            return Ok(());
        }
        if takes.is_empty() {
            return argument(format!("{tool} takes no arguments. Call it again without any."));
        }
        let takes = takes.join(", ");
        argument(format!("{tool} takes only {takes}. Call it again without other arguments."))
    }

    /// A wished alias.
    pub(crate) fn alias(&mut self, name: &'static str) -> Parsed<Option<Alias>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => {
                Alias::parse(&text).map(Some).map_err(|_| Error::BadAlias.into())
            }
            Some(_) => Err(Error::BadAlias.into()),
        }
    }

    /// The alias of a peer, which must be given.
    pub(crate) fn peer(&mut self, name: &'static str) -> Parsed<Alias> {
        let text = self.take(name);
        let alias = text.as_ref().and_then(Value::as_str).and_then(|text| Alias::parse(text).ok());
        alias.ok_or_else(|| {
            let tool = self.tool;
            ToolError::Argument(format!(
                "{tool} needs {name}, a peer's alias as list_peers shows it. Call list_peers to see who is there."
            ))
        })
    }

    /// A label of the context: at most 64 printable ASCII characters, possibly none.
    pub(crate) fn label(&mut self, name: &'static str) -> Parsed<Option<String>> {
        let what = || format!("a text of at most {MAX_CONTEXT_FIELD} printable ASCII characters");
        self.text(name, what, |text| is_label(&text).then_some(text))
    }

    /// The name of a known host.
    pub(crate) fn host(&mut self, name: &'static str) -> Parsed<Option<String>> {
        let what = || "the name of a host as known_hosts shows it".to_owned();
        self.text(name, what, |text| is_host_name(&text).then_some(text))
    }

    /// A cursor that an earlier answer gave.
    pub(crate) fn cursor(&mut self, name: &'static str) -> Parsed<Option<String>> {
        let what = || "the nextCursor of the answer before, unchanged".to_owned();
        let fits = |text: &str| text.len() <= MAX_CURSOR && text.is_ascii();
        self.text(name, what, |text| fits(&text).then_some(text))
    }

    /// The fingerprint of a key.
    pub(crate) fn fingerprint(&mut self, name: &'static str) -> Parsed<Option<String>> {
        let what = || format!("the {FINGERPRINT} hexadecimal digits of a peer's fingerprint");
        let fits =
            |text: &str| text.len() == FINGERPRINT && text.bytes().all(|b| b.is_ascii_hexdigit());
        self.text(name, what, |text| fits(&text).then(|| text.to_ascii_lowercase()))
    }

    /// The id of a message.
    pub(crate) fn message_id(&mut self, name: &'static str) -> Parsed<Option<MessageId>> {
        let what = || "the id of a message, as read_messages shows it".to_owned();
        let parse = |text: String| Uuid::try_parse(&text).ok();
        Ok(self.text(name, what, parse)?.map(|id| MessageId(id.into_bytes())))
    }

    /// The text of a message, which must be given and may be empty.
    pub(crate) fn message(&mut self, name: &'static str) -> Parsed<Wiped<String>> {
        match self.take(name) {
            Some(Value::String(text)) if text.len() <= MAX_MESSAGE => Ok(Wiped::new(text)),
            Some(Value::String(text)) => {
                drop(Wiped::new(text));
                Err(Error::TooLarge.into())
            }
            _ => {
                let tool = self.tool;
                argument(format!(
                    "{tool} needs {name}, a text of at most {MAX_MESSAGE} bytes. Call it again with that."
                ))
            }
        }
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        names: [(&'static str, T); 3],
    ) -> Parsed<Option<T>> {
        let what = || {
            let [(first, _), (second, _), (third, _)] = &names;
            format!("{first}, {second} or {third}")
        };
        let parse = |text: String| names.iter().find(|(word, _)| *word == text).map(|(_, it)| *it);
        self.text(name, what, parse)
    }

    /// How long to wait, in seconds, or as long as is usual.
    pub(crate) fn wait(&mut self, name: &'static str, usual: u64) -> Parsed<Duration> {
        Ok(Duration::from_secs(self.whole(name, 0..=MAX_WAIT)?.unwrap_or(usual)))
    }

    /// A whole number in a range.
    pub(crate) fn whole(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Parsed<Option<u64>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match whole(&value).filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => self
                .wrong(name, &format!("a whole number from {} to {}", range.start(), range.end())),
        }
    }

    fn text<T>(
        &mut self,
        name: &'static str,
        what: impl FnOnce() -> String,
        parse: impl FnOnce(String) -> Option<T>,
    ) -> Parsed<Option<T>> {
        let parsed = match self.take(name) {
            None => return Ok(None),
            Some(Value::String(text)) => parse(text),
            Some(_) => None,
        };
        if parsed.is_some() { Ok(parsed) } else { self.wrong(name, &what()) }
    }

    /// The argument, unless it is absent or null, which some models write for absent.
    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.takes.push(name);
        self.given.remove(name).filter(|value| !value.is_null())
    }

    fn wrong<T>(&self, name: &str, what: &str) -> Parsed<T> {
        let tool = self.tool;
        argument(format!("The argument {name} takes {what}. Call {tool} again with that."))
    }
}

fn argument<T>(text: String) -> Parsed<T> {
    Err(ToolError::Argument(text))
}

/// The whole number that a JSON number stands for: some models write 30.0 for 30.
fn whole(value: &Value) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    let float = value.as_f64()?;
    if let Some(number) = value.as_u64() {
        return Some(number);
    }
    let integral = float.fract() == 0.0 && (0.0..EXACT).contains(&float);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and in range"
    )]
    integral.then_some(float as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn args(given: Value) -> Args {
        let Value::Object(given) = given else { panic!("arguments are an object") };
        Args::new("send_message", given)
    }

    fn told<T>(outcome: Parsed<T>) -> String {
        outcome.err().unwrap().wording()
    }

    #[test]
    fn absent_and_null_are_the_same() {
        let mut args = args(json!({ "limit": null }));
        assert_eq!(args.whole("limit", 1..=9), Ok(None));
        assert_eq!(args.label("role"), Ok(None));
        assert_eq!(args.done(), Ok(()));
    }

    #[test]
    fn numbers_may_be_written_as_floats() {
        for (value, whole) in
            [(json!(30), Some(30)), (json!(30.0), Some(30)), (json!(3e1), Some(30))]
        {
            assert_eq!(args(json!({ "n": value })).whole("n", 0..=540), Ok(whole));
        }
        for value in [json!(541), json!(-1), json!(0.5), json!(1e300), json!("30"), json!(true)] {
            assert_eq!(
                told(args(json!({ "n": value })).whole("n", 0..=540)),
                "The argument n takes a whole number from 0 to 540. Call send_message again with that."
            );
        }
    }

    #[test]
    fn unknown_names_are_refused_without_being_quoted() {
        let mut one = args(json!({ "limit": 1, "s3cret": 1 }));
        one.whole("limit", 0..=9).unwrap();
        assert_eq!(
            told(one.done()),
            "send_message takes only limit. Call it again without other arguments."
        );
        assert_eq!(
            told(args(json!({ "s3cret": 1 })).done()),
            "send_message takes no arguments. Call it again without any."
        );
    }

    #[test]
    fn message_is_as_long_as_may_be_and_no_longer() {
        let message = |length| args(json!({ "message": "x".repeat(length) })).message("message");
        assert_eq!(message(MAX_MESSAGE).unwrap().len(), MAX_MESSAGE);
        assert_eq!(message(0).unwrap().len(), 0);
        assert_eq!(message(MAX_MESSAGE + 1).err(), Some(Error::TooLarge.into()));
        assert!(told(args(json!({})).message("message")).contains("needs message"));
    }

    #[test]
    fn ids_fingerprints_and_hosts_have_their_grammars() {
        let id = "018f0000-0000-7000-8000-0000000000ff";
        assert!(matches!(args(json!({ "id": id })).message_id("id"), Ok(Some(_))));
        assert!(args(json!({ "id": "1" })).message_id("id").is_err());
        let fingerprint = args(json!({ "f": "ABCDEF0123456789" })).fingerprint("f");
        assert_eq!(fingerprint, Ok(Some("abcdef0123456789".to_owned())));
        assert!(args(json!({ "f": "abcdef012345678" })).fingerprint("f").is_err());
        assert!(args(json!({ "h": "../etc" })).host("h").is_err());
        assert_eq!(args(json!({ "a": "Not One" })).alias("a"), Err(Error::BadAlias.into()));
        assert!(told(args(json!({ "a": "Not One" })).peer("a")).ends_with("see who is there."));
    }

    #[test]
    fn choices_are_told_when_one_is_wrong() {
        let names = [("low", 1), ("normal", 2), ("high", 3)];
        assert_eq!(args(json!({ "u": "high" })).choice("u", names), Ok(Some(3)));
        assert_eq!(args(json!({})).choice("u", names), Ok(None));
        assert_eq!(
            told(args(json!({ "u": "s3cret" })).choice("u", names)),
            "The argument u takes low, normal or high. Call send_message again with that."
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
            let given = || args(json!({ "x": value.clone() }));
            let outcomes = [
                given().alias("x").map(|_| ()),
                given().peer("x").map(|_| ()),
                given().label("x").map(|_| ()),
                given().host("x").map(|_| ()),
                given().cursor("x").map(|_| ()),
                given().fingerprint("x").map(|_| ()),
                given().message_id("x").map(|_| ()),
                given().message("x").map(|_| ()),
                given().wait("x", 0).map(|_| ()),
                given().choice("x", [("a", 1), ("b", 2), ("c", 3)]).map(|_| ()),
                given().done(),
            ];
            for error in outcomes.into_iter().filter_map(Result::err) {
                prop_assert!(!error.wording().contains("qq"), "{error:?}");
            }
        }
    }
}
