//! Test data that the unit tests of several modules share.

use tempfile::TempDir;

use junction_engine::{ConnectionState, Snapshot};

/// A snapshot of an engine that is connected and has nothing to report.
pub(crate) fn snapshot() -> Snapshot {
    Snapshot::new("local".to_owned(), ConnectionState::Connected)
}

/// Creates a directory with a repository of this name in it, on this branch.
pub(crate) fn git_repo(name: &str, branch: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    let git = dir.path().join(name).join(".git");
    std::fs::create_dir_all(&git).unwrap();
    std::fs::write(git.join("HEAD"), format!("ref: refs/heads/{branch}\n")).unwrap();
    dir
}
