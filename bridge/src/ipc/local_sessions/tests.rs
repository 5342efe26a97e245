//! Bridges that a test stands in for.

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixListener;

use super::*;
use crate::ipc::description::SessionConnection;

fn described(alias: Option<&str>) -> SessionDescription {
    SessionDescription {
        version: String::new(),
        directory: String::new(),
        place: String::new(),
        hub: String::new(),
        alias: alias.map(str::to_owned),
        connection: SessionConnection::Connected,
        why: None,
        client: None,
        reach: "push".to_owned(),
        hindrance: None,
        way: None,
        held_ms: None,
        is_removed: false,
    }
}

fn bridge(socket: &Path, said: Result<Option<&str>, BridgeSilence>) -> LocalSession {
    let (socket, said) = (socket.to_owned(), said.map(described));
    LocalSession { process: 7, socket, server: SessionServer::Bridge, said, held_until: None }
}

/// A session that is reached over HTTP.
fn http_session(socket: &Path, agent: &str, alias: &str) -> LocalSession {
    let server = SessionServer::Gateway { agent: agent.to_owned(), name: None };
    LocalSession { server, ..bridge(socket, Ok(Some(alias))) }
}

/// Answers one request with this text, and gives the request.
async fn answers(listener: &UnixListener, text: &str) -> String {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    stream.read_line(&mut request).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    request
}

