//! Edits of two sessions of one repository: who is told of whom before an edit, by hooks and by the command.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use junction_testkit::{TestAgent, TestHome, TestHub, bridge_binary, eventually, hook};
use serde_json::{Value, json};
use tokio::process::Command;

const REMOTE: &str = "[remote \"origin\"]\n\turl = git@host:a/shop.git\n";

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

/// A checkout with a remote, a worktree of it, and a submodule in it.
fn repository(home: &TestHome) -> (PathBuf, PathBuf) {
    let (main, tree) = (home.path().join("shop"), home.path().join("fix"));
    write(&main.join(".git/HEAD"), "ref: refs/heads/main\n");
    write(&main.join(".git/config"), REMOTE);
    write(&main.join(".git/worktrees/fix/HEAD"), "ref: refs/heads/fix\n");
    write(&main.join(".git/worktrees/fix/commondir"), "../..\n");
    let git_dir = main.join(".git/worktrees/fix");
    write(&tree.join(".git"), &format!("gitdir: {}\n", git_dir.display()));
    write(&main.join(".git/modules/lib/HEAD"), "ref: refs/heads/main\n");
    write(&main.join(".git/modules/lib/config"), "[remote \"origin\"]\n\turl = git@host:a/lib\n");
    write(&main.join("lib/.git"), "gitdir: ../.git/modules/lib\n");
    (main, tree)
}

async fn agent(home: &TestHome, hub: &TestHub, alias: &str, project: &Path) -> TestAgent {
    let launch = TestAgent::launch(home, hub, alias).env("CLAUDE_PROJECT_DIR", project);
    TestAgent::start(home, launch, alias).await
}

fn edit(event: &str, file: &Path) -> Value {
    json!({
        "session_id": "s", "cwd": file.parent(), "hook_event_name": event, "tool_name": "Edit",
        "tool_input": { "file_path": file, "old_string": "a", "new_string": "b" },
    })
}

fn patch(event: &str, folder: &Path, file: &str) -> Value {
    let patch = format!("*** Begin Patch\n*** Update File: {file}\n@@\n-a\n+b\n*** End Patch\n");
    json!({
        "session_id": "s", "cwd": folder, "hook_event_name": event, "tool_name": "apply_patch",
        "tool_input": { "command": patch },
    })
}

/// What the agent reads before an edit, once it is anything.
async fn told(agent: &TestAgent, event: &Value) -> String {
    let told = eventually("the agent is told", async || {
        let said = agent.hook_json(event).await;
        let output = &said["hookSpecificOutput"];
        assert!(said.is_null() || output["permissionDecision"] == "deny", "{said}");
        output["permissionDecisionReason"].as_str().map(str::to_owned)
    });
    told.await
}

#[tokio::test]
async fn session_is_told_before_it_edits_what_another_claims_or_has_changed() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (main, tree) = repository(&home);
    let alice = agent(&home, &hub, "alice", &main).await;
    let bob = agent(&home, &hub, "bob", &tree).await;
    let claimed = json!({ "paths": ["src/auth", "lib/*.c"], "note": "new\nlogin \"x\"" });
    let page = alice.bridge.call("claim", claimed).await;
    assert_eq!(page["claims"].as_array().map(Vec::len), Some(2), "{page}");
    let login = tree.join("src/auth/login.rs");
    let line = told(&bob, &edit("PreToolUse", &login)).await;
    assert!(line.contains("session \"alice\" claimed \"src/auth\""), "{line}");
    assert!(line.contains("\"src/auth/login.rs\"") && !line.contains('\n'), "{line}");
    // Once, whichever file of the claim it is, and neither of other files nor to the claimant.
    let other = tree.join("src/auth/logout.rs");
    assert_eq!(bob.hook_json(&edit("PreToolUse", &other)).await, Value::Null);
    assert_eq!(bob.hook_json(&edit("PreToolUse", &login)).await, Value::Null);
    assert_eq!(bob.hook_json(&edit("PreToolUse", &tree.join("src/other.rs"))).await, Value::Null);
    assert_eq!(
        alice.hook_json(&edit("PreToolUse", &main.join("src/auth/a.rs"))).await,
        Value::Null
    );
    // A submodule is a repository of its own, and a link leads to the file behind it.
    symlink(main.join("lib"), home.path().join("link")).expect("a link");
    let line = told(&bob, &edit("PreToolUse", &home.path().join("link/x.c"))).await;
    assert!(line.contains("claimed \"*.c\""), "{line}");
    // After an edit, the others are told of that.
    let _ = bob.hook_json(&patch("PostToolUse", &tree, "src/new.rs")).await;
    let line = told(&alice, &patch("PreToolUse", &main, "src/new.rs")).await;
    assert!(line.contains("session \"bob\" changed \"src/new.rs\""), "{line}");
}

