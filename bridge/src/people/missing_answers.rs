//! The answers that a call lacks which waited for them, by the answer of the tool `send_message`.

use serde_json::{Map, Value};

use crate::wording::people::{field, is_missed, is_repeated, recipients};
use junction_engine::group::WaitFor;

/// Where an answer goes that comes after the command which asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerPlace {
    /// The session ends with its command, so nobody gets it.
    Nowhere,
    /// A `watch` of the person prints it, or hands it to its command.
    Watch,
    /// A `read --wait` of the person prints it.
    Read,
    /// The page of the person shows it.
    Page,
    /// The agent reads it in whose shell the command ran.
    Agent,
}

impl AnswerPlace {
    fn of_a_later_one(self) -> &'static str {
        match self {
            Self::Nowhere => {
                "A later one cannot reach you: start junction-bridge watch or ui before you send, to be reached."
            }
            Self::Watch => "A later one appears in your junction-bridge watch.",
            Self::Read => "A later one appears in your junction-bridge read.",
            Self::Page => "A later one appears on your page.",
            Self::Agent => "The tool read_messages returns a later one.",
        }
    }
}

/// The answers that were waited for and did not come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MissingAnswers<'a> {
    /// The peer whose message ended the wait.
    ended_by: Option<&'a str>,
    /// The peers that are gone.
    gone: Vec<&'a str>,
    /// The peers that may still answer.
    silent: Vec<&'a str>,
    /// Whether the message was sent earlier, so that what has come since may have been read.
    is_repeated: bool,
    /// Whether others have answered.
    are_some_there: bool,
}

impl<'a> MissingAnswers<'a> {
    /// What is missing in this answer to a call that waited so; `None` if nothing is.
    pub(crate) fn of(answer: &'a Map<String, Value>, wait_for: WaitFor) -> Option<Self> {
        let text = |field: &str| answer.get(field).and_then(Value::as_str);
        let replies = answer.get("replies").and_then(Value::as_array);
        let mut answered: Vec<_> =
            replies.into_iter().flatten().map(|it| field(it, "from")).collect();
        if answer.contains_key("reply") {
            answered.extend(text("to"));
        }
        let are_some_there = !answered.is_empty();
        if are_some_there && wait_for == WaitFor::Any {
            return None;
        }
        let ended_by = text("ended_by");
        let (mut gone, mut silent) = (Vec::new(), Vec::new());
        for (alias, status, is_gone) in receivers(answer) {
            if answered.contains(&alias) || ended_by == Some(alias) || is_missed(status) {
                continue;
            }
            if is_gone {
                gone.push(alias);
            } else if !matches!(status, "expired" | "unconfirmed") {
                silent.push(alias);
            }
        }
        let is_whole = ended_by.is_none() && gone.is_empty() && silent.is_empty();
        let is_repeated = is_repeated(answer);
        (!is_whole || !are_some_there).then_some(Self {
            ended_by,
            gone,
            silent,
            is_repeated,
            are_some_there,
        })
    }

    /// Whether others have answered.
    pub(crate) fn are_some_there(&self) -> bool {
        self.are_some_there
    }

    /// What is said of them. Where the session ends with its command, the command waits on after a message that ended the
    /// wait, so that nobody is silent yet.
    pub(crate) fn wording(&self, later: AnswerPlace) -> String {
        let is_lasting = later != AnswerPlace::Nowhere;
        let mut said = Vec::new();
        if let Some(peer) = self.ended_by {
            let then = if is_lasting { " Read that, then ask again." } else { "" };
            said.push(format!("{peer} wrote something else first, which ended the wait.{then}"));
        }
        if !self.gone.is_empty() {
            let are = if self.gone.len() == 1 { "is" } else { "are" };
            said.push(format!("{} {are} gone; no reply comes.", self.gone.join(", ")));
        }
        let silent = self.silent.join(", ");
        match (self.ended_by, self.silent.is_empty()) {
            (_, true) => {}
            (Some(_), _) if !is_lasting => {}
            (Some(_), _) => said.push(format!("There is no answer from {silent} yet.")),
            (None, _) if self.is_repeated => said.push(format!(
                "There is no unread answer from {silent}. To ask again, give another --key."
            )),
            (None, _) => said.push(no_answer(&silent, later)),
        }
        if said.is_empty() {
            said.push("No answer comes.".to_owned());
        }
        said.join(" ")
    }
}

