//! What is read, and what happens to those who change it meanwhile.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::symlink;

use super::*;
use crate::testing::{RACES, TestProject, against_exchange, race};

fn content(policy: &Policy, path: &str) -> Result<Vec<u8>, ReadRefused> {
    open_file(policy, path)?.read_all().map(|bytes| bytes.to_vec())
}

#[test]
fn file_is_read_in_parts_and_again() {
    let world = TestProject::new();
    world.write("sub/a b\u{fc}.txt", "0123456789");
    world.write("empty", "");
    let policy = world.policy();
    for _ in 0..2 {
        let mut file = open_file(&policy, "sub/a b\u{fc}.txt").unwrap();
        assert_eq!((file.name(), file.len(), file.is_empty()), ("a b\u{fc}.txt", 10, false));
        assert_eq!(file.path(), world.at("sub/a b\u{fc}.txt"));
        let (mut parts, mut buffer) = (Vec::new(), [0; 4]);
        loop {
            match file.read(&mut buffer).unwrap() {
                0 => break,
                count => parts.push(buffer[..count].to_vec()),
            }
        }
        assert_eq!(parts, [b"0123".to_vec(), b"4567".to_vec(), b"89".to_vec()]);
    }
    assert_eq!(content(&policy, "empty"), Ok(Vec::new()));
}

#[test]
fn regression_private_key_outside_is_asked_about_as_one() {
    let world = TestProject::new();
    let key = "-----BEGIN PRIVATE KEY-----\nMC4\n-----END PRIVATE KEY-----\n";
    world.write("OUTSIDE/notes.txt", key);
    world.write("OUTSIDE/plain.txt", "plain");
    let policy = world.policy();
    for (name, why) in [
        ("notes.txt", Why::Sensitive(Sensitivity::PrivateKey)),
        ("plain.txt", Why::Outside),
        ("missing.txt", Why::Outside),
    ] {
        let path = world.outside().join(name);
        let refused = open_file(&policy, path.to_str().unwrap()).err();
        let whys = match refused {
            Some(ReadRefused::NotAllowed(refusal)) => Some(refusal.why),
            _ => None,
        };
        assert_eq!(whys, (name != "missing.txt").then_some(why), "{name}");
    }
}

#[test]
fn file_has_at_most_sixteen_mebibytes() {
    let world = TestProject::new();
    let file = File::create(world.at("large")).unwrap();
    file.set_len(MAX_ATTACHMENT).unwrap();
    let policy = world.policy();
    assert_eq!(content(&policy, "large").unwrap().len() as u64, MAX_ATTACHMENT);
    file.set_len(MAX_ATTACHMENT + 1).unwrap();
    let refused = content(&policy, "large");
    assert_eq!(
        refused,
        Err(ReadRefused::TooLarge { path: world.at("large"), limit: MAX_ATTACHMENT })
    );
    let refused = read_value(&policy, "large", "KEY", |_| Ok::<_, ()>(()));
    assert!(matches!(refused, Err(ValueRefused::File(ReadRefused::TooLarge { .. }))));
}

