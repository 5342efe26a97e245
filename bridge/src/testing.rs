//! What the tests of several modules share.

use junction_shared::limits::SESSION_TIMEOUT;
use tempfile::TempDir;

use crate::link::{Board, LinkState, Unread};

/// The board of a link that is connected and has no news.
pub(crate) fn board() -> Board {
    Board {
        state: LinkState::Connected,
        unread: Unread::default(),
        hub: "local".to_owned(),
        session_timeout: SESSION_TIMEOUT,
        misbehaviour: 0,
        rejoined: None,
    }
}

/// A directory with a repository of this name in it, on this branch.
pub(crate) fn git_repo(name: &str, branch: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    let git = dir.path().join(name).join(".git");
    std::fs::create_dir_all(&git).unwrap();
    std::fs::write(git.join("HEAD"), format!("ref: refs/heads/{branch}\n")).unwrap();
    dir
}
