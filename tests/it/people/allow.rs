//! What an agent's shell may attach, and how its user allows more.

use std::os::unix::fs::symlink;

use junction_testkit::{
    PersonRun, TestAgent, TestHome, TestHub, eventually, finished, person, run_person,
};
use serde_json::{Value, json};

use super::desk::{bridge_in, directory, mode, run_at_desk};

/// A command of this agent's shell, in the directory of its project.
fn in_shell(
    home: &TestHome,
    hub: &TestHub,
    agent: &TestAgent,
    arguments: &[&str],
) -> tokio::process::Command {
    let mut command = person(home, hub.port, arguments);
    command.env("CLAUDECODE", "1").env("XDG_RUNTIME_DIR", &agent.runtime);
    command.current_dir(directory(home, "alice"));
    command
}

/// How a command of this agent's shell ends. While a bridge of another test is in the directory that all tests share, it
/// cannot tell whose session it is, and does nothing.
async fn run_in_shell(
    home: &TestHome,
    hub: &TestHub,
    agent: &TestAgent,
    arguments: &[&str],
) -> PersonRun {
    eventually("the bridge of the session is found", async || {
        let run = in_shell(home, hub, agent, arguments).spawn().expect("it starts");
        let run = finished(run).await;
        (!run.stderr.contains("its session")).then_some(run)
    })
    .await
}

#[tokio::test]
async fn agents_shell_sends_what_its_user_allowed_and_nothing_else() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let project = directory(&home, "alice");
    let launch = TestAgent::launch(&home, &hub, "alice").cwd(&project);
    let alice = TestAgent::start(&home, launch, "alice").await;
    let bob = bridge_in(&home, &hub, "bob").await;
    let outside = directory(&home, "out").join("it's.txt");
    std::fs::write(&outside, "outside").expect("written");
    std::fs::write(project.join(".env"), "KEY=v\n").expect("written");
    std::fs::write(project.join("plain.txt"), "plain").expect("written");
    let path = outside.to_str().expect("a path");
    let env = project.join(".env");
    let env = env.to_str().expect("a path");
    // Both as the shell's own directory has them.
    for (named, entry) in [("../out/it's.txt", path.to_owned()), (".env#KEY", format!("{env}#KEY"))]
    {
        let arguments = ["send", "--json", "bob", "see", "--attach", named];
        let refused = run_in_shell(&home, &hub, &alice, &arguments).await;
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
        let command = format!("junction-bridge allow '{}'", entry.replace('\'', r"'\''"));
        assert!(
            refused.stderr.contains("Ask your user to run: ") && refused.stderr.contains(&command),
            "{refused:?}"
        );
        // The agent cannot allow it to itself.
        let posing = in_shell(&home, &hub, &alice, &["allow", &entry]).spawn().expect("it starts");
        let posing = finished(posing).await;
        assert!(posing.code == Some(1) && posing.stderr.contains("a person alone"), "{posing:?}");
        let allowed = run_person(&home, hub.port, &["allow", &entry]).await;
        assert!(
            allowed.code == Some(0) && allowed.stdout.contains("Allowed from now on"),
            "{allowed:?}"
        );
        // At once, without a restart.
        let sent = run_in_shell(&home, &hub, &alice, &arguments).await;
        assert_eq!(sent.code, Some(0), "{sent:?}");
        let message = bob.read_one().await;
        assert_eq!((&message["from"], message.get("from_person")), (&json!("alice"), None));
        let save = json!({
            "message_id": message["id"], "attachment_id": "1", "path": "saved", "overwrite": true,
        });
        bob.call("save_attachment", save).await;
    }
    assert_eq!(std::fs::read(directory(&home, "bob").join("saved")).expect("saved"), b"v");
    // What is its own leaves without a word.
    let arguments = ["send", "--json", "bob", "--attach", "plain.txt"];
    assert_eq!(run_in_shell(&home, &hub, &alice, &arguments).await.code, Some(0));
    assert_eq!(bob.read_one().await["attachments"][0]["name"], "plain.txt");
    let back = run_person(&home, hub.port, &["allow", "--remove", path]).await;
    assert_eq!(back.code, Some(0), "{back:?}");
    let arguments = ["send", "--json", "bob", "see", "--attach", path];
    assert_eq!(run_in_shell(&home, &hub, &alice, &arguments).await.code, Some(1));
    assert!(bob.leftovers().await.is_empty());
}

