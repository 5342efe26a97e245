//! `doctor --wake`: a person tries whether a session can be woken.

use std::process::{Output, Stdio};

use junction_testkit::{TestAgent, TestBridge, TestHome, TestHub, bridge_binary, reaches, within};
use serde_json::{Value, json};
use tokio::process::Command;

fn doctor(agent: &TestAgent, arguments: &[&str]) -> Command {
    let mut command = Command::new(bridge_binary());
    command.arg("doctor").args(arguments).env("XDG_RUNTIME_DIR", &agent.runtime);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn output(command: &mut Command) -> Output {
    within("the doctor ends", command.output()).await.expect("its output")
}

fn finding(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("JSON: {output:?}"))
}

fn event(name: &str) -> Value {
    json!({ "hook_event_name": name, "session_id": "s" })
}

#[tokio::test]
async fn a_trial_begins_one_turn_and_says_what_the_client_said() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    alice.hook(&event("Stop")).await;
    let mut wait = alice.plugin_wait(&[]).await;
    reaches(&bob, "alice", "push").await;
    for (said, level, words) in [
        (
            "--woken",
            "ok",
            "alice (test-client) was woken by the junction's plugin, a way that its client's makers document",
        ),
        ("--dropped", "failure", "refused the notice"),
        ("--woken", "ok", "says that a turn began"),
    ] {
        let mut command = doctor(&alice, &["--json", "--wake"]);
        let (tried, next) = tokio::join!(output(&mut command), async {
            let printed = within("the wait ends", wait.wait_with_output()).await.expect("output");
            let notice = String::from_utf8(printed.stdout).expect("UTF-8");
            assert!(notice.starts_with("Agent Junction notice "), "{notice}");
            assert!(notice.contains("tests whether this session can be woken"), "{notice}");
            // As the client's own hook tells: no person typed it.
            let prompt = json!({ "hook_event_name": "UserPromptSubmit", "session_id": "s", "prompt": notice });
            alice.hook(&prompt).await;
            let next = alice.plugin_wait(&[said]).await;
            alice.hook(&event("Stop")).await;
            if level == "ok" {
                // A reserve is let go once a plugin waits: the next trial finds one.
                let mut reserve = alice.reserve_hook(&event("Stop")).await;
                within("the plugin waits", reserve.wait()).await.expect("its status");
            }
            next
        });
        wait = next;
        let found = finding(&tried);
        assert_eq!(found["level"], level, "{found}");
        assert!(found["says"].as_str().is_some_and(|says| says.contains(words)), "{found}");
        assert_eq!(tried.status.code(), Some(i32::from(level == "failure")));
    }
    // A message goes the same way, and the doctor says which.
    let checked =
        output(doctor(&alice, &["--json"]).env("JUNCTION_CONFIG_DIR", home.config())).await;
    let said = String::from_utf8(checked.stdout).expect("UTF-8");
    assert!(
        said.contains("A message wakes the agent of alice (test-client) by the junction's plugin"),
        "{said}"
    );
    alice.hook(&event("UserPromptSubmit")).await;
    let busy = finding(&output(&mut doctor(&alice, &["--json", "--wake", "alice"])).await);
    assert!(busy["says"].as_str().is_some_and(|says| says.contains("left alone")), "{busy}");
    let unknown = output(&mut doctor(&alice, &["--wake", "nobody"])).await;
    let why = String::from_utf8(unknown.stderr).expect("UTF-8");
    assert_eq!((unknown.status.code(), why.contains("alice")), (Some(1), true), "{why}");
}
