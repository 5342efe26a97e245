//! A path as an agent writes it, and as an absolute path.

use std::path::{Component, Path, PathBuf};

use crate::names::is_unseen;
use crate::refused::BadPath;

/// The most bytes of a path: `PATH_MAX` of Linux.
const MAX_PATH: usize = 4096;

/// A path as an agent wrote it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PathText {
    /// The path, absolute. Symbolic links are not resolved.
    pub(crate) path: PathBuf,
    /// Whether the text can only mean a folder: it ends with a separator, or with a dot as a name.
    pub(crate) is_folder: bool,
}

impl PathText {
    /// Reads a path: absolute, below `~/`, or relative to the project. Nothing else is expanded.
    pub(crate) fn parse(text: &str, project: &Path, home: Option<&Path>) -> Result<Self, BadPath> {
        if text.is_empty() {
            return Err(BadPath::Empty);
        }
        if text.len() > MAX_PATH {
            return Err(BadPath::TooLong);
        }
        if text.chars().any(|c| c.is_control() || is_unseen(c)) {
            return Err(BadPath::Character);
        }
        let is_separator = |c| std::path::is_separator(c);
        let last = text.rsplit(is_separator).next().unwrap_or_default();
        let is_folder = matches!(last, "" | "." | ".." | "~");
        let path = match text.strip_prefix('~') {
            None => project.join(text),
            Some("") => home.ok_or(BadPath::NoHome)?.to_owned(),
            Some(rest) if rest.starts_with(is_separator) => {
                home.ok_or(BadPath::NoHome)?.join(rest.trim_start_matches(is_separator))
            }
            Some(_) => return Err(BadPath::OtherHome),
        };
        if !path.is_absolute() {
            return Err(BadPath::Windows);
        }
        Ok(Self { path, is_folder })
    }

    /// The path without `.` and `..`, by its text alone.
    pub(crate) fn normal(&self) -> PathBuf {
        normal(&self.path)
    }
}

/// A path without `.` and `..`, by its text alone.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            // The parent of the root is the root.
            Component::ParentDir => drop(normal.pop()),
            other => normal.push(other),
        }
    }
    normal
}

/// The names in an absolute path. What is not Unicode in one is replaced, which makes no name one of a secret.
pub(crate) fn path_names(path: &Path) -> Vec<String> {
    let name = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    };
    path.components().filter_map(name).collect()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PathText, BadPath> {
        PathText::parse(text, Path::new("/work/p"), Some(Path::new("/home/me")))
    }

    #[test]
    fn path_is_absolute_or_of_the_home_or_of_the_project() {
        for (text, path, normal, is_folder) in [
            ("a/b", "/work/p/a/b", "/work/p/a/b", false),
            ("./a", "/work/p/./a", "/work/p/a", false),
            ("/a/../../b/", "/a/../../b/", "/b", true),
            ("..", "/work/p/..", "/work", true),
            ("~", "/home/me", "/home/me", true),
            ("~/a", "/home/me/a", "/home/me/a", false),
            ("~//etc/x", "/home/me/etc/x", "/home/me/etc/x", false),
            ("~/../x", "/home/me/../x", "/home/x", false),
            ("$HOME/x", "/work/p/$HOME/x", "/work/p/$HOME/x", false),
            ("a/~/b", "/work/p/a/~/b", "/work/p/a/~/b", false),
        ] {
            let parsed = parse(text).unwrap();
            assert_eq!((&*parsed.path, parsed.is_folder), (Path::new(path), is_folder), "{text}");
            assert_eq!(parsed.normal(), Path::new(normal), "{text}");
        }
    }

    #[test]
    fn text_that_is_no_path_is_refused() {
        for (text, expected) in [
            ("", BadPath::Empty),
            ("a\0b", BadPath::Character),
            ("a\nb", BadPath::Character),
            ("a\u{202e}b", BadPath::Character),
            ("a\u{200b}b", BadPath::Character),
            ("~root/x", BadPath::OtherHome),
            (&"a/".repeat(3000), BadPath::TooLong),
        ] {
            assert_eq!(parse(text), Err(expected), "{text:?}");
        }
        assert_eq!(PathText::parse("~/x", Path::new("/p"), None), Err(BadPath::NoHome));
    }
}
