//! What is saved, where nothing is, and what is left after errors.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::process::Command;

use super::*;
use crate::config::AttachmentConfig;
use crate::git::GitWarning;
use crate::refused::{BadPath, DiskFault, Never, NotAllowed, Sensitivity, ValueRefused, Why};
use crate::testing::{RACES, TestProject, against_exchange, race};

mod disks;
mod leftovers;
mod parallel;
#[cfg(target_os = "linux")]
mod permissions;
mod places;
mod repository;

use places::hostile_world;

fn save(
    policy: &Policy,
    path: &str,
    name: &str,
    overwrite: bool,
) -> Result<SavedFile, SaveRefused> {
    let mut saving = Saving::begin(policy, &Target { path, name, overwrite, is_value: false }, 4)?;
    saving.write(b"ne")?;
    saving.write(b"w\n")?;
    saving.finish()
}

fn put(policy: &Policy, path: &str, key: &str, text: &str) -> Result<SavedFile, SaveRefused> {
    let target = ValueTarget { path, key, value: b"v", overwrite: false };
    let put = put_value_into(policy, &target, |file| {
        let mut bytes = file.bytes.to_vec();
        bytes.extend_from_slice(text.as_bytes());
        Ok::<_, ()>(Zeroizing::new(bytes))
    });
    put.map_err(|refused| match refused {
        ValueRefused::File(refused) => refused,
        ValueRefused::Value(()) => unreachable!(),
    })
}

/// What becomes of a save, in a word.
fn word(saved: &Result<SavedFile, SaveRefused>) -> &'static str {
    match saved {
        Ok(_) => "saved",
        Err(SaveRefused::BadPath(_)) => "bad",
        Err(SaveRefused::NoFolder(_)) => "no folder",
        Err(SaveRefused::NotAFolder(_)) => "not a folder",
        Err(SaveRefused::Symlink(_)) => "link",
        Err(SaveRefused::Exists(_)) => "exists",
        Err(SaveRefused::NotAFile { .. }) => "no file",
        Err(SaveRefused::Never { why: Never::System, .. }) => "system",
        Err(SaveRefused::Never { why: Never::OwnConfig, .. }) => "own",
        Err(SaveRefused::Never { why: Never::Setting, .. }) => "setting",
        Err(SaveRefused::Never { why: Never::Repository, .. }) => "repository",
        Err(SaveRefused::NotAllowed(NotAllowed { why: Why::Outside, .. })) => "outside",
        Err(SaveRefused::NotAllowed(NotAllowed { why: Why::Sensitive(_), .. })) => "sensitive",
        Err(SaveRefused::NotAllowed(NotAllowed { why: Why::HardLink, .. })) => "hard link",
        Err(_) => "other",
    }
}

/// All that is below a folder, with the content of files and the targets of links.
fn listing(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            found.extend(listing(&path));
        } else if metadata.is_symlink() {
            found.push(format!(
                "{} -> {}",
                path.display(),
                fs::read_link(&path).unwrap().display()
            ));
        } else {
            let content = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            found.push(format!("{} {content:?}", path.display()));
        }
    }
    found.sort();
    found
}

#[test]
fn overwriting_replaces_a_file_and_nothing_else() {
    let world = hostile_world();
    let policy = world.policy();
    assert_eq!(word(&save(&policy, "old.txt", "x", false)), "exists");
    assert_eq!(fs::read(world.at("old.txt")).unwrap(), b"old");
    for (path, expected) in [
        ("old.txt", "saved"),
        ("fresh.txt", "saved"),
        ("hard.txt", "saved"),
        ("link", "link"),
        ("file-link", "link"),
        ("pipe", "no file"),
        (".git/config", "setting"),
    ] {
        assert_eq!(word(&save(&policy, path, "x", true)), expected, "{path}");
    }
    assert_eq!(fs::read(world.at("old.txt")).unwrap(), b"new\n");
    // The other name keeps the old file.
    assert_eq!(fs::read(world.at("hard-2.txt")).unwrap(), b"hard");
    fs::set_permissions(world.at("old.txt"), fs::Permissions::from_mode(0o444)).unwrap();
    let refused = save(&policy, "old.txt", "x", true);
    assert!(
        matches!(refused, Err(SaveRefused::Disk { fault: DiskFault::Denied, .. })),
        "{refused:?}"
    );
    assert_eq!(fs::read(world.at("OUTSIDE/secret")).unwrap(), b"secret");
}