#[tokio::test]
async fn client_asks_its_person_if_that_is_set_and_nothing_is_said_if_it_is_off() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (main, tree) = repository(&home);
    let alice = agent(&home, &hub, "alice", &main).await;
    let bob = agent(&home, &hub, "bob", &tree).await;
    alice.bridge.call("claim", json!({ "paths": ["src/a", "src/b", "src/c"] })).await;
    eventually("bob knows", async || {
        let page = bob.bridge.call("claim", json!({})).await;
        (page["claims"].as_array()?.len() == 3).then_some(())
    })
    .await;
    let said = async |setting: &str, event: &Value| {
        let script = format!("JUNCTION_COLLISIONS={setting} exec {} hook", bridge_binary());
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .env("XDG_RUNTIME_DIR", &bob.runtime)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("a hook");
        let mut stdin = child.stdin.take().expect("its stdin");
        tokio::io::AsyncWriteExt::write_all(&mut stdin, event.to_string().as_bytes())
            .await
            .expect("its input");
        drop(stdin);
        let output = child.wait_with_output().await.expect("its output");
        assert!(output.status.success());
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default()
    };
    assert_eq!(said("off", &edit("PreToolUse", &tree.join("src/a"))).await, Value::Null);
    let asked = said("ask", &edit("PreToolUse", &tree.join("src/a"))).await;
    let output = &asked["hookSpecificOutput"];
    assert_eq!(output["permissionDecision"], "ask", "{asked}");
    assert_eq!(output["permissionDecisionReason"], output["additionalContext"]);
    // Codex's hooks cannot ask, and a wrong setting counts as none.
    for (setting, event) in [
        ("ask", patch("PreToolUse", &tree, "src/b")),
        ("maybe", edit("PreToolUse", &tree.join("src/c"))),
    ] {
        let told = said(setting, &event).await;
        let output = &told["hookSpecificOutput"];
        assert_eq!(output["permissionDecision"], "deny", "{told}");
        assert!(output["permissionDecisionReason"].is_string(), "{told}");
    }
}

#[tokio::test]
async fn edits_without_a_bridge_or_in_great_number_are_quick_and_silent() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (main, _) = repository(&home);
    let nobody = hook(&home.runtime("nobody"), &edit("PreToolUse", &main.join("a"))).await;
    assert!(nobody.status.success() && nobody.stdout.is_empty() && nobody.stderr.is_empty());
    let alice = agent(&home, &hub, "alice", &main).await;
    let mut longest = Vec::new();
    for number in 0..50 {
        let file = main.join(format!("src/{number}.rs"));
        longest.push(alice.hook(&edit("PreToolUse", &file)).await.took);
        let _ = alice.hook_json(&edit("PostToolUse", &file)).await;
    }
    longest.sort();
    assert!(longest[25] < Duration::from_millis(50), "{longest:?}");
    // As long a list of files as a patch may have.
    let files: String =
        (0..200).map(|n| format!("*** Add File: {}/{n}\n", "x".repeat(300))).collect();
    let mut long = patch("PreToolUse", &main, "a");
    long["tool_input"]["command"] = json!(files);
    assert_eq!(alice.hook_json(&long).await, Value::Null);
}

