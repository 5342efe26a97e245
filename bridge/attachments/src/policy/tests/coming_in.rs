//! Decisions on what comes in.

use crate::policy::Policy;
use crate::refused::{Never, NotAllowed, SaveRefused, Why};
use crate::save::{Saving, Target};
use crate::testing::TestProject;

/// What becomes of a save under a path, in a word. The peer calls the file `name`.
fn outcome_as(policy: &Policy, path: &str, name: &str) -> &'static str {
    match Saving::begin(policy, &Target { path, name, overwrite: true, is_value: false }, 0) {
        Ok(_) => "open",
        Err(SaveRefused::Never { why: Never::Setting, .. }) => "setting",
        Err(SaveRefused::NotAllowed(NotAllowed { why: Why::Outside, .. })) => "outside",
        Err(SaveRefused::NotAllowed(NotAllowed { why: Why::Sensitive(_), .. })) => "sensitive",
        Err(_) => "other",
    }
}

fn outcome(policy: &Policy, path: &str) -> &'static str {
    outcome_as(policy, path, "x")
}

#[test]
fn regression_entry_that_lets_a_file_leave_does_not_let_it_be_written_outside() {
    let mut world = TestProject::new()
        .allow("OUTSIDE/.npmrc")
        .allow("OUTSIDE/exact.json#KEY")
        .allow("OUTSIDE/root/.npmrc")
        .allow("PROJECT/.npmrc");
    std::fs::create_dir(world.at("OUTSIDE/root")).unwrap();
    world.config.save_roots.push(world.at("OUTSIDE/root"));
    for (path, expected) in [
        ("OUTSIDE/.npmrc", "outside"),
        ("OUTSIDE/exact.json", "outside"),
        ("OUTSIDE/root/.npmrc", "open"),
        ("PROJECT/.npmrc", "open"),
        ("PROJECT/sub/.npmrc", "sensitive"),
    ] {
        assert_eq!(outcome(&world.policy(), &world.expand(path)), expected, "{path}");
    }
}

#[test]
fn file_that_a_person_agreed_to_is_written_wherever_it_is() {
    let world = TestProject::new().consent("OUTSIDE/.npmrc").consent("OUTSIDE/a.txt#KEY");
    let policy = world.policy();
    for (path, expected) in [
        ("OUTSIDE/.npmrc", "open"),
        ("OUTSIDE/a.txt", "outside"),
        ("OUTSIDE/b.txt", "outside"),
        ("PROJECT/.npmrc", "sensitive"),
    ] {
        assert_eq!(outcome(&policy, &world.expand(path)), expected, "{path}");
    }
}

#[test]
fn regression_nothing_lets_a_file_be_saved_that_is_run_later() {
    let home = "ROOT/home";
    let paths = [
        "/.bashrc",
        "/.zshenv",
        "/.profile",
        "/.config/autostart/x.desktop",
        "/.config/nvim/init.lua",
        "/.ssh/authorized_keys",
        "/bin/x",
        "/project/.pre-commit-config.yaml",
        "/project/.github/workflows/ci.yml",
        "/project/.cargo/config.toml",
    ];
    let mut world = TestProject::new();
    for path in paths {
        let path = format!("{home}{path}");
        std::fs::create_dir_all(world.at(&path).parent().unwrap()).unwrap();
        world = world.allow(&path).consent(&path);
    }
    for is_root in [false, true] {
        if is_root {
            world.config.save_roots.push(world.at(home));
        }
        for path in paths {
            let path = world.expand(&format!("{home}{path}"));
            assert_eq!(outcome(&world.policy(), &path), "setting", "{path}");
        }
    }
    let policy = world.policy();
    assert_eq!(outcome_as(&policy, &world.expand("ROOT/home/.ssh"), "config"), "setting");
    assert_eq!(outcome_as(&policy, &world.expand("ROOT/home/bin"), "ls"), "setting");
    assert_eq!(outcome(&policy, &world.expand("ROOT/home/.config/notes.txt")), "open");
}

#[test]
fn regression_peers_name_alone_makes_no_dot_file() {
    let world = TestProject::new();
    for (name, saved) in [(".env", "sub/env"), (".bashrc", "sub/bashrc"), ("a.txt", "sub/a.txt")] {
        let target = Target { path: "sub", name, overwrite: false, is_value: false };
        let saving = Saving::begin(&world.policy(), &target, 0).unwrap();
        assert_eq!(saving.path(), world.at(saved));
    }
}
