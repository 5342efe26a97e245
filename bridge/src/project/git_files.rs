//! What is read of a repository's own files, without running git: a little of each, and of plain files alone.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The most bytes that are read of a file in `.git`, which holds one path or reference.
const MAX_READ: u64 = 4096;
/// The most bytes that are read of a repository's configuration.
const MAX_CONFIG: u64 = 64 * 1024;

/// The repository of a checkout: the folder `.git`, or the folder that a file `.git` names, as in worktrees and submodules.
pub(super) fn git_dir(checkout: &Path) -> Option<PathBuf> {
    let git = checkout.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    Some(checkout.join(path_in(&git, "gitdir: ")?))
}

/// Whether a directory is itself a repository, as a bare one is.
pub(super) fn is_git_dir(dir: &Path) -> bool {
    dir.join("HEAD").is_file() && dir.join("objects").is_dir() && dir.join("refs").is_dir()
}

/// The repository that a checkout's repository belongs to: its own, or that of the main checkout, if it is a worktree.
pub(super) fn common_dir(git_dir: &Path) -> PathBuf {
    match path_in(&git_dir.join("commondir"), "") {
        Some(common) => resolved(&git_dir.join(common)),
        None => resolved(git_dir),
    }
}

/// A value of a repository's configuration: the last one counts. A key without a value has an empty one.
pub(super) fn config_value(git_dir: &Path, section: &str, key: &str) -> Option<String> {
    config_values(git_dir, section, key).pop()
}

/// The address that git fetches a remote from: the first one. It only pushes to the others.
pub(super) fn remote_address(git_dir: &Path, remote: &str) -> Option<String> {
    config_values(git_dir, &format!("remote \"{remote}\""), "url").into_iter().next()
}

fn config_values(git_dir: &Path, section: &str, key: &str) -> Vec<String> {
    let text = config_text(git_dir).unwrap_or_default();
    let of_section = entries(&text).filter(|(name, ..)| name.eq_ignore_ascii_case(section));
    let values = of_section.filter(|(_, name, _)| name.eq_ignore_ascii_case(key));
    values.map(|(.., value)| value_of(value)).collect()
}

/// The names of a repository's remotes, in order.
pub(super) fn remotes(git_dir: &Path) -> BTreeSet<String> {
    let text = config_text(git_dir).unwrap_or_default();
    let sections = entries(&text).map(|(section, ..)| section);
    let names = sections.filter_map(|section| section.strip_prefix("remote \"")?.strip_suffix('"'));
    names.map(str::to_owned).collect()
}

fn config_text(git_dir: &Path) -> Option<String> {
    let bytes = read_start(&git_dir.join("config"), MAX_CONFIG)?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The section, name and raw value of each entry. The header of a section may be on the line of its first entry.
fn entries(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let mut section = "";
    text.lines().map(str::trim).filter_map(move |line| {
        let mut line = line;
        if let Some((header, rest)) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            (section, line) = (header.trim(), rest.trim());
        }
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        let is_entry = !line.is_empty() && !line.starts_with(['#', ';', '[']);
        is_entry.then(|| (section, name.trim(), value.trim()))
    })
}

/// A raw value without its quotes, the comment behind it, and blanks around it.
fn value_of(raw: &str) -> String {
    let (mut value, mut is_quoted) = (String::new(), false);
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => is_quoted = !is_quoted,
            '#' | ';' if !is_quoted => break,
            '\\' => value.extend(characters.next()),
            character => value.push(character),
        }
    }
    value.trim().to_owned()
}

pub(super) fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

pub(super) fn first_line(path: &Path) -> Option<String> {
    let line = first_bytes(path)?;
    Some(String::from_utf8_lossy(&line).into_owned())
}

/// The path behind these words in the first line of a file.
fn path_in(file: &Path, before: &str) -> Option<PathBuf> {
    let line = first_bytes(file)?;
    path_of_bytes(line.strip_prefix(before.as_bytes())?)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "on other systems not all bytes are a path")]
fn path_of_bytes(bytes: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    Some(std::ffi::OsStr::from_bytes(bytes).into())
}

#[cfg(not(unix))]
fn path_of_bytes(bytes: &[u8]) -> Option<PathBuf> {
    std::str::from_utf8(bytes).ok().map(PathBuf::from)
}

/// The first line of a file, without blanks at its end.
fn first_bytes(path: &Path) -> Option<Vec<u8>> {
    let text = read_start(path, MAX_READ)?;
    let line = text.split(|byte| *byte == b'\n').next()?;
    (!text.is_empty()).then(|| line.trim_ascii_end().to_owned())
}

/// The beginning of a file.
fn read_start(path: &Path, most: u64) -> Option<Vec<u8>> {
    // Reading another kind of file, such as a named pipe, could block forever.
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = Vec::new();
    File::open(path).ok()?.take(most).read_to_end(&mut text).ok()?;
    Some(text)
}
