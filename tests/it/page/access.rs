//! Who gets in.

use junction_testkit::{PageVisit, TestBridge, TestHome, TestHub, TestPage, TestTab};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Why a tab is closed.
const STRANGER: u16 = 4401;
const TOO_MANY: u16 = 4429;

async fn served() -> (TestHome, TestHub, TestPage, PageVisit) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let page = TestPage::start(&home, hub.port).await;
    let visit = page.open(&page.link).await.expect("a visit");
    (home, hub, page, visit)
}

async fn closed(mut tab: TestTab) -> Option<u16> {
    tab.show().await;
    loop {
        if let Err(code) = tab.frame().await {
            return code;
        }
    }
}

#[tokio::test]
async fn link_works_once_and_says_nothing_to_others() {
    let (_home, _hub, page, visit) = served().await;
    assert!(page.open(&page.link).await.is_none());
    let again = page.get(page.link.split_once(&page.port.to_string()).expect("a path").1, "").await;
    assert!(again.starts_with("HTTP/1.0 403") && again.contains("Run junction-bridge ui again"));
    let path = page.link.split_once(&page.port.to_string()).expect("a path").1;
    let back = page.get(path, &format!("Cookie: {}\r\n", visit.cookie)).await;
    assert!(back.starts_with("HTTP/1.0 303") && back.contains("location: /\r\n"), "{back}");
    for path in ["/open/", "/open/00000000", "/start", "/nothing", "/../Cargo.toml", "/%2e%2e/x"] {
        let answer = page.get(path, "").await;
        assert!(answer.starts_with("HTTP/1.0 40"), "{path}: {answer}");
        assert!(!answer.contains(&visit.key) && !answer.contains(&visit.cookie), "{path}");
    }
}

#[tokio::test]
async fn regression_link_that_was_only_looked_at_still_works() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let page = TestPage::start(&home, hub.port).await;
    let path = page.link.split_once(&page.port.to_string()).expect("a path").1;
    for path in [path, path, "/open/00000000", "/start"] {
        let request = format!("HEAD {path} HTTP/1.0\r\nHost: {}\r\n\r\n", page.address());
        let answer = page.says(&request).await;
        assert!(answer.starts_with("HTTP/1.0 204"), "{path}: {answer}");
        assert!(!answer.contains("set-cookie") && !answer.contains("location"), "{path}: {answer}");
    }
    assert!(page.open(&page.link).await.is_some());
    assert!(page.open(&page.link).await.is_none());
}

#[tokio::test]
async fn every_answer_forbids_what_the_page_does_not_need() {
    let (_home, _hub, page, _) = served().await;
    for path in ["/", "/main.js", "/nothing", "/do/send"] {
        let answer = page.get(path, "").await.to_ascii_lowercase();
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self';",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-resource-policy: same-origin",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(answer.contains(header), "{path}: {header}: {answer}");
        }
        assert!(!answer.contains("access-control-"), "{path}: no other page may read it");
    }
}

#[tokio::test]
async fn nothing_is_done_for_who_lacks_the_cookie_the_key_or_the_origin() {
    let (home, hub, page, visit) = served().await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let body = json!({ "to": "bob", "text": "not from the person" }).to_string();
    let own = page.own_headers(&visit);
    let (origin, cookie, key) = (
        format!("Origin: http://{}\r\n", page.address()),
        format!("Cookie: {}\r\n", visit.cookie),
        format!("Page-Key: {}\r\n", visit.key),
    );
    let other = format!("Origin: http://127.0.0.1:{}\r\n", hub.port);
    let wrong_key = format!("Page-Key: {}\r\n", "0".repeat(64));
    for headers in [
        String::new(),
        format!("{origin}{cookie}"),
        format!("{origin}{key}"),
        format!("{cookie}{key}"),
        format!("{other}{cookie}{key}"),
        format!("{origin}{cookie}{wrong_key}"),
        format!("{origin}Cookie: {}\r\n{key}", visit.cookie.replace('=', "=0")),
    ] {
        let answer = page.act("send", &headers, &body).await;
        assert!(answer.starts_with("HTTP/1.0 403"), "{headers}: {answer}");
    }
    let foreign =
        format!("POST /do/send HTTP/1.0\r\nHost: evil.example\r\nContent-Length: 0\r\n{own}\r\n");
    assert!(page.says(&foreign).await.starts_with("HTTP/1.0 403"), "another name leads nowhere");
    let body = json!({ "to": "bob", "text": "from the person" }).to_string();
    let sent = page.act("send", &own, &body).await;
    assert!(sent.starts_with("HTTP/1.0 200"), "{sent}");
    assert_eq!(bob.read_one().await["message"], "from the person");
}

