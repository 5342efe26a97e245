//! The hub as a service of the system.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use junction_testkit::{TestHome, hub_binary};

fn install_service(home: &TestHome, arguments: &[&str]) -> Output {
    let mut command = Command::new(hub_binary());
    command.arg("install-service").args(arguments).env("JUNCTION_CONFIG_DIR", home.config());
    // What the environment says is written out: a service has another one.
    command.env("JUNCTION_LOG", "info");
    let nowhere = home.config().join("nowhere");
    // No manager of services is found there, and none may be asked by a test.
    for name in ["HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"] {
        command.env(name, &nowhere);
    }
    command.output().expect("it starts")
}

#[cfg(target_os = "linux")]
#[test]
fn systemd_takes_the_unit_as_it_is() {
    let home = TestHome::new();
    let printed =
        install_service(&home, &["--print", "--port", "4299", "--session-timeout-ms", "5000"]);
    assert!(printed.status.success(), "{printed:?}");
    let unit = String::from_utf8(printed.stdout).expect("text");
    let config = home.config();
    let flags = "--host 0.0.0.0 --port 4299 --session-timeout-ms 5000 --config-dir";
    let line = format!("{flags} {} --log info", config.display());
    assert!(unit.contains(&line), "{unit}");
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("systemd-analyze is not installed: the unit is not verified");
        return;
    }
    let file = config.join("junction-hub.service");
    fs::create_dir_all(&config).expect("a directory");
    fs::write(&file, unit).expect("it is written");
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--user", "--man=no"])
        .arg(&file)
        .env("XDG_RUNTIME_DIR", &config)
        .output()
        .expect("it starts");
    assert!(verified.status.success() && verified.stderr.is_empty(), "{verified:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn service_that_cannot_be_started_leaves_nothing() {
    let home = TestHome::new();
    let refused = install_service(&home, &[]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let why = String::from_utf8(refused.stderr).expect("text");
    assert!(
        why.contains("systemctl --user daemon-reload failed (") && why.contains("--print"),
        "{why}"
    );
    let unit = Path::new("nowhere/systemd/user/junction-hub.service");
    assert!(!home.config().join(unit).exists(), "it would begin to run some day");
    let removed = install_service(&home, &["--remove"]);
    assert!(removed.status.success(), "{removed:?}");
}
