//! One entry of the list `allow`: a file, everything below a folder, or one value of a file.

use std::fmt;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

/// What the user allowed: `PATH` or `PATH#KEY`.
///
/// The text is divided at its last `#`, so that a file whose own name contains one is written with another `#` at the
/// end. Otherwise an agent could make a file called `.env#KEY` that the entry for one value allows as a whole. In a key,
/// `#` is written `%23` and `%` is written `%25`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    path: PathBuf,
    key: Option<String>,
}

impl Allowed {
    /// The entry that allows a file, or everything below a folder.
    #[must_use]
    pub fn path(path: &Path) -> Self {
        // From its components, because a slash at the end is no part of the comparison.
        Self { path: path.components().collect(), key: None }
    }

    /// The entry that allows one value of a file.
    #[must_use]
    pub fn value(path: &Path, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..Self::path(path) }
    }

    /// The entry of a file, or of one of its values.
    pub(crate) fn new(path: &Path, key: Option<&str>) -> Self {
        Self { key: key.map(str::to_owned), ..Self::path(path) }
    }

    /// Reads an entry as a person writes it.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.rsplit_once('#') {
            None | Some((_, "")) => Self::path(Path::new(text.strip_suffix('#').unwrap_or(text))),
            Some((path, key)) => {
                let key = key.replace("%23", "#").replace("%25", "%");
                Self { key: Some(key), ..Self::path(Path::new(path)) }
            }
        }
    }

    /// The path of the file or folder.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.path
    }

    /// The name of the value; `None` if the entry allows all of the file.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Whether the entry names exactly this file, or this value of it.
    pub(crate) fn names(&self, path: &Path, key: Option<&str>) -> bool {
        self.path == path && (self.key.is_none() || self.key.as_deref() == key)
    }

    /// Whether the entry is of a folder around this path.
    pub(crate) fn is_around(&self, path: &Path) -> bool {
        self.key.is_none() && path.starts_with(&self.path) && self.path != path
    }

    /// The text of an entry of a folder, which ends with a separator.
    pub(crate) fn folder_text(path: &Path) -> String {
        let mut text = path.display().to_string();
        if !text.ends_with(MAIN_SEPARATOR) {
            text.push(MAIN_SEPARATOR);
        }
        if text.contains('#') {
            text.push('#');
        }
        text
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display().to_string();
        match &self.key {
            Some(key) => write!(f, "{path}#{}", key.replace('%', "%25").replace('#', "%23")),
            None if path.contains('#') => write!(f, "{path}#"),
            None => f.write_str(&path),
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_they_are_written() {
        for (path, key, text) in [
            ("/a/b", None, "/a/b"),
            ("/a/.env", Some("KEY"), "/a/.env#KEY"),
            ("/a/#b", None, "/a/#b#"),
            ("/a/.env#KEY", None, "/a/.env#KEY#"),
            ("/a/#b", Some("a.b"), "/a/#b#a.b"),
            ("/a/b", Some("c#d%23"), "/a/b#c%23d%2523"),
        ] {
            let entry = Allowed::new(Path::new(path), key);
            assert_eq!(entry.to_string(), text);
            assert_eq!(Allowed::parse(text), entry, "{text}");
        }
        assert_eq!(Allowed::parse("/a/b/"), Allowed::path(Path::new("/a/b")));
    }

    #[test]
    fn entry_of_a_value_does_not_allow_a_file_of_that_name() {
        let entry = Allowed::parse("/a/.env#KEY");
        assert!(entry.names(Path::new("/a/.env"), Some("KEY")));
        for (path, key) in
            [("/a/.env", None), ("/a/.env", Some("OTHER")), ("/a/.env#KEY", None), ("/a", None)]
        {
            assert!(!entry.names(Path::new(path), key), "{path}");
        }
        assert!(!Allowed::parse("/a#K").is_around(Path::new("/a/b")));
        assert!(Allowed::parse("/a").is_around(Path::new("/a/b/c")));
        assert!(!Allowed::parse("/a").is_around(Path::new("/ab")));
    }
}
