//! Who is let in by a gateway, and who is not.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use junction_testkit::{HttpClient, TestGateway, skipped};
use serde_json::{Value, json};

use super::Pair;

/// The id of a user that owns nothing.
const NOBODY: u32 = 65_534;

#[tokio::test]
async fn web_pages_and_foreign_names_are_refused() {
    let pair = Pair::start().await;
    let list = pair.bob.request("tools/list", &json!({})).to_string();
    let asked = async |headers: &str| pair.bob.ask("POST", headers, list.as_bytes()).await;
    let address = pair.gateway.address;
    for headers in [
        "Origin: http://evil.example\r\n".to_owned(),
        "Origin: null\r\n".to_owned(),
        "Origin: http://localhost:3000\r\n".to_owned(),
        format!("Origin: https://{address}\r\n"),
        format!("Origin: http://{address}\r\nOrigin: http://evil.example\r\n"),
        "Host: evil.example\r\n".to_owned(),
        format!("Host: {address}\r\nHost: evil.example\r\n"),
        "Host: localhost.evil.example\r\n".to_owned(),
    ] {
        let answer = asked(&headers).await;
        assert_eq!(answer.status, 403, "{headers}: {answer:?}");
        assert!(answer.header("access-control-allow-origin").is_none());
    }
    for headers in [
        String::new(),
        format!("Host: localhost:{}\r\n", address.port()),
        format!("Origin: http://{address}\r\n"),
    ] {
        assert_eq!(asked(&headers).await.status, 200, "{headers}");
    }
    // An address in the request line counts as one in Host does.
    for (host, status) in [("evil.example", 403), (&*address.to_string(), 200)] {
        let target = format!("http://{host}{}", pair.bob.path);
        let asked = HttpClient::new(address, &target).ask("POST", "", list.as_bytes()).await;
        assert_eq!(asked.status, status, "{host}: {asked:?}");
    }
    let preflight = "Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n";
    assert_eq!(pair.bob.ask("OPTIONS", preflight, b"").await.status, 403);
}

#[tokio::test]
async fn address_without_its_secret_leads_nowhere() {
    let pair = Pair::start().await;
    let token = pair.bob.path.strip_prefix("/mcp/").unwrap();
    let mut changed = token.to_owned().into_bytes();
    changed[0] ^= 1;
    let changed = String::from_utf8(changed).unwrap();
    for path in [
        "",
        "/",
        "/bob",
        &format!("/{}", &token[1..]),
        &format!("/{changed}"),
        &format!("/{token}/x"),
    ] {
        let client = HttpClient::new(pair.gateway.address, &format!("/mcp{path}"));
        let answer = client.post(&client.request("tools/list", &json!({}))).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(answer.body.contains("junction-bridge gateway"), "{answer:?}");
    }
}

#[tokio::test]
async fn removed_agent_leaves_and_its_address_leads_nowhere() {
    let pair = Pair::start().await;
    let wait = pair.bob.tool_call("read_messages", &json!({ "wait_seconds": 60 }));
    let bob = pair.bob.clone();
    let waiting = tokio::spawn(async move { bob.post(&wait).await });
    pair.alice.sees_peer("reach", "push").await;
    let run = junction_testkit::run_person(&pair.home, 1, &["gateway", "remove", "bob"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    let status = junction_testkit::run_person(&pair.home, 1, &["status", "--json"]).await;
    let gateway: Value = serde_json::from_str(status.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(gateway["gateway"]["runningAgents"], 1, "it has ended already: {status:?}");
    let answer = pair.bob.post(&pair.bob.tool_call("read_messages", &json!({}))).await;
    assert_eq!(answer.status, 404);
    let told = waiting.await.unwrap();
    assert_eq!((told.status, &told.json()["error"]["code"]), (200, &json!(-32_603)), "{told:?}");
    let gone = json!({ "alias": "bob", "state": "gone", "timeout_seconds": 30 });
    assert_eq!(pair.alice.call("wait_for_peer", gone).await["found"], true);
    let again = pair.gateway.add(&pair.home, "bob").await;
    assert_ne!(again.path, pair.bob.path);
}

#[tokio::test]
async fn addresses_end_with_the_secret_that_they_are_derived_from() {
    let Pair { gateway, bob, home, .. } = Pair::start().await;
    std::fs::remove_file(home.config().join("seat.key")).unwrap();
    let (status, said) = gateway.ended().await;
    assert_eq!(status, Some(1));
    assert!(said.contains("seat.key was removed or replaced"), "{said}");
    let again = TestGateway::start(&home, 1).await;
    assert_ne!(again.add(&home, "bob").await.path, bob.path);
    let bob = bob.at(&again);
    assert_eq!(bob.post(&bob.request("tools/list", &json!({}))).await.status, 404);
}

#[tokio::test]
async fn programs_of_other_users_are_refused() {
    let pair = Pair::start().await;
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{}; printf 'GET {} HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3",
        pair.gateway.address.port(),
        pair.bob.path,
    );
    let asked = |command: &mut Command| command.args(["-c", &script]).output();
    let own = asked(&mut Command::new("bash")).unwrap();
    assert!(String::from_utf8_lossy(&own.stdout).starts_with("HTTP/1.1 405"), "{own:?}");
    let Ok(other) = asked(Command::new("bash").uid(NOBODY)) else {
        return skipped("only root can run a program as another user");
    };
    let answer = String::from_utf8_lossy(&other.stdout).into_owned();
    assert!(answer.starts_with("HTTP/1.1 403"), "{other:?}");
    assert!(answer.contains("serves programs of its own user"), "{answer}");
}

#[tokio::test]
async fn too_long_and_broken_messages_are_told_so() {
    let pair = Pair::start().await;
    let long = pair.bob.ask("POST", "", &vec![b' '; (1 << 20) + 1]).await;
    assert_eq!((long.status, long.body.contains("1 MiB")), (413, true));
    let broken = pair.bob.ask("POST", "Transfer-Encoding: chunked\r\n", b"zz\r\n{}\r\n").await;
    assert_eq!((broken.status, broken.body.contains("broke off")), (400, true), "{broken:?}");
    // A length that was told is enough.
    let length = format!("Content-Length: {}\r\n", 1_u64 << 40);
    assert_eq!(pair.bob.ask("POST", &length, b"{").await.status, 413);
    for (body, code) in
        [("", -32_700), ("{", -32_700), ("[]", -32_600), ("{\"id\":{}}", -32_600), ("7", -32_600)]
    {
        let answer = pair.bob.ask("POST", "", body.as_bytes()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.json()["error"]["code"], code, "{body}");
    }
    let unknown = pair.bob.post(&pair.bob.request("tools/give", &json!({}))).await;
    assert_eq!((unknown.status, &unknown.json()["error"]["code"]), (200, &json!(-32_601)));
    for (headers, status) in [("Content-Type: text/plain\r\n", 415), ("Accept: text/html\r\n", 406)]
    {
        let list = pair.bob.request("tools/list", &json!({})).to_string();
        assert_eq!(pair.bob.ask("POST", headers, list.as_bytes()).await.status, status);
    }
    for method in ["GET", "PUT"] {
        let other = pair.bob.ask(method, "", b"").await;
        assert_eq!((other.status, other.header("allow")), (405, Some("POST, DELETE")), "{method}");
        assert!(other.body.contains("by POST"), "{other:?}");
    }
    // All of that has changed nothing.
    assert_eq!(pair.bob.call("register", json!({})).await["alias"], "bob");
}
