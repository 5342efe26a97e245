//! The arguments of one tool call. They are checked here rather than by a deserialiser, so that a model that gets one
//! wrong learns which one and what it must be, in a sentence that quotes nothing.

use std::time::Duration;

use junction_engine::error::Error;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::limits::MAX_MESSAGE;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::params::{Param, ParamKind};
use super::schema::ToolSpec;
use crate::wording::Wording;

/// The arguments of one call, read by name. After the last one, [`ToolArgs::done`] refuses what is left.
pub(crate) struct ToolArgs {
    tool: &'static ToolSpec,
    given: Map<String, Value>,
}

type Parsed<T> = Result<T, ToolError>;

/// Why a tool call failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToolError {
    /// An argument is wrong: a sentence about what is wrong, and one about what to do.
    Argument(String),
    /// The engine could not do what was asked.
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

impl ToolArgs {
    /// The arguments that a client gave to this tool.
    pub(crate) fn new(tool: &'static ToolSpec, given: Map<String, Value>) -> Self {
        Self { tool, given }
    }

    /// Ends the reading of arguments.
    ///
    /// # Errors
    /// If the call has an argument that the tool does not take.
    pub(crate) fn done(self) -> Parsed<()> {
        let tool = self.tool.name;
        if self.given.is_empty() {
            return Ok(());
        }
        if self.tool.params.is_empty() {
            return argument(format!("{tool} takes no arguments. Call it again without any."));
        }
        let takes: Vec<_> = self.tool.params.iter().map(|param| param.name).collect();
        let takes = takes.join(", ");
        argument(format!("{tool} takes only {takes}. Call it again without other arguments."))
    }

    /// An alias that this session would like to have.
    pub(crate) fn new_alias(&mut self, name: &'static str) -> Parsed<Option<Alias>> {
        let (_, value) = self.take(name);
        let Some(value) = value else { return Ok(None) };
        let alias = value.as_str().and_then(|text| Alias::parse(text).ok());
        alias.map(Some).ok_or(Error::BadAlias.into())
    }