#[test]
fn regression_replaced_file_keeps_its_permissions() {
    let world = TestProject::new();
    let policy = world.policy();
    let mode = |path: &str| fs::metadata(world.at(path)).unwrap().mode() & 0o7777;
    for (before, after) in [(0o644, 0o644), (0o640, 0o640), (0o600, 0o600), (0o6755, 0o755)] {
        let path = world.write("a", "old");
        fs::set_permissions(&path, fs::Permissions::from_mode(before)).unwrap();
        assert_eq!(word(&save(&policy, "a", "x", true)), "saved");
        assert_eq!(mode("a"), after, "{before:o}");
        fs::set_permissions(&path, fs::Permissions::from_mode(before)).unwrap();
        assert_eq!(word(&put(&policy, "a", "KEY", "")), "saved");
        assert_eq!(mode("a"), after, "{before:o}");
    }
    assert_eq!(word(&save(&policy, "new", "x", true)), "saved");
    assert_eq!(word(&put(&policy, "new.json", "KEY", "")), "saved");
    assert_eq!((mode("new"), mode("new.json")), (0o600, 0o600));
}

#[test]
fn roots_and_entries_open_other_places() {
    let mut world = hostile_world()
        .consent("OUTSIDE/exact/.env")
        .allow("PROJECT/.npmrc")
        .allow("OUTSIDE/read/");
    for folder in ["root/sub/.git", "exact", "read", ".claude/x"] {
        fs::create_dir_all(world.outside().join(folder)).unwrap();
    }
    world.config.save_roots = vec![world.outside().join("root"), world.outside().join(".claude/x")];
    let world = world.allow("OUTSIDE/.claude/settings.json").allow("PROJECT/.git/config");
    let policy = world.policy();
    for (path, name, expected) in [
        ("OUTSIDE/root/a", "x", "saved"),
        ("OUTSIDE/root/sub/a", "x", "saved"),
        ("OUTSIDE/root", "a2", "saved"),
        ("OUTSIDE/root/../x", "x", "outside"),
        ("OUTSIDE/root-2/x", "x", "outside"),
        ("OUTSIDE/root/.env", "x", "sensitive"),
        ("OUTSIDE/root/sub/.git/x", "x", "setting"),
        ("OUTSIDE/exact/.env", "x", "saved"),
        ("OUTSIDE/exact", ".env", "outside"),
        ("OUTSIDE/exact/x", "x", "outside"),
        ("OUTSIDE/read/x", "x", "outside"),
        ("OUTSIDE/.claude/x/a", "x", "setting"),
        ("OUTSIDE/.claude/settings.json", "x", "setting"),
        (".git/config", "x", "setting"),
        (".npmrc", "x", "saved"),
    ] {
        assert_eq!(word(&save(&policy, &world.expand(path), name, false)), expected, "{path}");
    }
    let Err(SaveRefused::NotAllowed(refusal)) = save(&policy, "../../outside/read", "a", false)
    else {
        panic!()
    };
    assert_eq!(refusal.entry(), world.expand("OUTSIDE/read/a"));
}

