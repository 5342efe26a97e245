//! What `send` prints of the outcome: what was asked for on stdout, all else on stderr.

use anyhow::anyhow;
use serde_json::{Map, Value};

use super::missing_answers::{AnswerPlace, MissingAnswers};
use super::printer::Printer;
use crate::terminal::{NothingCame, remark};
use crate::wording::people::{field, group_sentence, is_repeated, not_to_all, sent as sentence};
use junction_engine::group::WaitFor;

/// Where the outcome goes.
pub(crate) struct SendOutput {
    pub(crate) printer: Printer,
    pub(crate) is_json: bool,
    /// Where an answer goes that comes after the command.
    pub(crate) later: AnswerPlace,
}

/// How a command ends whose outcome is printed.
pub(crate) enum SendEnd {
    /// The message was sent, and what was waited for came.
    Done,
    /// No answer came, and why.
    NoAnswer(String),
    /// The message did not get to all of its receivers, or to none.
    NotToAll(String),
}

impl SendEnd {
    /// What the command returns.
    ///
    /// # Errors
    /// What it lacks.
    pub(crate) fn into_result(self) -> anyhow::Result<()> {
        match self {
            Self::Done => Ok(()),
            Self::NoAnswer(said) => Err(NothingCame(said).into()),
            Self::NotToAll(said) => Err(anyhow!(said)),
        }
    }
}

impl SendOutput {
    /// Prints what became of a message, by the answer of the tool. With a wait, what is asked for is the answers.
    ///
    /// # Errors
    /// stdout takes no more.
    pub(crate) async fn sent(
        &self,
        answer: &Map<String, Value>,
        wait: Option<WaitFor>,
    ) -> anyhow::Result<SendEnd> {
        let waits = wait.is_some();
        if self.is_json {
            self.printer.line(&Value::from(answer.clone()).to_string()).await?;
        } else if answer.contains_key("recipients") {
            self.sent_to_group(answer, waits).await?;
        } else {
            self.sent_to_peer(answer, waits).await?;
        }
        let missing = wait.and_then(|wait_for| MissingAnswers::of(answer, wait_for));
        let are_some_there = missing.as_ref().is_some_and(MissingAnswers::are_some_there);
        let missing = missing.map(|missing| missing.wording(self.later));
        Ok(match (not_to_all(answer), missing) {
            (Some(said), missing) => {
                missing.iter().for_each(|missing| remark(missing));
                SendEnd::NotToAll(said)
            }
            (None, Some(missing)) if are_some_there => {
                remark(&missing);
                SendEnd::Done
            }
            (None, Some(missing)) => SendEnd::NoAnswer(missing),
            (None, None) => SendEnd::Done,
        })
    }

    /// Prints what became of a message to one peer, or its reply.
    async fn sent_to_peer(&self, answer: &Map<String, Value>, waits: bool) -> anyhow::Result<()> {
        let reply = answer.get("reply").and_then(|reply| reply["message"].as_str());
        match reply {
            Some(reply) => self.printer.line(reply).await?,
            None if waits => remark(&sentence(answer)),
            None => self.printer.line(&sentence(answer)).await?,
        }
        self.attachments(answer);
        Ok(())
    }

    /// Prints what became of a message to a group, and the replies.
    async fn sent_to_group(&self, answer: &Map<String, Value>, waits: bool) -> anyhow::Result<()> {
        let said = group_sentence(answer, self.later != AnswerPlace::Nowhere);
        if waits && !said.is_empty() {
            remark(&said);
        } else if !said.is_empty() {
            self.printer.line(&said).await?;
        }
        for reply in answer.get("replies").and_then(Value::as_array).into_iter().flatten() {
            // Each line of a reply stands behind its sender's alias, so none can be taken for another's.
            for line in field(reply, "message").split('\n') {
                self.printer.line(&format!("{}: {line}", field(reply, "from"))).await?;
            }
        }
        Ok(())
    }

    /// Tells what is to know of attachments: of the message, and of the answer.
    fn attachments(&self, answer: &Map<String, Value>) {
        let to = answer.get("to").and_then(Value::as_str).unwrap_or_default();
        let is_there = |holder: Option<&Value>| holder.is_some_and(Value::is_array);
        if self.later != AnswerPlace::Nowhere
            && !is_repeated(answer)
            && is_there(answer.get("attachments"))
        {
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
