//! The page of a person with hubs of several machines.

use std::process::Stdio;

use junction_testkit::{Network, PageVisit, TestHome, TestPage, TestTab, bridge_binary};
use serde_json::{Value, json};
use tokio::process::Command;

use super::{BOB, CAROL, HUB, join, link_of, linked};

/// The page of a person on a machine, on the hub that is called so there, and what its browser has.
async fn page(
    network: &Network,
    machine: u8,
    home: &TestHome,
    hub: &str,
) -> (TestPage, PageVisit, TestTab) {
    let mut command = Command::from(network.command(machine, bridge_binary()));
    command
        .args(["ui", "--no-open"])
        .env("JUNCTION_CONFIG_DIR", home.config())
        .env("JUNCTION_HUB", hub)
        .env("XDG_RUNTIME_DIR", home.runtime("person"))
        .env("USER", "kurt")
        .env_remove("CLAUDECODE")
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let page = TestPage::of(command).await;
    let visit = page.open(&page.link).await.expect("a visit");
    let mut tab = page.tab(&visit.cookie, &visit.key).await.expect("a tab");
    tab.show().await;
    (page, visit, tab)
}

/// What an action of the page answers.
async fn done(page: &TestPage, visit: &PageVisit, action: &str, body: &Value) -> Value {
    let answer = page.act(action, &page.own_headers(visit), &body.to_string()).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
    assert!(head.starts_with("HTTP/1.0 200"), "{action}: {answer}");
    serde_json::from_str(body).expect("JSON")
}

#[tokio::test]
async fn on_a_hub_elsewhere_the_page_shows_who_is_there_and_ones_own_messages() {
    let Some(network) = Network::create(2) else { return };
    let (home, _hub, guest) = linked(&network).await;
    let alice = join(&network, HUB, &home, "local", "alice").await;
    network.on(BOB, async || {
        let (page, visit, mut tab) = page(&network, BOB, &guest, "attic").await;
        let names = |frame: &Value| {
            let sessions = frame["sessions"].as_array()?;
            let names: Vec<_> = sessions.iter().filter_map(|it| it["alias"].as_str()).collect();
            let own = sessions.iter().find(|it| it["alias"] == "kurt")?;
            assert!(own["state"].is_string() && own["reach"].is_string(), "{own}");
            names.contains(&"alice").then_some(())
        };
        tab.until("who is there", names).await;
        let message = json!({ "to": "alice", "text": "from afar" });
        assert!(done(&page, &visit, "send", &message).await["id"].is_string());
        let mut other = page.tab(&visit.cookie, &visit.key).await.expect("a tab");
        other.show().await;
        let hello = other.until("hello", |frame| frame.get("hello").cloned()).await;
        assert_eq!(hello["hub"], json!({ "name": "attic", "local": false, "flow": false }));
    });
    let read = alice.read_one().await;
    assert_eq!((&read["message"], &read["from"]), (&json!("from afar"), &json!("kurt")));
}

#[tokio::test]
async fn machines_are_invited_joined_and_forgotten_on_the_page() {
    let Some(network) = Network::create(3) else { return };
    let (home, _hub, _guest) = linked(&network).await;
    let link = network.on(HUB, async || {
        let (page, visit, _tab) = page(&network, HUB, &home, "local").await;
        let invited = done(&page, &visit, "invite", &json!({})).await;
        let links = invited["links"].as_array().expect("links");
        assert_eq!(links.len(), 1, "{invited}");
        let size = links[0]["size"].as_u64().expect("a size");
        assert!(size > 40 && links[0]["qr"].as_str().is_some_and(|path| path.starts_with('M')));
        links[0]["link"].as_str().expect("a link").to_owned()
    });
    let carol = TestHome::new();
    network.on(CAROL, async || {
        let (page, visit, _tab) = page(&network, CAROL, &carol, "local").await;
        let joined = done(&page, &visit, "join", &json!({ "link": link, "name": "attic" })).await;
        assert_eq!(joined["name"], "attic");
        let known = done(&page, &visit, "machines", &json!({})).await;
        let attic =
            known["hosts"].as_array().expect("hosts").iter().find(|it| it["name"] == "attic");
        let attic = attic.expect("the hub that was joined");
        assert_eq!(
            (&attic["linked"], &attic["reachable"]),
            (&json!(true), &json!(true)),
            "{known}"
        );
        assert_eq!(*link_of(&carol, "attic").to_text(), link);
        done(&page, &visit, "forget", &json!({ "name": "attic" })).await;
        let known = done(&page, &visit, "machines", &json!({})).await;
        assert!(!known.to_string().contains("attic"), "{known}");
        let wrong = page.act("join", &page.own_headers(&visit), r#"{"link":"junction://x"}"#).await;
        assert!(wrong.starts_with("HTTP/1.0 409") && !wrong.contains("junction://x"), "{wrong}");
    });
}
