//! Folders that git takes for a repository's own, whatever they are called: it runs programs that the `config` and the
//! `hooks` in them name.
//!
//! Git takes a folder for one that has `HEAD` in it, and `objects` and `refs` or a `commondir` that says where these are.
//! A peer can send files one by one, in any order, and an agent can make the folders before or after. So of `HEAD` and
//! what git runs, only one is saved into a folder, and neither where the folders wait for it.

use std::ffi::OsStr;

use crate::disk::Folder;
use crate::names::folded;
use crate::policy::settings;

/// The file that every repository has.
const HEAD: &str = "HEAD";
/// The folders that a repository has, unless its `commondir` says where they are.
const FOLDERS: [&str; 2] = ["objects", "refs"];
/// Files and folders out of which git takes programs to run, or the place of such files.
const RUN: [&str; 10] = [
    "commondir",
    "config",
    "config.worktree",
    "gitdir",
    "hooks",
    "modules",
    "rebase-apply",
    "rebase-merge",
    "sequencer",
    "worktrees",
];

/// Whether nothing may be saved under a name in this folder, nor below it.
pub(super) fn is_kept(folder: &Folder, name: &str) -> bool {
    let name = folded(name);
    let is_needed = name == folded(HEAD) || RUN.contains(&&*name);
    if !is_needed && !settings::is_of_repository(&name) {
        return false;
    }
    // As if the name were there already.
    let has = |piece: &&str| {
        name == folded(piece) || matches!(folder.look(OsStr::new(piece)), Ok(Some(_)))
    };
    let is_with_head = has(&HEAD) && RUN.iter().chain(&FOLDERS).any(has);
    is_with_head || (is_needed && FOLDERS.iter().all(has))
}
