//! Entries that are taken out of the table `[attachments]`. Only they, their commas, and what stands on their own lines go:
//! every other byte of the file stays.

use std::ops::Range;
use std::path::{Path, absolute};

use junction_shared::machine::config_dir::ConfigDir;
use toml_edit::{Array, Item, Value};

use super::edit::{at_home, is_there, meant};
use super::{ALLOW, AttachmentConfig, CONFIG_FILE, ConfigProblem, ENV_KEYS, SAVE_ROOTS, TABLE};
use super::{document, short};
use crate::allowed::Allowed;
use crate::path_text::normal;

/// Removes `PATH` or `PATH#KEY` from the list `allow`: as the file has it, or relative to the working directory. Whether a
/// text with a `#` means a value or a file of that name is decided as [`add_allowed`](super::add_allowed) does, and no entry
/// of the other kind goes. An entry can go whose file is gone: where nothing is at either path, the text means the value, or
/// the file if no value of that name is in the list. Returns the entry as the file had it; nothing if there is none.
///
/// # Errors
/// [`ConfigProblem`] if the file cannot be read or written.
pub fn remove_allowed(dir: &ConfigDir, entry: &str) -> Result<Option<String>, ConfigProblem> {
    let meant = meant(entry)?;
    let is_as_read = meant.key() == Allowed::parse(entry).key();
    let real = normal_entry(&meant)?;
    let is_meant = |text: &str| Allowed::parse(text) == real || (is_as_read && text == entry);
    let removed = remove(dir, ALLOW, is_meant)?;
    if removed.is_some() || meant.key().is_none() || is_there(meant.file()) {
        return Ok(removed);
    }
    // Nothing says that it is no file that is gone.
    let meant = normal_entry(&Allowed::path(Path::new(entry)))?;
    remove(dir, ALLOW, |text| Allowed::parse(text) == meant)
}

/// Removes a folder from the list `save_roots`, as [`remove_allowed`].
///
/// # Errors
/// [`ConfigProblem`] if the file cannot be read or written.
pub fn remove_save_root(dir: &ConfigDir, root: &Path) -> Result<Option<String>, ConfigProblem> {
    let meant = normal_entry(&Allowed::path(root))?;
    remove(dir, SAVE_ROOTS, |text| Path::new(text) == root || Allowed::parse(text) == meant)
}

/// Removes a name from the list `env_keys`. Returns it; nothing if it is not there.
///
/// # Errors
/// [`ConfigProblem`] if the file cannot be read or written.
pub fn remove_env_key(dir: &ConfigDir, name: &str) -> Result<Option<String>, ConfigProblem> {
    remove(dir, ENV_KEYS, |text| text == name)
}

/// An entry with its absolute path, by its text alone.
fn normal_entry(entry: &Allowed) -> Result<Allowed, ConfigProblem> {
    let path = at_home(entry.file())?;
    Ok(Allowed::new(&absolute(&path).map_or(path, |path| normal(&path)), entry.key()))
}

fn remove(
    dir: &ConfigDir,
    key: &'static str,
    is_meant: impl Fn(&str) -> bool,
) -> Result<Option<String>, ConfigProblem> {
    if dir.read_private(CONFIG_FILE)?.is_none() {
        return Ok(None);
    }
    let _lock = dir.lock()?;
    let path = dir.path().join(CONFIG_FILE);
    let mut text = dir.read_private(CONFIG_FILE)?.unwrap_or_default();
    // A file with a mistake is not changed.
    AttachmentConfig::parse(&text, &path)?;
    let mut removed = None;
    loop {
        let parsed = document(&text, &path)?;
        let table = parsed.get(TABLE).and_then(Item::as_table_like);
        let array = table.and_then(|table| table.get(short(key))).and_then(Item::as_array);
        let Some(array) = array else { break };
        let found = array.iter().position(|value| value.as_str().is_some_and(&is_meant));
        let Some(at) = found else { break };
        let range = range_of(&text, array, at).ok_or(ConfigProblem::WrongType { key })?;
        removed = array.get(at).and_then(Value::as_str).map(str::to_owned);
        text.replace_range(range, "");
    }
    if removed.is_some() {
        AttachmentConfig::parse(&text, &path)?;
        dir.write_private(CONFIG_FILE, &text)?;
    }
    Ok(removed)
}

