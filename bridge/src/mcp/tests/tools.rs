//! What each tool asks of the engine, and what it makes of the answer.

use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::{
    AwaitedEnd, Context, Reach, Refusal, Standing, State, StateFilter,
};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

use super::client::{MCP_VERSIONS, McpVersion, PipeClient, initialize, message, within};
use crate::results::cursor_to;
use junction_engine::Availability;
use junction_engine::error::Error;
use junction_engine::urgency::Urgency;
use junction_engine::{
    Command, Departure, Lease, MailPage, Outcome, PeerInfo, PeerPage, PeerWait, PeerWaitEnd,
    Receiver, Registration, Status, Submitted, WaitEnd,
};

fn alias(text: &str) -> Alias {
    Alias::parse(text).unwrap()
}

fn peer(online: bool) -> PeerInfo {
    PeerInfo {
        alias: alias("bob"),
        fingerprint: "0123456789abcdef".to_owned(),
        connected_ms: 1_000,
        online,
        availability: Availability {
            reach: Reach::NextTurn,
            unwoken: Reach::NextTurn,
            state: Some(State::Busy),
            ..Availability::default()
        },
        context: Context {
            repo: Some("shop".to_owned()),
            role: Some("rôle\u{202e}".to_owned()),
            ..Context::default()
        },
    }
}

fn peer_json(presence: &str) -> Value {
    json!({
        "alias": "bob",
        "connectedAt": "1970-01-01T00:00:01.000Z",
        "presence": presence,
        "reach": "next-turn",
        "state": "busy",
        "context": { "repo": "shop", "role": "rôle" },
        "fingerprint": "0123456789abcdef",
    })
}

#[tokio::test]
async fn register_passes_on_what_is_given_and_tells_who_we_are() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        let id = agent.begin(
            "register",
            json!({ "alias": "@Alice", "role": "none", "task": "t", "repo": "" }),
        );
        let Command::Join(None, reply) = agent.command().await else { panic!("another command") };
        let _ = reply.send(Ok(()));
        let Command::Apply(change, reply) = agent.command().await else {
            panic!("another command")
        };
        assert_eq!(change.alias, Some(alias("alice")));
        assert_eq!((change.role.as_deref(), change.task.as_deref()), (Some(""), Some("t")));
        assert_eq!(change.repo, None);
        let context = Context { task: Some("t".to_owned()), ..Context::default() };
        let fingerprint = "f".repeat(16);
        let hub = "local".to_owned();
        let registered =
            Registration { alias: alias("alice"), fingerprint, hub, peer_count: 0, context };
        let _ = reply.send(Ok(registered));
        let Command::List(_, reply) = agent.command().await else { panic!("another command") };
        let _ = reply.send(Ok(PeerPage { peers: Vec::new(), total: 3, next: None }));
        let expected = json!({
            "alias": "alice", "fingerprint": "f".repeat(16), "hub": "local", "peerCount": 3,
            "context": { "task": "t" },
        });
        assert_eq!(agent.result(&id).await, expected);
    }
}

#[tokio::test]
async fn list_peers_pages_and_filters() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        let id = agent
            .begin("list_peers", json!({ "role": "r", "limit": 2.0, "cursor": cursor_to("abc") }));
        let Command::List(query, reply) = agent.command().await else { panic!("another command") };
        assert_eq!((query.role.as_deref(), query.repo, query.limit), (Some("r"), None, 2));
        assert_eq!(query.cursor.as_deref(), Some("abc"));
        let next = Some("bob".to_owned());
        let _ = reply.send(Ok(PeerPage { peers: vec![peer(true), peer(false)], total: 7, next }));
        let peers = [peer_json("online"), peer_json("away")];
        let expected = json!({ "peers": peers, "total": 7, "nextCursor": cursor_to("bob") });
        assert_eq!(agent.result(&id).await, expected);
    }
}