#[tokio::test]
async fn regression_call_with_a_path_that_cannot_be_claimed_does_nothing() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (main, _) = repository(&home);
    let alice = agent(&home, &hub, "alice", &main).await;
    alice.bridge.call("claim", json!({ "paths": ["src"] })).await;
    let long = main.join("lib").join("x".repeat(300)).display().to_string();
    for (call, why) in [
        (json!({ "release": true, "paths": ["../../../x"] }), "leads out of the project"),
        (json!({ "release": true, "paths": ["ok.rs", long] }), "longer than 256 bytes"),
        (json!({ "release": ["src"], "paths": ["a\u{7}b"] }), "control character"),
    ] {
        let refused = alice.bridge.error("claim", call.clone()).await;
        assert!(refused.contains(why), "{call}: {refused}");
        let page = alice.bridge.call("claim", json!({})).await;
        assert_eq!(page["claims"].as_array().map(Vec::len), Some(1), "{call}: {page}");
        assert_eq!(page["claims"][0]["path"], "src");
    }
}

#[tokio::test]
async fn command_shows_claims_and_stops_a_commit_of_anothers_files() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (main, tree) = repository(&home);
    let alice = agent(&home, &hub, "alice", &main).await;
    let run = async |runtime: &Path, arguments: &[&str]| {
        let output = Command::new(bridge_binary())
            .args(["claims", "--port", &hub.port.to_string()])
            .args(arguments)
            .current_dir(&tree)
            .env_clear()
            .env("JUNCTION_CONFIG_DIR", home.config())
            .env("XDG_RUNTIME_DIR", runtime)
            .output();
        let output = output.await.expect("the command");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    alice.bridge.call("claim", json!({ "paths": ["src"], "note": "mine" })).await;
    let nobody = home.runtime("nobody");
    let (status, shown, _) = run(&nobody, &["--json"]).await;
    let shown: Value = serde_json::from_str(&shown).unwrap_or_else(|_| panic!("{shown}"));
    assert_eq!(
        (status, &shown["alias"], &shown["path"]),
        (Some(0), &json!("alice"), &json!("src"))
    );
    let (_, table, _) = run(&nobody, &[]).await;
    let lines: Vec<_> = table.lines().collect();
    assert!(
        lines[0].starts_with("SESSION  CLAIMS") && lines[1].starts_with("alice    src "),
        "{table}"
    );
    let (status, _, why) = run(&nobody, &["--check", "docs/x", "src/a.rs", "src/b.rs"]).await;
    let lines: Vec<_> = why.lines().collect();
    assert_eq!((status, lines.len()), (Some(1), 3), "{why}");
    assert!(lines[0].starts_with("src/a.rs is claimed by alice (\"src\"), "), "{why}");
    assert!(lines[1].contains(" ago and for ") && lines[1].ends_with(": \"mine\"."), "{why}");
    assert!(lines[2].contains("git commit --no-verify commits anyway"), "{why}");
    // Names that look like flags, and a path that is longer than what a claim can name.
    let long = format!("src/{}a.rs", "folder/".repeat(60));
    for name in ["src/--json", long.as_str()] {
        assert_eq!(run(&nobody, &["--check", "--", name]).await.0, Some(1), "{name}");
    }
    assert_eq!(run(&nobody, &["--check", "--", "-x", "--json"]).await.0, Some(0));
    assert_eq!(run(&nobody, &["--check", "docs/x"]).await.0, Some(0));
    assert_eq!(run(&nobody, &["--check"]).await.0, Some(0));
    // In the shell of the session that claims it.
    assert_eq!(run(&alice.runtime, &["--check", "src/a.rs"]).await.0, Some(0));
    alice.bridge.call("claim", json!({ "release": true })).await;
    assert_eq!(run(&nobody, &["--check", "src/a.rs"]).await.0, Some(0));
}
