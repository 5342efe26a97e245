//! Entries that are added to the table `[attachments]`: what a person means by a path, and what may not be allowed.

use std::path::{Component, Path, PathBuf};

use junction_shared::machine::config_dir::ConfigDir;
use toml_edit::Item;

use super::insertion::{inserted, rewritten};
use super::{ALLOW, AttachmentConfig, CONFIG_FILE, ConfigProblem, ENV_KEYS, SAVE_ROOTS, TABLE};
use super::{document, list, short};
use crate::allowed::Allowed;
use crate::names::is_unseen;
use crate::path_text::normal;
use crate::policy::is_system;
use crate::policy::settings::is_run;

/// An entry that the file holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The entry, with its real path.
    pub entry: String,
    /// Whether the file did not hold it before.
    pub is_new: bool,
}

/// Adds `PATH` or `PATH#KEY` to the list `allow`. A relative path is one of the working directory. The file itself need
/// not exist, but the folder around it must.
///
/// # Errors
/// [`ConfigProblem`] if there is no such path, or the file cannot be read or written.
pub fn add_allowed(dir: &ConfigDir, entry: &str) -> Result<Added, ConfigProblem> {
    let entry = meant(entry)?;
    let path = real(entry.file())?;
    if is_own(dir, &path) {
        return Err(ConfigProblem::Never(path));
    }
    let text = match (path.is_dir(), entry.key()) {
        (true, Some(_)) => return Err(ConfigProblem::NotAFile(path)),
        (true, None) => Allowed::folder_text(&path),
        (false, key) => Allowed::new(&path, key).to_string(),
    };
    add(dir, ALLOW, text)
}

/// Adds a folder to the list `save_roots`. A relative path is one of the working directory.
///
/// # Errors
/// [`ConfigProblem`] if there is no such folder, or the file cannot be read or written.
pub fn add_save_root(dir: &ConfigDir, root: &Path) -> Result<Added, ConfigProblem> {
    let path = real(&at_home(root)?)?;
    if !path.is_dir() {
        return Err(ConfigProblem::NotAFolder(path));
    }
    let home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
    if is_own(dir, &path) || is_run(&path, &path, home.as_deref()) {
        return Err(ConfigProblem::Never(path));
    }
    add(dir, SAVE_ROOTS, Allowed::folder_text(&path))
}

/// Adds a name to the list `env_keys`.
///
/// # Errors
/// [`ConfigProblem`] if no variable can have the name, or the file cannot be read or written.
pub fn add_env_key(dir: &ConfigDir, name: &str) -> Result<Added, ConfigProblem> {
    let is_odd = |c: char| c == '=' || c.is_whitespace() || c.is_control() || is_unseen(c);
    if name.is_empty() || name.chars().any(is_odd) {
        return Err(ConfigProblem::BadName);
    }
    add(dir, ENV_KEYS, name.to_owned())
}

/// The entry that a person means. A file whose own name has a `#` is meant where the path before its last `#` leads nowhere.
///
/// # Errors
/// [`ConfigProblem::NotExpanded`]
pub(super) fn meant(text: &str) -> Result<Allowed, ConfigProblem> {
    let entry = Allowed::parse(text);
    let short = at_home(entry.file())?;
    match (entry.key(), at_home(Path::new(text))?) {
        (Some(_), whole) if !is_there(&short) && is_there(&whole) => Ok(Allowed::path(&whole)),
        (key, _) => Ok(Allowed::new(&short, key)),
    }
}

/// Whether something is at a path, a link that leads nowhere too.
pub(super) fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// A path that a person wrote, with the home directory in the place of `~`. A shell leaves that in quotes as it is.
pub(super) fn at_home(path: &Path) -> Result<PathBuf, ConfigProblem> {
    expanded(path, std::env::home_dir().as_deref())
}

