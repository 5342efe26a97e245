//! Directories, files and settings that are not as they should be.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use junction_testkit::{TestHome, TestHub, skipped};

use super::diagnose;

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

/// A home with keys, and no hub that runs.
async fn used_home() -> TestHome {
    let home = TestHome::new();
    drop(TestHub::start(&home).await);
    home
}

#[tokio::test]
async fn directory_that_others_can_read_is_named_with_its_fix() {
    let home = used_home().await;
    set_mode(&home.config(), 0o755);
    diagnose(&home, &[])
        .assert("failure", &["configuration: ", "open to other users", "chmod 700"]);
}

#[tokio::test]
async fn directory_that_is_a_link_is_named() {
    let home = used_home().await;
    let real = home.path().join("real");
    std::fs::rename(home.config(), &real).expect("moved");
    symlink(&real, home.config()).expect("linked");
    diagnose(&home, &[]).assert("failure", &["configuration: ", "symbolic link"]);
}

#[tokio::test]
async fn directory_below_one_that_everybody_can_write_is_named() {
    let home = used_home().await;
    set_mode(home.path(), 0o777);
    diagnose(&home, &[]).assert("failure", &["configuration: ", "Every user can replace files"]);
    set_mode(home.path(), 0o700);
}

#[tokio::test]
async fn directory_and_file_of_another_user_are_named() {
    let home = used_home().await;
    let nobody = Some(65_534);
    let key = home.config().join("hub.key");
    if chown(&key, nobody, nobody).is_err() {
        return skipped("this user may not give a file to another one");
    }
    diagnose(&home, &[]).assert("failure", &["hub.key: ", "belongs to another user", "chown"]);
    chown(home.config(), nobody, nobody).expect("given away");
    diagnose(&home, &[]).assert("failure", &["configuration: ", "belongs to another user"]);
}

#[tokio::test]
async fn files_that_others_can_read_are_named() {
    for file in ["hub.key", "hosts.toml", "seat.key"] {
        let home = used_home().await;
        let path = home.config().join(file);
        if !path.exists() {
            std::fs::write(&path, "x").expect("a file");
        }
        set_mode(&path, 0o644);
        let check = format!("{file}: ");
        diagnose(&home, &[]).assert("failure", &[&check, "open to other users", "chmod 600"]);
    }
}

#[tokio::test]
async fn damaged_files_are_named_by_line_and_not_quoted() {
    let home = used_home().await;
    let dir = junction_shared::machine::config_dir::ConfigDir::at(home.config());
    let hosts = std::fs::read_to_string(home.config().join("hosts.toml")).expect("hosts");
    let damaged = format!("{hosts}attic = \"geheim\"\n");
    dir.write_private("hosts.toml", &damaged).expect("written");
    let line = format!("line {}", damaged.lines().count());
    let diagnosis = diagnose(&home, &[]);
    diagnosis.assert("failure", &["hosts.toml: ", &line, "neither a link nor ADDRESS:PORT"]);
    assert!(!format!("{:?}", diagnosis.findings).contains("geheim"));
    dir.write_private("hosts.toml", &hosts).expect("written");
    dir.write_private("hub.key", "geheim").expect("written");
    let diagnosis = diagnose(&home, &[]);
    diagnosis.assert("failure", &["hub.key: ", "does not hold a hub's keys", "Remove it"]);
    assert!(!format!("{:?}", diagnosis.findings).contains("geheim"));
}

#[tokio::test]
async fn keys_without_their_groups_link_are_named() {
    let home = used_home().await;
    std::fs::remove_file(home.config().join("hosts.toml")).expect("removed");
    diagnose(&home, &[]).assert("failure", &["hub.key: ", "secret is not here"]);
}

#[tokio::test]
async fn each_setting_that_cannot_be_followed_is_named_and_not_quoted() {
    let home = TestHome::new();
    let wrong = [
        ("JUNCTION_PORT", "geheim"),
        ("JUNCTION_HOST", "geheim.example"),
        ("JUNCTION_AUTOSTART", "geheim"),
        ("JUNCTION_SEND_LIMIT", "geheim"),
        ("JUNCTION_CHAIN_LIMIT", "geheim"),
        ("JUNCTION_WAKES_PER_HOUR", "geheim"),
        ("JUNCTION_HOOK_TIMEOUT_MS", "geheim"),
        ("JUNCTION_COLLISIONS", "geheim"),
        ("JUNCTION_SESSION_TIMEOUT_MS", "0"),
        ("JUNCTION_SWEEP_INTERVAL_MS", "-5"),
        ("JUNCTION_KNOWN_HOSTS", "geheim"),
        ("JUNCTION_LOG", "a=b=c"),
    ];
    let diagnosis = diagnose(&home, &wrong);
    for (name, _) in wrong {
        diagnosis.assert("failure", &[name]);
    }
    assert!(!format!("{:?}", diagnosis.findings).contains("geheim"));
    let relative = diagnose(&home, &[("JUNCTION_CONFIG_DIR", "./here")]);
    relative.assert("failure", &["configuration: ", "must be an absolute path"]);
    assert!(!format!("{:?}", relative.of("ok")).contains("CONFIG_DIR"), "{:?}", relative.of("ok"));
    assert!(!home.path().join("here").exists());
}

#[tokio::test]
async fn settings_that_nothing_reads_are_warnings() {
    let home = TestHome::new();
    let _hub = TestHub::start(&home).await;
    let diagnosis = diagnose(
        &home,
        &[("JUNCTION_PROT", "geheim"), ("JUNCTION_LOG", "${JUNCTION_LOG}"), ("JUNCTION_ELSE", "1")],
    );
    diagnosis.assert_healthy();
    diagnosis.assert("warning", &["JUNCTION_PROT", "Name it JUNCTION_PORT"]);
    diagnosis.assert("warning", &["JUNCTION_LOG", "nobody has replaced"]);
    assert!(!format!("{:?}", diagnosis.findings).contains("geheim"));
}