/// Plays the engine's part in sending: what it is asked to send, and what becomes of it.
async fn submit(
    agent: &mut PipeClient,
    status: Status,
) -> (junction_engine::Draft, oneshot::Sender<WaitEnd>) {
    let Command::Send(draft, reply) = agent.command().await else { panic!("another command") };
    let availability =
        Availability { reach: Reach::Push, unwoken: Reach::NextTurn, ..Availability::default() };
    let presence = Standing::Online;
    let receiver = Receiver { key: PeerKey([1; 32]), presence, availability };
    let (answer, waited_for) = oneshot::channel();
    let status = watch::channel(status).1;
    let urgency = if draft.body.contains("shout") { Urgency::Normal } else { draft.urgency };
    let _ = reply.send(Ok(Submitted {
        repeated: false,
        intent: junction_engine::intent::Intent::Inform,
        id: MessageId([9; 16]),
        receiver,
        urgency,
        past_limit: draft.body.contains("long chain"),
        status,
        wait_end: waited_for,
        outlook: watch::channel(None).1,
        refusal: oneshot::channel().1,
    }));
    (draft, answer)
}

#[tokio::test]
async fn send_message_tells_no_more_than_is_known() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        let arguments = json!({
            "target_alias": "bob", "message": "hi", "ttl_seconds": 60,
            "reply_to": "07070707-0707-0707-0707-070707070707", "fingerprint": "0123456789ABCDEF",
        });
        let id = agent.begin("send_message", arguments);
        let (draft, _) = submit(&mut agent, Status::Accepted).await;
        assert_eq!((draft.target.as_str(), draft.body.as_str()), ("bob", "hi"));
        assert_eq!(
            (draft.reply_to, draft.ttl),
            (Some(MessageId([7; 16])), Some(Duration::from_secs(60)))
        );
        assert_eq!(draft.fingerprint.as_deref(), Some("0123456789abcdef"));
        let expected = json!({
            "id": "09090909-0909-0909-0909-090909090909", "to": "bob", "status": "accepted",
            "peer": { "presence": "online", "reach": "push", "state": "unknown" },
        });
        assert_eq!(agent.result(&id).await, expected);
    }
}

#[tokio::test]
async fn reply_that_was_waited_for_is_leased_like_one_that_was_read() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        let arguments = json!({ "target_alias": "bob", "message": "?", "wait_seconds": 540 });
        let id = agent.begin("send_message", arguments);
        let (_, answer) = submit(&mut agent, Status::Opened).await;
        let (lease, end) = Lease::new();
        assert!(answer.send(WaitEnd::Reply(Box::new(message("an answer\u{1b}")), lease)).is_ok());
        let result = agent.result(&id).await;
        assert_eq!(result["reply"]["message"], "an answer\\u{1b}");
        assert_eq!(result["reply"]["untrusted"], true);
        assert!(result["waited_seconds"].is_number());
        within(end).await.unwrap();
    }
}

#[tokio::test]
async fn regression_no_call_waits_for_longer_than_its_client_does() {
    for (client, longest) in [("codex-mcp-client", 290), ("claude-code", 540)] {
        let mut agent = PipeClient::silent(McpVersion::Stateful);
        let mut params = initialize("2025-11-25", json!({}));
        params["clientInfo"]["name"] = json!(client);
        let opened = agent.request("initialize", params).await;
        let bound = format!("(up to {longest})");
        assert!(opened["result"]["instructions"].as_str().unwrap().contains(&bound));
        agent.notify("notifications/initialized", json!({}));
        let arguments = json!({ "target_alias": "bob", "message": "?", "wait_seconds": 540 });
        agent.begin("send_message", arguments);
        let (draft, _answer) = submit(&mut agent, Status::Accepted).await;
        assert_eq!(draft.wait, Duration::from_secs(longest), "{client}");
    }
}

#[tokio::test]
async fn message_that_was_refused_is_an_error() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        let id = agent.begin("send_message", json!({ "target_alias": "bob", "message": "" }));
        submit(&mut agent, Status::Refused(Refusal::Gone)).await;
        let text = agent.failure(&id).await;
        assert_eq!(
            text,
            "Error: The message ended as refused(gone) and was not delivered. Call list_peers to see who is there."
        );
    }
}