    /// The alias of a peer, which must be given.
    pub(crate) fn peer(&mut self, name: &'static str) -> Parsed<Alias> {
        let (param, value) = self.take(name);
        let alias = value.as_ref().and_then(Value::as_str).and_then(|text| Alias::parse(text).ok());
        alias.ok_or_else(|| {
            let what = param.kind.description();
            ToolError::Argument(format!(
                "{name} must be {what}. Call list_peers to see who is there."
            ))
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

    /// A text of the parameter's kind.
    pub(crate) fn text(&mut self, name: &'static str) -> Parsed<Option<String>> {
        let (param, value) = self.take(name);
        match value {
            None => Ok(None),
            Some(Value::String(text)) if param.kind.accepts(&text) => Ok(Some(text)),
            Some(_) => self.wrong(param, &param.kind.description()),
        }
    }

    /// A text to search for. Some models write an empty text where they search for nothing in particular.
    pub(crate) fn filter(&mut self, name: &'static str) -> Parsed<Option<String>> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
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

    /// One of a few words, as what it stands for.
    pub(crate) fn choice<T>(
        &mut self,
        name: &'static str,
        names: impl IntoIterator<Item = (&'static str, T)>,
    ) -> Parsed<Option<T>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        Ok(names.into_iter().find(|(word, _)| *word == text).map(|(_, value)| value))
    }

    /// An integer in the parameter's range. An absent one is the parameter's default.
    pub(crate) fn integer(&mut self, name: &'static str) -> Parsed<Option<u64>> {
        self.integer_up_to(name, u64::MAX)
    }

    /// A number of seconds in the parameter's range. An absent one is the parameter's default, or none.
    pub(crate) fn seconds(&mut self, name: &'static str) -> Parsed<Duration> {
        Ok(Duration::from_secs(self.integer(name)?.unwrap_or_default()))
    }

    /// An integer in the parameter's range, of which no bound is larger than `limit`.
    pub(crate) fn integer_up_to(&mut self, name: &'static str, limit: u64) -> Parsed<Option<u64>> {
        let (param, value) = self.take(name);
        let ParamKind::Integer(range, default) = &param.kind else { return Ok(None) };
        let Some(value) = value else { return Ok(*default) };
        let range = *range.start().min(&limit)..=*range.end().min(&limit);
        match integer(&value).filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => self.wrong(param, &ParamKind::Integer(range, None).description()),
        }
    }

    /// The parameter of this name, and the argument for it unless that is absent, or null, which some models write
    /// for absent.
    #[expect(clippy::expect_used, reason = "a test passes every parameter of every tool")]
    fn take(&mut self, name: &str) -> (&'static Param, Option<Value>) {
        let param = self.tool.params.iter().find(|param| param.name == name);
        let value = self.given.remove(name).filter(|value| !value.is_null());
        (param.expect("the tool has this parameter"), value)
    }

    fn wrong<T>(&self, param: &Param, what: &str) -> Parsed<T> {
        let (tool, name) = (self.tool.name, param.name);
        argument(format!("{name} must be {what}. Call {tool} again with one."))
    }
}

fn argument<T>(text: String) -> Parsed<T> {
    Err(ToolError::Argument(text))
}

/// The integer that a JSON number stands for. Some models write 30.0 for 30.
fn integer(value: &Value) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    let float = value.as_f64()?;
    if let Some(number) = value.as_u64() {
        return Some(number);
    }
    let integral = float.fract() == 0.0 && (0.0..EXACT).contains(&float);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an integer in the range of u64"
    )]
    integral.then_some(float as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::mcp::params::optional;

    static TOOL: ToolSpec = ToolSpec {
        name: "send_message",
        params: &[
            optional("alias", ParamKind::NewAlias, ""),
            optional("peer", ParamKind::PeerAlias, ""),
            optional("label", ParamKind::Label, ""),
            optional("fingerprint", ParamKind::Fingerprint, ""),
            optional("id", ParamKind::MessageId, ""),
            optional("message", ParamKind::Message, ""),
            optional("number", ParamKind::Integer(1..=9, Some(5)), ""),
            optional("wait", ParamKind::Integer(0..=540, None), ""),
            optional("urgency", ParamKind::Choice(&["low", "normal", "high"]), ""),
        ],
        ..ToolSpec::EMPTY
    };

    fn args(given: Value) -> ToolArgs {
        let Value::Object(given) = given else { panic!("no object") };
        ToolArgs::new(&TOOL, given)
    }

    fn error<T>(outcome: Parsed<T>) -> String {
        outcome.err().unwrap().wording()
    }

    #[test]
    fn integers_may_be_written_as_floats() {
        for (given, number) in [
            (json!(1), Some(1)),
            (json!(9), Some(9)),
            (json!(3.0), Some(3)),
            (json!(3.5), None),
            (json!(0), None),
            (json!(10), None),
            (json!(-1), None),
            (json!(1e300), None),
            (json!("3"), None),
            (json!([3]), None),
        ] {
            let outcome = args(json!({ "number": given })).integer("number");
            match number {
                Some(number) => assert_eq!(outcome, Ok(Some(number))),
                None => assert_eq!(
                    error(outcome),
                    "number must be an integer from 1 to 9. Call send_message again with one."
                ),
            }
        }
    }

    #[test]
    fn absent_and_null_arguments_have_their_default() {
        assert_eq!(args(json!({})).integer("number"), Ok(Some(5)));
        assert_eq!(args(json!({ "number": null })).integer("number"), Ok(Some(5)));
        assert_eq!(args(json!({ "wait": null })).seconds("wait"), Ok(Duration::ZERO));
        assert_eq!(args(json!({ "label": null })).text("label"), Ok(None));
    }

    #[test]
    fn limit_lowers_both_bounds_of_an_integer() {
        let up_to =
            |limit, number| args(json!({ "number": number })).integer_up_to("number", limit);
        assert_eq!(up_to(4, 4), Ok(Some(4)));
        assert!(error(up_to(4, 5)).contains("from 1 to 4."));
        assert_eq!(up_to(0, 0), Ok(Some(0)));
        assert_eq!(up_to(100, 9), Ok(Some(9)));
        assert!(error(up_to(100, 10)).contains("from 1 to 9."));
    }

    #[test]
    fn unknown_arguments_are_refused_and_not_quoted() {
        let mut one = args(json!({ "number": 1, "s3cret": 1 }));
        one.integer("number").unwrap();
        assert_eq!(
            error(one.done()),
            "send_message takes only alias, peer, label, fingerprint, id, message, number, wait, urgency. \
             Call it again without other arguments."
        );
        let given = Map::from_iter([("s3cret".to_owned(), json!(1))]);
        assert_eq!(
            error(ToolArgs::new(&ToolSpec::EMPTY, given).done()),
            " takes no arguments. Call it again without any."
        );
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
        let id = "018f0000-0000-7000-8000-0000000000ff";
        assert!(matches!(args(json!({ "id": id })).message_id("id"), Ok(Some(_))));
        let fingerprint = args(json!({ "fingerprint": "ABCDEF0123456789" }));
        let lower = Some("abcdef0123456789".to_owned());
        assert_eq!({ fingerprint }.fingerprint("fingerprint"), Ok(lower));
        assert_eq!(args(json!({ "label": "" })).text("label"), Ok(Some(String::new())));
        assert_eq!(args(json!({ "label": "" })).filter("label"), Ok(None));
        let alias = args(json!({ "alias": "Not One" })).new_alias("alias");
        assert_eq!(alias, Err(Error::BadAlias.into()));
        let peer = args(json!({ "peer": "Not One" })).peer("peer");
        assert!(error(peer).ends_with("see who is there."));
    }

    #[test]
    fn choices_are_named_when_one_is_wrong() {
        let names = [("low", 1), ("normal", 2), ("high", 3)];
        assert_eq!(args(json!({ "urgency": "high" })).choice("urgency", names), Ok(Some(3)));
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
                given("message").message("message").map(|_| ()),
                given("wait").seconds("wait").map(|_| ()),
                given("number").done(),
            ]);
            for error in outcomes.filter_map(Result::err) {
                prop_assert!(!error.wording().contains("qq"), "{error:?}");
            }
        }
    }
}
