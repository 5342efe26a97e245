//! `doctor --wake`: whether a session of this machine can be woken, by waking it.

use std::path::Path;
use std::time::Duration;

use anyhow::{anyhow, bail};
use tokio::time::timeout;

use super::finding::Finding;
use super::hindrances::hindered;
use super::sessions::name;
use crate::ipc::description::{SessionDescription, TrialReport};
use crate::ipc::local_sessions::local_sessions;
use crate::ipc::{BridgeRequest, BridgeResponse, send};
use crate::terminal::remark;
use crate::wake::trial::{SIGN_TIME, TrialOutcome};
use crate::wording::people::way;

/// The check.
const CHECK: &str = "wake";
/// How long a bridge may take to answer, beyond the time in which it waits for a sign.
const PATIENCE: Duration = Duration::from_secs(10);
/// What may be in the way of a notice.
const REFUSED: &str = "Look for a hook of yours that refuses prompts (UserPromptSubmit), or for a policy of your organization.";

/// Has the session of this alias woken, or the only one, and says what came of it.
///
/// # Errors
/// Which session is meant is not clear, or its bridge does not answer.
pub(super) async fn trial(alias: Option<&str>) -> anyhow::Result<Finding> {
    let sessions = local_sessions().await;
    let sessions: Vec<_> =
        sessions.iter().filter_map(|one| Some((one, one.said.as_ref().ok()?))).collect();
    let aliases: Vec<_> = sessions.iter().filter_map(|(_, said)| said.alias.as_deref()).collect();
    let listed = aliases.join(", ");
    let is_meant =
        |said: &SessionDescription| alias.is_none_or(|it| said.alias.as_deref() == Some(it));
    let mut meant = sessions.iter().filter(|(_, said)| is_meant(said));
    let (session, said) = match (meant.next(), meant.next(), alias) {
        (Some(one), None, _) => *one,
        (Some(_), Some(_), None) => {
            bail!("Several sessions run on this machine. Name one of them after --wake: {listed}.")
        }
        (Some(_), Some(_), Some(alias)) => bail!(
            "Several sessions on this machine have the alias {alias}, on different hubs. Ask the agent of the one that \
             you mean to call register with another."
        ),
        (None, _, Some(_)) if !sessions.is_empty() => bail!(
            "No session of yours on this machine has that alias. Name one of these after --wake: {listed}."
        ),
        (None, ..) => bail!("No session of yours runs on this machine. Start a client first."),
    };
    let who = name(said, session.is_http());
    if session.is_http() {
        let (why, fix) = hindered("no-way");
        return Ok(Finding::failure(CHECK, format!("Nothing wakes {who}: {why}."), fix));
    }
    remark(&format!("Waking {who}. This can take {} s.", SIGN_TIME.as_secs()));
    let report = ask(&session.socket).await.ok_or_else(|| {
        anyhow!(
            "The bridge of {who} does not answer, or is of an earlier version. Restart its client."
        )
    })?;
    Ok(finding(&who, said.client.as_deref(), &report))
}

async fn ask(socket: &Path) -> Option<TrialReport> {
    let answer = timeout(SIGN_TIME + PATIENCE, send(socket, &BridgeRequest::Try)).await;
    match answer.ok()?.ok()?.response {
        BridgeResponse::Tried(report) => Some(report),
        _ => None,
    }
}

/// What came of it, in sentences.
fn finding(who: &str, client: Option<&str>, report: &TrialReport) -> Finding {
    let by = way(report.way.as_deref().unwrap_or_default());
    let after = Duration::from_millis(report.after.unwrap_or_default());
    let seconds = after.as_secs_f64();
    let client = client
        .map_or_else(|| "its client".to_owned(), |it| crate::escape::escape(it).text.into_owned());
    match report.outcome {
        TrialOutcome::Woken => Finding::ok(
            CHECK,
            format!(
                "{who} was woken by {by}: {client} says that a turn began, after {seconds:.1} s."
            ),
        ),
        TrialOutcome::AtWork => Finding::ok(
            CHECK,
            format!("{who} was given the notice by {by}, and was at work {seconds:.1} s later."),
        ),
        TrialOutcome::Dropped => {
            let next = report.next.as_deref().map(way);
            let next = next.map_or_else(
                || "Nothing else can wake it".to_owned(),
                |next| format!("A message would be tried next by {next}"),
            );
            let says = format!(
                "{who} was not woken: {client} refused the notice that it was given by {by}. {next}."
            );
            Finding::failure(CHECK, says, REFUSED)
        }
        TrialOutcome::NoSign => Finding::warning(
            CHECK,
            format!(
                "{who} was given the notice by {by}, and no sign of it came within {} s.",
                SIGN_TIME.as_secs()
            ),
            "Look at its window: without hooks, a turn that calls no tool may show nothing.",
        ),
        TrialOutcome::NoWay => {
            let (why, fix) = hindered(report.hindrance.as_deref().unwrap_or_default());
            Finding::failure(CHECK, format!("Nothing wakes {who}: {why}."), fix)
        }
        TrialOutcome::Busy => Finding::warning(
            CHECK,
            format!("{who} is at work or waits for its user, so it was left alone."),
            "Run this again when its turn is over.",
        ),
        TrialOutcome::Waits => Finding::ok(
            CHECK,
            format!(
                "{who} waits for messages in a call, which ends with the next one. Nothing was tried."
            ),
        ),
        TrialOutcome::TooSoon => Finding::warning(
            CHECK,
            format!("{who} has been woken as often as it may be for now, so nothing was tried."),
            format!("Run this again in {} s.", seconds.ceil()),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Terminal;

    #[test]
    fn no_more_is_said_than_is_known() {
        let said = |outcome, way: &str, hindrance: Option<&str>| {
            let report = TrialReport {
                way: Some(way.to_owned()),
                outcome,
                after: Some(400),
                hindrance: hindrance.map(str::to_owned),
                next: (way == "plugin").then(|| "inbox".to_owned()),
            };
            finding("bob (Claude Code)", Some("Claude Code"), &report).line(Terminal::PIPE)
        };
        for (line, words) in [
            (
                said(TrialOutcome::Woken, "plugin", None),
                "ok    wake: bob (Claude Code) was woken by the junction's plugin",
            ),
            (
                said(TrialOutcome::AtWork, "inbox", None),
                "by Claude Code's inbox, a way that its makers do not document, and was at work 0.4 s later.",
            ),
            (
                said(TrialOutcome::Dropped, "plugin", None),
                "A message would be tried next by Claude Code's inbox",
            ),
            (said(TrialOutcome::Dropped, "rewake-hook", None), "Nothing else can wake it."),
            (
                said(TrialOutcome::NoSign, "queue", None),
                "warn  wake: bob (Claude Code) was given the notice by Codex's queue",
            ),
            (
                said(TrialOutcome::NoWay, "", Some("never-prompted")),
                "FAIL  wake: Nothing wakes bob (Claude Code): it was never given a prompt.",
            ),
            (said(TrialOutcome::TooSoon, "", None), "Run this again in 1 s."),
            (said(TrialOutcome::Waits, "waiting-call", None), "Nothing was tried."),
            (said(TrialOutcome::Busy, "", None), "left alone"),
        ] {
            assert!(line.contains(words), "{line}");
        }
    }
}
