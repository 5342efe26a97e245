//! What an answer holds counts as read only once the answer is written.

use junction_shared::protocol::alias::Alias;
use serde_json::json;
use tokio::sync::oneshot;

use super::client::{Flow, MCP_VERSIONS, McpVersion, PipeClient, Valve, page, within};
use junction_engine::error::Error;
use junction_engine::{Command, MailPage};

type PageReply = oneshot::Sender<Result<MailPage, Error>>;

async fn read(agent: &mut PipeClient) -> PageReply {
    match agent.command().await {
        Command::Read { reply, .. } => reply,
        _ => panic!("another command"),
    }
}

fn give(reply: PageReply, body: &str) -> oneshot::Receiver<()> {
    let (page, end) = page(body);
    assert!(reply.send(Ok(page)).is_ok(), "the tool waits for its page");
    end
}

#[tokio::test]
async fn written_answer_is_acknowledged() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        let id = agent.begin("read_messages", json!({}));
        let end = give(read(&mut agent).await, "hello");
        assert_eq!(agent.result(&id).await["messages"][0]["message"], "hello");
        within(end).await.unwrap();
    }
}

#[tokio::test]
async fn cancelled_call_is_not_answered_and_lets_go_of_its_command() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        let id = agent.begin("read_messages", json!({ "wait_seconds": 540 }));
        let mut reply = read(&mut agent).await;
        agent.cancel(&id);
        within(reply.closed()).await;
        let (page, end) = page("lost?");
        assert!(reply.send(Ok(page)).is_err(), "and so the page is given back");
        assert!(within(end).await.is_err());
        agent.assert_alive().await;
    }
}

#[tokio::test]
async fn id_of_a_cancelled_call_can_be_used_again_at_once() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        let id = json!("again");
        for _ in 0..50 {
            agent.begin_as(&id, "read_messages", json!({ "wait_seconds": 540 }));
            agent.cancel(&id);
        }
        agent.begin_as(&id, "read_messages", json!({ "limit": 7 }));
        // Held, so that none of the calls before is answered with an error before it is cancelled.
        let mut held = Vec::new();
        loop {
            let Command::Read { limits, reply, .. } = agent.command().await else {
                panic!("another")
            };
            if limits.messages == 7 {
                let end = give(reply, "for the last one");
                assert_eq!(agent.result(&id).await["messages"][0]["message"], "for the last one");
                break within(end).await.unwrap();
            }
            held.push(reply);
        }
        agent.assert_alive().await;
    }
}

#[tokio::test]
async fn answer_cancelled_while_it_waits_to_be_written_is_given_back() {
    for version in MCP_VERSIONS {
        let valve = Valve::default();
        let mut agent = PipeClient::with_output(version, |output| valve.on(output));
        agent.opening().await;
        valve.set(Flow::Closed);
        let first = agent.begin("read_messages", json!({}));
        let first_end = give(read(&mut agent).await, "first");
        let second = agent.begin("read_messages", json!({}));
        let second_end = give(read(&mut agent).await, "second");
        agent.cancel(&second);
        assert!(within(second_end).await.is_err(), "given back");
        valve.set(Flow::Open);
        assert_eq!(agent.result(&first).await["messages"][0]["message"], "first");
        within(first_end).await.unwrap();
        agent.assert_alive().await;
    }
}

#[tokio::test]
async fn answer_that_cannot_be_written_is_given_back() {
    for version in MCP_VERSIONS {
        let valve = Valve::default();
        let mut agent = PipeClient::with_output(version, |output| valve.on(output));
        agent.opening().await;
        valve.set(Flow::Broken);
        agent.begin("read_messages", json!({}));
        let end = give(read(&mut agent).await, "nobody sees it");
        assert!(within(end).await.is_err());
        valve.set(Flow::Open);
        agent.assert_alive().await;
    }
}

#[tokio::test]
async fn regression_new_alias_in_an_answer_that_cannot_be_written_is_told_by_the_next() {
    for version in MCP_VERSIONS {
        let valve = Valve::default();
        let mut agent = PipeClient::with_output(version, |output| valve.on(output));
        agent.opening().await;
        let alias = Alias::parse("calm-fox").unwrap();
        agent.snapshot.send_modify(|snapshot| snapshot.renamed.set(Some(alias)));
        valve.set(Flow::Broken);
        agent.begin("read_messages", json!({}));
        let end = give(read(&mut agent).await, "nobody sees it");
        assert!(within(end).await.is_err());
        valve.set(Flow::Open);
        let told = async {
            loop {
                let id = agent.begin("known_hosts", json!({}));
                if let Some(alias) = agent.result(&id).await.get("renamed") {
                    break alias.clone();
                }
            }
        };
        assert_eq!(within(told).await, "calm-fox");
    }
}

#[tokio::test]
async fn end_of_the_input_is_told_and_waits_need_no_answer() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        agent.begin("read_messages", json!({ "wait_seconds": 540 }));
        let waiting = read(&mut agent).await;
        let brief = agent.begin("read_messages", json!({}));
        let reply = read(&mut agent).await;
        agent.hang_up();
        within(agent.server.ended()).await;
        let end = give(reply, "in the last moment");
        within(agent.server.answered()).await;
        // A process that waits for that may end: all that is owed has been written.
        assert_eq!(within(end).await, Ok(()));
        assert_eq!(agent.result(&brief).await["messages"][0]["message"], "in the last moment");
        assert!(!waiting.is_closed());
    }
}

#[tokio::test]
async fn faults_in_the_last_line_are_answered_before_the_end() {
    let mut agent = PipeClient::silent(McpVersion::Stateful);
    agent.line("nonsense");
    agent.hang_up();
    within(agent.server.ended()).await;
    within(agent.server.answered()).await;
    assert_eq!(agent.next().await["error"]["code"], -32700);
}

#[tokio::test]
async fn more_than_32_waits_are_refused_and_brief_calls_go_on() {
    let mut agent = PipeClient::open(McpVersion::Stateful).await;
    let mut waits = Vec::new();
    for _ in 0..32 {
        let id = agent.begin("read_messages", json!({ "wait_seconds": 540 }));
        waits.push((id, read(&mut agent).await));
    }
    let id = agent.begin("wait_for_peer", json!({ "timeout_seconds": 1 }));
    assert!(agent.failure(&id).await.contains("Too many calls are waiting"));
    let id = agent.begin("read_messages", json!({ "wait_seconds": 0 }));
    let end = give(read(&mut agent).await, "brief");
    agent.result(&id).await;
    within(end).await.unwrap();
    let (id, mut reply) = waits.pop().unwrap();
    agent.cancel(&id);
    within(reply.closed()).await;
    agent.begin("read_messages", json!({ "wait_seconds": 540 }));
    read(&mut agent).await;
}
