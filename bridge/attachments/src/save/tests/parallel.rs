//! Saves at the same time, from threads of one process and from several processes.

use std::process::{Child, Stdio};

use super::*;
use crate::save::lock::{NO_FILE_LOCK, NO_FOLDER_LOCK};
use crate::values::{Format, ValueError, put_value, read_value};

/// How many save at the same time.
const SAVERS: usize = 8;
/// What tells a process that a test starts in which project it saves.
const PROJECT: &str = "JUNCTION_TEST_PROJECT";
/// What tells such a process what to save.
const WHAT: &str = "JUNCTION_TEST_WHAT";

/// Starts a test of this folder, which is ignored otherwise, in a process of its own.
pub(super) fn in_another_process(test: &str, project: &Path, what: &str) -> Child {
    let mut process = Command::new(std::env::current_exe().unwrap());
    let test = format!("save::tests::{test}");
    process.args(["--exact", &test, "--ignored"]).env(PROJECT, project).env(WHAT, what);
    process.stdout(Stdio::null()).spawn().unwrap()
}

/// In a process that a test started: the policy of its project, and what is to be saved.
pub(super) fn given() -> (Policy, String) {
    let [project, what] = [PROJECT, WHAT].map(|name| std::env::var(name).unwrap());
    let mut config = AttachmentConfig::default();
    config.env_keys.extend((0..SAVERS).map(key));
    (Policy::new(Path::new(&project), None, config).unwrap(), what)
}

fn key(number: usize) -> String {
    format!("KEY_{number}")
}

fn put_key(
    policy: &Policy,
    path: &str,
    key: &str,
) -> Result<(), ValueRefused<SaveRefused, ValueError>> {
    let target = ValueTarget { path, key, value: key.as_bytes(), overwrite: false };
    let put = put_value_into(policy, &target, |into| {
        let format = Format::of(into.name.as_ref());
        put_value(format, into.bytes, into.key, into.value, into.overwrite).map(Zeroizing::new)
    });
    put.map(|_| ())
}

fn assert_all_there(world: &TestProject, path: &str) {
    let bytes = fs::read(world.at(path)).unwrap();
    for key in (0..SAVERS).map(key) {
        let value = read_value(Format::of(path.as_ref()), &bytes, &key);
        assert_eq!(value, Ok(key.clone().into_bytes()), "{path} {key}");
    }
}

#[test]
fn regression_values_that_threads_save_at_once_are_all_there() {
    for round in 0..10 {
        let mut world = TestProject::new();
        world.config.env_keys.extend((0..SAVERS).map(key));
        // Half of the rounds begin without a file.
        if round % 2 == 0 {
            world.write("a.json", "{\"x\": 1}\n");
        }
        let policy = world.policy();
        for path in [".env", "a.json"] {
            std::thread::scope(|scope| {
                for number in 0..SAVERS {
                    let policy = &policy;
                    scope.spawn(move || put_key(policy, path, &key(number)).unwrap());
                }
            });
            assert_all_there(&world, path);
        }
    }
}

#[test]
fn regression_values_that_processes_save_at_once_are_all_there() {
    let world = TestProject::new();
    let savers: Vec<_> = (0..SAVERS)
        .map(|number| {
            in_another_process("parallel::saver_of_one_value", world.project(), &key(number))
        })
        .collect();
    for mut saver in savers {
        assert!(saver.wait().unwrap().success());
    }
    assert_all_there(&world, ".env");
}

/// A folder that may be written and not listed. The superuser may list it all the same, so names in it tell the tested code
/// to find no locks there.
fn unlisted_world(switches: &[&str]) -> TestProject {
    let world = TestProject::new();
    switches.iter().for_each(|switch| drop(world.write(switch, "")));
    fs::set_permissions(world.project(), fs::Permissions::from_mode(0o300)).unwrap();
    world
}

