//! Attachments that a person saves on the page.

use junction_testkit::TestPage;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

/// Whether the sender has been told that an attachment was saved.
async fn is_told(from: &TestBridge) -> bool {
    let read = from.call("read_messages", json!({})).await;
    let receipts = read["receipts"].as_array();
    receipts.is_some_and(|all| all.iter().any(|receipt| receipt["status"] == "saved"))
}

#[tokio::test]
async fn attachment_counts_as_saved_only_once_the_browser_says_that_it_has_all_of_it() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = join(&home, hub.port, "alice").await;
    let page = TestPage::start(&home, hub.port).await;
    let visit = page.open(&page.link).await.expect("a visit");
    let mut tab = page.tab(&visit.cookie, &visit.key).await.expect("a tab");
    tab.show().await;
    let whole = content(5, 4 << 20);
    write(&home, "alice", "build.log", &whole);
    let id = send(&alice, "kurt", json!([{ "path": "build.log" }])).await;
    let letter = tab.letter(|letter| letter["id"] == id && letter.get("unread").is_none()).await;
    assert_eq!(letter["attachments"][0]["name"], "build.log");

    // A browser that goes away in the middle.
    let own = page.own_headers(&visit);
    let body = json!({ "letter": id, "number": 1 }).to_string();
    let mut stream = TcpStream::connect(page.address()).await.expect("it listens");
    let request = format!(
        "POST /do/save HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n{own}\r\n{body}",
        page.address(),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut beginning = vec![0; 64 << 10];
    within("a beginning", stream.read_exact(&mut beginning)).await.expect("it comes");
    drop(stream);
    assert!(!is_told(&alice).await, "a part of it is not saved");

    // One that has all of it, and has not written it yet.
    let answer = page.act("save", &own, &body).await;
    assert!(answer.starts_with("HTTP/1.0 200"), "{}", &answer[..100]);
    assert!(!is_told(&alice).await, "it may never be written");
    assert!(page.act("saved", &own, &body).await.starts_with("HTTP/1.0 200"));
    eventually("its sender is told", async || is_told(&alice).await.then_some(())).await;
}
