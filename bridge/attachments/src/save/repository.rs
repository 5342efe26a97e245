//! Folders that git takes for a repository's own, whatever they are called: it runs programs that the `config` and the
//! `hooks` in them name.
//!
//! A folder is one with `HEAD`, `objects` and `refs` in it, or with `HEAD` and a `commondir` that says where the other two
//! are. A peer can send the files one by one, and an agent can make the folders, so nothing that matters is saved into a
//! folder that lacks only a part of them, and no file that would be the last part.

use std::ffi::OsStr;

use crate::disk::Folder;
use crate::names::folded;
use crate::policy::settings;

/// Files and folders out of which git takes programs to run, or the place of such files, and what makes a folder a
/// repository's.
const MATTERS: [&str; 11] = [
    "commondir",
    "config",
    "config.worktree",
    "gitdir",
    "head",
    "hooks",
    "modules",
    "rebase-apply",
    "rebase-merge",
    "sequencer",
    "worktrees",
];

/// Whether nothing may be saved under a name in this folder, nor below it.
pub(super) fn is_kept(folder: &Folder, name: &str) -> bool {
    let matters = MATTERS.contains(&&*folded(name));
    if !matters && !settings::is_of_repository(name) {
        return false;
    }
    // As if the name were there already.
    let has = |piece: &str| {
        folded(name) == folded(piece) || matches!(folder.look(OsStr::new(piece)), Ok(Some(_)))
    };
    let (objects, refs) = (has("objects"), has("refs"));
    let is_nearly_one = has("HEAD") && (objects || refs || has("commondir"));
    is_nearly_one || (matters && objects && refs)
}
