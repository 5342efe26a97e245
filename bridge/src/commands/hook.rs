//! `junction-bridge hook`: what a client runs at the events of a session. The command tells the session's bridge of the
//! event, and the client what the agent should know.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use junction_shared::machine::settings::{parse_millis, setting};
use serde_json::Value;
use tokio::time::timeout;

use crate::clients::hook_event::NamedHookEvent;
use crate::clients::hook_reply::HookReply;
use crate::clients::{self, WakeOutcome};
use crate::ipc::{
    BridgeRequest, BridgeResponse, ReceivedResponse, SessionMatch, bridges_of_this_session, send,
};

/// The most bytes of an event that are read. An event can hold a whole tool result.
const MAX_INPUT: u64 = 64 << 20;
/// How long the client may take to write the event.
const INPUT_TIME: Duration = Duration::from_secs(2);
/// How long a bridge may take to reply, unless the setting says otherwise: the client waits for the hook.
const REPLY_TIME: Duration = Duration::from_millis(30);
/// The setting, in milliseconds, for machines that are often too busy to reply so soon.
const REPLY_TIME_SETTING: &str = "JUNCTION_HOOK_TIMEOUT_MS";
/// How long after the first hook of a session a client may take to start its servers.
const SERVER_TIME: Duration = Duration::from_secs(30);
/// How long a plugin's wait lasts at most: a little less than Claude Code lets a plugin's program run.
const WAIT_TIME: Duration = Duration::from_secs(590);
/// How often a program that waits looks for the bridge meanwhile.
const SEARCH_INTERVAL: Duration = Duration::from_millis(250);

/// Tells the session's bridge of the event on stdin. If anything fails, the client goes on as if there were no hook.
pub(crate) async fn run() -> ExitCode {
    if let Some(event) = read_event().await
        && let Some((reply, mut received)) = reply_to(&event).await
        && received.is_awaited()
    {
        let written = reply.to_json(&event.name).is_none_or(|line| print(&line));
        if written {
            received.acknowledge().await;
        }
    }
    ExitCode::SUCCESS
}

/// Waits until the session's bridge has a reason to wake the agent, and writes the notice to stderr.
pub(crate) async fn run_rewake(is_reserve: bool) -> ExitCode {
    let Some(status) = clients::rewake_status() else { return ExitCode::SUCCESS };
    let Some(event) = read_event().await else { return ExitCode::SUCCESS };
    let own = bridges_in_time().await;
    let waits = own.iter().map(|(socket, session_match)| {
        let (event, session_match) = (event.event.clone(), *session_match);
        let request = BridgeRequest::Rewake { event, session_match, is_reserve };
        async move { send(socket, &request).await.ok() }
    });
    // All bridges but the session's own hang up at once, and so does that one where a reserve is not needed.
    let woken = join_all(waits).await.into_iter().flatten().find_map(|it| match it.response {
        BridgeResponse::Wake { notice } => Some(notice),
        _ => None,
    });
    let Some(notice) = woken else { return ExitCode::SUCCESS };
    let _ = writeln!(std::io::stderr(), "{notice}");
    ExitCode::from(status)
}

/// Waits, for a plugin, until the session's bridge has a reason to wake the agent, and writes the notice to stdout. Tells
/// the bridge what became of the notice before.
pub(crate) async fn run_wait(outcome: Option<WakeOutcome>) -> ExitCode {
    if has_reader()
        && let Ok(Some((notice, mut received))) = timeout(WAIT_TIME, next_notice(outcome)).await
        && received.is_awaited()
        && print(&notice)
    {
        received.acknowledge().await;
    }
    ExitCode::SUCCESS
}

/// Writes a line to stdout. Whether somebody can read it.
fn print(line: &str) -> bool {
    let mut stdout = std::io::stdout();
    has_reader() && writeln!(stdout, "{line}").and_then(|()| stdout.flush()).is_ok()
}

