//! Messages to and from the person.

use junction_testkit::{TestBridge, TestHome, TestHub, TestPage, TestTab, eventually, run_person};
use serde_json::{Value, json};

/// The page of a person, and a session that writes to them.
async fn served() -> (TestHome, TestHub, TestBridge, TestPage) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let page = TestPage::start(&home, hub.port).await;
    (home, hub, bob, page)
}

async fn tab_of(page: &TestPage) -> TestTab {
    let visit = page.open(&page.link).await.expect("a visit");
    page.tab(&visit.cookie, &visit.key).await.expect("a tab")
}

fn ended(status: &Value, id: &str) -> Option<()> {
    let receipts = status["receipts"].as_array()?;
    receipts.iter().any(|it| it["id"] == id && it["status"] == "read").then_some(())
}

#[tokio::test]
async fn message_counts_as_read_once_its_text_is_in_sight() {
    let (_home, _hub, bob, page) = served().await;
    let mut tab = tab_of(&page).await;
    let sent = bob.send("kurt", "is it you?").await;
    let id = sent["id"].as_str().expect("an id").to_owned();
    // A tab is told that something waits, and not what, even if it asks while nobody sees it.
    loop {
        let frame = tab.frame().await.expect("a frame");
        assert!(frame.get("mail").is_none(), "{frame}");
        let Some(unread) = frame["unread"].as_array().filter(|unread| !unread.is_empty()) else {
            continue;
        };
        assert_eq!((&unread[0]["id"], &unread[0]["from"]), (&json!(id), &json!("bob")));
        assert!(!frame.to_string().contains("is it you?"), "{frame}");
        break;
    }
    tab.say(json!({ "in_sight": { "wanted": [id] } }).to_string()).await;
    tab.show().await;
    loop {
        let frame = tab.frame().await.expect("a frame");
        assert!(frame.get("mail").is_none(), "it has no place in sight: {frame}");
        if frame.get("hello").is_some() {
            break;
        }
    }
    let before = bob.call("read_messages", json!({})).await;
    assert_eq!(ended(&before, &id), None, "nobody has read it");
    tab.say(json!({ "in_sight": { "wanted": [id] } }).to_string()).await;
    let letter = tab.letter(|letter| letter["text"] == "is it you?").await;
    assert_eq!((&letter["from"], &letter["mine"]), (&json!("bob"), &json!(false)));
    assert_eq!(letter["unread"], true);
    tab.letter(|letter| letter["id"] == id.as_str() && letter.get("unread").is_none()).await;
    eventually("it is read", async || ended(&bob.call("read_messages", json!({})).await, &id))
        .await;
}

#[tokio::test]
async fn tab_that_shows_nothing_has_read_nothing() {
    let (home, hub, bob, page) = served().await;
    let mut tab = tab_of(&page).await;
    tab.show().await;
    bob.send("kurt", "lost on the way").await;
    // The text has come, and the tab dies before it shows anything.
    loop {
        let frame = tab.frame().await.expect("a frame");
        if frame.get("mail").is_some() {
            break;
        }
        for unread in frame["unread"].as_array().into_iter().flatten() {
            tab.say(json!({ "in_sight": { "wanted": [unread["id"]] } }).to_string()).await;
        }
    }
    drop(tab);
    let mut next = {
        let link = run_person(&home, hub.port, &["ui", "--no-open"]).await.stdout;
        let visit = page.open(link.trim()).await.expect("a link of the same page");
        page.tab(&visit.cookie, &visit.key).await.expect("a tab")
    };
    next.show().await;
    next.letter(|letter| letter["text"] == "lost on the way").await;
}