/// The bytes that go with the entry at this place of an array.
fn range_of(text: &str, array: &Array, at: usize) -> Option<Range<usize>> {
    let entry = array.get(at)?.span()?;
    let comma = comma_after(text, entry.end);
    let end = comma.map_or(entry.end, |comma| comma + 1);
    let line = text[..entry.start].rfind('\n').map_or(0, |found| found + 1);
    let rest = text.get(end..)?;
    let next_line = rest.find('\n').map_or(text.len(), |found| end + found + 1);
    let is_rest = |rest: &str| rest.trim().is_empty() || rest.trim_start().starts_with('#');
    if text.get(line..entry.start)?.trim().is_empty() && is_rest(text.get(end..next_line)?) {
        return Some(line..next_line);
    }
    let before = at.checked_sub(1).and_then(|before| array.get(before)?.span());
    // A comment goes with the only entry of its line. With several, nobody knows of which it is.
    let is_alone = before.as_ref().is_none_or(|before| before.end <= line);
    let comment = rest.lines().next().filter(|rest| rest.trim_start().starts_with('#'));
    let comment = comment.filter(|_| is_alone).map(|comment| end + comment.len());
    if comma.is_some() {
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        return Some(entry.start..comment.unwrap_or(end + blanks));
    }
    // The last one takes the comma before it along, unless a comment is between them.
    let before = before.map(|before| before.end..entry.start);
    let is_plain = |between: &Range<usize>| !text[between.clone()].contains('#');
    let start = before.filter(is_plain).map_or(entry.start, |between| between.start);
    Some(start..comment.unwrap_or(entry.end))
}

