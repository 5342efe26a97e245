//! What a face says of claims, and how it is refused.

use std::time::Duration;

use junction_shared::protocol::limits::{MAX_CLAIM_NOTE, MAX_CLAIM_PATH};

/// A repository, as every session that works in it finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// The normalised remote. Without one, the machine and the directory of the main checkout, or of the project.
    pub name: String,
    /// Whether paths that differ in case alone are one file there.
    pub ignores_case: bool,
}

/// What a session claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRequest {
    /// Where the paths are.
    pub repository: Repository,
    /// Patterns, relative to the repository, with `/` between their segments: `*` and `?` stand for characters of one
    /// segment, a segment `**` for any number of segments, and all else for itself. A pattern covers what it names and
    /// everything below; one with `*` or `?` whose last segment has an extension, such as `src/**/*.rs`, covers nothing below.
    pub paths: Vec<String>,
    /// What the others read beside the paths. Without one, a path that the session has claimed already keeps its note.
    pub note: Option<String>,
    /// How long the claim lasts, two hours at most. A path that the session has claimed already lasts that long from now.
    pub ttl: Duration,
}

impl ClaimRequest {
    /// Checks the paths and the note. How many claims there is room for shows when the paths are claimed.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn check(&self) -> Result<(), ClaimError> {
        self.paths.iter().try_for_each(|path| check_path(path))?;
        check_note(self.note.as_deref())
    }
}

/// Which claims of its own a session releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// All of the repository.
    All,
    /// The claims of these patterns, as they were claimed. A pattern that is not claimed is passed over.
    Paths(Vec<String>),
}

/// Why nothing was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimError {
    /// A path is empty, begins or ends with `/`, or has an empty segment, or a segment `.` or `..`.
    BadPath,
    /// A path has a control character, such as the end of a line.
    ControlCharacter,
    /// A path has more than so many bytes.
    LongPath(usize),
    /// The note has more than so many characters.
    LongNote(usize),
    /// The session would have more than so many claims in the repository.
    TooMany(usize),
    /// The claims of the session in the repository would take more than so many bytes.
    TooLarge(usize),
}

/// Checks one path of a claim, or of a file.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_path(path: &str) -> Result<(), ClaimError> {
    if path.len() > MAX_CLAIM_PATH {
        return Err(ClaimError::LongPath(MAX_CLAIM_PATH));
    }
    check_segments(path)?;
    let has_control = path.chars().any(char::is_control);
    if has_control { Err(ClaimError::ControlCharacter) } else { Ok(()) }
}

/// Checks the segments of a path.
///
/// # Errors
/// If one is not the name of a file, or of several.
pub(super) fn check_segments(path: &str) -> Result<(), ClaimError> {
    let is_bad = |segment: &str| matches!(segment, "" | "." | "..");
    if path.split('/').any(is_bad) { Err(ClaimError::BadPath) } else { Ok(()) }
}

/// Checks the note of a claim.
///
/// # Errors
/// If it is too long.
pub(super) fn check_note(note: Option<&str>) -> Result<(), ClaimError> {
    let is_long = note.is_some_and(|note| note.chars().count() > MAX_CLAIM_NOTE);
    if is_long { Err(ClaimError::LongNote(MAX_CLAIM_NOTE)) } else { Ok(()) }
}

/// A note as it is shown: on one line.
pub(super) fn shown_note(note: &str) -> String {
    note.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_and_name_no_directory_above() {
        for path in ["src", "src/auth/*.rs", "**", "a b", "[id].tsx", ".github/x", "..a/b.", "ä/é"]
        {
            assert_eq!(check_path(path), Ok(()), "{path}");
        }
        for path in ["", "/src", "src/", "a//b", ".", "..", "a/../b", "./a"] {
            assert_eq!(check_path(path), Err(ClaimError::BadPath), "{path}");
        }
        for path in ["a\nb", "a/\u{7f}"] {
            assert_eq!(check_path(path), Err(ClaimError::ControlCharacter), "{path}");
        }
        assert_eq!(check_path(&"x".repeat(256)), Ok(()));
        assert_eq!(check_path(&"x".repeat(257)), Err(ClaimError::LongPath(256)));
    }

    #[test]
    fn notes_are_short() {
        assert_eq!(check_note(None), Ok(()));
        assert_eq!(check_note(Some(&"ü".repeat(120))), Ok(()));
        assert_eq!(check_note(Some(&"x".repeat(121))), Err(ClaimError::LongNote(120)));
    }
}
