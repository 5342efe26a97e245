//! The table `[attachments]` of `config.toml`: what the user allowed.
//!
//! ```toml
//! [attachments]
//! allow = ["/home/me/notes.txt", "/home/me/shared/", "/work/site/.env#R2_KEY"]
//! env_keys = ["R2_KEY"]
//! save_roots = ["/home/me/inbox/"]
//!
//! [attachments.commands]
//! gh-secret = ["gh", "secret", "set", "R2_KEY"]
//! ```
//!
//! Paths are compared as text with the real path of a file, and never resolved again: an agent that puts a symbolic link
//! in the place of what was allowed gains nothing by it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use junction_shared::machine::config_dir::{ConfigDir, ConfigError};
use toml_edit::{Document, Item, TableLike, Value};

use crate::allowed::Allowed;

mod edit;
mod insertion;
mod removal;

pub use edit::{Added, add_allowed, add_env_key, add_save_root};
pub use removal::{remove_allowed, remove_env_key, remove_save_root};

/// The file's name in the configuration directory.
pub const CONFIG_FILE: &str = "config.toml";

const TABLE: &str = "attachments";
const ALLOW: &str = "attachments.allow";
const ENV_KEYS: &str = "attachments.env_keys";
const SAVE_ROOTS: &str = "attachments.save_roots";
const COMMANDS: &str = "attachments.commands";

/// Why the table cannot be read or changed.
#[derive(Debug)]
pub enum ConfigProblem {
    /// The file is not private, not TOML, or cannot be used for another reason of files.
    File(ConfigError),
    /// The value of a key has the wrong type.
    WrongType {
        /// The key, such as `attachments.allow`.
        key: &'static str,
    },
    /// A path in the list of this key is not absolute.
    NotAbsolute {
        /// The key, such as `attachments.allow`.
        key: &'static str,
    },
    /// The path to be added does not exist, and neither does the folder around it.
    Missing(PathBuf),
    /// The path to be added leads through a symbolic link to another one.
    Link {
        /// The path as it was given.
        path: PathBuf,
        /// The real path, which is to be given instead.
        real: PathBuf,
    },
    /// The path begins with `~` and a name, or there is no home directory for it.
    NotExpanded(PathBuf),
    /// The path to be added is no folder.
    NotAFolder(PathBuf),
    /// The path to be added is a folder, in which no value has a name.
    NotAFile(PathBuf),
    /// The path to be added is no Unicode text.
    NotUnicode(PathBuf),
    /// The path to be added is one that is never read or written, whatever is allowed.
    Never(PathBuf),
    /// The name to be added is none that an environment variable can have.
    BadName,
}

impl From<ConfigError> for ConfigProblem {
    fn from(error: ConfigError) -> Self {
        Self::File(error)
    }
}

/// What the user allowed. It holds the arguments of commands, which may be secret, so it has no `Debug`.
#[derive(Clone, Default)]
pub struct AttachmentConfig {
    /// What may leave, and what may be written in the project and below the save roots.
    pub(crate) allow: Vec<Allowed>,
    /// What a person has agreed to for one call, which is never in the file. Such an entry counts as one of `allow`, and lets
    /// its file be written wherever that is, because the question named the file that would be written.
    pub(crate) once: Vec<Allowed>,
    /// The names of environment variables, and of values in files such as `.env`.
    pub(crate) env_keys: Vec<String>,
    /// Folders outside of the project into which files are saved.
    pub(crate) save_roots: Vec<PathBuf>,
    /// The argument vectors of commands, by name. None is empty.
    pub(crate) commands: BTreeMap<String, Vec<String>>,
    /// The real path of the configuration directory; `None` if it does not exist.
    pub(crate) own: Option<PathBuf>,
}

impl AttachmentConfig {
    /// Reads the table; a missing file or table allows nothing. Unknown keys are ignored.
    ///
    /// # Errors
    /// [`ConfigProblem`] if others may read or replace the file, or it is not TOML, or a value has the wrong type.
    pub fn load(dir: &ConfigDir) -> Result<Self, ConfigProblem> {
        let text = dir.read_private(CONFIG_FILE)?.unwrap_or_default();
        let mut config = Self::parse(&text, &dir.path().join(CONFIG_FILE))?;
        config.own = dir.path().canonicalize().ok();
        Ok(config)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigProblem> {
        let document = document(text, path)?;
        let Some(item) = document.get(TABLE) else { return Ok(Self::default()) };
        let table = item.as_table_like().ok_or(ConfigProblem::WrongType { key: TABLE })?;
        let allow = texts(table, ALLOW)?.iter().map(|entry| Allowed::parse(entry)).collect();
        let save_roots = texts(table, SAVE_ROOTS)?.into_iter().map(|root| Allowed::parse(&root));
        let config = Self {
            allow,
            once: Vec::new(),
            env_keys: texts(table, ENV_KEYS)?,
            save_roots: save_roots.map(|root| root.file().to_owned()).collect(),
            commands: commands(table)?,
            own: None,
        };
        if config.allow.iter().any(|entry| !entry.file().is_absolute()) {
            return Err(ConfigProblem::NotAbsolute { key: ALLOW });
        }
        if config.save_roots.iter().any(|root| !root.is_absolute()) {
            return Err(ConfigProblem::NotAbsolute { key: SAVE_ROOTS });
        }
        Ok(config)
    }

    /// Allows what a person was asked about and agreed to, for one call.
    pub fn allow_once(&mut self, entry: Allowed) {
        self.once.push(entry);
    }

    /// Allows files to be saved below one folder more, as if the config named it. Its path must be the real one.
    pub fn save_below(&mut self, root: PathBuf) {
        self.save_roots.push(root);
    }

    /// What may leave, and what may be written in the project and below the save roots, in the order of the file.
    pub fn allowed(&self) -> impl Iterator<Item = &Allowed> {
        self.allow.iter()
    }

    /// The names of environment variables, and of values in files such as `.env`.
    pub fn env_keys(&self) -> impl Iterator<Item = &str> {
        self.env_keys.iter().map(String::as_str)
    }

    /// The folders outside of the project below which files are saved.
    pub fn save_roots(&self) -> impl Iterator<Item = &Path> {
        self.save_roots.iter().map(PathBuf::as_path)
    }

    /// The names of the commands, sorted.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        self.commands.keys().map(String::as_str)
    }
}