/// The receivers of a message: alias, status, and whether the peer was gone while the call waited.
fn receivers(answer: &Map<String, Value>) -> Vec<(&str, &str, bool)> {
    if answer.contains_key("recipients") {
        let each = recipients(answer).iter();
        return each
            .map(|it| (field(it, "alias"), field(it, "status"), it["gone"] == true))
            .collect();
    }
    let text = |field: &str| answer.get(field).and_then(Value::as_str).unwrap_or_default();
    vec![(text("to"), text("status"), answer.get("gone") == Some(&Value::Bool(true)))]
}

/// What is said where no answer came in time.
pub(crate) fn no_answer(of: &str, later: AnswerPlace) -> String {
    format!("No answer from {of} came in time. {}", later.of_a_later_one())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is said of the answers that this answer of the tool lacks, through a `watch` and without one.
    fn said(answer: &Value, wait_for: WaitFor) -> [Option<String>; 2] {
        let missing = MissingAnswers::of(answer.as_object().unwrap(), wait_for);
        [AnswerPlace::Watch, AnswerPlace::Nowhere]
            .map(|later| Some(missing.as_ref()?.wording(later)))
    }

    fn all(answer: &Value) -> [String; 2] {
        said(answer, WaitFor::All).map(|said| said.unwrap())
    }

    /// The answer to a call that waited for bob, eve and joe, of whom these have answered.
    fn group(answered: &[&str]) -> Value {
        let member = |alias| json!({ "alias": alias, "status": "read" });
        let replies: Vec<_> = answered.iter().map(|from| json!({ "from": from })).collect();
        let recipients = ["bob", "eve", "joe"].map(member);
        json!({ "to": "role:worker", "recipients": recipients, "replies": replies })
    }

    #[test]
    fn regression_group_wait_names_those_that_have_not_answered() {
        let [through_watch, alone] = all(&group(&["eve"]));
        assert!(
            through_watch.starts_with("No answer from bob, joe came in time. A later one appears")
        );
        assert!(
            alone.starts_with("No answer from bob, joe came in time. A later one cannot reach")
        );
        assert!(all(&group(&[]))[0].starts_with("No answer from bob, eve, joe came in time."));
        assert_eq!(said(&group(&["bob", "eve", "joe"]), WaitFor::All), [None, None]);
        assert_eq!(said(&group(&["eve"]), WaitFor::Any), [None, None], "one is enough");
        let mut ended = group(&["eve"]);
        ended["recipients"][0]["status"] = json!("refused(gone)");
        ended["recipients"][2]["status"] = json!("expired");
        assert_eq!(said(&ended, WaitFor::All), [None, None], "the statuses say that");
    }

    #[test]
    fn regression_group_wait_says_whose_message_ended_it() {
        let mut answer = group(&["eve"]);
        answer["ended_by"] = json!("bob");
        assert_eq!(
            all(&answer),
            [
                "bob wrote something else first, which ended the wait. Read that, then ask again. There is no answer from joe yet.",
                "bob wrote something else first, which ended the wait.",
            ]
        );
        let single = json!({ "to": "bob", "status": "read", "ended_by": "bob" });
        assert_eq!(all(&single)[1], "bob wrote something else first, which ended the wait.");
    }

    #[test]
    fn regression_wait_for_a_peer_that_is_gone_says_so() {
        let single = json!({ "to": "bob", "status": "read", "gone": true });
        assert_eq!(all(&single), ["bob is gone; no reply comes."; 2]);
        let mut answer = group(&[]);
        answer["recipients"][0]["gone"] = json!(true);
        assert!(
            all(&answer)[0].starts_with("bob is gone; no reply comes. No answer from eve, joe ")
        );
        answer["recipients"][1]["gone"] = json!(true);
        answer["replies"] = json!([{ "from": "joe" }]);
        assert_eq!(all(&answer), ["bob, eve are gone; no reply comes."; 2]);
    }

    #[test]
    fn wait_for_one_peer_lacks_the_answer_or_nothing() {
        let mut answer = json!({ "to": "bob", "status": "read" });
        assert!(all(&answer)[0].starts_with("No answer from bob came in time."));
        answer["repeated"] = json!(true);
        let repeated = "There is no unread answer from bob. To ask again, give another --key.";
        assert_eq!(all(&answer), [repeated; 2]);
        answer["status"] = json!("expired");
        assert_eq!(all(&answer), ["No answer comes."; 2]);
        answer["reply"] = json!({ "message": "yes" });
        assert_eq!(said(&answer, WaitFor::All), [None, None]);
    }
}
