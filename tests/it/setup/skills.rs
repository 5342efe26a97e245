//! The skills that `setup` puts where a client reads its user's.

use std::fs;

use super::home::SetupHome;

const FOLDERS: [(&str, &str); 3] =
    [("claude", ".claude/skills"), ("codex", ".codex/skills"), ("gemini", ".gemini/skills")];
const NAMES: [&str; 2] = ["inject-junction", "use-junction"];

fn file(folder: &str, name: &str) -> String {
    format!("{folder}/{name}/SKILL.md")
}

#[test]
fn skills_come_with_settings_and_go_with_them() {
    for (client, folder) in FOLDERS {
        let home = SetupHome::new();
        home.done(&["--no-skills", client]);
        assert!(!home.path(folder).exists(), "{client}");
        let said = home.done(&["--print", client]);
        assert!(said.contains("use-junction/SKILL.md would be made"), "{said}");
        home.done(&[client]);
        for name in NAMES {
            assert!(home.read(&file(folder, name)).starts_with(&format!("---\nname: {name}\n")));
        }
        assert!(home.done(&[client]).contains("Everything is as it should be"));
        home.done(&["--remove", client]);
        assert!(home.files().is_empty() && !home.path(folder).exists(), "{client}");
    }
    // The plugin of opencode brings them, and a project gets none.
    let home = SetupHome::new();
    home.done(&["opencode", "agy"]);
    let project = home.path("src/x");
    fs::create_dir_all(&project).unwrap();
    let mut setup = home.command(&["--project", "claude", "codex", "gemini"]);
    assert!(setup.current_dir(&project).output().unwrap().status.success());
    let skills = home.files().into_keys().filter(|path| path.ends_with("SKILL.md"));
    let is_elsewhere = |path: &std::path::PathBuf| !path.to_str().unwrap().contains("/packages/");
    assert_eq!(skills.filter(is_elsewhere).count(), 0);
}

#[test]
fn skill_that_a_person_has_written_or_changed_stays() {
    for (client, folder) in FOLDERS {
        let home = SetupHome::new();
        let (theirs, ours) = (file(folder, NAMES[0]), file(folder, NAMES[1]));
        home.write(&theirs, "their own");
        let found = home.files();
        let said = home.done(&[client]);
        assert!(said.contains("inject-junction/SKILL.md is not as setup makes it"), "{said}");
        assert!(said.contains("use-junction/SKILL.md"), "{said}");
        home.write(&ours, &format!("{}\nMy own line.\n", home.read(&ours)));
        let edited = home.read(&ours);
        assert!(home.done(&[client]).contains("use-junction/SKILL.md is not as setup makes it"));
        let said = home.done(&["--remove", client]);
        assert!(said.contains("use-junction/SKILL.md is not as setup makes it"), "{said}");
        assert_eq!(home.read(&ours), edited);
        fs::remove_file(home.path(&ours)).unwrap();
        assert_eq!(home.files(), found, "{client}");
    }
}

#[test]
fn skill_of_an_older_version_is_replaced_and_deleted() {
    let home = SetupHome::new();
    let ours = file(".claude/skills", NAMES[1]);
    let record = format!("{ours}.before-junction");
    home.done(&["claude"]);
    let newer = home.read(&ours);
    let none = home.read(&record).replace(&newer, "");
    let make_older = || {
        home.write(&ours, "as it was");
        home.write(&record, &format!("{none}as it was"));
    };
    make_older();
    assert!(home.done(&["claude"]).contains("use-junction/SKILL.md up to date"));
    assert_eq!(home.read(&ours), newer);
    make_older();
    home.done(&["--remove", "claude"]);
    assert!(home.files().is_empty());
}
