//! `junction-bridge hook`: what a client runs at the events of a session. It tells the session's bridge of the event,
//! and the client what the agent is to know. Claude Code and Codex share one format; Gemini CLI takes it, too.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use junction_shared::machine::settings::{env, parse_millis, setting};
use serde_json::Value;
use tokio::time::timeout;

use crate::ipc::{Answered, Request, Response, Sure, Told, ask, of_this_session};

mod answer;
mod event;

pub(crate) use answer::answer;
pub(crate) use event::{Named, named};

/// The most of an event that is read: it can hold all that a tool gave.
const MAX_INPUT: u64 = 64 << 20;
/// How long the client may take to say what has happened.
const INPUT_TIME: Duration = Duration::from_secs(2);
/// How long a bridge may take to answer, unless set otherwise: a client waits for the hook before it goes on.
const ANSWER_TIME: Duration = Duration::from_millis(30);
/// What sets it otherwise, in milliseconds: on a machine that is often too busy to answer so soon.
const ANSWER_TIME_SETTING: &str = "JUNCTION_HOOK_TIMEOUT_MS";
/// What Claude Code sets to tell how it was started: a run that ends with its answer waits for hooks of any kind.
const ENTRYPOINT: &str = "CLAUDE_CODE_ENTRYPOINT";
/// What it says of a session that goes on.
const INTERACTIVE: &str = "cli";
/// How long a client may take from the first hook of a session to its servers, for a hook that can wait.
const SERVER_TIME: Duration = Duration::from_secs(30);
/// How often to look for the bridge meanwhile.
const LOOK: Duration = Duration::from_millis(250);
/// The status by which Claude Code knows that a hook that slept wants its agent woken.
const WAKES: u8 = 2;

/// Tells the session's bridge of the event on stdin. Whatever goes wrong, the client goes on as if there were no hook.
pub(crate) async fn run() -> ExitCode {
    if let Some(event) = read_event().await
        && let Some((told, answered)) = tell(&event).await
    {
        let said = match answer(&event.name, &told) {
            Some(line) => writeln!(std::io::stdout(), "{line}").is_ok(),
            None => true,
        };
        if said {
            answered.passed_on().await;
        }
    }
    ExitCode::SUCCESS
}

/// Sleeps until the session's bridge has a reason to wake the agent, and says that on stderr.
pub(crate) async fn sleep() -> ExitCode {
    if env(ENTRYPOINT).is_some_and(|entrypoint| entrypoint != INTERACTIVE) {
        return ExitCode::SUCCESS;
    }
    let Some(event) = read_event().await else { return ExitCode::SUCCESS };
    // At the beginning of a session its hooks run before its servers do.
    let mut own = of_this_session();
    let started = Instant::now();
    while own.is_empty() && started.elapsed() < SERVER_TIME {
        tokio::time::sleep(LOOK).await;
        own = of_this_session();
    }
    let sleeps = own.iter().map(|(socket, sure)| {
        let request = Request::Sleep { event: event.event.clone(), sure: *sure };
        async move { ask(socket, &request).await.ok() }
    });
    // All but the bridge that is meant hang up at once.
    let woken = join_all(sleeps).await.into_iter().flatten().find_map(|it| match it.response {
        Response::Wake { notice } => Some(notice),
        _ => None,
    });
    let Some(notice) = woken else { return ExitCode::SUCCESS };
    let _ = writeln!(std::io::stderr(), "{notice}");
    ExitCode::from(WAKES)
}

/// What the client says of the event; nothing if it is none.
async fn read_event() -> Option<Named> {
    let read = tokio::task::spawn_blocking(|| {
        let input = std::io::BufReader::new(std::io::stdin().lock().take(MAX_INPUT));
        // The first value is all there is: some clients leave the other end open.
        serde_json::Deserializer::from_reader(input).into_iter::<Value>().next()
    });
    let input = timeout(INPUT_TIME, read).await.ok()?.ok()??.ok()?;
    named(&input)
}

/// What the session's bridge has the agent told. Where several may be meant, each says whether it is.
async fn tell(event: &Named) -> Option<(Told, Answered)> {
    let own = of_this_session();
    // A hook fails in silence, and so does a setting of its own that is none.
    let patience = setting(None, ANSWER_TIME_SETTING, parse_millis, ANSWER_TIME);
    let patience = patience.unwrap_or(ANSWER_TIME);
    let asked = own.iter().map(|(socket, sure): &(_, Sure)| {
        let request = Request::Hook { event: event.event.clone(), sure: *sure };
        async move { timeout(patience, ask(socket, &request)).await.ok()?.ok() }
    });
    let mut told =
        join_all(asked).await.into_iter().flatten().filter_map(|answered| {
            match &answered.response {
                Response::Hook(told) => Some((told.clone(), answered)),
                _ => None,
            }
        });
    // Of two that claim the session neither can be believed.
    told.next().filter(|_| told.next().is_none())
}