#[test]
fn unfinished_and_wrong_saves_leave_nothing() {
    let world = TestProject::new();
    let policy = world.policy();
    let target = Target { path: "a", name: "x", overwrite: false, is_value: false };
    let before = listing(world.project());
    let mut saving = Saving::begin(&policy, &target, 4).unwrap();
    assert_eq!(saving.path(), world.at("a"));
    saving.write(b"ne").unwrap();
    // Where files can be without a name, nothing is to be seen of it.
    #[cfg(target_os = "linux")]
    assert_eq!(listing(world.project()), before);
    drop(saving);
    assert_eq!(listing(world.project()), before);
    let mut saving = Saving::begin(&policy, &target, 4).unwrap();
    saving.write(b"ne").unwrap();
    assert_eq!(saving.finish(), Err(SaveRefused::Length { expected: 4, got: 2 }));
    let mut saving = Saving::begin(&policy, &target, 4).unwrap();
    assert_eq!(saving.write(b"newer"), Err(SaveRefused::Length { expected: 4, got: 5 }));
    drop(saving);
    let refused = Saving::begin(&policy, &target, MAX_ATTACHMENT + 1).err();
    assert_eq!(refused, Some(SaveRefused::TooLarge { path: world.at("a"), limit: MAX_ATTACHMENT }));
    // Somebody else was quicker.
    let mut saving = Saving::begin(&policy, &target, 4).unwrap();
    saving.write(b"new\n").unwrap();
    world.write("a", "theirs");
    assert_eq!(saving.finish(), Err(SaveRefused::Exists(world.at("a"))));
    assert_eq!(fs::read(world.at("a")).unwrap(), b"theirs");
    assert_eq!(listing(world.project()).len(), before.len() + 1);
}

#[test]
fn what_is_no_file_by_the_end_of_a_save_is_not_replaced() {
    let world = TestProject::new();
    world.write("OUTSIDE/b", "outside");
    world.write("other/inner", "");
    symlink(world.at("OUTSIDE/b"), world.at("link")).unwrap();
    assert!(Command::new("mkfifo").arg(world.at("pipe")).status().unwrap().success());
    for (other, expected) in [("link", "link"), ("pipe", "no file"), ("other", "no file")] {
        let path = world.write("a", "old");
        let target = Target { path: "a", name: "x", overwrite: true, is_value: false };
        let mut saving = Saving::begin(&world.policy(), &target, 4).unwrap();
        saving.write(b"new\n").unwrap();
        fs::remove_file(&path).unwrap();
        fs::rename(world.at(other), &path).unwrap();
        assert_eq!(word(&saving.finish()), expected, "{other}");
        fs::rename(&path, world.at(other)).unwrap();
    }
    assert_eq!(fs::read_dir(world.project()).unwrap().count(), 4);
    assert_eq!(fs::read(world.at("OUTSIDE/b")).unwrap(), b"outside");
}

#[test]
fn folder_that_is_moved_during_a_save_gets_nothing() {
    let world = TestProject::new();
    let target = Target { path: "sub/a", name: "x", overwrite: true, is_value: false };
    let mut saving = Saving::begin(&world.policy(), &target, 4).unwrap();
    saving.write(b"new\n").unwrap();
    fs::rename(world.at("sub"), world.at("OUTSIDE/sub")).unwrap();
    symlink(world.at("OUTSIDE/sub"), world.at("sub")).unwrap();
    assert_eq!(saving.finish(), Err(SaveRefused::Changed(world.at("sub/a"))));
    assert_eq!(listing(&world.outside()), Vec::<String>::new());
}

#[test]
fn folder_that_is_exchanged_for_a_link_leads_nowhere_else() {
    let world = TestProject::new();
    symlink(world.outside(), world.at("link")).unwrap();
    let policy = world.policy();
    let (mut saved, mut put_in) = (0, 0);
    against_exchange(&world.at("sub"), &world.at("link"), || {
        race(RACES / 8, || {
            saved += usize::from(save(&policy, "sub/a", "x", true).is_ok());
            put_in += usize::from(put(&policy, "sub/b", "KEY", "").is_ok());
            saved > 0 && put_in > 0
        });
    });
    assert!(saved > 0 && put_in > 0, "{saved} {put_in}");
    assert_eq!(listing(&world.outside()), Vec::<String>::new());
    assert_eq!(fs::read_dir(world.at("sub")).unwrap().count(), 2);
}