/// Where the comma behind an entry is, if there is one before the end of the array.
fn comma_after(text: &str, end: usize) -> Option<usize> {
    let mut is_comment = false;
    for (at, c) in text.get(end..)?.char_indices() {
        match c {
            '\n' => is_comment = false,
            _ if is_comment => {}
            '#' => is_comment = true,
            ',' => return Some(end + at),
            c if c.is_whitespace() => {}
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::config::{add_allowed, add_env_key, add_save_root};

    fn removed(text: &str) -> String {
        let parsed = document(text, Path::new("/c")).unwrap();
        let array = parsed["attachments"]["allow"].as_array().unwrap();
        let at = array.iter().position(|value| value.as_str() == Some("/x")).unwrap();
        let range = range_of(text, array, at).unwrap();
        let mut text = text.to_owned();
        text.replace_range(range, "");
        text
    }

    #[test]
    fn entry_is_taken_out_and_every_other_byte_stays() {
        for (before, after) in [
            ("['/x']", "[]"),
            ("['/x', '/a']", "['/a']"),
            ("['/a', '/x']", "['/a']"),
            ("['/a' , '/x',]", "['/a' , ]"),
            ("['/a', '/x', '/b'] # c", "['/a', '/b'] # c"),
            (
                "[\n  '/a', # first\n  '/x', # second\n  '/b' # third\n]",
                "[\n  '/a', # first\n  '/b' # third\n]",
            ),
            ("[\r\n\t'/a', # first\r\n\t'/x' # last\r\n]", "[\r\n\t'/a', # first\r\n]"),
            ("[\n  '/a', # first\n  # about x\n  '/x' ]", "[\n  '/a', # first\n  # about x\n   ]"),
        ] {
            let (before, after) = (
                format!("[attachments]\nallow = {before}\nz = 1\n"),
                format!("[attachments]\nallow = {after}\nz = 1\n"),
            );
            let changed = removed(&before);
            assert_eq!(changed, after);
            assert!(AttachmentConfig::parse(&changed, Path::new("/c")).is_ok(), "{changed}");
        }
        assert_eq!(
            removed("attachments = { allow = ['/a', '/x'] }"),
            "attachments = { allow = ['/a'] }"
        );
    }

    #[test]
    fn regression_comment_goes_with_the_entry_of_its_line() {
        for (before, after) in [
            ("['/x', # TEMPORARY\n  '/a']", "[\n  '/a']"),
            ("['/x' # TEMPORARY\n]", "[\n]"),
            ("[ '/a' # first\n, '/x' # TEMPORARY\n]", "[ '/a' # first\n, \n]"),
            ("[ '/x' # TEMPORARY\n, '/a' # second\n]", "[ '/a' # second\n]"),
            ("['/a', '/x', # both\n]", "['/a', # both\n]"),
            ("['/x', '/a', # both\n]", "['/a', # both\n]"),
            ("['/x'] # all", "[] # all"),
        ] {
            let changed = removed(&format!("[attachments]\nallow = {before}\n"));
            assert_eq!(changed, format!("[attachments]\nallow = {after}\n"));
            assert!(AttachmentConfig::parse(&changed, Path::new("/c")).is_ok(), "{changed}");
        }
    }

    #[test]
    fn what_was_added_is_removed_by_any_spelling_of_it() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().canonicalize().unwrap();
        let dir = ConfigDir::at(root.join("config"));
        let at = |name: &str| format!("{}/{name}", root.display());
        assert_eq!(remove_allowed(&dir, "/a").unwrap(), None, "there is no file yet");
        std::fs::create_dir(root.join("inbox")).unwrap();
        std::fs::write(root.join("a#b"), "").unwrap();
        for (entry, spelling) in [
            ("inbox", "inbox/"),
            ("inbox", "./x/../inbox"),
            (".env#KEY", ".env#KEY"),
            ("a#b#", "a#b#"),
        ] {
            let added = add_allowed(&dir, &at(entry)).unwrap();
            let removed = remove_allowed(&dir, &at(spelling)).unwrap();
            assert_eq!(removed, Some(added.entry), "{spelling}");
            assert_eq!(remove_allowed(&dir, &at(spelling)).unwrap(), None);
        }
        add_save_root(&dir, &root.join("inbox")).unwrap();
        std::fs::remove_dir(root.join("inbox")).unwrap();
        let removed = remove_save_root(&dir, &root.join("inbox")).unwrap();
        assert_eq!(removed, Some(at("inbox/")), "although it is gone");
        assert!(add_env_key(&dir, "KEY").unwrap().is_new);
        assert!(!add_env_key(&dir, "KEY").unwrap().is_new);
        assert_eq!(remove_env_key(&dir, "OTHER").unwrap(), None);
        assert_eq!(remove_env_key(&dir, "KEY").unwrap().as_deref(), Some("KEY"));
        for name in ["", "A=B", "A B", "A\nB", "A\u{200b}"] {
            assert!(matches!(add_env_key(&dir, name), Err(ConfigProblem::BadName)), "{name:?}");
        }
    }

    #[test]
    fn regression_entry_is_taken_back_as_a_person_has_written_it() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().canonicalize().unwrap();
        let dir = ConfigDir::at(root.join("config"));
        let entry = format!("{}/we#ird", root.display());
        std::fs::write(&entry, "").unwrap();
        let added = add_allowed(&dir, &entry).unwrap();
        std::fs::remove_file(&entry).unwrap();
        assert_eq!(remove_allowed(&dir, &entry).unwrap(), Some(added.entry), "although it is gone");
        assert_eq!(remove_allowed(&dir, &entry).unwrap(), None);
        for refused in
            [remove_allowed(&dir, "~nobody/x#KEY"), remove_save_root(&dir, Path::new("~nobody"))]
        {
            assert!(matches!(refused, Err(ConfigProblem::NotExpanded(_))), "{refused:?}");
        }
    }

    #[test]
    fn regression_of_a_value_and_a_file_of_one_text_only_the_one_that_is_meant_is_removed() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().canonicalize().unwrap();
        let dir = ConfigDir::at(root.join("config"));
        let (env, entry) = (root.join(".env"), format!("{}/.env#K", root.display()));
        std::fs::write(&env, "").unwrap();
        std::fs::write(&entry, "").unwrap();
        add_allowed(&dir, &entry).unwrap();
        add_allowed(&dir, &format!("{entry}#")).unwrap();
        assert_eq!(remove_allowed(&dir, &entry).unwrap().as_ref(), Some(&entry));
        assert_eq!(remove_allowed(&dir, &entry).unwrap(), None, "the file was not meant");
        add_allowed(&dir, &entry).unwrap();
        std::fs::remove_file(&env).unwrap();
        assert_eq!(remove_allowed(&dir, &entry).unwrap(), Some(format!("{entry}#")));
        assert_eq!(remove_allowed(&dir, &entry).unwrap(), None, "the value was not meant");
    }

    #[test]
    fn what_is_never_sent_cannot_be_allowed() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().canonicalize().unwrap();
        let dir = ConfigDir::at(root.join("config"));
        std::fs::create_dir_all(root.join("p/.git")).unwrap();
        dir.write_private(CONFIG_FILE, "").unwrap();
        let own = root.join("config/hub.key");
        for entry in ["/proc/version", "/proc/self/environ", "/dev/null", own.to_str().unwrap()] {
            let refused = add_allowed(&dir, entry);
            assert!(matches!(refused, Err(ConfigProblem::Never(_))), "{entry}: {refused:?}");
        }
        for entry in [root.join("config"), root.join("p/.git"), "/dev".into()] {
            let refused = add_save_root(&dir, &entry);
            assert!(matches!(refused, Err(ConfigProblem::Never(_))), "{entry:?}: {refused:?}");
        }
    }
}
