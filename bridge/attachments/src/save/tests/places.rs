//! Which paths lead to a place where something is saved.

use super::*;

/// Paths, the peer's name, and what becomes of a save without `overwrite`.
const PATHS: &[(&str, &str, &str)] = &[
    ("new.txt", "x", "saved"),
    ("./sub/../new.txt", "x", "saved"),
    ("PROJECT/sub/new.txt", "x", "saved"),
    ("~/project/new.txt", "x", "saved"),
    ("OUTSIDE/link-in/new.txt", "x", "saved"),
    ("sub", "new.txt", "saved"),
    ("sub/", "new.txt", "saved"),
    (".", "new.txt", "saved"),
    ("", "x", "bad"),
    ("a\0b", "x", "bad"),
    ("a\nb", "x", "bad"),
    ("a\u{202e}b", "x", "bad"),
    ("~root", "x", "bad"),
    ("sub\\new.txt", "x", "bad"),
    ("..\\..\\outside\\x", "x", "bad"),
    ("no/new.txt", "x", "no folder"),
    ("no/", "x", "no folder"),
    ("no/no/no", "x", "no folder"),
    ("old.txt", "x", "exists"),
    ("OLD.txt/../old.txt", "x", "exists"),
    ("old.txt/x", "x", "not a folder"),
    ("old.txt/", "x", "not a folder"),
    ("hard.txt", "x", "exists"),
    ("..", "x", "outside"),
    ("/", "x", "outside"),
    ("~", "x", "outside"),
    ("../x", "x", "outside"),
    ("../../outside/x", "x", "outside"),
    ("sub/../../x", "x", "outside"),
    ("OUTSIDE/x", "x", "outside"),
    ("OUTSIDE", "x", "outside"),
    ("OUTSIDE/no/x", "x", "outside"),
    ("/etc/cron.d/x", "x", "setting"),
    ("~/.ssh/authorized_keys", "x", "setting"),
    ("../project-2/x", "x", "outside"),
    ("link", "x", "link"),
    ("link/", "x", "link"),
    ("link/x", "x", "link"),
    ("link/sub/x", "x", "link"),
    ("inner-link/x", "x", "link"),
    ("broken", "x", "link"),
    ("file-link", "x", "link"),
    ("sub/up/x", "x", "link"),
    ("git-link/config", "x", "link"),
    ("proc-link/self/mem", "x", "link"),
    ("pipe", "x", "no file"),
    ("/proc/self/mem", "x", "system"),
    ("/proc/self/cwd/x", "x", "system"),
    ("/dev/shm/x", "x", "system"),
    ("/sys/x", "x", "system"),
    ("../../../../../../../../dev/null", "x", "system"),
    ("ROOT/junction/config.toml", "x", "own"),
    ("ROOT/junction/x", "x", "own"),
    ("../../junction/config.toml", "x", "own"),
    (".git/config", "x", "setting"),
    (".git/hooks/post-checkout", "x", "setting"),
    (".git", "x", "setting"),
    (".GIT/config", "x", "setting"),
    (".Git./config", "x", "setting"),
    (".git /config", "x", "setting"),
    (".git . . /config", "x", "setting"),
    (".git::$INDEX_ALLOCATION/config", "x", "setting"),
    (".git:x", "x", "setting"),
    ("GIT~1/config", "x", "setting"),
    ("git~2", "x", "setting"),
    ("sub/.git/config", "x", "setting"),
    ("sub/../.git/config", "x", "setting"),
    ("no/.git/config", "x", "setting"),
    ("PROJECT/.git/config", "x", "setting"),
    ("OUTSIDE/link-in/.git/config", "x", "setting"),
    (".claude/settings.json", "x", "setting"),
    (".CLAUDE/settings.local.json", "x", "setting"),
    (".claude/worktrees/x/a", "x", "setting"),
    ("CLAUDE~1/settings.json", "x", "setting"),
    (".codex/config.toml", "x", "setting"),
    (".Codex/x", "x", "setting"),
    (".gemini/settings.json", "x", "setting"),
    (".opencode/x", "x", "setting"),
    ("OPENCO~1/x", "x", "setting"),
    (".agents/x", "x", "setting"),
    (".vscode/tasks.json", "x", "setting"),
    (".v\u{17f}code/tasks.json", "x", "setting"),
    (".VSCode/settings.json", "x", "setting"),
    (".mcp.json", "x", "setting"),
    (".MCP.json.", "x", "setting"),
    ("sub/.mcp.json", "x", "setting"),
    (".envrc", "x", "setting"),
    (".ENVRC", "x", "setting"),
    ("sub/.envrc ", "x", "setting"),
    (".cursor/mcp.json", "x", "setting"),
    (".idea/x", "x", "setting"),
    (".husky/pre-commit", "x", "setting"),
    (".devcontainer/devcontainer.json", "x", "setting"),
    ("opencode.json", "x", "setting"),
    (".", ".mcp.json", "saved"),
    ("sub", ".git", "saved"),
    ("sub/", ".ENVRC", "saved"),
    ("bare/hooks/post-receive", "x", "repository"),
    ("bare/config", "x", "repository"),
    ("bare/HEAD", "x", "repository"),
    ("bare/Objects/x", "x", "repository"),
    ("bare", "config", "repository"),
    ("bare/notes.txt", "x", "saved"),
    (".env", "x", "sensitive"),
    (".ENV.local", "x", "sensitive"),
    ("sub", ".env", "saved"),
    ("id_rsa", "x", "sensitive"),
    ("a.pem", "x", "sensitive"),
    ("sub", "server.key", "sensitive"),
    (".netrc", "x", "sensitive"),
    (".npmrc", "x", "sensitive"),
    (".bashrc", "x", "setting"),
    (".ssh/authorized_keys", "x", "setting"),
    ("sub", "../../outside/x", "saved"),
    ("sub", "/etc/passwd", "saved"),
    ("sub", "..", "saved"),
    ("sub", "", "saved"),
    ("sub", "a\0b\n\u{202e}", "saved"),
    ("sub", "C:\\x", "saved"),
];