#[test]
fn file_that_is_exchanged_for_a_link_is_not_written_through() {
    let world = TestProject::new();
    world.write("OUTSIDE/b", "outside");
    world.write("a", "old");
    symlink(world.at("OUTSIDE/b"), world.at("link")).unwrap();
    let policy = world.policy();
    let mut saved = 0;
    against_exchange(&world.at("a"), &world.at("link"), || {
        race(RACES / 8, || {
            saved += usize::from(save(&policy, "a", "x", true).is_ok());
            let _ = put(&policy, "a", "KEY", "");
            saved > 0
        });
    });
    assert_ne!(saved, 0);
    assert_eq!(fs::read(world.at("OUTSIDE/b")).unwrap(), b"outside");
    assert_eq!(fs::read_dir(world.outside()).unwrap().count(), 1);
}

#[test]
fn of_those_who_save_under_one_name_one_succeeds() {
    let world = TestProject::new();
    let policy = world.policy();
    for round in 0..100 {
        let path = format!("sub/{round}");
        let saved = std::thread::scope(|scope| {
            let all: Vec<_> =
                (0..4).map(|_| scope.spawn(|| word(&save(&policy, &path, "x", false)))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(saved.iter().filter(|word| **word == "saved").count(), 1, "{saved:?}");
        assert_eq!(saved.iter().filter(|word| **word == "exists").count(), 3, "{saved:?}");
    }
    assert_eq!(fs::read_dir(world.at("sub")).unwrap().count(), 100);
}

#[test]
fn value_keeps_the_mode_of_its_file_and_sees_its_bytes() {
    let mut world = TestProject::new();
    world.config.env_keys.push("KEY".into());
    world.write("a.toml", "x = 1\n");
    fs::set_permissions(world.at("a.toml"), fs::Permissions::from_mode(0o640)).unwrap();
    let policy = world.policy();
    assert_eq!(put(&policy, "a.toml", "KEY", "KEY = 2\n").unwrap().path, world.at("a.toml"));
    assert_eq!(fs::read(world.at("a.toml")).unwrap(), b"x = 1\nKEY = 2\n");
    assert_eq!(fs::metadata(world.at("a.toml")).unwrap().mode() & 0o777, 0o640);
    put(&policy, ".env", "KEY", "KEY=2\n").unwrap();
    assert_eq!(fs::metadata(world.at(".env")).unwrap().mode() & 0o777, 0o600);
    let refused = put(&policy, ".env", "OTHER", "");
    let Err(SaveRefused::NotAllowed(refusal)) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal.why, Why::Sensitive(Sensitivity::DotEnv));
    assert_eq!(refusal.entry(), world.expand("PROJECT/.env#OTHER"));
    let target = ValueTarget { path: "a.toml", key: "KEY", value: b"v", overwrite: true };
    let refused = put_value_into(&policy, &target, |file| {
        assert_eq!(
            (file.name, file.key, file.value, file.overwrite),
            ("a.toml", "KEY", &b"v"[..], true)
        );
        Err("taken")
    });
    assert_eq!(refused, Err(ValueRefused::Value("taken")));
    let large = put(&policy, "a.toml", "KEY", &"x".repeat(1 << 20));
    let too_large = |path, limit| Err(SaveRefused::TooLarge { path: world.at(path), limit });
    assert_eq!(large, too_large("a.toml", 256 << 10));
    let large = put(&policy, "a.yaml", "KEY", &"x".repeat((256 << 10) + 1));
    assert_eq!(large, too_large("a.yaml", 256 << 10));
    assert_eq!(fs::read_dir(world.project()).unwrap().count(), 3);
}

#[test]
fn file_that_changes_while_a_value_is_put_is_read_again() {
    type Interference = (&'static str, fn(&Path), &'static str, &'static [u8]);
    let changes: [Interference; 4] = [
        ("is written", |path| fs::write(path, "x = 2\n").unwrap(), "saved", b"x = 2\nours"),
        (
            "is replaced",
            |path| {
                let other = path.with_file_name("other");
                fs::write(&other, "theirs\n").unwrap();
                fs::rename(other, path).unwrap();
            },
            "saved",
            b"theirs\nours",
        ),
        (
            "is a link",
            |path| {
                fs::rename(path, path.with_file_name("other")).unwrap();
                symlink("other", path).unwrap();
            },
            "link",
            b"x = 1\n",
        ),
        ("is gone", |path| fs::remove_file(path).unwrap(), "saved", b"ours"),
    ];
    for (what, change, expected, content) in changes {
        let world = TestProject::new();
        let path = world.write("a.toml", "x = 1\n");
        let target = ValueTarget { path: "a.toml", key: "K", value: b"v", overwrite: true };
        let mut calls = 0;
        let put = put_value_into(&world.policy(), &target, |into| {
            if calls == 0 {
                change(&path);
            }
            calls += 1;
            Ok::<_, ()>(Zeroizing::new([into.bytes, b"ours"].concat()))
        });
        let put = put.map_err(|refused| match refused {
            ValueRefused::File(refused) => refused,
            ValueRefused::Value(()) => unreachable!(),
        });
        assert_eq!(word(&put), expected, "{what}");
        assert_eq!(fs::read(&path).unwrap(), content, "{what}");
    }
}

#[test]
fn file_that_changes_each_time_is_left_alone() {
    let world = TestProject::new();
    for path in ["a.toml", "new.toml"] {
        world.write("a.toml", "x = 1\n");
        let target = ValueTarget { path, key: "K", value: b"v", overwrite: true };
        let mut calls = 0;
        let refused = put_value_into(&world.policy(), &target, |_| {
            calls += 1;
            fs::remove_file(world.at(path)).ok();
            if calls % 2 == 1 || path == "a.toml" {
                world.write(path, &format!("theirs {calls}"));
            }
            Ok::<_, ()>(Zeroizing::new(b"ours".to_vec()))
        });
        assert_eq!(refused, Err(ValueRefused::File(SaveRefused::Changed(world.at(path)))));
        assert!(!fs::read(world.at(path)).is_ok_and(|bytes| bytes.starts_with(b"ours")));
        assert_eq!(calls, 4);
    }
}

#[test]
fn secret_that_git_would_track_is_warned_of() {
    let mut world = TestProject::new().allow("PROJECT/.npmrc");
    world.config.env_keys.push("KEY".into());
    let done = Command::new("git").args(["init", "-q"]).current_dir(world.project()).status();
    assert!(done.unwrap().success());
    let policy = world.policy();
    let warning = |saved: Result<SavedFile, SaveRefused>| saved.unwrap().warning;
    assert_eq!(warning(save(&policy, "notes.txt", "x", false)), None);
    assert_eq!(warning(save(&policy, ".npmrc", "x", false)), Some(GitWarning::NotIgnored));
    assert_eq!(warning(put(&policy, ".env", "KEY", "")), Some(GitWarning::NotIgnored));
    assert_eq!(warning(put(&policy, "a.json", "KEY", "")), Some(GitWarning::NotIgnored));
    let key = b"-----BEGIN PRIVATE KEY-----";
    let target = Target { path: "deploy", name: "x", overwrite: false, is_value: false };
    let mut saving = Saving::begin(&policy, &target, key.len() as u64).unwrap();
    saving.write(&key[..9]).unwrap();
    saving.write(&key[9..]).unwrap();
    assert_eq!(warning(saving.finish()), Some(GitWarning::NotIgnored));
    world.write(".gitignore", ".env\n");
    assert_eq!(warning(put(&policy, ".env", "KEY", "")), None);
}

#[test]
fn regression_value_in_a_file_of_its_own_that_git_would_track_is_warned_of() {
    let world = TestProject::new();
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        assert!(git.args(arguments).current_dir(world.project()).status().unwrap().success());
    };
    git(&["init", "-q"]);
    let policy = world.policy();
    let warning = |path| {
        let target = Target { path, name: "x", overwrite: true, is_value: true };
        Saving::begin(&policy, &target, 0).unwrap().finish().unwrap().warning
    };
    assert_eq!(warning("token"), Some(GitWarning::NotIgnored));
    git(&["add", "token"]);
    assert_eq!(warning("token"), Some(GitWarning::Tracked));
    world.write(".gitignore", "ignored\n");
    assert_eq!(warning("ignored"), None);
}
