//! What teams cost: a message to a group, the news of edits between the sessions of one repository, and the hook before
//! an edit.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use junction_testkit::{TestAgent, TestBridge, TestHome, TestHub, eventually, signal};
use rustix::process::Signal;
use serde_json::json;
use tokio::time::{interval, sleep};

use crate::memory::mebibytes;
use crate::processor::Times;
use crate::quantiles;

/// The members of the group.
const MEMBERS: usize = 64;
/// Messages to the group: as many as a session may have on their way to so many.
const GROUP_MESSAGES: usize = 4;
/// The sizes of a message to the group, in bytes.
const SIZES: [usize; 2] = [200, 8 * 1024];
/// Sessions that edit files of one repository, and how often each does.
const EDITORS: usize = 20;
const EDITS_A_MINUTE: u32 = 200;
/// How long they do.
const EDITING: Duration = Duration::from_secs(60);
/// Edits before which the hook is timed.
const CHECKS: usize = 200;

/// Runs all three.
pub(crate) async fn run() {
    for size in SIZES {
        group_message(size).await;
    }
    edits().await;
    check_before_an_edit().await;
}

/// A checkout with a remote.
fn checkout(home: &TestHome, name: &str) -> PathBuf {
    let folder = home.path().join(name);
    std::fs::create_dir_all(folder.join(".git")).expect("a folder");
    std::fs::write(folder.join(".git/HEAD"), "ref: refs/heads/main\n").expect("a file");
    let config = "[remote \"origin\"]\n\turl = git@host:a/shop.git\n";
    std::fs::write(folder.join(".git/config"), config).expect("a file");
    folder
}

/// What the hub keeps of a message to a group whose members do not take it, and how long the call lasts.
async fn group_message(size: usize) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let mut members = Vec::new();
    for number in 0..MEMBERS {
        members.push(TestBridge::join(&home, &hub, &format!("member-{number}")).await);
    }
    members.iter().for_each(|member| signal(member.client.pid(), Signal::STOP));
    let before = mebibytes(hub.pid(), "Pss:");
    let text = "m".repeat(size);
    let mut calls = Vec::new();
    for _ in 0..GROUP_MESSAGES {
        let started = Instant::now();
        let sent =
            alice.call("send_message", json!({ "target_alias": "*", "message": text })).await;
        calls.push(started.elapsed());
        assert_eq!(sent["members"], MEMBERS, "{sent}");
    }
    let kept = eventually("the hub has all", async || {
        let kept = hub.metric("junction_inbox_messages ").await;
        (kept == (MEMBERS * GROUP_MESSAGES) as u64).then(|| mebibytes(hub.pid(), "Pss:"))
    });
    let each = (kept.await - before) * 1024.0 / GROUP_MESSAGES as f64;
    println!(
        "message of {size} B to {MEMBERS} members that do not take it: {each:.0} KiB in the hub; the call: {}",
        quantiles(&mut calls)
    );
    members.iter().for_each(|member| signal(member.client.pid(), Signal::CONT));
}

/// An edit of this file, as Codex's hooks tell of it: no program is started for them.
async fn edited(bridge: &TestBridge, folder: &Path, file: usize) {
    let patch = format!("*** Begin Patch\n*** Update File: src/{file}.rs\n*** End Patch\n");
    let event = json!({
        "hook_event_name": "PostToolUse", "session_id": "s", "cwd": folder,
        "tool_name": "apply_patch", "tool_input": { "command": patch },
    });
    let call = json!({ "name": "hook_event", "arguments": event });
    bridge.client.request("tools/call", call).await.expect("it is noted");
}

/// What it costs that many sessions of one repository tell each other of their edits.
async fn edits() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let folder = checkout(&home, "shop");
    let mut bridges = Vec::new();
    for number in 0..EDITORS {
        let alias = format!("editor-{number}");
        let launch = TestAgent::launch(&home, &hub, &alias).env("CLAUDE_PROJECT_DIR", &folder);
        bridges.push(TestAgent::start(&home, launch, &alias).await.bridge);
    }
    let pids: Vec<u32> = bridges.iter().map(|bridge| bridge.client.pid()).collect();
    let (hub_before, before) = (Times::of(&[hub.pid()]), Times::of(&pids));
    let idle = (mebibytes(hub.pid(), "Pss:"), mebibytes(pids[0], "Pss:"));
    let started = Instant::now();
    let works = bridges.iter().enumerate().map(async |(at, bridge)| {
        // Sessions do not edit at the same moment.
        sleep(Duration::from_millis(15 * at as u64)).await;
        let mut turns = interval(Duration::from_mins(1) / EDITS_A_MINUTE);
        let mut file = 0;
        while started.elapsed() < EDITING {
            turns.tick().await;
            edited(bridge, &folder, at * 1000 + file).await;
            file += 1;
        }
        file
    });
    let count: usize = join_all(works).await.into_iter().sum();
    println!(
        "{EDITORS} sessions, {EDITS_A_MINUTE} edits a minute each, {EDITING:?}: {count} edits; processor time an edit: \
         hub {}, all bridges {}",
        Times::of(&[hub.pid()]).since(&hub_before).each(count),
        Times::of(&pids).since(&before).each(count),
    );
    println!(
        "  PSS: hub {:.1} MiB, before {:.1}; a bridge {:.1} MiB, before {:.1}",
        mebibytes(hub.pid(), "Pss:"),
        idle.0,
        mebibytes(pids[0], "Pss:"),
        idle.1,
    );
}

/// How long the hook before an edit takes, where another session claims the files.
async fn check_before_an_edit() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let join = async |alias: &str, folder: &Path| {
        let launch = TestAgent::launch(&home, &hub, alias).env("CLAUDE_PROJECT_DIR", folder);
        TestAgent::start(&home, launch, alias).await
    };
    let (shop, fix) = (checkout(&home, "shop"), checkout(&home, "fix"));
    let alice = join("alice", &shop).await;
    let bob = join("bob", &fix).await;
    let paths: Vec<String> = (0..100).map(|number| format!("src/{number}/**/*.rs")).collect();
    alice.bridge.call("claim", json!({ "paths": paths })).await;
    eventually("bob knows", async || {
        let page = bob.bridge.call("claim", json!({})).await;
        (page["claims"].as_array()?.len() > 1).then_some(())
    })
    .await;
    let mut times = Vec::new();
    for number in 0..CHECKS {
        let event = json!({
            "session_id": "s", "cwd": fix, "hook_event_name": "PreToolUse", "tool_name": "Edit",
            "tool_input": { "file_path": fix.join(format!("src/{}/{number}.rs", number % 100)) },
        });
        let run = bob.hook(&event).await;
        // A few edits are held back, and the agent is told of the others.
        assert!(run.stdout.contains("claimed") || number >= paths.len(), "{}", run.stdout);
        times.push(run.took);
    }
    println!("hook before an edit, start to end: {}", quantiles(&mut times));
}