#[tokio::test]
async fn regression_place_that_a_tab_never_fills_keeps_no_other_message_unread() {
    let (_home, _hub, bob, page) = served().await;
    let mut tab = tab_of(&page).await;
    tab.show().await;
    bob.send("kurt", "scrolled past").await;
    let sent = bob.send("kurt", "on the screen").await;
    let id = sent["id"].as_str().expect("an id").to_owned();
    // The tab asks for both, and shows the second only.
    loop {
        let frame = tab.frame().await.expect("a frame");
        let unread = frame["unread"].as_array().filter(|unread| unread.len() == 2);
        if let Some(unread) = unread {
            let wanted = [&unread[0]["id"], &unread[1]["id"]];
            tab.say(json!({ "in_sight": { "wanted": wanted } }).to_string()).await;
            break;
        }
    }
    tab.letter(|letter| letter["text"] == "on the screen").await;
    tab.say(json!({ "in_sight": { "shown": [id] } }).to_string()).await;
    eventually("it is read", async || ended(&bob.call("read_messages", json!({})).await, &id))
        .await;
}

#[tokio::test]
async fn what_a_command_sends_is_on_the_page() {
    let (home, hub, bob, page) = served().await;
    let mut tab = tab_of(&page).await;
    tab.show().await;
    tab.until("the person", |frame| frame.get("hello").cloned()).await;
    let run = run_person(&home, hub.port, &["send", "bob", "by a command"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    let read = bob.read_one().await;
    assert_eq!((&read["from"], &read["from_person"]), (&json!("kurt"), &json!(true)));
    let letter = tab.letter(|letter| letter["status"] == "read").await;
    assert_eq!((&letter["text"], &letter["mine"]), (&json!("by a command"), &json!(true)));
}

#[tokio::test]
async fn new_key_behind_a_name_is_offered_and_taken() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let page = TestPage::start(&home, hub.port).await;
    let visit = page.open(&page.link).await.expect("a visit");
    let own = page.own_headers(&visit);
    let send = async |body: Value| page.act("send", &own, &body.to_string()).await;
    let first = TestBridge::join(&home, &hub, "bob").await;
    let sent = send(json!({ "to": "bob", "text": "to the first bob" })).await;
    assert!(sent.starts_with("HTTP/1.0 200"), "{sent}");
    first.read_one().await;
    first.client.close_stdin();
    first.ended().await;
    let second = TestBridge::join(&home, &hub, "bob").await;
    let refused = send(json!({ "to": "bob", "text": "to whom?" })).await;
    assert!(refused.starts_with("HTTP/1.0 409"), "{refused}");
    let (_, body) = refused.split_once("\r\n\r\n").expect("a body");
    let said: Value = serde_json::from_str(body).expect("JSON");
    let why = said["error"].as_str().expect("a sentence");
    assert!(why.contains("has changed") && why.ends_with("send it with the new key."), "{why}");
    let sent = send(json!({ "to": "bob", "text": "to you", "fingerprint": said["fingerprint"] }));
    assert!(sent.await.starts_with("HTTP/1.0 200"));
    assert_eq!(second.read_one().await["message"], "to you");
}

#[tokio::test]
async fn commands_say_that_the_page_has_the_messages() {
    let (home, hub, bob, page) = served().await;
    let sent = run_person(&home, hub.port, &["send", "bob", "hello"]).await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert_eq!(sent.stderr, "An answer appears on your page.\n");
    assert_eq!(bob.read_one().await["from"], "kurt");
    let asked = run_person(&home, hub.port, &["send", "bob", "and?", "--wait", "1"]).await;
    assert_eq!(asked.code, Some(3), "{asked:?}");
    assert!(asked.stderr.contains("A later one appears on your page."), "{asked:?}");
    let read = run_person(&home, hub.port, &["read"]).await;
    assert!(read.stderr.contains("your page shows the messages to kurt"), "{read:?}");
    let read = run_person(&home, hub.port, &["read", "--wait", "1"]).await;
    assert_eq!(read.code, Some(1), "{read:?}");
    assert!(read.stderr.contains("Your page shows the messages to kurt"), "{read:?}");
    let mut tab = tab_of(&page).await;
    tab.show().await;
    let letter = tab.letter(|letter| letter["text"] == "and?").await;
    assert_eq!(letter["mine"], true);
}