/// Gives a folder back the permissions with which it can be removed.
fn list_again(world: &TestProject) {
    fs::set_permissions(world.project(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn regression_values_that_threads_save_where_no_folder_is_locked_are_all_there() {
    for (round, switches) in [&[NO_FOLDER_LOCK][..], &[NO_FOLDER_LOCK, NO_FILE_LOCK]]
        .into_iter()
        .cycle()
        .take(20)
        .enumerate()
    {
        let mut world = unlisted_world(switches);
        world.config.env_keys.extend((0..SAVERS).map(key));
        if round % 4 < 2 {
            world.write(".env", "OTHER=1\n");
        }
        let policy = world.policy();
        std::thread::scope(|scope| {
            for number in 0..SAVERS {
                let policy = &policy;
                scope.spawn(move || put_key(policy, ".env", &key(number)).unwrap());
            }
        });
        assert_all_there(&world, ".env");
        list_again(&world);
    }
}

#[test]
fn regression_values_that_processes_save_where_no_folder_is_locked_are_all_there() {
    for round in 0..20 {
        let world = unlisted_world(&[NO_FOLDER_LOCK]);
        if round % 2 == 0 {
            world.write(".env", "OTHER=1\n");
        }
        let savers = (0..SAVERS).map(|number| {
            in_another_process("parallel::saver_of_one_value", world.project(), &key(number))
        });
        for mut saver in savers.collect::<Vec<_>>() {
            assert!(saver.wait().unwrap().success());
        }
        assert_all_there(&world, ".env");
        list_again(&world);
    }
}

#[test]
fn regression_file_of_a_folder_without_locks_is_waited_for() {
    let world = unlisted_world(&[NO_FOLDER_LOCK]);
    let held = fs::File::create(world.at("a")).unwrap();
    held.lock().unwrap();
    let policy = world.policy();
    assert_eq!(put(&policy, "a", "KEY", ""), Err(SaveRefused::Busy(world.at("a"))));
    std::thread::scope(|scope| {
        let saver = scope.spawn(|| save(&policy, "a", "x", true));
        // Once it is locked, another file has the name.
        world.write("b", "theirs");
        fs::rename(world.at("b"), world.at("a")).unwrap();
        drop(held);
        assert_eq!(word(&saver.join().unwrap()), "saved");
    });
    assert_eq!(fs::read(world.at("a")).unwrap(), b"new\n");
    symlink("sub", world.at("link")).unwrap();
    assert_eq!(word(&save(&policy, "link", "x", true)), "link");
    list_again(&world);
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn saver_of_one_value() {
    let (policy, key) = given();
    put_key(&policy, ".env", &key).unwrap();
}

#[test]
fn regression_end_of_the_process_waits_for_a_save_that_is_being_finished() {
    let world = TestProject::new();
    let policy = world.policy();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let target = ValueTarget { path: "a", key: "K", value: b"v", overwrite: false };
            let put = put_value_into(&policy, &target, |_| {
                assert!(!wait_for_saves(std::time::Duration::ZERO));
                Ok::<_, ()>(Zeroizing::new(b"K=v".to_vec()))
            });
            assert!(put.is_ok());
        });
    });
    // Other tests of this process save, too, but none of them for a minute.
    assert!(wait_for_saves(std::time::Duration::from_secs(60)));
}

#[test]
fn folder_that_stays_locked_is_told_after_a_while() {
    let world = TestProject::new();
    let held = fs::File::open(world.at("sub")).unwrap();
    held.lock().unwrap();
    let policy = world.policy();
    let busy = Err(SaveRefused::Busy(world.at("sub/a")));
    std::thread::scope(|scope| {
        let saver = scope.spawn(|| save(&policy, "sub/a", "x", false));
        assert_eq!(put(&policy, "sub/a", "KEY", ""), busy);
        assert_eq!(saver.join().unwrap(), busy);
    });
    assert_eq!(fs::read_dir(world.at("sub")).unwrap().count(), 0);
    drop(held);
    assert_eq!(word(&save(&policy, "sub/a", "x", false)), "saved");
}
