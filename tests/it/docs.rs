//! What the programs say of themselves: help, manual pages, completions, versions, and the exit status.

use std::path::Path;
use std::process::{Command, Stdio};

use junction_testkit::{bridge_binary, hub_binary, skipped};

/// The help of the hub is in `docs/cli.md` as the real binary prints it; `JUNCTION_UPDATE_DOCS=1` puts it there.
#[test]
fn the_cli_page_shows_the_hubs_help() {
    let help = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_junction-hub")).args(args).output().unwrap();
        format!("```text\n{}\n```\n", String::from_utf8(output.stdout).unwrap().trim_end())
    };
    let help = format!(
        "{}\n### junction-hub rotate\n\n{}\n### junction-hub install-service\n\n{}",
        help(&["--help"]),
        help(&["rotate", "--help"]),
        help(&["install-service", "--help"])
    );
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (begin, end) = ("<!-- junction-hub -->\n", "<!-- end of junction-hub -->");
    let (before, rest) = text.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let wanted = format!("{before}{begin}{help}{end}{after}");
    if std::env::var_os("JUNCTION_UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(&page, &wanted).unwrap();
    } else {
        assert!(
            text == wanted,
            "docs/cli.md is out of date: run the tests with JUNCTION_UPDATE_DOCS=1"
        );
    }
}

/// The pages of `docs/man` are formatted without a warning.
#[test]
fn man_pages_are_formatted_without_warnings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/man");
    for page in std::fs::read_dir(folder).unwrap() {
        let page = page.unwrap().path();
        let mut man = Command::new("man");
        man.args(["--warnings", "--local-file"]).arg(&page);
        let Ok(output) = man.env("LC_ALL", "C.UTF-8").env("MANWIDTH", "100").output() else {
            return skipped("there is no man(1)");
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.is_empty(), "{}: {said}", page.display());
        assert!(String::from_utf8_lossy(&output.stdout).contains("NAME"), "{}", page.display());
    }
}

/// Each script of `completions` is one that its shell can read, where the shell is installed.
#[test]
fn completions_are_scripts_that_their_shells_accept() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = Command::new(bridge_binary()).args(["completions", shell]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {output:?}");
        let values = String::from_utf8_lossy(&output.stdout).matches("claude").count();
        assert!(values > 0, "{shell} does not complete the clients");
        let script = folder.path().join(shell);
        std::fs::write(&script, output.stdout).unwrap();
        match Command::new(shell).arg("-n").arg(&script).output() {
            Ok(checked) => assert!(checked.status.success(), "{shell}: {checked:?}"),
            Err(_) => skipped(&format!("{shell} is not installed")),
        }
    }
}

/// What bash offers after `junction-bridge`, a blank and the beginning of a word.
#[test]
fn bash_completes_commands() {
    for (words, offered) in [
        (&["comp"][..], "completions\n"),
        (&["setup", "c"], "claude\ncodex\n"),
        (&["setup", "--rem"], "--remove\n"),
        (&["send", "--wa"], "--wait\n--wait-for\n"),
        (&["completions", "z"], "zsh\n"),
    ] {
        let last = words[words.len() - 1];
        let line = format!(
            r#"eval "$("$BRIDGE" completions bash)"
            COMP_WORDS=(junction-bridge {}) COMP_CWORD={}
            _junction__bridge junction-bridge {last} junction-bridge
            printf '%s\n' "${{COMPREPLY[@]}}""#,
            words.join(" "),
            words.len()
        );
        let Ok(output) =
            Command::new("bash").args(["-c", &line]).env("BRIDGE", bridge_binary()).output()
        else {
            return skipped("bash is not installed");
        };
        let found = String::from_utf8(output.stdout).unwrap();
        assert_eq!(found, offered, "{words:?}: {:?}", output.stderr);
    }
}

#[test]
fn programs_name_their_version_and_that_of_the_protocol() {
    let number = junction_shared::protocol::wire::VERSION;
    for program in [bridge_binary(), hub_binary()] {
        let output = Command::new(program).arg("--version").output().unwrap();
        let name = Path::new(program).file_stem().unwrap().to_str().unwrap();
        let wanted =
            format!("{name} {} (protocol AJ1, version {number})\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), wanted);
    }
}

/// What a program says goes to stderr, and its exit status is 2.
#[test]
fn regression_wrong_command_line_ends_with_2() {
    let link = "junction://192.0.2.7:4200/#1.AAAA";
    let bridge = [
        &["no-such-command"][..],
        &["--no-such-flag"],
        &["--port", "66000"],
        &["--log", "a=b=c"],
        &["--send-limit", "0,5", "hosts"],
        &["completions", "tcsh"],
        &["join", link],
    ];
    let hub = [&["no-such-command"][..], &["--port", "66000"], &["--host", "example.org"], &[link]];
    let lines = bridge.map(|line| (bridge_binary(), line));
    for (program, arguments) in lines.into_iter().chain(hub.map(|line| (hub_binary(), line))) {
        let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{program} {arguments:?}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
    // A client takes 2 from a hook for an order to stop the agent.
    for arguments in [&["hook", "--no-such-flag"][..], &["hook", "no-such-word"]] {
        let output = Command::new(bridge_binary()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    }
}
