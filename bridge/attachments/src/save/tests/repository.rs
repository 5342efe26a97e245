//! Folders that are, or could become, a git repository's own folder under another name.

use super::*;

/// What is in a folder, and under which names nothing is saved in it.
const FOLDERS: &[(&[&str], &[&str])] = &[
    (
        &["objects/", "refs/"],
        &["HEAD", "head", "config", "config.worktree", "hooks/x", "commondir"],
    ),
    (&["HEAD", "objects/"], &["HEAD", "config", "hooks/x", "commondir", "index", "objects/x"]),
    (&["HEAD", "refs/"], &["HEAD", "config", "hooks/x", "modules/x", "refs/x"]),
    (&["HEAD", "commondir"], &["HEAD", "config.worktree", "config", "hooks/x", "commondir"]),
    (&["HEAD", "objects/", "refs/"], &["config", "rebase-merge/x", "sequencer/x", "gitdir"]),
    // Git would read them as soon as somebody makes the folders.
    (&["HEAD"], &["config", "config.worktree", "commondir", "hooks/x", "hooks/a/x", "CONFIG"]),
    (&["config"], &["HEAD", "Head"]),
    (&["config.worktree"], &["HEAD"]),
    (&["hooks/"], &["HEAD"]),
    (&["commondir"], &["HEAD"]),
    (&["objects/"], &["HEAD"]),
    (&["refs/"], &["HEAD"]),
];

/// A project whose folder `r` has these in it.
fn world_with(pieces: &[&str]) -> TestProject {
    let world = TestProject::new();
    fs::create_dir(world.at("r")).unwrap();
    for piece in pieces {
        match piece.strip_suffix('/') {
            Some(folder) => fs::create_dir(world.at("r").join(folder)).unwrap(),
            None => drop(world.write(&format!("r/{piece}"), "ref: refs/heads/main\n")),
        }
    }
    world
}

#[test]
fn regression_parts_of_a_repository_are_not_saved_one_by_one() {
    for (pieces, refused) in FOLDERS {
        let world = world_with(pieces);
        let before = listing(&world.at("ROOT"));
        for name in *refused {
            let path = format!("r/{name}");
            let policy = world.policy();
            fs::create_dir_all(world.at(&path).parent().unwrap()).unwrap();
            assert_eq!(word(&save(&policy, &path, "x", true)), "repository", "{pieces:?} {name}");
            assert_eq!(word(&put(&policy, &path, "KEY", "")), "repository", "{pieces:?} {name}");
        }
        assert_eq!(listing(&world.at("ROOT")), before, "{pieces:?}");
        assert_eq!(word(&save(&world.policy(), "r/notes.txt", "x", false)), "saved");
    }
    // Ordinary folders with one of the names.
    for (pieces, path) in [
        (&["objects/", "refs/"][..], "r/objects/chair"),
        (&["objects/"], "r/config"),
        (&["refs/", "hooks/"], "r/hooks/x"),
        (&[], "r/HEAD"),
        (&[], "r/config"),
        (&["hooks/", "config"], "r/hooks/x"),
    ] {
        assert_eq!(word(&save(&world_with(pieces).policy(), path, "x", false)), "saved", "{path}");
    }
}

#[test]
fn regression_embedded_repository_is_not_saved_in_any_order() {
    for (first, then) in [
        ("HEAD", "config"),
        ("config", "HEAD"),
        ("HEAD", "config.worktree"),
        ("config.worktree", "HEAD"),
        ("HEAD", "commondir"),
        ("commondir", "HEAD"),
        ("HEAD", "hooks/post-checkout"),
        ("hooks/post-checkout", "HEAD"),
    ] {
        let world = world_with(&[]);
        let policy = world.policy();
        for (name, expected) in [(first, "saved"), (then, "repository")] {
            let path = format!("r/{name}");
            fs::create_dir_all(world.at(&path).parent().unwrap()).unwrap();
            assert_eq!(word(&save(&policy, &path, "x", false)), expected, "{first} {then}");
        }
    }
}

#[test]
fn regression_two_pieces_of_a_repository_are_not_saved_at_once() {
    for [first, then] in [["HEAD", "commondir"], ["HEAD", "config"], ["config", "HEAD"]] {
        let world = world_with(&[]);
        let policy = world.policy();
        let begun = |path: &str| {
            let mut saving = Saving::begin(
                &policy,
                &Target { path, name: "x", overwrite: false, is_value: false },
                4,
            )
            .unwrap();
            saving.write(b"new\n").unwrap();
            saving
        };
        let [first, then] = [first, then].map(|name| format!("r/{name}"));
        let (one, other) = (begun(&first), begun(&then));
        assert_eq!(word(&one.finish()), "saved");
        assert_eq!(word(&other.finish()), "repository");
        assert!(!world.at(&then).exists());
    }
}

#[test]
fn regression_folder_in_a_repository_is_no_way_around() {
    let world = world_with(&["HEAD", "objects/", "refs/", "hooks/"]);
    let mut world = world.allow("PROJECT/r/hooks/post-checkout").allow("PROJECT/r/config");
    for path in ["r/hooks/post-checkout", "r/config"] {
        assert_eq!(word(&save(&world.policy(), path, "x", false)), "repository", "{path}");
    }
    // The user allowed a folder, or works in one, that git runs programs from.
    world.config.save_roots.push(world.at("r/hooks"));
    assert_eq!(word(&save(&world.policy(), "r/hooks/x", "x", false)), "repository");
    let policy = Policy::new(&world.at("r/hooks"), None, AttachmentConfig::default()).unwrap();
    assert_eq!(word(&save(&policy, "x", "x", false)), "repository");
    // A checkout that is kept in a bare repository is no part of it.
    fs::create_dir(world.at("r/main")).unwrap();
    let policy = Policy::new(&world.at("r/main"), None, AttachmentConfig::default()).unwrap();
    assert_eq!(word(&save(&policy, "config", "x", false)), "saved");
}

#[test]
fn regression_repositories_that_git_makes_are_known() {
    let world = TestProject::new();
    for arguments in [&["--bare", "one"][..], &["--separate-git-dir", "two", "checkout"]] {
        let mut git = Command::new("git");
        git.args(["init", "-q"]).args(arguments).current_dir(world.project());
        assert!(git.status().unwrap().success());
    }
    let policy = world.policy();
    for folder in ["one", "two"] {
        for name in ["config", "HEAD", "hooks/post-checkout", "config.worktree", "commondir"] {
            let path = format!("{folder}/{name}");
            fs::create_dir_all(world.at(folder).join("hooks")).unwrap();
            assert_eq!(word(&save(&policy, &path, "x", true)), "repository", "{path}");
        }
    }
    assert_eq!(word(&save(&policy, "checkout/config", "x", true)), "saved");
}