fn expanded(path: &Path, home: Option<&Path>) -> Result<PathBuf, ConfigProblem> {
    let mut components = path.components();
    let first = components.next().filter(|first| matches!(first, Component::Normal(_)));
    let first = first.map(|first| first.as_os_str().to_string_lossy().into_owned());
    match (first.as_deref(), home) {
        (Some("~"), Some(home)) if components.as_path() == Path::new("") => Ok(home.to_owned()),
        (Some("~"), Some(home)) => Ok(home.join(components)),
        (Some(name), _) if name.starts_with('~') => {
            Err(ConfigProblem::NotExpanded(path.to_owned()))
        }
        _ => Ok(path.to_owned()),
    }
}

/// Whether a path is in the configuration directory itself.
fn is_own(dir: &ConfigDir, path: &Path) -> bool {
    dir.path().canonicalize().is_ok_and(|own| path.starts_with(own))
}

/// The real path of a file, of which only the last name may be missing. It must be the one that the user wrote: a link
/// that an agent put there between its error and this command would lead to something that the user has not read.
fn real(path: &Path) -> Result<PathBuf, ConfigProblem> {
    let missing = || ConfigProblem::Missing(path.to_owned());
    let absolute = std::path::absolute(path).map_err(|_| missing())?;
    let written = normal(&absolute);
    if is_system(&written) {
        return Err(ConfigProblem::Never(written));
    }
    let real = absolute.canonicalize().or_else(|_| {
        // A link that leads nowhere is no file that is to be made.
        if absolute.is_symlink() {
            return Err(missing());
        }
        let (parent, name) = absolute.parent().zip(absolute.file_name()).ok_or_else(missing)?;
        let parent = parent.canonicalize().ok().filter(|parent| parent.is_dir());
        parent.map(|parent| parent.join(name)).ok_or_else(missing)
    })?;
    if real.to_str().is_none() {
        return Err(ConfigProblem::NotUnicode(real));
    }
    if !is_same(&written, &real) {
        return Err(ConfigProblem::Link { path: written, real });
    }
    Ok(real)
}

#[cfg(not(windows))]
fn is_same(written: &Path, real: &Path) -> bool {
    written == real
}

