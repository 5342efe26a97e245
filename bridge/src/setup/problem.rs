//! Why a settings file is left as it is.

use std::io;
use std::path::{Path, PathBuf};

use junction_attachments::json::JsonObstacle;
use junction_shared::machine::config_dir::ConfigError;

use super::entry::SERVER;
use super::toml::TomlObstacle;

/// Why a file is left as it is: one sentence, then what to do. The error quotes nothing of the file but names of settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileProblem {
    /// The text is not in the format of the file.
    #[error("Line {line} of {} is not {format}: {what}. Correct it, then run this again.", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The format.
        format: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// A setting is not of the kind that its client reads.
    #[error("Line {line} of {}: {name} is not {expected}. Correct it, then run this again.", .path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The setting.
        name: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A setting is there twice.
    #[error("Line {line} of {} has {name} for the second time. Make one of the two, then run this again.", .path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The setting.
        name: String,
    },
    /// The setting is there in a form that cannot be added to or taken apart.
    #[error("Line {line} of {}: {what}. Write it as tables, each under its own [header], then run this again.", .path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What cannot be edited.
        what: String,
    },
    /// A server of our name is somebody else's.
    #[error(
        "Line {line} of {} has another server under the name {name}. Rename or remove it, then run this again.",
        .path.display()
    )]
    OtherServer {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The name.
        name: String,
    },
    /// The file is not text.
    #[error("Line {line} of {} is not UTF-8 text. Save the file as UTF-8, then run this again.", .path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// The file is a folder.
    #[error("{} is a folder, where its client has a file. Move it away, then run this again.", .0.display())]
    Directory(PathBuf),
    /// The folder of the file is a file.
    #[error("{} is not a folder. Move it away, then run this again.", .0.display())]
    ParentNotADirectory(PathBuf),
    /// The file is a device or a pipe.
    #[error("{} is not a regular file. Replace it with one, then run this again.", .0.display())]
    NotAFile(PathBuf),
    /// Links that never end at a file.
    #[error("The links of {} lead in a circle. Remove them, then run this again.", .0.display())]
    LinkCircle(PathBuf),
    /// The file exceeds the size limit.
    #[error("{} is larger than 64 MiB. Remove what does not belong in it, then run this again.", .0.display())]
    TooLarge(PathBuf),
    /// The file's owner made it read-only.
    #[error(
        "{} is read-only. Make it writable, or change it where it is made: junction-bridge setup --print shows what \
         belongs in it.",
        .0.display()
    )]
    ReadOnly(PathBuf),
    /// The file changed again and again.
    #[error("{} is being changed by another program. End that program, then run this again.", .0.display())]
    Busy(PathBuf),
    /// The directory of the junction's own files cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file cannot be written.
    #[error("{} cannot be written: {source}. Correct that, then run this again.", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("{} cannot be read: {source}. Correct that, then run this again.", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl FileProblem {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    pub(super) fn cannot_write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }

    /// A server of our name that is somebody else's.
    pub(super) fn other_server(path: &Path, text: &str, at: usize) -> Self {
        Self::OtherServer {
            path: path.to_owned(),
            line: line_of(text.as_bytes(), at),
            name: SERVER.to_owned(),
        }
    }

    /// What keeps a JSON text from being edited.
    pub(super) fn json(path: &Path, text: &str, obstacle: JsonObstacle) -> Self {
        let path = path.to_owned();
        let line = |at: usize| line_of(text.as_bytes(), at);
        match obstacle {
            JsonObstacle::Mistake(mistake) => Self::Syntax {
                path,
                line: line(mistake.at),
                format: "JSON",
                what: mistake.what.to_owned(),
            },
            JsonObstacle::Kind { name, at, expected } => {
                let name = if name.is_empty() { "the file".to_owned() } else { name };
                Self::Kind { path, line: line(at), name, expected }
            }
            JsonObstacle::Twice { name, at } => Self::Twice { path, line: line(at), name },
        }
    }

    /// What is wrong with a TOML text.
    pub(super) fn toml_syntax(path: &Path, text: &str, obstacle: TomlObstacle) -> Self {
        let line = line_of(text.as_bytes(), obstacle.at);
        Self::Syntax { path: path.to_owned(), line, format: "TOML", what: obstacle.what }
    }

    /// What keeps a TOML text from being edited.
    pub(super) fn toml_form(path: &Path, text: &str, obstacle: TomlObstacle) -> Self {
        let line = line_of(text.as_bytes(), obstacle.at);
        Self::Form { path: path.to_owned(), line, what: obstacle.what }
    }
}

/// The line of a place, counted from 1.
pub(super) fn line_of(bytes: &[u8], at: usize) -> usize {
    1 + bytes[..at.min(bytes.len())].iter().filter(|byte| **byte == b'\n').count()
}