#[test]
fn file_that_changes_while_it_is_read_is_refused() {
    type Interference = (&'static str, fn(&Path));
    let changes: [Interference; 4] = [
        ("grows", |path| {
            let mut file = OpenOptions::new().append(true).open(path).unwrap();
            file.write_all(b"more").unwrap();
        }),
        ("shrinks", |path| OpenOptions::new().write(true).open(path).unwrap().set_len(6).unwrap()),
        ("is emptied", |path| fs::write(path, "").unwrap()),
        ("is written", |path| {
            fs::write(path, "9876543210").unwrap();
            let file = OpenOptions::new().write(true).open(path).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
        }),
    ];
    for (what, change) in changes {
        let world = TestProject::new();
        let path = world.write("a", "0123456789");
        let mut file = open_file(&world.policy(), "a").unwrap();
        assert_eq!(file.read(&mut [0; 4]), Ok(4));
        change(&path);
        assert_eq!(file.read_all().err(), Some(ReadRefused::Changed(path)), "{what}");
    }
    // Another file of the name is not this one.
    let world = TestProject::new();
    let path = world.write("a", "0123456789");
    let mut file = open_file(&world.policy(), "a").unwrap();
    world.write("b", "other");
    fs::rename(world.at("b"), path).unwrap();
    assert!(matches!(file.read_all(), Err(ReadRefused::Changed(_))), "it has lost its name");
}

#[test]
fn single_values_leave_where_the_user_named_them() {
    let mut world = TestProject::new().allow("PROJECT/.env.local#ONE").allow("OUTSIDE/x.json#a.b");
    world.config.env_keys.push("R2_KEY".into());
    for path in [
        ".env",
        ".env.local",
        "settings.json",
        "a.pem",
        "OUTSIDE/.env",
        "OUTSIDE/x.json",
        ".env.d/.env",
        "hard/.env",
        ".ssh/.env",
    ] {
        world.write(path, "content");
    }
    fs::hard_link(world.at("hard/.env"), world.at("hard/b")).unwrap();
    let policy = world.policy();
    for (path, key, expected) in [
        (".env", "R2_KEY", Ok(".env")),
        (".env", "r2_key", Err(Why::Sensitive(Sensitivity::DotEnv))),
        (".env", "OTHER", Err(Why::Sensitive(Sensitivity::DotEnv))),
        (".env.local", "ONE", Ok(".env.local")),
        (".env.local", "TWO", Err(Why::Sensitive(Sensitivity::DotEnv))),
        ("settings.json", "a.b", Ok("settings.json")),
        ("a.pem", "R2_KEY", Err(Why::Sensitive(Sensitivity::PrivateKey))),
        ("OUTSIDE/.env", "R2_KEY", Err(Why::Outside)),
        ("OUTSIDE/x.json", "a.b", Ok("x.json")),
        ("OUTSIDE/x.json", "a.c", Err(Why::Outside)),
        (".env.d/.env", "R2_KEY", Err(Why::Sensitive(Sensitivity::DotEnv))),
        (".ssh/.env", "R2_KEY", Err(Why::Sensitive(Sensitivity::Credentials))),
        ("hard/.env", "R2_KEY", Err(Why::HardLink)),
    ] {
        let read = read_value(&policy, &world.expand(path), key, |file| {
            assert_eq!((file.bytes, file.key), (&b"content"[..], key));
            Ok::<_, ()>(file.name.to_owned())
        });
        match (read, expected) {
            (Ok(name), Ok(expected)) => assert_eq!(name, expected),
            (Err(ValueRefused::File(ReadRefused::NotAllowed(refusal))), Err(why)) => {
                assert_eq!(refusal.why, why, "{path} {key}");
                let entry = format!("{}#{key}", world.at(path).display());
                assert_eq!(refusal.entry(), entry);
            }
            (read, _) => panic!("{path} {key} {read:?}"),
        }
    }
    let lost = read_value(&policy, "settings.json", "x", |_| Err::<(), _>("none"));
    assert_eq!(lost, Err(ValueRefused::Value("none")));
}

#[test]
fn variables_leave_only_by_their_names() {
    // Cargo sets the first two for every test.
    let mut world = TestProject::new();
    let names = ["CARGO_PKG_NAME", "JUNCTION_NO_SUCH_VARIABLE", "", "A=B", "A\0B"];
    world.config.env_keys.extend(names.map(str::to_owned));
    let policy = world.policy();
    assert_eq!(**read_env(&policy, "CARGO_PKG_NAME").unwrap(), *b"junction-attachments");
    for name in &names[1..] {
        assert_eq!(read_env(&policy, name).err(), Some(ReadRefused::EnvUnset((*name).into())));
    }
    for name in ["CARGO_PKG_VERSION", "PATH", "cargo_pkg_name", "CARGO_PKG_NAME ", "*"] {
        let refused = read_env(&policy, name).err();
        assert_eq!(refused, Some(ReadRefused::EnvNotAllowed(name.into())), "{name}");
    }
}

#[test]
fn folder_that_is_exchanged_for_a_link_leads_nowhere_else() {
    let world = TestProject::new();
    world.write("sub/a.txt", "inside");
    world.write("OUTSIDE/a.txt", "outside");
    symlink(world.outside(), world.at("link")).unwrap();
    let policy = world.policy();
    let mut opened = 0;
    against_exchange(&world.at("sub"), &world.at("link"), || {
        race(RACES, || {
            if let Ok(bytes) = content(&policy, "sub/a.txt") {
                assert_eq!(bytes, b"inside");
                opened += 1;
            }
            opened > 0
        });
    });
    assert_ne!(opened, 0);
}

#[test]
fn file_that_is_exchanged_for_a_link_or_a_pipe_is_not_read() {
    let world = TestProject::new();
    for (path, text) in [("a.txt", "inside"), (".env", "secret"), ("OUTSIDE/b.txt", "outside")] {
        world.write(path, text);
    }
    symlink(".env", world.at("to-env")).unwrap();
    symlink(world.at("OUTSIDE/b.txt"), world.at("to-outside")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(world.at("pipe")).status().unwrap();
    assert!(made.success());
    let policy = world.policy();
    for other in ["to-env", "to-outside", "pipe"] {
        let mut opened = 0;
        against_exchange(&world.at("a.txt"), &world.at(other), || {
            race(RACES, || {
                if let Ok(bytes) = content(&policy, "a.txt") {
                    assert_eq!(bytes, b"inside");
                    opened += 1;
                }
                opened > 0
            });
        });
        assert_ne!(opened, 0, "{other}");
    }
}

#[test]
fn path_that_is_no_longer_real_is_not_walked() {
    let world = TestProject::new();
    world.write("OUTSIDE/a.txt", "outside");
    world.write("a.txt", "inside");
    symlink(world.outside(), world.at("folder")).unwrap();
    symlink("a.txt", world.at("file")).unwrap();
    let policy = world.policy();
    for path in ["folder/a.txt", "file", "gone"] {
        let opened = open_real(&policy, &world.at(path), None, MAX_ATTACHMENT);
        assert!(matches!(opened, Ok(None)), "{path}");
    }
    // The second line of defence, for a link that is put there after the look.
    let (folder, _) = Folder::walk(world.project()).ok().unwrap();
    assert!(folder.open_file("a.txt".as_ref()).is_ok());
    assert!(folder.open_file("file".as_ref()).is_err());
}
