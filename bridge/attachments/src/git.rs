//! Whether git tracks a file, or would with the next `git add .`.
//!
//! Git itself is asked: its index and its rules for what is ignored have many forms. A repository's own configuration can
//! name programs, so git is run only for two questions that start none of them, with the two settings switched off that
//! could (`core.fsmonitor`, `core.hooksPath`), with no variable of the environment that leads it elsewhere, and without
//! fetching anything. The user's own configuration stays in force: it holds `core.excludesFile`, and git's rule that it
//! reads no repository of another user. Where git is not there, fails, or takes longer than two seconds, there is no
//! warning.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::process::{find_program, run};

/// How long one question may take.
const LIMIT: Duration = Duration::from_secs(2);

/// What git does with a file that holds a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GitWarning {
    /// Git tracks the file: the next commit may publish it.
    Tracked,
    /// No rule ignores the file: `git add .` would track it.
    NotIgnored,
}

/// What git does with the file at a real path; `None` if the file is in no repository, or is ignored, or git does not say.
pub(crate) fn warning(path: &Path) -> Option<GitWarning> {
    let (folder, name) = path.parent().zip(path.file_name())?;
    // Without a repository nothing is run.
    let checkout = folder.ancestors().find(|above| above.join(".git").exists())?;
    let program = find_program("git", std::env::var_os("PATH").as_deref(), checkout)?;
    // A name may begin like an option, or have characters of a pattern.
    let file = Path::new(".").join(name);
    let ask = |question: &[&str]| {
        let mut git = Command::new(&program);
        git.args(["--no-optional-locks", "--no-pager"]);
        git.args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]);
        git.args(question).arg("--").arg(&file).current_dir(folder).env_clear();
        let kept = ["PATH", "HOME", "XDG_CONFIG_HOME", "USERPROFILE", "SystemRoot"];
        git.envs(kept.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        git.env("GIT_NO_LAZY_FETCH", "1").env("GIT_TERMINAL_PROMPT", "0");
        run(&mut git, &[], LIMIT).ok()?.code()
    };
    match ask(&["--literal-pathspecs", "ls-files", "--error-unmatch"])? {
        0 => return Some(GitWarning::Tracked),
        1 => {}
        // Not of a repository that git reads.
        _ => return None,
    }
    (ask(&["check-ignore", "--quiet"])? == 1).then_some(GitWarning::NotIgnored)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn git(folder: &Path, args: &[&str]) {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
        let mut git = Command::new("git");
        let done = git.args(identity).args(args).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    #[test]
    fn tracked_and_unignored_files_are_told_apart() {
        let outer = tempfile::tempdir().unwrap();
        let at = |name: &str| outer.path().join(name);
        assert_eq!(warning(&at("alone")), None);
        git(outer.path(), &["init", "-q"]);
        for (name, text) in
            [(".env", ""), ("-n", ""), ("*", ""), ("ignored", ""), (".gitignore", "ignored\n")]
        {
            fs::write(at(name), text).unwrap();
        }
        assert_eq!(warning(&at(".env")), Some(GitWarning::NotIgnored));
        assert_eq!(warning(&at("-n")), Some(GitWarning::NotIgnored));
        assert_eq!(warning(&at("ignored")), None);
        assert_eq!(warning(&at("absent")), Some(GitWarning::NotIgnored));
        git(outer.path(), &["add", ".env"]);
        assert_eq!(warning(&at(".env")), Some(GitWarning::Tracked));
        // Not every file, as a pattern would be.
        assert_eq!(warning(&at("*")), Some(GitWarning::NotIgnored));
    }

    #[test]
    fn repository_runs_no_program() {
        let outer = tempfile::tempdir().unwrap();
        let at = |name: &str| outer.path().join(name);
        git(outer.path(), &["init", "-q"]);
        let script = format!("#!/bin/sh\ntouch '{}'\n", at("ran").display());
        fs::write(at("program"), script).unwrap();
        fs::set_permissions(at("program"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(at("hooks")).unwrap();
        fs::copy(at("program"), at("hooks/post-index-change")).unwrap();
        let program = at("program").display().to_string();
        for (key, value) in [
            ("core.fsmonitor", program.as_str()),
            ("core.hooksPath", at("hooks").to_str().unwrap()),
            ("core.pager", program.as_str()),
            ("core.sshCommand", program.as_str()),
            ("core.editor", program.as_str()),
            ("filter.x.clean", program.as_str()),
            ("diff.external", program.as_str()),
            ("credential.helper", program.as_str()),
            ("alias.ls-files", &format!("!{program}")),
        ] {
            git(outer.path(), &["config", key, value]);
        }
        fs::write(at(".gitattributes"), "* filter=x\n").unwrap();
        fs::write(at("file"), "x").unwrap();
        fs::remove_file(at("ran")).ok();
        assert_eq!(warning(&at("file")), Some(GitWarning::NotIgnored));
        assert!(!at("ran").exists());
    }
}