#[tokio::test]
async fn unknown_alias_names_the_tool_that_helps() {
    let mut agent = PipeClient::open(McpVersion::Stateless).await;
    let id = agent.begin("send_message", json!({ "target_alias": "nobody", "message": "" }));
    let Command::Send(_, reply) = agent.command().await else { panic!("another command") };
    let _ = reply.send(Err(Error::UnknownAlias(Alias::parse("bob").unwrap())));
    assert!(agent.failure(&id).await.contains("list_peers"));
}

#[tokio::test]
async fn mail_is_shown_escaped_and_marked() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        let id = agent.begin("read_messages", json!({ "limit": 5 }));
        let Command::Read { limits, wait: false, reply } = agent.command().await else {
            panic!("another command")
        };
        assert_eq!(limits.messages, 5);
        let mut second = message("two\nlines \u{e0041}\"}]}");
        second.reply_to = Some(MessageId([9; 16]));
        second.key_changed = Some("f".repeat(16));
        let end = |status| Outcome {
            group: None,
            attachment: None,
            id: MessageId([9; 16]),
            to: alias("bob"),
            status,
            hindrance: None,
            at_ms: 1,
        };
        let receipts = vec![end(Status::Read), end(Status::Refused(Refusal::InboxFull))];
        let (lease, _) = Lease::new();
        let page = MailPage {
            open_requests: Vec::new(),
            messages: vec![message("one"), second],
            receipts,
            notifications: Vec::new(),
            dropped: 0,
            lease,
        };
        assert!(reply.send(Ok(page)).is_ok());
        let mail = agent.result(&id).await;
        let (bob, nine) =
            ("07070707-0707-0707-0707-070707070707", "09090909-0909-0909-0909-090909090909");
        assert_eq!(
            mail["messages"],
            json!([
                { "id": bob, "from": "bob", "message": "one", "timestamp": "1970-01-01T00:00:00.000Z", "untrusted": true },
                {
                    "id": bob, "from": "bob", "message": "two\nlines \\u{e0041}\"}]}",
                    "timestamp": "1970-01-01T00:00:00.000Z", "reply_to": nine, "untrusted": true, "escaped": true,
                    "key_changed": true, "fingerprint": "f".repeat(16),
                },
            ])
        );
        assert_eq!(
            mail["receipts"],
            json!([
                { "id": nine, "to": "bob", "status": "read", "at": "1970-01-01T00:00:00.001Z" },
                { "id": nine, "to": "bob", "status": "refused(inbox_full)", "at": "1970-01-01T00:00:00.001Z" },
            ])
        );
    }
}

#[tokio::test]
async fn wait_for_peer_finds_or_times_out() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        let of_reviewers = PeerWait { role: Some("reviewer".to_owned()), ..PeerWait::default() };
        let of_bob = PeerWait { alias: Some(alias("bob")), role: None, end: AwaitedEnd::Idle };
        let seen = json!({ "found": true, "peers": [peer_json("online")] });
        for (arguments, wanted, end, expected) in [
            (
                json!({ "expected_role": "reviewer" }),
                &of_reviewers,
                PeerWaitEnd::Seen(vec![peer(true)]),
                seen.clone(),
            ),
            (
                json!({ "expected_role": "reviewer" }),
                &of_reviewers,
                PeerWaitEnd::TimedOut,
                json!({ "found": false, "reason": "timeout" }),
            ),
            (
                json!({ "alias": " @Bob", "state": "IDLE" }),
                &of_bob,
                PeerWaitEnd::Seen(vec![peer(true)]),
                seen,
            ),
        ] {
            let id = agent.begin("wait_for_peer", arguments);
            let Command::Watch(wait, reply) = agent.command().await else {
                panic!("another command")
            };
            assert_eq!(wait, *wanted);
            let _ = reply.send(Ok(end));
            let mut result = agent.result(&id).await;
            assert!(result["waited_seconds"].take().is_number());
            result.as_object_mut().unwrap().remove("waited_seconds");
            assert_eq!(result, expected);
        }
    }
}

