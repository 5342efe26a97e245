//! The file from which the seats of a configuration directory are derived.

use std::collections::HashSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::*;
use futures_util::future::join_all;
use junction_testkit::bridge_binary;

/// Bridges that are started at once.
const AT_ONCE: usize = 20;

/// What `doctor` says of this home.
fn doctor(home: &TestHome) -> String {
    let mut command = Command::new(bridge_binary());
    command.arg("doctor").env("JUNCTION_CONFIG_DIR", home.config()).env_remove("JUNCTION_HUB");
    let output = command.current_dir(home.path()).output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Without a secret that can be used, a session has no seat, and all else goes on.
async fn has_no_seat(home: &TestHome, hub: &TestHub) {
    let acquainted = Acquainted::new(home, hub).await;
    let Acquainted { session, alice, bob, name } = &acquainted;
    assert!(alice.stderr().contains("no_seat"), "{}", alice.stderr());
    let ids = acquainted.send(&["one"]).await;
    assert_eq!(alice.read_one().await["message"], "one");
    assert_eq!(bob.receipt(&ids[0]).await["status"], "read");
    let before = identity(alice).await;
    BridgeEnding::Terminate.of(alice).await;
    loses_sight(bob, name).await;
    let alice = session.start(home).await;
    let answer = alice.call("list_peers", json!({})).await;
    assert_eq!(answer.get("came_back"), None, "{answer}");
    let after = identity(&alice).await;
    assert!(before[0] != after[0] && before[1] != after[1], "{after:?}");
    let said = doctor(home);
    assert!(
        said.lines().any(|line| line.contains("seat.key") && line.starts_with("FAIL")),
        "{said}"
    );
}

#[tokio::test]
async fn file_that_holds_no_secret_gives_no_seat() {
    for text in ["", "no secret at all\n"] {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let file = home.config().join("seat.key");
        std::fs::write(&file, text).expect("written");
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("its mode");
        has_no_seat(&home, &hub).await;
        assert_eq!(std::fs::read_to_string(&file).expect("it stays"), text);
    }
}

#[tokio::test]
async fn file_that_others_can_read_gives_no_seat() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let session = TestSession::new(&home, &hub, "another");
    alias(&session.start(&home).await).await;
    let file = home.config().join("seat.key");
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("its mode");
    has_no_seat(&home, &hub).await;
}

#[tokio::test]
async fn file_that_is_none_gives_no_seat() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    std::fs::create_dir(home.config().join("seat.key")).expect("a directory");
    has_no_seat(&home, &hub).await;
}

#[tokio::test]
async fn one_id_is_another_session_in_another_directory() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let Acquainted { session, alice, bob, name } = Acquainted::new(&home, &hub).await;
    let twin = home.twin();
    let other = session.resume(&twin).await;
    let other_name = alias(&other).await;
    assert_ne!(other_name, name);
    assert_eq!(alias(&alice).await, name);
    greet(&other, &other_name, &bob).await;
    // Neither comes back as the other, whoever of them is there.
    BridgeEnding::Terminate.of(&alice).await;
    loses_sight(&bob, &name).await;
    BridgeEnding::Terminate.of(&other).await;
    loses_sight(&bob, &other_name).await;
    let other = session.start(&twin).await;
    assert_came_back(&other, &other_name).await;
    assert_came_back(&session.start(&home).await, &name).await;
}

#[tokio::test]
async fn bridges_that_start_at_once_make_one_secret() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let sessions: Vec<_> =
        (0..AT_ONCE).map(|number| TestSession::new(&home, &hub, &format!("id-{number}"))).collect();
    let mut rounds = Vec::new();
    for _ in 0..2 {
        assert_eq!(home.config().join("seat.key").exists(), !rounds.is_empty());
        let bridges = join_all(sessions.iter().map(|session| session.start(&home))).await;
        let identities = join_all(bridges.iter().map(identity)).await;
        join_all(bridges.iter().map(|bridge| BridgeEnding::EndOfInput.of(bridge))).await;
        rounds.push(identities);
    }
    assert_eq!(rounds[0], rounds[1]);
    let names: HashSet<_> = rounds[0].iter().map(|[alias, ..]| alias.to_string()).collect();
    assert_eq!(names.len(), AT_ONCE);
}
