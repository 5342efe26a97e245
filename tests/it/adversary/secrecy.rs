//! Who may see what: nobody but the two agents a message, nobody the keys, and no log anything at all.

use std::sync::{Arc, Mutex};

use junction_testkit::{FrameProxy, TestBridge, TestHome, TestHub, Version, health, texts};
use serde_json::json;

/// Texts that must show up nowhere; no two of them share a part.
const BODY: &str = "canary-body-qzjxk-7309";
const REPLY: &str = "canary-reply-wvfyp-1846";
const TASK: &str = "canary-task-hgbtd-5521";
const ALIAS: &str = "canary-alias-mnrlc";

const LOUD: [(&str, &str); 3] =
    [("JUNCTION_LOG", "trace"), ("RUST_LOG", "trace"), ("RUST_BACKTRACE", "1")];

async fn loud_bridge(home: &TestHome, port: u16, alias: &str) -> TestBridge {
    let launch = LOUD
        .iter()
        .fold(TestBridge::launch(home, port), |launch, (name, value)| launch.env(name, value));
    let mut bridge = TestBridge::open(home, launch, Version::Stateful).await;
    bridge.register(alias).await;
    bridge
}

/// A conversation that touches every path a secret takes, errors and an outage included.
async fn converse(home: &TestHome, hub: &mut TestHub, alice: &TestBridge, bob: &TestBridge) {
    alice.call("register", json!({ "task": TASK })).await;
    let ask = json!({ "target_alias": ALIAS, "message": BODY, "wait_seconds": 20 });
    let answer = async {
        let message = bob.read_one().await;
        assert_eq!(message["message"], BODY);
        let answer =
            json!({ "target_alias": "alice", "message": REPLY, "reply_to": message["id"] });
        bob.call("send_message", answer).await
    };
    let (asked, _) = futures_util::future::join(alice.call("send_message", ask), answer).await;
    assert_eq!(asked["reply"]["message"], REPLY);
    alice.error("send_message", json!({ "target_alias": "nobody", "message": BODY })).await;
    alice.error("send_message", json!({ "target_alias": 5, "message": BODY })).await;
    alice.error("register", json!({ "alias": ALIAS })).await;
    alice.say(format!("{{\"broken\": \"{BODY}\"")).await;
    alice.say(format!("{BODY} is not json")).await;
    let unknown = json!({ "jsonrpc": "2.0", "id": BODY, "method": BODY, "params": { BODY: BODY } });
    alice.say(unknown.to_string()).await;
    hub.kill();
    let queued = alice.send(ALIAS, BODY).await;
    assert_eq!(queued["status"], "queued");
    hub.restart(home).await;
    assert_eq!(texts(&bob.read_many(1).await), [BODY]);
    alice.send(ALIAS, &BODY.repeat(1_000)).await;
    bob.read_one().await;
    alice.send(ALIAS, BODY).await;
}

#[tokio::test]
async fn no_log_at_any_level_contains_a_body_a_name_a_key_or_a_link() {
    let home = TestHome::new();
    let mut hub = TestHub::start_with(&home, &LOUD).await;
    let alice = loud_bridge(&home, hub.port, "alice").await;
    let bob = loud_bridge(&home, hub.port, ALIAS).await;
    converse(&home, &mut hub, &alice, &bob).await;
    bob.call("disconnect", json!({})).await;
    let logs = home.all_stderr();
    assert!(logs.len() > 200, "the logs are loud: {logs}");
    for canary in [BODY, REPLY, TASK, ALIAS] {
        assert!(!logs.contains(canary), "{canary} is in: {logs}");
    }
    let link = home.link();
    let (_, secrets) = link.split_once("#1.").expect("a link");
    for secret in secrets.split('.').chain([link.as_str()]) {
        let some = &secret[..secret.len().min(20)];
        assert!(
            !logs.contains(some) || secret == link && !logs.contains("#1."),
            "a link is logged"
        );
    }
    let keys = std::fs::read_to_string(home.config().join("hub.key")).expect("hub.key");
    for word in keys.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_') {
        assert!(word.len() < 32 || !logs.contains(word), "a key of the hub is logged");
    }
}

#[tokio::test]
async fn frames_through_the_hub_contain_no_text_of_a_message() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let wire: Arc<Mutex<Vec<u8>>> = Arc::default();
    let record = Arc::clone(&wire);
    let proxy = FrameProxy::start(hub.port, move |heard| {
        record.lock().expect("the record").extend_from_slice(&heard.bytes);
        vec![heard.bytes.clone()]
    })
    .await;
    let alice = loud_bridge(&home, proxy.port, "alice").await;
    let bob = loud_bridge(&home, proxy.port, ALIAS).await;
    converse(&home, &mut hub, &alice, &bob).await;
    let wire = wire.lock().expect("the record");
    let holds = |text: &str| wire.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(ALIAS) && holds(TASK), "the record works: contexts are visible to a hub");
    assert!(!holds(BODY) && !holds(REPLY));
    for secret in secrets_of(&home) {
        assert!(!wire.windows(secret.len()).any(|window| window == secret));
    }
}

/// The bytes of the join secret and of what bridges alone derive from it.
fn secrets_of(home: &TestHome) -> Vec<Vec<u8>> {
    let group = home.group();
    let link = junction_shared::invite_link::InviteLink::parse(&home.link()).expect("a link");
    [link.secret.expose(), group.psk.expose(), group.card.expose()].map(|key| key.to_vec()).to_vec()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn processes_show_no_secret_and_leave_no_core() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bridge = TestBridge::join(&home, &hub, "alice").await;
    let link = home.link();
    let (_, secret) = link.rsplit_once('.').expect("a link");
    for pid in [hub.pid(), bridge.client.pid()] {
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("limits");
        let core = limits.lines().find(|line| line.starts_with("Max core file size"));
        let sizes: Vec<&str> = core.expect("a limit").split_whitespace().skip(4).take(2).collect();
        assert_eq!(sizes, ["0", "0"], "core files are off");
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).expect("a command line");
        assert!(!String::from_utf8_lossy(&command).contains(secret));
        assert!(!linux::is_dumpable(pid), "process {pid} can be dumped");
    }
    assert!(health(hub.port).await.is_some());
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::unix::fs::MetadataExt;

    /// Whether the system would dump this process: what it may not dump belongs to root in /proc.
    pub(super) fn is_dumpable(pid: u32) -> bool {
        let me = std::fs::metadata("/proc/self").map(|own| own.uid()).unwrap_or_default();
        if me == 0 {
            // To root all of /proc looks alike; that core files are off is checked separately.
            return false;
        }
        std::fs::metadata(format!("/proc/{pid}/environ")).is_ok_and(|file| file.uid() == me)
    }
}