fn document<'a>(text: &'a str, path: &Path) -> Result<Document<&'a str>, ConfigProblem> {
    Document::parse(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        ConfigError::Syntax { path: path.to_owned(), line }.into()
    })
}

/// The last part of a key's full name.
fn short(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn texts(table: &dyn TableLike, key: &'static str) -> Result<Vec<String>, ConfigProblem> {
    table
        .get(short(key))
        .map_or_else(|| Some(Vec::new()), list)
        .ok_or(ConfigProblem::WrongType { key })
}

/// The texts of an array; `None` if it is none, or holds something else.
fn list(item: &Item) -> Option<Vec<String>> {
    item.as_array()?.iter().map(|value| Value::as_str(value).map(str::to_owned)).collect()
}

fn commands(table: &dyn TableLike) -> Result<BTreeMap<String, Vec<String>>, ConfigProblem> {
    let wrong = ConfigProblem::WrongType { key: COMMANDS };
    let Some(item) = table.get(short(COMMANDS)) else { return Ok(BTreeMap::new()) };
    let argv = |(name, item): (&str, &Item)| {
        let argv = list(item).filter(|argv| argv.first().is_some_and(|name| !name.is_empty()))?;
        Some((name.to_owned(), argv))
    };
    let commands = item.as_table_like().and_then(|table| table.iter().map(argv).collect());
    commands.ok_or(wrong)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn parse(text: &str) -> Result<AttachmentConfig, ConfigProblem> {
        AttachmentConfig::parse(text, Path::new("/c"))
    }

    #[test]
    fn table_is_read_and_what_is_unknown_ignored() {
        let config = parse(
            "other = 3\n[attachments]\nallow = ['/a', '/b/', '/c#K']\nenv_keys = ['K']\nsave_roots = ['/s/']\nnew = 1\n\
             [attachments.commands]\ng = ['gh', 'x y']\n",
        );
        let config = config.ok().unwrap();
        let allow: Vec<_> = config.allow.iter().map(ToString::to_string).collect();
        assert_eq!(allow, ["/a", "/b", "/c#K"]);
        assert_eq!((config.env_keys, config.save_roots), (vec!["K".into()], vec!["/s".into()]));
        assert_eq!(config.commands["g"], ["gh", "x y"]);
        assert!(parse("").ok().unwrap().allow.is_empty());
    }

    #[test]
    fn value_of_a_wrong_type_is_refused_by_its_name() {
        for (text, expected) in [
            ("attachments = 3", TABLE),
            ("attachments.allow = 'x'", ALLOW),
            ("attachments.allow = ['/x', 3]", ALLOW),
            ("attachments.env_keys = {}", ENV_KEYS),
            ("attachments.save_roots = true", SAVE_ROOTS),
            ("attachments.commands = []", COMMANDS),
            ("attachments.commands.g = 'gh x'", COMMANDS),
            ("attachments.commands.g = []", COMMANDS),
            ("attachments.commands.g = ['']", COMMANDS),
        ] {
            let refused = parse(text).err().unwrap();
            assert!(
                matches!(refused, ConfigProblem::WrongType { key } if key == expected),
                "{text}: {refused:?}"
            );
        }
        for text in ["attachments.allow = ['x']", "attachments.save_roots = ['./x']"] {
            assert!(matches!(parse(text), Err(ConfigProblem::NotAbsolute { .. })), "{text}");
        }
        let broken = parse("a = 1\nb = \n").err().unwrap();
        assert!(
            matches!(broken, ConfigProblem::File(ConfigError::Syntax { line: 2, .. })),
            "{broken:?}"
        );
    }

    #[test]
    fn file_that_others_can_read_or_replace_is_refused() {
        let outer = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(outer.path().join("config"));
        assert!(AttachmentConfig::load(&dir).ok().unwrap().own.is_none());
        dir.write_private(CONFIG_FILE, "attachments.env_keys = ['K']").unwrap();
        let config = AttachmentConfig::load(&dir).ok().unwrap();
        assert_eq!(config.env_keys, ["K"]);
        assert_eq!(config.own, dir.path().canonicalize().ok());
        let path = dir.path().join(CONFIG_FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            AttachmentConfig::load(&dir),
            Err(ConfigProblem::File(ConfigError::FileMode(_)))
        ));
        fs::rename(&path, outer.path().join("away")).unwrap();
        symlink(outer.path().join("away"), &path).unwrap();
        assert!(matches!(
            AttachmentConfig::load(&dir),
            Err(ConfigProblem::File(ConfigError::Symlink(_)))
        ));
    }
}