#[tokio::test]
async fn order_is_done_only_if_the_bridge_says_so() {
    let dir = TempDir::new().unwrap();
    let socket = dir.path().join("7.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let bob = bridge(&socket, Ok(Some("bob")));
    let ten_minutes = UserOrder::Hold(Duration::from_secs(600));
    let asked = "{\"ask\":\"hold\",\"seconds\":600}\n";
    let older = Err(OrderError::OlderBridge("bob".to_owned()));
    // An older bridge closes the connection without a word.
    for (said, outcome) in
        [("{\"say\":\"done\"}\n", Ok(())), ("", older.clone()), ("{\"say\":\"nothing\"}\n", older)]
    {
        let (followed, request) = tokio::join!(bob.follow(ten_minutes), answers(&listener, said));
        assert_eq!((followed, request.as_str()), (outcome, asked));
    }
    for (order, asked) in [
        (UserOrder::Release, "{\"ask\":\"release\"}\n"),
        (UserOrder::Remove, "{\"ask\":\"remove\"}\n"),
    ] {
        let done = answers(&listener, "{\"say\":\"done\"}\n");
        let (followed, request) = tokio::join!(bob.follow(order), done);
        assert_eq!((followed, request.as_str()), (Ok(()), asked));
    }
    drop(listener);
    let ended = Err(OrderError::EndedBridge("bob".to_owned()));
    assert_eq!(bob.follow(UserOrder::Release).await, ended);
}

#[tokio::test]
async fn order_to_all_says_who_followed_and_why_others_did_not() {
    let dir = TempDir::new().unwrap();
    let sockets = ["1.sock", "2.sock", "3.sock"].map(|name| dir.path().join(name));
    let listeners = [&sockets[0], &sockets[1]].map(|socket| UnixListener::bind(socket).unwrap());
    let aliases = [Some("alice"), None, Some("carol")];
    let bridges: Vec<_> =
        sockets.iter().zip(aliases).map(|(socket, alias)| bridge(socket, Ok(alias))).collect();
    let done = "{\"say\":\"done\"}\n";
    let (ordered, ..) = tokio::join!(
        order_all(&bridges, UserOrder::Release),
        answers(&listeners[0], done),
        answers(&listeners[1], "")
    );
    // Carol's bridge is no more.
    let failed = vec![OrderError::OlderBridge("process 7".to_owned())];
    assert_eq!(ordered, Ok(OrderedSessions { done: vec!["alice".to_owned()], failed }));
    assert_eq!(order_all(&[], UserOrder::Release).await, Err(OrderError::NoSession));
}

#[tokio::test(start_paused = true)]
async fn bridge_that_does_not_answer_is_not_waited_for_long() {
    let dir = TempDir::new().unwrap();
    let socket = dir.path().join("7.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let silent = bridge(&socket, Ok(None));
    let late = Err(OrderError::LateBridge("process 7".to_owned(), 7));
    assert_eq!(silent.follow(UserOrder::Release).await, late);
}

#[test]
fn session_is_meant_if_it_alone_has_the_alias() {
    let nowhere = Path::new("");
    let known = |aliases: &[&str]| {
        let bridges = aliases.iter().map(|alias| bridge(nowhere, Ok(Some(*alias))));
        bridges.collect::<Vec<_>>()
    };
    let why =
        |bridges: &[LocalSession]| of_alias(bridges, "bob").err().map(|error| error.wording());
    assert_eq!(why(&known(&["alice", "bob"])), None);
    for (bridges, words) in [
        (known(&[]), "No session of yours runs on this machine."),
        (known(&["alice"]), "is called bob. Name alice, which runs here."),
        (known(&["alice", "carol"]), "is called bob. Name one that runs here: alice, carol."),
        (known(&["bob", "bob"]), "Several sessions of yours on this machine are called bob"),
        (vec![bridge(nowhere, Err(BridgeSilence::Older))], "is called bob. None has an alias yet"),
    ] {
        let why = why(&bridges).unwrap_or_default();
        assert!(why.contains(words), "{why}");
    }
}

#[tokio::test]
async fn agents_of_a_gateway_are_read_page_by_page() {
    let dir = TempDir::new().unwrap();
    let socket = dir.path().join("gateway-7.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let page = |ids: &[&str], more| {
        let agents = ids.iter().map(|id| HttpAgent {
            id: (*id).to_owned(),
            name: (*id == "a").then(|| "desk".to_owned()),
            session: described(Some(id)),
        });
        let page = BridgeResponse::Agents { agents: agents.collect(), more };
        serde_json::to_string(&page).unwrap() + "\n"
    };
    let (first, second) = (page(&["a", "b"], true), page(&["c"], false));
    let gateway = async {
        let asked = [answers(&listener, &first).await, answers(&listener, &second).await];
        assert_eq!(
            asked,
            ["{\"ask\":\"agents\",\"after\":null}\n", "{\"ask\":\"agents\",\"after\":\"b\"}\n"]
        );
    };
    let (found, ()) = tokio::join!(LocalSession::of_gateway(&socket), gateway);
    let found: Vec<_> = found.iter().map(|it| (it.process, it.alias(), &it.server)).collect();
    let server = |agent: &str, name: Option<&str>| SessionServer::Gateway {
        agent: agent.to_owned(),
        name: name.map(str::to_owned),
    };
    let servers = [server("a", Some("desk")), server("b", None), server("c", None)];
    let aliases = ["a", "b", "c"].map(Some);
    let expected: Vec<_> =
        aliases.into_iter().zip(&servers).map(|(alias, server)| (7, alias, server)).collect();
    assert_eq!(found, expected);
}

#[tokio::test(start_paused = true)]
async fn silent_gateway_is_one_session_of_which_nothing_is_known() {
    let dir = TempDir::new().unwrap();
    let socket = dir.path().join("gateway-7.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let found = LocalSession::of_gateway(&socket).await;
    let [session] = found.as_slice() else { panic!("{} sessions", found.len()) };
    assert_eq!((&session.said, session.is_http()), (&Err(BridgeSilence::Late), true));
    drop(listener);
    assert!(LocalSession::of_gateway(&socket).await.is_empty(), "nobody listens");
}

#[tokio::test]
async fn session_that_is_reached_over_http_can_be_removed_and_not_held() {
    let dir = TempDir::new().unwrap();
    let socket = dir.path().join("gateway-7.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let desk = http_session(&socket, "a1", "desk");
    let done = answers(&listener, "{\"say\":\"done\"}\n");
    let (followed, request) = tokio::join!(desk.follow(UserOrder::Remove), done);
    assert_eq!(
        (followed, request.as_str()),
        (Ok(()), "{\"ask\":\"remove-agent\",\"agent\":\"a1\"}\n")
    );
    let gone = answers(&listener, "{\"say\":\"nothing\"}\n");
    let (followed, _) = tokio::join!(desk.follow(UserOrder::Remove), gone);
    assert_eq!(followed, Err(OrderError::EndedBridge("desk".to_owned())));
    for order in [UserOrder::Hold(Duration::from_secs(60)), UserOrder::Release] {
        assert_eq!(desk.follow(order).await, Err(OrderError::NothingWakes("desk".to_owned())));
        let all = order_all(&[http_session(&socket, "a1", "desk")], order).await;
        assert_eq!(all, Ok(OrderedSessions::default()), "what nothing wakes need not be held");
    }
}
