//! Why nothing was attached or saved.

use std::path::PathBuf;

use junction_attachments::config::ConfigProblem;
use junction_attachments::refused::{
    CommandRefused, NotAllowed, ReadRefused, SaveRefused, ValueRefused,
};
use junction_attachments::values::ValueError;
use junction_engine::SaveError;
use junction_engine::attachment::Unattachable;
use junction_engine::error::{AttachmentError, Error};

/// Why nothing was attached or saved.
#[derive(Debug)]
pub(crate) enum AttachmentFault {
    /// The user's config cannot be read.
    Config(ConfigProblem),
    /// Nobody says which directory is the project, or it does not exist.
    NoProject,
    /// The session's files may be another machine's than this one.
    Elsewhere,
    /// A file or variable cannot be attached.
    Read(ReadRefused),
    /// There is no such value in a file that can be read.
    Value {
        /// The path that was given.
        path: String,
        /// Why.
        why: ValueError,
    },
    /// What was read cannot be attached.
    Unattachable {
        /// What was given.
        name: String,
        /// Why.
        why: Unattachable,
    },
    /// A file cannot be saved.
    Save(SaveRefused),
    /// A value cannot be put into a file.
    Put {
        /// The path that was given.
        path: String,
        /// Why.
        why: ValueError,
    },
    /// The attachment is too large to be a value.
    TooLargeForValue,
    /// A command was not run, or not to its end.
    Command {
        /// The name of the command.
        name: String,
        /// Why.
        why: CommandRefused,
    },
    /// A command ended with this exit code, or by a signal.
    CommandFailed {
        /// The name of the command.
        name: String,
        /// The exit code, if it returned one.
        code: Option<i32>,
    },
    /// The attachment cannot be fetched.
    Fetch(AttachmentError),
    /// The engine cannot do what was asked.
    Engine(Error),
    /// The thread that did it has panicked.
    Lost,
    /// The user has not allowed it, and a command would allow it.
    Allowable {
        /// What was refused.
        refused: Box<Self>,
        /// What the command depends on.
        context: AllowContext,
    },
}

/// What the command that would allow something depends on.
#[derive(Debug, Default)]
pub(crate) struct AllowContext {
    /// The real path of the user's home directory.
    pub(crate) home: Option<PathBuf>,
    /// The configuration directory, unless it is the one that a command finds by itself.
    pub(crate) config_dir: Option<PathBuf>,
}

impl AttachmentFault {
    /// What the user would have to allow.
    pub(crate) fn not_allowed(&self) -> Option<&NotAllowed> {
        match self {
            Self::Read(ReadRefused::NotAllowed(refusal))
            | Self::Save(SaveRefused::NotAllowed(refusal)) => Some(refusal),
            Self::Allowable { refused, .. } => refused.not_allowed(),
            _ => None,
        }
    }

    /// The fault with what the command depends on, if a command would allow what was refused.
    pub(super) fn in_context(self, context: impl FnOnce() -> AllowContext) -> Self {
        let is_variable = matches!(self, Self::Read(ReadRefused::EnvNotAllowed(_)));
        if is_variable || self.not_allowed().is_some() {
            return Self::Allowable { refused: Box::new(self), context: context() };
        }
        self
    }

    /// The fault of a value that was to be read.
    pub(super) fn of_value(path: &str, refused: ValueRefused<ReadRefused, ValueError>) -> Self {
        match refused {
            ValueRefused::File(refused) => Self::Read(refused),
            ValueRefused::Value(why) => Self::Value { path: path.to_owned(), why },
        }
    }

    /// The fault of a value that was to be put into a file.
    pub(super) fn of_put(path: &str, refused: ValueRefused<SaveRefused, ValueError>) -> Self {
        match refused {
            ValueRefused::File(refused) => Self::Save(refused),
            ValueRefused::Value(why) => Self::Put { path: path.to_owned(), why },
        }
    }
}

impl From<ConfigProblem> for AttachmentFault {
    fn from(problem: ConfigProblem) -> Self {
        Self::Config(problem)
    }
}

impl From<ReadRefused> for AttachmentFault {
    fn from(refused: ReadRefused) -> Self {
        Self::Read(refused)
    }
}

impl From<SaveRefused> for AttachmentFault {
    fn from(refused: SaveRefused) -> Self {
        Self::Save(refused)
    }
}

impl From<AttachmentError> for AttachmentFault {
    fn from(error: AttachmentError) -> Self {
        Self::Fetch(error)
    }
}

impl From<SaveError<AttachmentFault>> for AttachmentFault {
    fn from(error: SaveError<AttachmentFault>) -> Self {
        match error {
            SaveError::Fetch(error) => Self::Fetch(error),
            SaveError::Place(fault) => fault,
        }
    }
}