/// Whether somebody can read what is written to stdout. In place of a closed one, Rust opens the null device.
#[cfg(unix)]
fn has_reader() -> bool {
    let stdout = rustix::fs::fstat(std::io::stdout());
    let null = rustix::fs::stat("/dev/null");
    !matches!((stdout, null), (Ok(stdout), Ok(null)) if stdout.st_rdev == null.st_rdev)
}

#[cfg(not(unix))]
fn has_reader() -> bool {
    true
}

/// The first notice of the session's bridges; `None` if all of them let go, or none is there.
async fn next_notice(outcome: Option<WakeOutcome>) -> Option<(String, ReceivedResponse)> {
    let own = bridges_in_time().await;
    let waits = own.iter().map(|(socket, session_match)| {
        let session = clients::plugin_name().or_else(clients::shell_session);
        let request = BridgeRequest::Wait { outcome, session, session_match: *session_match };
        async move { send(socket, &request).await.ok() }
    });
    let mut waits: FuturesUnordered<_> = waits.collect();
    while let Some(received) = waits.next().await {
        if let Some(received) = received
            && let BridgeResponse::Wake { notice } = &received.response
        {
            return Some((notice.clone(), received));
        }
    }
    None
}

/// The bridges of this session. At its beginning, hooks and plugins run before servers do, so the bridge may be yet to
/// come.
async fn bridges_in_time() -> Vec<(PathBuf, SessionMatch)> {
    let mut own = own_bridges();
    let started = Instant::now();
    while own.is_empty() && started.elapsed() < SERVER_TIME {
        tokio::time::sleep(SEARCH_INTERVAL).await;
        own = own_bridges();
    }
    own
}

/// The bridges that may be this session's. A plugin's is the one that knows its name, even where there is no other: its
/// own may be yet to come.
fn own_bridges() -> Vec<(PathBuf, SessionMatch)> {
    let mut own = bridges_of_this_session();
    if clients::plugin_name().is_some() {
        own.iter_mut().for_each(|(_, session_match)| *session_match = SessionMatch::OneOfSeveral);
    }
    own
}

/// The event that the client writes to stdin, if it is one.
async fn read_event() -> Option<NamedHookEvent> {
    let mut event = clients::hook_event(&read_input().await?)?;
    if let Some(name) = clients::plugin_name() {
        event.event.own_id = event.event.session.replace(name);
    }
    Some(event)
}

/// The JSON that the client writes to stdin.
pub(super) async fn read_input() -> Option<Value> {
    let read = tokio::task::spawn_blocking(|| {
        let input = std::io::BufReader::new(std::io::stdin().lock().take(MAX_INPUT));
        // Only the first value is read, because some clients leave stdin open.
        serde_json::Deserializer::from_reader(input).into_iter::<Value>().next()
    });
    timeout(INPUT_TIME, read).await.ok()?.ok()??.ok()
}

/// How long to wait for a bridge. A setting that cannot be read counts as absent: a hook reports no errors.
pub(super) fn reply_time() -> Duration {
    setting(None, REPLY_TIME_SETTING, parse_millis, REPLY_TIME).unwrap_or(REPLY_TIME)
}

/// The reply of the session's bridge. Where several bridges may be meant, each decides whether it is.
async fn reply_to(event: &NamedHookEvent) -> Option<(HookReply, ReceivedResponse)> {
    let own = own_bridges();
    let limit = reply_time();
    let asked = own.iter().map(|(socket, session_match): &(_, SessionMatch)| {
        let request =
            BridgeRequest::Hook { event: event.event.clone(), session_match: *session_match };
        async move { timeout(limit, send(socket, &request)).await.ok()?.ok() }
    });
    let received = join_all(asked).await.into_iter().flatten();
    let mut replies = received.filter_map(|received| match &received.response {
        BridgeResponse::Hook(reply) => Some((reply.clone(), received)),
        _ => None,
    });
    // If two bridges claim the session, neither is trusted.
    replies.next().filter(|_| replies.next().is_none())
}