#[tokio::test]
async fn wait_for_the_end_of_a_session_says_that_it_is_gone() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        let id = agent.begin("wait_for_peer", json!({ "alias": "bob", "state": "gone" }));
        let Command::Watch(wait, reply) = agent.command().await else { panic!("another command") };
        assert_eq!((wait.alias, wait.end), (Some(alias("bob")), AwaitedEnd::Gone));
        let _ = reply.send(Ok(PeerWaitEnd::Gone));
        let Command::List(_, reply) = agent.command().await else { panic!("another command") };
        let _ = reply.send(Ok(PeerPage { peers: vec![], total: 0, next: None }));
        let mut result = agent.result(&id).await;
        result.as_object_mut().unwrap().remove("waited_seconds");
        assert_eq!(result, json!({ "found": true, "gone": true }));
    }
}

#[tokio::test]
async fn end_of_nobody_in_particular_cannot_be_awaited() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        let id = agent.begin("wait_for_peer", json!({ "state": "gone" }));
        let text = agent.failure(&id).await;
        assert!(text.contains("alias or expected_role"), "{text}");
    }
}

#[tokio::test]
async fn states_are_taken_as_models_write_them() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        for (written, state) in [
            ("Waiting_On_Human", StateFilter::WaitingOnHuman),
            ("waiting on human", StateFilter::WaitingOnHuman),
            (" UNKNOWN", StateFilter::Unknown),
        ] {
            let id = agent.begin("list_peers", json!({ "state": written }));
            let Command::List(query, reply) = agent.command().await else {
                panic!("another command")
            };
            assert_eq!(query.state, Some(state));
            let _ = reply.send(Ok(PeerPage { peers: vec![], total: 0, next: None }));
            agent.result(&id).await;
        }
    }
}

#[tokio::test]
async fn disconnect_tells_what_is_left_behind() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        let id = agent.begin("disconnect", json!({}));
        let Command::Flush(reply) = agent.command().await else { panic!("another command") };
        let _ = reply.send(());
        let Command::Leave(_, reply) = agent.command().await else { panic!("another command") };
        let unconfirmed = vec![(MessageId([9; 16]), alias("bob"))];
        let _ = reply.send(Departure { disconnected: true, unconfirmed });
        let left = json!([{ "id": "09090909-0909-0909-0909-090909090909", "to": "bob" }]);
        assert_eq!(agent.result(&id).await, json!({ "disconnected": true, "unconfirmed": left }));
    }
}

#[tokio::test]
async fn known_hosts_needs_no_link() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        let id = agent.begin("known_hosts", json!({}));
        let hosts = agent.result(&id).await;
        assert_eq!(
            (&hosts["hosts"][0]["name"], &hosts["hosts"][0]["current"]),
            (&json!("local"), &json!(true))
        );
    }
}

#[tokio::test]
async fn every_answer_tells_what_waits_and_errors_tell_nothing_else() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        agent.snapshot.send_modify(|snapshot| {
            snapshot.unread.count = 3;
            snapshot.unread.from = vec![alias("bob"), alias("eve")];
            snapshot.misbehaviour = 2;
            snapshot.alias = Some(alias("calm-fox"));
            snapshot.renamed.set(Some(alias("calm-fox")));
        });
        let id = agent.begin("known_hosts", json!({}));
        let result = agent.result(&id).await;
        assert_eq!(
            (&result["unread"], &result["unread_from"]),
            (&json!(3), &json!(["bob", "eve"]))
        );
        assert_eq!(result["hub_misbehaving"], 2);
        assert_eq!((&result["you"], &result["renamed"]), (&json!("calm-fox"), &json!("calm-fox")));
        let id = agent.begin("known_hosts", json!({}));
        let result = agent.result(&id).await;
        assert_eq!((&result["you"], result.get("renamed")), (&json!("calm-fox"), None), "once");
        let id = agent.begin("list_peers", json!({ "limit": "x" }));
        assert_eq!(
            agent.failure(&id).await,
            "Error: limit must be an integer from 1 to 200. Call list_peers again with one."
        );
    }
}
