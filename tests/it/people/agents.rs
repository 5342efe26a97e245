//! An agent's shell: what it sends is the agent's, and nothing there is a person's.

use std::path::Path;
use std::process::Stdio;

use junction_testkit::{
    PersonRun, TestAgent, TestBridge, TestHome, TestHub, eventually, finished, person, run_person,
};
use serde_json::json;

/// A command of the shell of this agent, whose client sets this variable.
fn in_shell(
    home: &TestHome,
    hub: &TestHub,
    agent: &TestAgent,
    sign: &str,
    arguments: &[&str],
) -> tokio::process::Command {
    let mut command = person(home, hub.port, arguments);
    command.env(sign, "1").env("XDG_RUNTIME_DIR", &agent.runtime);
    command
}

/// What `send` to bob prints in the shell of this agent. While a bridge of another test is in the directory that all
/// tests share, it cannot tell whose session it is, and sends nothing.
async fn sent_by(
    home: &TestHome,
    hub: &TestHub,
    agent: &TestAgent,
    sign: &str,
    text: &str,
) -> serde_json::Value {
    eventually(&format!("{sign}: the agent's message"), async || {
        let mut child = in_shell(home, hub, agent, sign, &["send", "--json", "bob", text]);
        let sent = finished(child.spawn().expect("it starts")).await;
        (sent.code == Some(0)).then(|| serde_json::from_str(&sent.stdout).expect("JSON"))
    })
    .await
}

const SIGNS: [&str; 4] = ["CLAUDECODE", "CODEX_THREAD_ID", "GEMINI_CLI", "OPENCODE"];

#[tokio::test]
async fn message_from_an_agents_shell_is_the_agents() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    for sign in SIGNS {
        sent_by(&home, &hub, &alice, sign, "by an agent").await;
        let message = bob.read_one().await;
        assert_eq!(
            (&message["from"], message.get("from_person")),
            (&json!("alice"), None),
            "{sign}"
        );
    }
    // Its answers are for the agent's session, and its wait is that of the tool.
    let asking =
        in_shell(&home, &hub, &alice, "CLAUDECODE", &["send", "--wait", "30", "bob", "well?"]);
    let asking = { asking }.spawn().expect("it starts");
    let question = bob.read_one().await;
    bob.call(
        "send_message",
        json!({ "target_alias": "alice", "message": "yes", "reply_to": question["id"] }),
    )
    .await;
    assert_eq!(finished(asking).await.stdout, "yes\n");
    assert_eq!(bob.call("list_peers", json!({})).await["total"], 1, "nobody else has joined");
}

#[tokio::test]
async fn messages_of_an_agents_shell_stay_in_its_chain() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let launch = TestAgent::launch(&home, &hub, "alice").env("JUNCTION_CHAIN_LIMIT", "2");
    let alice = TestAgent::start(&home, launch, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    bob.send("alice", "one").await;
    alice.bridge.read_one().await;
    alice.bridge.send("bob", "two").await;
    bob.read_one().await;
    bob.send("alice", "three").await;
    alice.bridge.read_one().await;
    let sent = sent_by(&home, &hub, &alice, "CLAUDECODE", "four").await;
    assert_eq!(sent["peer"]["reach_why"], "chain", "{sent}");
}

#[tokio::test]
async fn agents_shell_without_a_bridge_is_pointed_to_the_tools() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    for sign in SIGNS {
        for (arguments, tool) in [
            (&["send", "bob", "hello"][..], "send_message"),
            (&["read", "--wait", "9"], "read_messages"),
            (&["watch"], "read_messages"),
        ] {
            let mut command = person(&home, hub.port, arguments);
            command.env(sign, "1").env("XDG_RUNTIME_DIR", home.runtime("empty"));
            let run = finished(command.spawn().expect("it starts")).await;
            assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{sign}: {run:?}");
            assert!(run.stderr.contains(tool) && run.stderr.contains(sign), "{sign}: {run:?}");
        }
        let mut posing = person(&home, hub.port, &["send", "--as", "kurt", "bob", "hello"]);
        let run = finished(posing.env(sign, "1").spawn().expect("it starts")).await;
        assert!(run.code == Some(1) && run.stderr.contains("Leave --as out"), "{run:?}");
    }
    assert!(bob.leftovers().await.is_empty());
}

/// `send bob hello` without any variable of a client, run by the shell script that follows, in which it is `$0 send`.
async fn run_below(home: &TestHome, hub: &TestHub, shell: &Path, script: &[&str]) -> PersonRun {
    let command = person(home, hub.port, &[]);
    let program = command.as_std().get_program().to_owned();
    let mut shell = tokio::process::Command::new(shell);
    for (name, value) in command.as_std().get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.args(script).arg(program).kill_on_drop(true);
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finished(shell.spawn().expect("it starts")).await
}

#[tokio::test]
async fn client_above_is_noticed_without_its_variable() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    // A process has the name of the file that was started, and the shell waits for its command.
    let claude = home.path().join("claude");
    std::os::unix::fs::symlink("/bin/sh", &claude).expect("a link");
    let send = "\"$0\" send bob hello; exit $?";
    let by_name = run_below(&home, &hub, &claude, &["-c", send]).await;
    // A client that is a script has the name of what interprets it.
    let gemini = home.path().join("gemini.sh");
    std::fs::write(&gemini, "\"$1\" send bob hello; exit $?\n").expect("written");
    let script = gemini.to_str().expect("a path");
    let by_script = run_below(&home, &hub, Path::new("/bin/sh"), &[script]).await;
    for run in [by_name, by_script] {
        assert!(run.code == Some(1) && run.stderr.contains("send_message"), "{run:?}");
    }
    assert!(bob.leftovers().await.is_empty());
    // Without a client above, the same command is a person's.
    assert_eq!(run_person(&home, hub.port, &["send", "bob", "hello"]).await.code, Some(0));
}

#[tokio::test]
async fn regression_client_of_any_name_is_known_by_the_bridge_that_it_started() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    // The shell starts a bridge, as a client does, and has it open before it runs the command.
    let fifo = home.path().join("stdin");
    let client = format!(
        "mkfifo {0}; \"$0\" < {0} & exec 3> {0}; \
         until ls \"$XDG_RUNTIME_DIR\"/agent-junction/*.sock; do :; done 2> /dev/null > /dev/null; \
         \"$0\" send bob hello; code=$?; exec 3>&-; wait; exit $code",
        fifo.display()
    );
    let run = run_below(&home, &hub, Path::new("/bin/sh"), &["-c", &client]).await;
    if run.code == Some(0) {
        let message = bob.read_one().await;
        assert_eq!(message.get("from_person"), None, "{message}");
    } else {
        // The bridge had not joined yet.
        assert!(run.stderr.contains("so nothing was sent"), "{run:?}");
    }
}