#[tokio::test]
async fn tab_shows_cookie_key_and_origin_or_is_closed() {
    let (_home, _hub, page, visit) = served().await;
    let PageVisit { cookie, key } = &visit;
    for (cookie, key) in [("", key.as_str()), (cookie, ""), (cookie, "0"), ("junction-1=0", key)] {
        let tab = page.tab(cookie, key).await.expect("it is told why");
        assert_eq!(closed(tab).await, Some(STRANGER), "{cookie} {key}");
    }
    for origin in ["http://127.0.0.1:1", "null", "http://localhost"] {
        assert!(page.tab_of(origin, cookie, key).await.is_none(), "{origin}");
    }
    let mut tab = page.tab(cookie, key).await.expect("a tab");
    tab.show().await;
    let hello = tab.until("the person", |frame| frame.get("hello").cloned()).await;
    assert_eq!(hello["you"]["alias"], "kurt");
}

#[tokio::test]
async fn connections_that_say_nothing_keep_nobody_out() {
    let (_home, _hub, page, PageVisit { cookie, key }) = served().await;
    let mut tab = page.tab(&cookie, &key).await.expect("a tab");
    tab.show().await;
    tab.until("the person", |frame| frame.get("hello").cloned()).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(page.address()).await.expect("it listens");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: ").await.expect("it is sent");
        silent.push(stream);
    }
    assert!(page.get("/", "").await.starts_with("HTTP/1.0 200"));
    let first = &mut silent[0];
    let end = junction_testkit::within("the oldest is closed", first.read(&mut [0])).await;
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    // The tab is older than all of them, and stays.
    tab.say(json!({ "visible": false }).to_string()).await;
    tab.until("what waits", |frame| frame.get("unread").cloned()).await;
}

#[tokio::test]
async fn tabs_are_bounded() {
    let (_home, _hub, page, PageVisit { cookie, key }) = served().await;
    let mut tabs = Vec::new();
    for _ in 0..16 {
        let mut tab = page.tab(&cookie, &key).await.expect("a tab");
        tab.show().await;
        tab.until("the person", |frame| frame.get("hello").cloned()).await;
        tabs.push(tab);
    }
    let one_more = page.tab(&cookie, &key).await.expect("it is told why");
    assert_eq!(closed(one_more).await, Some(TOO_MANY));
    drop(tabs.pop());
    let mut tab = junction_testkit::eventually("a place is free", async || {
        let mut tab = page.tab(&cookie, &key).await?;
        tab.show().await;
        tab.frame().await.ok()?;
        Some(tab)
    })
    .await;
    tab.show().await;
}

#[tokio::test]
async fn another_user_of_the_machine_is_not_let_in() {
    let (_home, _hub, page, visit) = served().await;
    if !rustix::process::geteuid().is_root() {
        return junction_testkit::skipped("only root can be another user");
    }
    let ask = |user: u32| {
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{}; printf 'GET / HTTP/1.0\\r\\nHost: {}\\r\\nCookie: {}\\r\\n\\r\\n' >&3; head -1 <&3",
            page.port,
            page.address(),
            visit.cookie
        );
        let mut command = tokio::process::Command::new("bash");
        command.args(["-c", &script]).uid(user).current_dir("/").output()
    };
    let own = ask(0).await.expect("bash");
    assert!(String::from_utf8_lossy(&own.stdout).contains("200"), "{own:?}");
    let other = ask(54321).await.expect("bash");
    assert!(other.stdout.is_empty(), "{other:?}");
}
