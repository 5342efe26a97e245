//! How the page is opened, and how it ends.

use std::os::unix::fs::PermissionsExt as _;

use junction_testkit::{
    TestBridge, TestHome, TestHub, TestPage, TestTab, eventually, finished, person, run_person,
    signal, within,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

#[tokio::test]
async fn browser_is_opened_without_a_secret_in_its_words() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (folder, record) = (home.path().join("bin"), home.path().join("opened"));
    std::fs::create_dir(&folder).expect("a folder");
    let opener = folder.join("xdg-open");
    std::fs::write(&opener, format!("#!/bin/sh\nprintf '%s\\n' \"$@\" > '{}'\n", record.display()))
        .expect("a program");
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    let mut command = person(&home, hub.port, &["ui"]);
    let path = std::env::var("PATH").expect("a path");
    command.env("PATH", format!("{}:{path}", folder.display())).env("DISPLAY", ":0");
    let page = TestPage::of(command).await;
    let opened = eventually("a browser is opened", async || {
        std::fs::read_to_string(&record).ok().filter(|text| text.ends_with('\n'))
    })
    .await;
    assert_eq!(opened, format!("http://{}/start\n", page.address()));
    let answer = page.get("/start", "").await;
    let to = answer.lines().find_map(|line| line.strip_prefix("location: ")).expect("a link");
    let visit = page.open(&format!("http://{}{to}", page.address())).await.expect("a visit");
    assert!(page.tab(&visit.cookie, &visit.key).await.is_some());
    assert!(page.get("/start", "").await.starts_with("HTTP/1.0 403"), "once");
    assert!(page.open(&page.link).await.is_some(), "the link that was printed works, too");
}

#[tokio::test]
async fn page_ends_with_ctrl_c_and_its_session_leaves() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let page = TestPage::start(&home, hub.port).await;
    assert_eq!(hub.metric("junction_peers").await, 1);
    assert_eq!(page.interrupt().await, Some(0));
    eventually("the session has left", async || {
        (hub.metric("junction_peers").await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn page_that_is_stopped_says_so() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut child = person(&home, hub.port, &["ui", "--no-open"]).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let link = within("a link", lines.next_line()).await.expect("its stdout");
    assert!(link.is_some_and(|link| link.starts_with("http://127.0.0.1:")));
    signal(child.id().expect("it runs"), Signal::INT);
    let run = finished(child).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    let last = run.stderr.lines().last().expect("a line");
    assert!(last.starts_with("The page has stopped."), "{run:?}");
}

#[tokio::test]
async fn second_command_opens_the_page_that_is_served() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let page = TestPage::start(&home, hub.port).await;
    let second = run_person(&home, hub.port, &["ui", "--no-open"]).await;
    assert_eq!(second.code, Some(0), "{second:?}");
    assert!(page.open(second.stdout.trim()).await.is_some(), "{second:?}");
    assert!(second.stderr.contains("already running"), "{second:?}");
}

#[tokio::test]
async fn agent_cannot_open_the_page_of_its_user() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut command = person(&home, hub.port, &["ui", "--no-open"]);
    let output = command.env("CLAUDECODE", "1").output().await.expect("its output");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "no link: {output:?}");
}

/// A tab of the page that the person has just opened, and looks at.
async fn opened(page: &TestPage) -> TestTab {
    let visit = page.open(&page.link).await.expect("a visit");
    let mut tab = page.tab(&visit.cookie, &visit.key).await.expect("a tab");
    tab.show().await;
    tab
}

#[tokio::test]
async fn page_that_is_started_again_has_its_name_and_its_unread_messages() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let page = TestPage::start(&home, hub.port).await;
    bob.send("kurt", "one").await;
    let mut tab = opened(&page).await;
    tab.letter(|letter| letter["text"] == "one").await;
    drop(tab);
    bob.send("kurt", "two").await;
    assert_eq!(page.interrupt().await, Some(0));
    let page = TestPage::start(&home, hub.port).await;
    let mut tab = opened(&page).await;
    let hello = tab.until("the person", |frame| frame.get("hello").cloned()).await;
    assert_eq!(hello["you"]["alias"], "kurt");
    tab.letter(|letter| letter["text"] == "two").await;
    let sent = bob.send("kurt", "three").await;
    assert!(sent.get("error").is_none() && sent["id"].is_string(), "{sent}");
    tab.letter(|letter| letter["text"] == "three").await;
}

#[tokio::test]
async fn second_page_has_a_name_of_its_own() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let first = TestPage::start(&home, hub.port).await;
    let second = TestPage::of(person(&home, hub.port, &["ui", "--no-open", "--as", "zoe"])).await;
    assert_ne!(first.port, second.port);
    for (page, alias) in [(&first, "kurt"), (&second, "zoe")] {
        let mut tab = opened(page).await;
        let hello = tab.until("the person", |frame| frame.get("hello").cloned()).await;
        assert_eq!(hello["you"]["alias"], alias);
    }
    // Each is opened again by the words that it was started with.
    for (page, alias, name) in [(&first, "kurt", &[][..]), (&second, "zoe", &["--as", "zoe"])] {
        let again = run_person(&home, hub.port, &[&["ui", "--no-open"], name].concat()).await;
        assert!(again.stderr.contains(&format!("The page of {alias} is already")), "{again:?}");
        assert!(again.stdout.contains(&page.port.to_string()), "{again:?}");
    }
    let taken = run_person(&home, hub.port, &["ui", "--no-open", "--as", "kurt"]).await;
    assert_eq!(taken.code, Some(1), "{taken:?}");
    assert!(taken.stderr.contains("is taken. Choose another with --as"), "{taken:?}");
}

#[tokio::test]
async fn regression_both_ends_compare_the_same_words() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let first = TestPage::start(&home, hub.port).await;
    let second = TestPage::of(person(&home, hub.port, &["ui", "--no-open", "--as", "zoe"])).await;
    let words = async |page: &TestPage, alias: &str| -> Value {
        let visit = page.open(&page.link).await.expect("a visit");
        let asked = json!({ "alias": alias }).to_string();
        let answer = page.act("verify", &page.own_headers(&visit), &asked).await;
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).expect("JSON")
    };
    let (one, other) = (words(&first, "zoe").await, words(&second, "kurt").await);
    assert!(one["phrase"].is_string() && one["phrase"] == other["phrase"], "{one} {other}");
    assert_eq!((&one["own"], &one["peer"]), (&other["peer"], &other["own"]));
}
