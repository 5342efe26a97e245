//! What became of an attachment that was saved, as JSON.

use data_encoding::HEXLOWER;
use junction_attachments::GitWarning;
use serde::Serialize;

use crate::attachments::Saved;
use crate::wording::Audience;

#[derive(Serialize)]
pub(crate) struct SavedJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
}

impl SavedJson {
    /// An attachment that was saved, or that this command took, as it is told to this audience.
    pub(crate) fn new(saved: &Saved, command: Option<String>, audience: Audience) -> Self {
        Self {
            path: saved.path.as_ref().map(|path| path.to_string_lossy().into_owned()),
            command: command.filter(|_| saved.path.is_none()),
            bytes: saved.info.bytes,
            sha256: saved.info.sha256.map(|hash| HEXLOWER.encode(&hash)),
            warning: saved.warning.map(|of_git| warning(of_git, audience)),
        }
    }
}

/// The sentence about what git does with a file that holds a secret.
fn warning(warning: GitWarning, audience: Audience) -> &'static str {
    match warning {
        GitWarning::Tracked => audience.pick(
            "Git tracks this file, so the next commit may publish the secret in it. Tell your user before anything is committed.",
            "Git tracks this file, so the next commit may publish the secret in it. Look at it before you commit.",
        ),
        GitWarning::NotIgnored => audience.pick(
            "Git does not ignore this file, so git add would put the secret into the repository. Add it to .gitignore, or ask your user.",
            "Git does not ignore this file, so git add would put the secret into the repository. Add it to .gitignore.",
        ),
    }
}
