//! The files and values that `send --attach` names, and who decides whether they may leave.

use std::path::{Path, PathBuf};

use junction_attachments::Allowed;
use junction_engine::attachment::PreparedAttachments;

use crate::attachments::{AttachmentAccess, AttachmentFault, NamedSource};
use crate::ipc::AttachmentRequest;
use crate::terminal::WrongUsage;

/// Who decides whether what is named may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceRights {
    /// The user's config, as for an agent.
    ByPolicy,
    /// The person who named it on a command line. What is never sent stays so.
    ByPerson,
}

impl SourceRights {
    /// The rights of a command that a person runs, or a program.
    pub(crate) fn of(from_person: bool) -> Self {
        if from_person { Self::ByPerson } else { Self::ByPolicy }
    }
}

/// What `FILE` or `FILE#KEY` on a command line names, seen from this folder. As for `allow`, the last `#` divides, and
/// another one behind the path means a file whose name has one. A file of exactly that name is meant where the shorter path
/// leads nowhere.
pub(crate) fn source_named(text: &str, folder: &Path) -> AttachmentRequest {
    let is_there = |path: &Path| std::fs::symlink_metadata(path).is_ok();
    let named = Allowed::parse(text);
    let short = absolute(named.file(), folder);
    let whole = absolute(Path::new(text), folder);
    let (path, key) = match named.key() {
        Some(_) if !is_there(&short) && is_there(&whole) => (whole, None),
        key => (short, key.map(str::to_owned)),
    };
    AttachmentRequest { path: path.to_string_lossy().into_owned(), key }
}

/// Refuses `FILE#`. A `#` at the end means a file whose name has one, so without another before it the key was forgotten,
/// or a variable of the shell was empty: the whole file must not be taken for it.
///
/// # Errors
/// [`WrongUsage`]
pub(crate) fn check_key(text: &str) -> Result<(), WrongUsage> {
    match text.strip_suffix('#') {
        Some(path) if !path.contains('#') => Err(WrongUsage(
            "There is no key after #. Write .env for the whole file, or .env#NAME for one value.",
        )),
        _ => Ok(()),
    }
}

/// An absolute path, without a look at what is there. `~/` is the home directory's, where no shell has put that in.
fn absolute(path: &Path, folder: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) if rest != Path::new("") => home.join(rest),
        _ => folder.join(path),
    }
}

/// Reads what was named, if it may leave.
///
/// # Errors
/// [`AttachmentFault`] about the first that cannot be attached.
pub(crate) async fn prepared(
    access: &AttachmentAccess,
    requests: Vec<AttachmentRequest>,
    rights: SourceRights,
) -> Result<Option<PreparedAttachments>, AttachmentFault> {
    if requests.is_empty() {
        return Ok(None);
    }
    let once = match rights {
        SourceRights::ByPolicy => Vec::new(),
        SourceRights::ByPerson => requests.iter().filter_map(entry).collect(),
    };
    let named = requests.into_iter().map(|AttachmentRequest { path, key }| match key {
        Some(key) => NamedSource::Value { path, key },
        None => NamedSource::File(path),
    });
    access.attach(named.collect(), once).await.map(Some)
}

/// The entry of the config that would allow this, for the file that the path leads to now.
fn entry(request: &AttachmentRequest) -> Option<Allowed> {
    let real = Path::new(&request.path).canonicalize().ok()?;
    Some(match &request.key {
        Some(key) => Allowed::value(&real, key),
        None => Allowed::path(&real),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regression_key_that_was_forgotten_does_not_mean_the_whole_file() {
        for text in [".env#", "/a/.env#", "#"] {
            assert!(check_key(text).is_err(), "{text}");
        }
        for text in [".env", ".env#KEY", "c##", ".env#OTHER#"] {
            assert!(check_key(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn last_number_sign_divides_unless_only_a_file_of_the_whole_name_is_there() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path();
        for name in [".env", "c#", "notes#1.txt", ".env#OTHER"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        for (text, file, key) in [
            (".env", ".env", None),
            (".env#KEY", ".env", Some("KEY")),
            (".env#a.b%23c", ".env", Some("a.b#c")),
            (".env#OTHER", ".env", Some("OTHER")),
            (".env#OTHER#", ".env#OTHER", None),
            ("notes#1.txt", "notes#1.txt", None),
            ("c##", "c#", None),
            ("missing#KEY", "missing", Some("KEY")),
        ] {
            let AttachmentRequest { path, key: found } = source_named(text, folder);
            assert_eq!((Path::new(&path), found.as_deref()), (&*folder.join(file), key), "{text}");
        }
        assert_eq!(source_named("/a/b", folder).path, "/a/b");
        if let Some(home) = std::env::home_dir() {
            assert_eq!(source_named("~/x", folder).path, home.join("x").to_string_lossy());
        }
        assert_eq!(source_named("~x", folder).path, folder.join("~x").to_string_lossy());
    }
}
