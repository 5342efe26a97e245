//! What `send` prints of the outcome: what was asked for on stdout, all else on stderr.

use serde_json::{Map, Value};

use super::printer::Printer;
use crate::terminal::{NothingCame, remark};
use crate::wording::people::{group_sentence, sent as sentence};

/// Where the outcome goes.
pub(crate) struct SendOutput {
    pub(crate) printer: Printer,
    pub(crate) is_json: bool,
    /// Whether the session goes on after the command, as that of a watch does.
    pub(crate) is_lasting: bool,
}

impl SendOutput {
    /// Prints what became of a message, by the answer of the tool. With a wait, what is asked for is the reply.
    ///
    /// # Errors
    /// stdout takes no more, or no answer came in time.
    pub(crate) async fn sent(
        &self,
        answer: &Map<String, Value>,
        waits: bool,
    ) -> anyhow::Result<()> {
        if answer.contains_key("recipients") {
            return self.sent_to_group(answer, waits).await;
        }
        let reply = answer.get("reply").and_then(|reply| reply["message"].as_str());
        if self.is_json {
            self.printer.line(&Value::from(answer.clone()).to_string()).await?;
        } else if !waits {
            self.printer.line(&sentence(answer)).await?;
        } else if let Some(reply) = reply {
            self.printer.line(reply).await?;
        } else {
            remark(&sentence(answer));
        }
        if !self.is_json {
            self.attachments(answer);
        }
        if !waits || reply.is_some() {
            return Ok(());
        }
        let to = answer.get("to").and_then(Value::as_str).unwrap_or_default();
        Err(NothingCame(match answer.get("ended_by").and_then(Value::as_str) {
            Some(peer) => format!(
                "{peer} wrote something else first, which ended the wait. Read that, then ask again."
            ),
            None => no_answer(to, self.is_lasting),
        })
        .into())
    }

    /// Prints what became of a message to a group. With a wait, what is asked for are the replies.
    async fn sent_to_group(&self, answer: &Map<String, Value>, waits: bool) -> anyhow::Result<()> {
        let none = Vec::new();
        let replies = answer.get("replies").and_then(Value::as_array).unwrap_or(&none);
        if self.is_json {
            self.printer.line(&Value::from(answer.clone()).to_string()).await?;
        } else if waits {
            remark(&group_sentence(answer));
            for reply in replies {
                let text = |field: &str| reply[field].as_str().unwrap_or_default();
                // Each line of a reply stands behind its sender's alias, so none can be taken for another's.
                for line in text("message").split('\n') {
                    self.printer.line(&format!("{}: {line}", text("from"))).await?;
                }
            }
        } else {
            self.printer.line(&group_sentence(answer)).await?;
        }
        let to = answer.get("to").and_then(Value::as_str).unwrap_or_default();
        if waits && replies.is_empty() {
            return Err(NothingCame(no_answer(to, self.is_lasting)).into());
        }
        Ok(())
    }

    /// Tells what is to know of attachments: of the message, and of the answer.
    fn attachments(&self, answer: &Map<String, Value>) {
        let to = answer.get("to").and_then(Value::as_str).unwrap_or_default();
        let is_there = |holder: Option<&Value>| holder.is_some_and(Value::is_array);
        if self.is_lasting && is_there(answer.get("attachments")) {
            remark(&format!(
                "{to} can save what is attached as long as the session that sent it runs, and after that whatever the hub has received by then."
            ));
        }
        if is_there(answer.get("reply").and_then(|reply| reply.get("attachments"))) {
            remark(&format!(
                "{to} has attached something to the answer, which send does not save. Run junction-bridge watch --save DIR, and \
                 have {to} send it again."
            ));
        }
    }
}

/// What is said where no answer came in time.
pub(crate) fn no_answer(of: &str, is_lasting: bool) -> String {
    format!(
        "No answer from {of} came in time. {}",
        if is_lasting {
            "A later one appears in your junction-bridge watch."
        } else {
            "A later one cannot reach you: start junction-bridge watch before you send, to be reached."
        }
    )
}