pub(super) fn hostile_world() -> TestProject {
    let world = TestProject::new();
    for folder in [
        ".git/hooks",
        ".claude",
        ".ssh",
        "bare/hooks",
        "bare/objects",
        "bare/refs",
        "sub/.git",
        "../project-2",
    ] {
        fs::create_dir_all(world.at(folder)).unwrap();
    }
    for (path, text) in [
        ("old.txt", "old"),
        ("hard.txt", "hard"),
        ("bare/HEAD", "ref: refs/heads/main"),
        (".git/config", ""),
        ("OUTSIDE/secret", "secret"),
        ("ROOT/junction/config.toml", ""),
    ] {
        world.write(path, text);
    }
    fs::hard_link(world.at("hard.txt"), world.at("hard-2.txt")).unwrap();
    for (link, target) in [
        ("link", "OUTSIDE"),
        ("inner-link", "sub"),
        ("broken", "nowhere"),
        ("file-link", "OUTSIDE/secret"),
        ("sub/up", "../.."),
        ("git-link", ".git"),
        ("proc-link", "/proc"),
        ("OUTSIDE/link-in", "PROJECT"),
    ] {
        symlink(world.expand(target), world.at(link)).unwrap();
    }
    assert!(Command::new("mkfifo").arg(world.at("pipe")).status().unwrap().success());
    world
}

#[test]
fn paths_are_decided_by_where_they_lead() {
    for (path, name, expected) in PATHS {
        let world = hostile_world();
        let root = world.at("ROOT");
        let before = listing(&root);
        let path = world.expand(path);
        let saved = save(&world.policy(), &path, name, false);
        let place = saved.as_ref().ok().map(|saved| saved.path.clone());
        assert_eq!(word(&saved), *expected, "{path:?} {name:?} {saved:?}");
        let mut after = listing(&root);
        if let Some(place) = place {
            assert!(place.starts_with(world.project()), "{place:?}");
            assert_eq!(fs::metadata(&place).unwrap().mode() & 0o777, 0o600);
            let line = format!("{} {:?}", place.display(), b"new\n");
            after.retain(|entry| *entry != line);
        }
        assert_eq!(after, before, "{path:?} {name:?}");
    }
    let world = TestProject::new();
    assert_eq!(word(&save(&world.policy(), &"x".repeat(256), "x", false)), "bad");
    assert_eq!(word(&save(&world.policy(), "sub", &"x".repeat(5000), false)), "saved");
}

#[test]
fn values_are_put_by_the_same_rules() {
    for (path, _, expected) in PATHS {
        let world = hostile_world();
        let before = listing(&world.at("ROOT"));
        let put = put(&world.policy(), &world.expand(path), "KEY", "");
        // A folder has no values, and a file that exists is what a value is put into.
        let expected = match *expected {
            "saved" if world.at(path).is_dir() => "no file",
            "repository" if *path == "bare" => "no file",
            "setting" | "sensitive" if matches!(*path, "." | "sub" | "sub/") => "no file",
            "exists" if *path == "hard.txt" => "hard link",
            "exists" => "saved",
            other => other,
        };
        assert_eq!(word(&put), expected, "{path:?}");
        let after = listing(&world.at("ROOT"));
        assert!(expected == "saved" || before == after, "{path:?}");
    }
}