/// Real paths begin with `\\?\` on Windows, which nobody writes, and letters count in either case.
#[cfg(windows)]
fn is_same(written: &Path, real: &Path) -> bool {
    let plain = |path: &Path| {
        let text = path.display().to_string().to_lowercase();
        text.strip_prefix(r"\\?\").map(str::to_owned).unwrap_or(text)
    };
    plain(written) == plain(real)
}

fn add(dir: &ConfigDir, key: &'static str, entry: String) -> Result<Added, ConfigProblem> {
    // Until the file is written, so that of two entries that are added at once none is lost.
    let _lock = dir.lock()?;
    let path = dir.path().join(CONFIG_FILE);
    let text = dir.read_private(CONFIG_FILE)?.unwrap_or_default();
    // A file with a mistake is not changed.
    AttachmentConfig::parse(&text, &path)?;
    let parsed = document(&text, &path)?;
    let table = parsed.get(TABLE).and_then(Item::as_table_like);
    let there = table.and_then(|table| table.get(short(key))).and_then(list);
    if there.is_some_and(|list| list.contains(&entry)) {
        return Ok(Added { entry, is_new: false });
    }
    let inserted = inserted(&text, parsed.get(TABLE), key, &entry);
    let changed = inserted.or_else(|| rewritten(&text, key, &entry));
    let changed = changed.ok_or(ConfigProblem::WrongType { key })?;
    AttachmentConfig::parse(&changed, &path)?;
    dir.write_private(CONFIG_FILE, &changed)?;
    Ok(Added { entry, is_new: true })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn entry_is_added_once_with_its_real_path() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().canonicalize().unwrap();
        let dir = ConfigDir::at(root.join("config"));
        fs::create_dir(root.join("real")).unwrap();
        fs::write(root.join("real/a#b"), "").unwrap();
        symlink("real", root.join("link")).unwrap();
        symlink("nowhere", root.join("broken")).unwrap();
        let at = |name: &str| format!("{}/{name}", root.display());
        for (entry, expected, is_new) in [
            ("real/../real", "real/", true),
            ("real", "real/", false),
            ("real/.env#KEY", "real/.env#KEY", true),
            ("./real/a#b#", "real/a#b#", true),
            ("real/a#b#", "real/a#b#", false),
        ] {
            let added = add_allowed(&dir, &at(entry)).unwrap();
            assert_eq!(added, Added { entry: at(expected), is_new }, "{entry}");
        }
        for entry in ["broken", "no/such", "real/a#b/x#"] {
            let refused = add_allowed(&dir, &at(entry));
            assert!(matches!(refused, Err(ConfigProblem::Missing(_))), "{entry} {refused:?}");
        }
        for entry in ["link", "link/.env#KEY", "link/a#b#", "link/new"] {
            let Err(ConfigProblem::Link { real, .. }) = add_allowed(&dir, &at(entry)) else {
                panic!("{entry}")
            };
            assert!(real.starts_with(root.join("real")), "{real:?}");
        }
        let refused = add_allowed(&dir, &at("real#KEY"));
        assert!(matches!(refused, Err(ConfigProblem::NotAFile(_))));
        let refused = add_save_root(&dir, &root.join("real/a#b"));
        assert!(matches!(refused, Err(ConfigProblem::NotAFolder(_))));
        assert!(add_save_root(&dir, &root.join("real")).unwrap().is_new);
        let path = dir.path().join(CONFIG_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let config = AttachmentConfig::load(&dir).ok().unwrap();
        assert_eq!((config.allow.len(), config.save_roots), (3, vec![root.join("real")]));
    }

    #[test]
    fn regression_file_whose_own_name_has_a_hash_is_meant_where_no_other_is_there() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().canonicalize().unwrap();
        let dir = ConfigDir::at(root.join("config"));
        let at = |name: &str| format!("{}/{name}", root.display());
        fs::write(root.join("we#ird"), "").unwrap();
        fs::write(root.join(".env"), "").unwrap();
        fs::write(root.join(".env#KEY"), "").unwrap();
        fs::write(root.join("a#b"), "").unwrap();
        for (entry, expected) in [
            ("we#ird", "we#ird#"),
            (".env#KEY", ".env#KEY"),
            ("a#b#KEY", "a#b#KEY"),
            ("new#KEY", "new#KEY"),
        ] {
            assert_eq!(add_allowed(&dir, &at(entry)).unwrap().entry, at(expected), "{entry}");
        }
        let config = AttachmentConfig::load(&dir).ok().unwrap();
        assert!(config.allow[0].names(&root.join("we#ird"), None));
    }

    #[test]
    fn regression_tilde_is_the_home_directory_and_no_folder_of_that_name() {
        let home = Path::new("/home/me");
        for (path, expected) in [
            ("~/x", "/home/me/x"),
            ("~//x", "/home/me/x"),
            ("~", "/home/me"),
            ("/a/~/x", "/a/~/x"),
            ("./~/x", "./~/x"),
            ("a~", "a~"),
        ] {
            let expanded = expanded(Path::new(path), Some(home)).unwrap();
            assert_eq!(expanded.as_os_str(), expected, "{path}");
        }
        for (path, home) in [("~root/x", Some(home)), ("~x", Some(home)), ("~/x", None)] {
            let refused = expanded(Path::new(path), home);
            assert!(matches!(refused, Err(ConfigProblem::NotExpanded(_))), "{path}");
        }
        let outer = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(outer.path().join("config"));
        for refused in
            [add_allowed(&dir, "~nobody/x").err(), add_save_root(&dir, Path::new("~nobody")).err()]
        {
            assert!(matches!(refused, Some(ConfigProblem::NotExpanded(_))), "{refused:?}");
        }
    }

    #[test]
    fn file_with_a_mistake_is_not_changed() {
        let outer = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(outer.path().join("config"));
        for text in ["a = \n", "attachments.allow = 3\n", "[attachments]\nsave_roots = ['x']\n"] {
            dir.write_private(CONFIG_FILE, text).unwrap();
            assert!(add_allowed(&dir, "/tmp").is_err(), "{text}");
            assert_eq!(dir.read_private(CONFIG_FILE).unwrap().unwrap(), text);
        }
    }
}
