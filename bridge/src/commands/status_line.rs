//! `junction-bridge status-line`: what a client shows its user of the session, in one line.

use std::io::Write as _;
use std::process::ExitCode;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::timeout;

use super::hook::{read_input, reply_time};
use crate::clients;
use crate::ipc::{
    BridgeRequest, BridgeResponse, InboxCounts, SessionMatch, bridges_of_this_session, send,
};

/// Prints the line. Without a bridge, or with two that claim the session, there is none.
pub(crate) async fn run() -> ExitCode {
    let own = bridges_of_this_session();
    if own.is_empty() {
        return ExitCode::SUCCESS;
    }
    // Only needed where several sessions may be meant.
    let is_clear = matches!(own.as_slice(), [(_, SessionMatch::Only)]);
    let session = if is_clear { None } else { session().await };
    let limit = reply_time();
    let asked = own.iter().map(|(socket, session_match)| {
        let session = session.clone();
        let request = BridgeRequest::Inbox { session, session_match: *session_match };
        async move { timeout(limit, send(socket, &request)).await.ok()?.ok() }
    });
    let answers = join_all(asked).await.into_iter().flatten();
    let mut counts = answers.filter_map(|received| match received.response {
        BridgeResponse::Inbox(counts) => Some(counts),
        _ => None,
    });
    if let (Some(counts), None) = (counts.next(), counts.next())
        && let Some(line) = line(&counts)
    {
        let _ = writeln!(std::io::stdout(), "{line}");
    }
    ExitCode::SUCCESS
}

/// The session's id, from the environment, or from what the client writes to stdin.
async fn session() -> Option<String> {
    match clients::shell_session() {
        Some(session) => Some(session),
        None => {
            // A client that writes nothing would hold up its own screen.
            let input = timeout(reply_time(), read_input()).await.ok()??;
            input.get("session_id").and_then(Value::as_str).map(str::to_owned)
        }
    }
}

fn line(counts: &InboxCounts) -> Option<String> {
    let mut parts = vec![counts.alias.clone()?];
    if !counts.is_connected {
        parts.push("no hub".to_owned());
    }
    if counts.unread > 0 {
        parts.push(format!("{} unread", counts.unread));
    }
    if counts.asks > 0 {
        parts.push(format!("{} waiting for an answer", counts.asks));
    }
    if counts.held > 0 {
        parts.push(format!("{} held for you", counts.held));
    }
    Some(parts.join(" · "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_has_the_alias_and_only_what_there_is() {
        let counts = |unread, asks, held, is_connected| InboxCounts {
            alias: Some("calm-otter".to_owned()),
            is_connected,
            unread,
            asks,
            held,
        };
        for (counts, wanted) in [
            (counts(0, 0, 0, true), "calm-otter"),
            (counts(3, 0, 0, true), "calm-otter · 3 unread"),
            (counts(3, 1, 0, true), "calm-otter · 3 unread · 1 waiting for an answer"),
            (counts(2, 0, 2, true), "calm-otter · 2 unread · 2 held for you"),
            (counts(1, 0, 0, false), "calm-otter · no hub · 1 unread"),
        ] {
            assert_eq!(line(&counts).as_deref(), Some(wanted));
        }
        assert_eq!(line(&InboxCounts { alias: None, ..counts(1, 1, 1, true) }), None);
    }
}
