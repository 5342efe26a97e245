//! The file from which the seats of a configuration directory are derived.

use std::collections::HashSet;
use std::fs::{Permissions, rename, set_permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;

use super::*;
use futures_util::future::join_all;
use junction_shared::machine::config_dir::ConfigDir;
use junction_testkit::bridge_binary;

/// Bridges that are started at once.
const AT_ONCE: usize = 20;
/// The user without rights.
const NOBODY: u32 = 65_534;

/// What `doctor` says of this home.
fn doctor(home: &TestHome) -> String {
    let mut command = Command::new(bridge_binary());
    command.arg("doctor").env("JUNCTION_CONFIG_DIR", home.config()).env_remove("JUNCTION_HUB");
    let output = command.current_dir(home.path()).output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Without a secret that can be used, a session has no seat, and all else goes on. The bridge says what is wrong, and what to
/// do.
async fn has_no_seat(home: &TestHome, hub: &TestHub, says: &str) {
    let acquainted = Acquainted::new(home, hub).await;
    let Acquainted { session, alice, bob, name } = &acquainted;
    let said = alice.stderr();
    assert!(said.contains("no_seat") && said.contains(says), "{said}");
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
        set_permissions(&file, Permissions::from_mode(0o600)).expect("its mode");
        has_no_seat(&home, &hub, "Remove it:").await;
        assert_eq!(std::fs::read_to_string(&file).expect("it stays"), text);
    }
}

#[tokio::test]
async fn file_that_is_not_the_users_alone_gives_no_seat() {
    let mode = |mode| move |file: &Path| set_permissions(file, Permissions::from_mode(mode));
    let linked = |file: &Path| {
        let elsewhere = file.with_extension("elsewhere");
        rename(file, &elsewhere).and_then(|()| symlink(elsewhere, file))
    };
    // Only root can give a file away.
    let given = |file: &Path| match chown(file, Some(NOBODY), Some(NOBODY)) {
        Err(_) => set_permissions(file, Permissions::from_mode(0o644)),
        given => given,
    };
    let says_whose =
        if rustix::process::geteuid().is_root() { "user. Run chown" } else { "Run chmod" };
    type Spoil<'a> = &'a dyn Fn(&Path) -> std::io::Result<()>;
    let spoils: [(Spoil<'_>, &str); 5] = [
        (&mode(0o644), "Run chmod"),
        (&mode(0o640), "Run chmod"),
        (&mode(0o602), "Run chmod"),
        (&linked, "is a symbolic link. Replace"),
        (&given, says_whose),
    ];
    for (spoil, says) in spoils {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let session = TestSession::new(&home, &hub, "another");
        alias(&session.start(&home).await).await;
        let file = home.config().join("seat.key");
        let made = std::fs::metadata(&file).expect("it is made").permissions().mode();
        assert_eq!(made & 0o777, 0o600);
        spoil(&file).expect("it is spoilt");
        has_no_seat(&home, &hub, says).await;
    }
}

#[tokio::test]
async fn file_that_is_none_gives_no_seat() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    std::fs::create_dir(home.config().join("seat.key")).expect("a directory");
    has_no_seat(&home, &hub, "is not a file. Move it").await;
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
    // Neither comes back as the other, whichever of them is there.
    BridgeEnding::Terminate.of(&alice).await;
    loses_sight(&bob, &name).await;
    BridgeEnding::Terminate.of(&other).await;
    loses_sight(&bob, &other_name).await;
    let other = session.start(&twin).await;
    assert_came_back(&other, &other_name).await;
    assert_came_back(&session.start(&home).await, &name).await;
}

/// A bridge of this session, in a directory of its own, is another session than this, and gets no mail.
async fn is_a_stranger(thief: &TestHome, session: &TestSession, name: &str) {
    let bridge = session.start(thief).await;
    let first = bridge.call("list_peers", json!({})).await;
    let said = [&first["you"], &first["came_back"]].map(Value::to_string);
    assert!(said.iter().all(|said| !said.contains(name)), "{first}");
    bridge.error("register", json!({ "alias": name })).await;
    assert_eq!(bridge.leftovers().await, Vec::<Value>::new());
    BridgeEnding::Terminate.of(&bridge).await;
}

#[tokio::test]
async fn session_is_stolen_with_its_id_and_the_secret_and_with_neither_alone() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let acquainted = Acquainted::new(&home, &hub).await;
    let Acquainted { session, alice, bob, name } = &acquainted;
    let (without_key, with_key) = (home.twin(), home.twin());
    let guess = TestSession::new(&home, &hub, "sessioo");
    let key = ConfigDir::at(home.config()).read_private("seat.key").expect("a file");
    let key = key.expect("it is made");
    ConfigDir::at(with_key.config()).write_private("seat.key", &key).expect("a copy");
    let thieves = [(&without_key, session), (&with_key, &guess)];
    let ids = acquainted.send(&["one"]).await;
    alice.holds(1).await;
    for (thief, session) in thieves {
        is_a_stranger(thief, session, name).await;
    }
    assert_eq!(alias(alice).await, *name);
    BridgeEnding::Terminate.of(alice).await;
    loses_sight(bob, name).await;
    for (thief, session) in thieves {
        is_a_stranger(thief, session, name).await;
    }
    let alice = session.start(&home).await;
    assert_came_back(&alice, name).await;
    assert_eq!(alice.read_one().await["id"], ids[0]);
    // SECURITY.md says so: who has both is the session.
    let both = session.elsewhere(&with_key).resume(&with_key).await;
    assert_came_back(&both, name).await;
    is_replaced(&alice, name).await;
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
