//! Where the configuration lies: homes and settings as machines and clients have them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use junction_testkit::client::Launch;
use junction_testkit::{
    TestBridge, TestHome, TestHub, Version, bridge_binary, eventually, free_port, hub_binary,
    skipped,
};
use serde_json::json;

/// Values of a setting that a client has not expanded, or that depend on the working directory.
const NOT_ABSOLUTE: [&str; 9] = [
    "x",
    "./x",
    "../x",
    "~",
    "~root/x",
    "$HOME/x",
    "%USERPROFILE%\\x",
    "\"~/x\"",
    "$XDG_CONFIG_HOME/agent-junction",
];
/// A user that no system has.
const NOBODY: &str = "54321";

fn mode(path: &Path) -> u32 {
    let metadata = std::fs::metadata(path);
    metadata.unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode()
        & 0o7777
}

fn made_in(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

/// A project's folder in which nothing must be made.
fn project(home: &TestHome) -> std::path::PathBuf {
    let project = home.path().join("project");
    std::fs::create_dir_all(&project).expect("a directory");
    project
}

/// Runs a program in a project with these settings.
fn run(home: &TestHome, program: &str, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(settings.iter().copied()).current_dir(project(home));
    command.output().expect("it runs")
}

/// What a program said when it failed: one sentence, and what to do.
fn failure(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[tokio::test]
async fn regression_config_dir_that_depends_on_the_working_directory_is_refused_by_all_programs() {
    let home = TestHome::new();
    let user = home.path().to_str().expect("UTF-8").to_owned();
    for value in NOT_ABSOLUTE {
        let launch = TestBridge::launch(&home, free_port())
            .env("HOME", &user)
            .env("JUNCTION_CONFIG_DIR", value)
            .env("JUNCTION_AUTOSTART", "true")
            .cwd(project(&home));
        let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
        let text = bridge.error("register", json!({})).await;
        assert!(text.contains("JUNCTION_CONFIG_DIR must be an absolute path"), "{value}: {text}");
        let settings =
            [("HOME", user.as_str()), ("JUNCTION_CONFIG_DIR", value), ("JUNCTION_PORT", "0")];
        for (program, arguments) in [
            (hub_binary(), &[][..]),
            (hub_binary(), &["rotate"]),
            (bridge_binary(), &["invite"]),
            (bridge_binary(), &["forget", "attic"]),
        ] {
            let said = failure(&run(&home, program, arguments, &settings));
            assert!(said.contains("must be an absolute path"), "{value}, {arguments:?}: {said}");
        }
        let flag = [("HOME", user.as_str())];
        let said =
            failure(&run(&home, hub_binary(), &["--config-dir", value, "--port", "0"], &flag));
        assert!(said.contains("--config-dir must be an absolute path"), "{value}: {said}");
        assert_eq!(made_in(&project(&home)), Vec::<std::path::PathBuf>::new(), "{value}");
    }
    assert!(!home.path().join(".config").exists());
}

#[tokio::test]
async fn regression_config_dir_in_the_home_directory_is_one_for_all_projects_and_programs() {
    let home = TestHome::installed();
    let user = home.path().join("user");
    std::fs::create_dir(&user).expect("a directory");
    let port = free_port();
    let mut bridges = Vec::new();
    for name in ["shop", "blog"] {
        let project = home.path().join(name);
        std::fs::create_dir(&project).expect("a directory");
        let launch = Launch::new(home.bin().join("junction-bridge"))
            .env("HOME", &user)
            .env("XDG_RUNTIME_DIR", home.runtime(name))
            .env("JUNCTION_CONFIG_DIR", "~/deep/.junction")
            .env("JUNCTION_PORT", port.to_string())
            .cwd(&project);
        let mut bridge = TestBridge::open(&home, launch, Version::Stateful).await;
        bridge.register(name).await;
        assert_eq!(made_in(&project), Vec::<std::path::PathBuf>::new());
        bridges.push(bridge);
    }
    bridges[0].send("blog", "we meet").await;
    assert_eq!(bridges[1].read_one().await["message"], "we meet");
    for made in ["deep", "deep/.junction"] {
        assert_eq!(mode(&user.join(made)), 0o700, "{made}");
    }
    let port = port.to_string();
    let settings = [
        ("HOME", user.to_str().expect("UTF-8")),
        ("JUNCTION_CONFIG_DIR", "~/deep/.junction"),
        ("JUNCTION_PORT", port.as_str()),
    ];
    let forgot = failure(&run(&home, bridge_binary(), &["forget", "attic"], &settings));
    assert!(forgot.contains("no host of that name"), "{forgot}");
}

#[tokio::test]
async fn regression_home_that_is_no_absolute_path_is_reported_and_nothing_is_made() {
    let home = TestHome::new();
    for value in ["~", ".", "user", "$HOME", "${HOME}"] {
        let launch = TestBridge::launch(&home, free_port())
            .env_remove("JUNCTION_CONFIG_DIR")
            .env_remove("XDG_CONFIG_HOME")
            .env("HOME", value)
            .cwd(project(&home));
        let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
        let text = bridge.error("register", json!({})).await;
        assert!(text.contains("HOME is not an absolute path"), "{value}: {text}");
        let said = failure(&run(&home, hub_binary(), &["--port", "0"], &[("HOME", value)]));
        assert!(said.contains("HOME is not an absolute path"), "{value}: {said}");
        assert_eq!(made_in(&project(&home)), Vec::<std::path::PathBuf>::new(), "{value}");
    }
}

#[tokio::test]
async fn regression_what_is_made_is_private_whatever_the_umask() {
    for umask in ["000", "002", "077", "0777"] {
        let home = TestHome::new();
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        let port = free_port();
        let launch = Launch::new("/bin/sh")
            .arg("-c")
            .arg(&script)
            .arg(bridge_binary())
            .env("HOME", home.path())
            .env_remove("XDG_CONFIG_HOME")
            .env("XDG_RUNTIME_DIR", home.runtime("all"))
            .env("JUNCTION_HUB", format!("127.0.0.1:{port}"))
            .env("JUNCTION_AUTOSTART", "false")
            .cwd(home.path());
        let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
        // Made by the bridge alone: no hub runs yet.
        bridge.error("list_peers", json!({})).await;
        let config = home.path().join(".config/agent-junction");
        let sockets = home.runtime("all").join("agent-junction");
        let socket = eventually("the socket is there", async || made_in(&sockets).pop()).await;
        eventually("the socket is private", async || (mode(&socket) == 0o600).then_some(())).await;
        for directory in [config.parent().expect("a parent"), &config, &sockets] {
            assert_eq!(mode(directory), 0o700, "{umask}: {}", directory.display());
        }
        let files = made_in(&config);
        assert!(files.len() >= 2, "{files:?}");
        for file in files {
            assert_eq!(mode(&file), 0o600, "{umask}: {}", file.display());
        }
        let other = TestHome::new();
        let by = ["/bin/sh", "-c", &script].map(str::to_owned).to_vec();
        let hub = TestHub::start_by(&other, port, by).await;
        assert_eq!(mode(&other.config()), 0o700, "{umask}");
        for file in made_in(&other.config()) {
            assert_eq!(mode(&file), 0o600, "{umask}: {}", file.display());
        }
        drop(hub);
    }
}

/// The command line by which a user without an entry in the list of users runs a program of this home; nothing if this
/// user may not do that.
fn as_nobody(home: &TestHome) -> Option<Vec<String>> {
    let id = format!("--reuid={NOBODY}");
    let group = format!("--regid={NOBODY}");
    let words = ["setpriv", &id, &group, "--clear-groups"].map(str::to_owned).to_vec();
    // Everybody may enter.
    std::fs::set_permissions(home.path(), PermissionsExt::from_mode(0o755)).expect("its mode");
    let tried = Command::new(&words[0]).args(&words[1..]).arg("/bin/true").output();
    if tried.is_ok_and(|output| output.status.success()) {
        return Some(words);
    }
    skipped("this user may not run programs as another one");
    None
}

#[tokio::test]
async fn regression_user_without_a_home_is_answered_and_told_what_is_missing() {
    let home = TestHome::installed();
    let Some(words) = as_nobody(&home) else { return };
    let closed = home.path().join("closed");
    std::fs::create_dir(&closed).expect("a directory");
    let closed = closed.to_str().expect("UTF-8").to_owned();
    let missing = "There is no home directory";
    for (user_home, config, told) in [
        (None, None, missing),
        (Some(""), None, missing),
        (None, Some("~/.junction"), missing),
        (Some("/nowhere/at/all"), None, "/nowhere/at/all/.config/agent-junction cannot be used"),
        (Some(closed.as_str()), None, "/closed/.config/agent-junction cannot be used"),
        (Some("/proc"), None, "/proc/.config/agent-junction cannot be used"),
    ] {
        let settings = [("HOME", user_home), ("JUNCTION_CONFIG_DIR", config)];
        let settings = settings.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
        let settings: Vec<_> = settings.chain([("JUNCTION_PORT", "4399")]).collect();
        let mut launch = Launch::new("/usr/bin/env").env_clear().cwd("/");
        for word in &words {
            launch = launch.arg(word);
        }
        launch = launch.arg(home.bin().join("junction-bridge"));
        for (name, value) in &settings {
            launch = launch.env(name, value);
        }
        let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
        let listed = bridge.client.request("tools/list", json!({})).await.expect("a list");
        assert!(listed["tools"].as_array().is_some_and(|tools| !tools.is_empty()));
        for (tool, arguments) in [
            ("register", json!({})),
            ("list_peers", json!({})),
            ("send_message", json!({ "target_alias": "bob", "message": "hello" })),
        ] {
            let text = bridge.error(tool, arguments).await;
            assert!(text.contains(told) && text.contains("JUNCTION_CONFIG_DIR"), "{tool}: {text}");
        }
        let hosts = bridge.call("known_hosts", json!({})).await;
        if told == missing {
            assert!(hosts["problems"].to_string().contains(told), "{hosts}");
        }
        let commands: &[&[&str]] = match told == missing {
            true => {
                &[&["junction-hub"], &["junction-bridge", "invite"], &["junction-bridge", "join"]]
            }
            // A folder that is only missing has no hosts yet.
            false => &[&["junction-hub"]],
        };
        for command in commands {
            let binary = home.bin().join(command[0]);
            let mut arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
            arguments.push(binary.to_str().expect("UTF-8"));
            arguments.extend(&command[1..]);
            let said = failure(&run(&home, "/usr/bin/setpriv", &arguments, &settings));
            assert!(said.contains(told), "{command:?}: {said}");
        }
    }
}
