//! What a `send` that ends with its command tells of its attachments, and how long it stays for them: what the hub does not
//! have whole is lost with the session.

use std::time::Duration;

use anyhow::{anyhow, bail};
use junction_attachments::safe_name;
use junction_engine::attachment::{AttachmentInfo, PreparedAttachments};
use junction_engine::{Status, UploadProgress, UploadState, wall_ms};
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::wire::Refusal;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::progress_line::{ProgressLine, byte_size, progress_text};
use crate::process::signals::Signals;
use crate::terminal::remark;
use crate::timestamp::span;

/// How often the progress is shown.
const TICK: Duration = Duration::from_millis(100);
/// How long the hub may take before the person is told what is waited for.
const SILENCE: Duration = Duration::from_secs(2);

/// What is told of the attachments of one message.
pub(crate) struct UploadReport {
    to: Alias,
    infos: Vec<AttachmentInfo>,
    progress: watch::Receiver<Vec<UploadProgress>>,
    /// Which ends were told.
    is_told: Vec<bool>,
    line: ProgressLine,
}

impl UploadReport {
    /// A report of what is about to be sent to this peer.
    pub(crate) fn new(prepared: &PreparedAttachments, to: Alias) -> Self {
        let infos = prepared.infos();
        let is_told = vec![false; infos.len()];
        Self { to, infos, progress: prepared.progress(), is_told, line: ProgressLine::new() }
    }

    /// Does something else, and tells meanwhile what becomes of the attachments.
    pub(crate) async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => {
                    self.line.clear();
                    return done;
                }
                () = sleep(TICK) => self.look(),
            }
        }
    }

    /// Stays until the hub has all of each attachment, or the attachment has ended; `until_ms` is when the message expires.
    ///
    /// # Errors
    /// The receiver can or may not be able to save all of them.
    pub(crate) async fn settle(
        &mut self,
        mut message: watch::Receiver<Status>,
        until_ms: u64,
        signals: &mut Signals,
    ) -> anyhow::Result<()> {
        let (mut silent_at, mut is_over) = (Some(Instant::now() + SILENCE), false);
        while !self.is_settled() && !is_over {
            self.look();
            if silent_at.is_some_and(|at| at <= Instant::now()) {
                silent_at = None;
                self.say(&format!(
                    "Waiting until the hub has all of {}. It may have no room before {} saves what is there.",
                    self.names(|state| state == UploadState::Coming),
                    self.to
                ));
            }
            tokio::select! {
                changed = self.progress.changed() => is_over = changed.is_err(),
                ended = message.wait_for(|status| status.is_final_without_reply()) => {
                    is_over = ended.is_ok();
                }
                () = signals.next() => bail!(
                    "The command was interrupted before the hub had all of {names}, so {to} may not be able to save that. The message \
                     itself was sent. Send what is missing again.",
                    names = self.names(|state| state == UploadState::Coming),
                    to = self.to
                ),
                () = sleep(TICK) => {}
            }
        }
        self.look();
        self.line.clear();
        self.outcome(until_ms)
    }

    /// What the person has to know at the end.
    fn outcome(&self, until_ms: u64) -> anyhow::Result<()> {
        let to = &self.to;
        let kept = self.names(|state| state == UploadState::Kept);
        if !kept.is_empty() {
            let left = span(Duration::from_millis(until_ms.saturating_sub(wall_ms())));
            remark(&format!(
                "{to} can save {kept} for {left} from now, as long as the hub and the bridge of {to} keep running."
            ));
        }
        let is_lost = |state: UploadState| match state {
            UploadState::Coming => true,
            UploadState::Kept | UploadState::Ended(Status::Saved) => false,
            UploadState::Ended(_) => true,
        };
        match self.names(is_lost) {
            lost if lost.is_empty() => Ok(()),
            lost => Err(anyhow!(
                "{to} has not said that it saved {lost}, and may not be able to any more. Send it again."
            )),
        }
    }

    fn is_settled(&self) -> bool {
        self.progress.borrow().iter().all(|it| it.state != UploadState::Coming)
    }

    /// Tells which attachments have ended since the last look, and shows how far the first is that has not.
    fn look(&mut self) {
        let all = self.progress.borrow_and_update().clone();
        for (at, progress) in all.iter().enumerate() {
            if let UploadState::Ended(status) = progress.state
                && !std::mem::replace(&mut self.is_told[at], true)
            {
                let said = ended(&self.to, &shown(&self.infos[at]), status);
                self.say(&said);
            }
        }
        let coming = all.iter().position(|progress| progress.state == UploadState::Coming);
        match coming.and_then(|at| Some((self.infos.get(at)?, all.get(at)?.given))) {
            Some((info, 0)) => {
                self.line.show(&format!("  {}: waiting for the hub", safe_name(&info.name)));
            }
            Some((info, given)) => {
                self.line.show(&progress_text(&safe_name(&info.name), given, info.bytes));
            }
            None => self.line.clear(),
        }
    }

    fn say(&mut self, said: &str) {
        self.line.clear();
        remark(said);
    }

    /// The names of those that are so.
    fn names(&self, is_so: impl Fn(UploadState) -> bool) -> String {
        let progress = self.progress.borrow();
        let named = self.infos.iter().zip(progress.iter()).filter(|(_, it)| is_so(it.state));
        named.map(|(info, _)| shown(info)).collect::<Vec<_>>().join(", ")
    }
}

fn shown(info: &AttachmentInfo) -> String {
    format!("{} ({})", safe_name(&info.name), byte_size(info.bytes))
}

/// How an attachment ended.
fn ended(to: &Alias, name: &str, status: Status) -> String {
    match status {
        Status::Saved => format!("{to} has saved {name}."),
        Status::Expired => format!("{to} did not save {name} in time."),
        Status::Refused(Refusal::Changed) => {
            format!("{name} was changed or removed before the hub had all of it.")
        }
        _ => format!("Nobody can say whether {to} has saved {name}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_said_no_better_than_they_are_known() {
        let bob = Alias::parse("bob").unwrap();
        for (status, said) in [
            (Status::Saved, "bob has saved a (1 byte)."),
            (Status::Expired, "bob did not save a (1 byte) in time."),
            (
                Status::Refused(Refusal::Changed),
                "a (1 byte) was changed or removed before the hub had all of it.",
            ),
            (Status::Unconfirmed, "Nobody can say whether bob has saved a (1 byte)."),
        ] {
            assert_eq!(ended(&bob, "a (1 byte)", status), said);
        }
    }
}
