//! Somebody who types `junction-bridge` in a terminal.

use std::path::Path;
use std::process::{Command, Output};

use junction_testkit::{TestHome, bridge_binary, skipped};

/// Runs a command line of a shell on a terminal of its own; nothing where `script` is missing.
fn on_a_terminal(home: &TestHome, line: &str) -> Option<Output> {
    if !Path::new("/usr/bin/script").exists() {
        skipped("there is no script(1) to make a terminal");
        return None;
    }
    let mut command = Command::new("/usr/bin/script");
    command
        .args(["--quiet", "--return", "--command", line, "/dev/null"])
        .env("BRIDGE", bridge_binary())
        .env("SHELL", "/bin/sh")
        .env("JUNCTION_CONFIG_DIR", home.config())
        .current_dir(home.path());
    Some(command.output().expect("it runs"))
}

fn help() -> String {
    let help = Command::new(bridge_binary()).arg("--help").output().expect("it runs");
    String::from_utf8(help.stdout).expect("UTF-8")
}

/// The commands in a text: what its list of commands begins its lines with.
fn commands(text: &str) -> Vec<String> {
    let (_, list) = text.split_once("Commands:\n").expect("a list of commands");
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn regression_bridge_on_a_terminal_says_what_it_is_and_shows_its_commands() {
    let home = TestHome::new();
    // The last one has nothing but its input from the terminal.
    for line in ["\"$BRIDGE\"", "\"$BRIDGE\" --log info", "\"$BRIDGE\" | cat"] {
        let Some(output) = on_a_terminal(&home, line) else { return };
        let said = String::from_utf8(output.stdout).expect("UTF-8").replace('\r', "");
        assert!(output.status.success(), "{line}: {said}");
        assert!(said.starts_with("Agent Junction lets"), "{line}: {said}");
        assert_eq!(commands(&said), commands(&help()), "{line}");
        assert!(!home.config().exists(), "{line}: nothing is made");
    }
}

#[test]
fn bridge_with_input_from_elsewhere_serves_on_a_terminal_too() {
    let home = TestHome::new();
    let ping = r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;
    let Some(output) = on_a_terminal(&home, &format!("echo '{ping}' | \"$BRIDGE\"")) else {
        return;
    };
    let said = String::from_utf8(output.stdout).expect("UTF-8").replace('\r', "");
    assert_eq!(said, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n");
    assert!(output.status.success());
}
