//! What is left of saves whose process was killed.

use super::parallel::{given, in_another_process};
use super::*;
use crate::testing::eventually;

/// The names in a folder that are those of temporary files.
fn parts(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    names.filter(|name| name.starts_with(".junction-")).collect()
}

#[test]
fn regression_process_that_is_killed_during_a_save_leaves_nothing() {
    for what in ["stays", "exits"] {
        let world = TestProject::new();
        let test = "leftovers::saver_that_does_not_finish";
        let mut saver = in_another_process(test, world.project(), what);
        assert!(eventually(|| world.at("sub/written").exists()));
        if what == "stays" {
            saver.kill().unwrap();
        }
        saver.wait().unwrap();
        // Elsewhere the next save removes it.
        #[cfg(target_os = "linux")]
        assert_eq!(parts(world.project()), Vec::<String>::new(), "{what}");
        assert_eq!(word(&save(&world.policy(), "b", "x", false)), "saved");
        assert_eq!(parts(world.project()), Vec::<String>::new(), "{what}");
        assert!(!world.at("a").exists());
    }
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn saver_that_does_not_finish() {
    let (policy, what) = given();
    let target = Target { path: "a", name: "x", overwrite: true, is_value: false };
    let mut saving = Saving::begin(&policy, &target, 4).unwrap();
    saving.write(b"ne").unwrap();
    fs::write(policy.project().join("sub/written"), "").unwrap();
    if what == "exits" {
        std::process::exit(0);
    }
    loop {
        std::thread::park();
    }
}

#[test]
fn regression_temporary_files_of_the_dead_are_removed() {
    let world = TestProject::new();
    let at = |number: u8| world.at(&format!(".junction-000000000000000{number}.part"));
    for number in [1, 2, 3] {
        fs::write(at(number), "secret").unwrap();
    }
    // A living process holds this one.
    let held = fs::File::open(at(2)).unwrap();
    held.lock().unwrap();
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        std::os::unix::fs::chown(at(3), Some(1), None).unwrap();
    } else {
        fs::remove_file(at(3)).unwrap();
    }
    // What has such a name, and is none of ours.
    world.write("sub/kept", "");
    symlink(world.at("sub/kept"), at(4)).unwrap();
    fs::create_dir(at(5)).unwrap();
    assert!(Command::new("mkfifo").arg(at(6)).status().unwrap().success());
    let others =
        [".junction-1.part", ".junction-000000000000000g.part", "junction-0000000000000001.part"];
    for name in others {
        world.write(name, "");
    }
    assert_eq!(word(&save(&world.policy(), "a", "x", false)), "saved");
    assert!(!at(1).exists());
    for number in [2, 3, 4, 5, 6].into_iter().filter(|number| is_root || *number != 3) {
        assert!(fs::symlink_metadata(at(number)).is_ok(), "{number}");
    }
    assert!(others.iter().all(|name| world.at(name).exists()));
    assert!(world.at("sub/kept").exists());
    drop(held);
    assert_eq!(word(&put(&world.policy(), "b", "KEY", "")), "saved");
    assert!(!at(2).exists());
}

#[test]
fn regression_nothing_is_saved_that_the_next_save_would_remove() {
    let world = TestProject::new();
    let policy = world.policy();
    for (name, expected) in [
        (".junction-00000000000000af.part", "own"),
        (".Junction-00000000000000AF.part", "own"),
        (".junction-00000000000000af.part.", "own"),
        (".junction-save.lock", "own"),
        (".junction-1.part", "saved"),
        (".junction-save.lock.txt", "saved"),
    ] {
        for path in [name.to_owned(), format!("sub/{name}")] {
            assert_eq!(word(&save(&policy, &path, "x", true)), expected, "{path}");
            assert_eq!(word(&put(&policy, &path, "KEY", "")), expected, "{path}");
        }
    }
    // The name that a peer gives makes no dot file.
    let saved = save(&policy, "sub", ".junction-00000000000000af.part", false).unwrap();
    assert_eq!(saved.path, world.at("sub/junction-00000000000000af.part"));
    assert_eq!(word(&save(&policy, "sub", "a", false)), "saved");
    assert!(saved.path.exists());
}

#[test]
fn process_that_is_killed_at_any_time_leaves_the_old_file_or_the_new() {
    let world = TestProject::new();
    let path = world.write("a", "old\n");
    for round in 0..30_u32 {
        fs::write(&path, "old\n").unwrap();
        let test = "leftovers::saver_that_never_stops";
        let mut saver = in_another_process(test, world.project(), "");
        assert!(eventually(|| fs::read(&path).unwrap() == b"new\n"));
        // At another point of its work in each round.
        (0..round * 50).for_each(|_| std::thread::yield_now());
        saver.kill().unwrap();
        saver.wait().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new\n");
        assert_eq!(word(&put(&world.policy(), "b", "KEY", "")), "saved");
        assert_eq!(parts(world.project()), Vec::<String>::new());
    }
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn saver_that_never_stops() {
    let (policy, _) = given();
    loop {
        assert_eq!(word(&save(&policy, "a", "x", true)), "saved");
    }
}