#[tokio::test]
async fn allow_adds_shows_and_takes_back() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let desk = directory(&home, "desk");
    std::fs::write(desk.join("a.txt"), "a").expect("written");
    let nothing = run_at_desk(&home, &hub, &["allow"]).await;
    assert!(nothing.code == Some(0) && nothing.stdout.is_empty(), "{nothing:?}");
    let listed = async || {
        let run = run_at_desk(&home, &hub, &["allow", "--json"]).await;
        serde_json::from_str::<Value>(&run.stdout).expect("JSON alone")
    };
    let a = desk.join("a.txt");
    for (arguments, said) in [
        (&["allow", "a.txt"][..], "Allowed from now on: your sessions may send the file"),
        (&["allow", "./a.txt"], "This was allowed already: your sessions may send the file"),
        (&["allow", ".env#KEY"], "There is no such file yet."),
        (&["allow", "--env", "R2_KEY"], "the environment variable R2_KEY"),
        (&["allow", "--save", "."], "your sessions may save attachments below "),
    ] {
        let run = run_at_desk(&home, &hub, arguments).await;
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
        assert!(run.stdout.contains(said) && run.stdout.contains("config.toml"), "{run:?}");
        assert!(run.stdout.contains("taken back by: junction-bridge allow --remove "), "{run:?}");
    }
    let all = listed().await;
    assert_eq!(all["allow"], json!([a, format!("{}#KEY", desk.join(".env").display())]));
    assert_eq!((&all["env_keys"], &all["commands"]), (&json!(["R2_KEY"]), &json!([])));
    assert_eq!(mode(&home.config().join("config.toml")), 0o600);
    let shown = run_at_desk(&home, &hub, &["allow"]).await;
    assert!(shown.stdout.contains(&format!("send, save  {}\n", a.display())), "{shown:?}");
    let doctor = run_at_desk(&home, &hub, &["doctor"]).await;
    assert!(
        doctor.stdout.contains("All 4 entries can be read, and changed by you alone."),
        "{doctor:?}"
    );
    for arguments in [
        &["allow", "--remove", "a.txt"][..],
        &["allow", "--remove", ".env#KEY"],
        &["allow", "--remove", "--env", "R2_KEY"],
        &["allow", "--json", "--remove", "--save", "."],
    ] {
        let run = run_at_desk(&home, &hub, arguments).await;
        assert_eq!(run.code, Some(0), "{run:?}");
    }
    let all = listed().await;
    assert_eq!((&all["allow"], &all["save_roots"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn what_cannot_be_allowed_is_refused_and_the_config_stays_as_it_is() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let desk = directory(&home, "desk");
    let a = desk.join("a.txt");
    std::fs::write(&a, "a").expect("written");
    symlink(&a, desk.join("link")).expect("a link");
    assert_eq!(run_at_desk(&home, &hub, &["allow", "a.txt"]).await.code, Some(0));
    let config = || std::fs::read(home.config().join("config.toml")).expect("it is there");
    let before = config();
    for (arguments, code, said) in [
        (&["allow", "link"][..], 1, a.to_str().expect("a path")),
        (&["allow", "missing/a.txt"], 1, "There is nothing at "),
        (&["allow", ".#KEY"], 1, "is a folder"),
        (&["allow", "/proc/self/environ"], 1, "never allowed"),
        (&["allow", "--env", "A=B"], 1, "no name of an environment variable"),
        (&["allow", "--save", "a.txt"], 1, "is no folder"),
        (&["allow", "--remove", "other"], 1, "allows nothing of that name"),
        (&["allow", "--remove"], 2, "Nothing is named"),
        (&["allow", ".env#"], 2, "There is no key after #."),
        (&["allow", "a.txt", "--env", "X"], 2, "cannot be used with"),
    ] {
        let run = run_at_desk(&home, &hub, arguments).await;
        assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{run:?}");
        assert!(run.stderr.contains(said), "{said}: {run:?}");
    }
    assert!(config() == before);
}
