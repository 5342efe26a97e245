//! Why a tool call failed, in words for the agent: one sentence about what is wrong, and one about what to do.

use junction_attachments::refused::NotAllowed;
use junction_engine::error::Error;
use junction_shared::protocol::alias::Alias;

use super::params::ToolSpec;
use crate::attachments::AttachmentFault;
use crate::wording::attachments::holds_secret;
use crate::wording::{Audience, Wording};

/// Why a tool call failed.
#[derive(Debug)]
pub(crate) enum ToolError {
    /// An argument is wrong: a sentence about what is wrong, and one about what to do.
    Argument(String),
    /// The engine could not do what was asked.
    Engine(Error),
    /// Nothing was attached to a message for this peer.
    NotAttached(Alias, Box<AttachmentFault>),
    /// Nothing was saved.
    NotSaved(Box<AttachmentFault>),
    /// The message seems to hold a secret of this kind.
    HoldsSecret(&'static str),
}

impl ToolError {
    /// The arguments of a call of this tool are no JSON object.
    pub(crate) fn no_object(tool: &ToolSpec) -> Self {
        let tool = tool.name;
        Self::Argument(format!(
            "The arguments must be one JSON object. Call {tool} again with such an object."
        ))
    }

    /// What the user would have to allow.
    pub(super) fn not_allowed(&self) -> Option<&NotAllowed> {
        match self {
            Self::NotAttached(_, fault) | Self::NotSaved(fault) => fault.not_allowed(),
            _ => None,
        }
    }

    /// The arguments of a call of `send_message` finish a request and do not name it.
    pub(super) fn done_without_request() -> Self {
        Self::Argument(
            "intent done needs reply_to: the id of the request that is finished. Call send_message again with it.".to_owned(),
        )
    }

    /// The arguments of a call of `send_message` send to a group what can go to one peer alone.
    pub(super) fn for_one_peer() -> Self {
        Self::Argument(
            "attachments, fingerprint and intent done go to one peer at a time. Call send_message again with one alias as target_alias."
                .to_owned(),
        )
    }

    /// The arguments of a call of `save_attachment` do not name one place.
    pub(crate) fn save_place() -> Self {
        Self::Argument(
            "save_attachment needs either path, with or without key, or command. Call save_attachment again with one of them."
                .to_owned(),
        )
    }

    /// The arguments of a call of `wait_for_peer` name no session whose end is awaited.
    pub(crate) fn whose_end() -> Self {
        Self::Argument(
            "state gone needs alias or expected_role: whose end to wait for. Call wait_for_peer again with one of them.".to_owned(),
        )
    }
}

/// Errors that say the same are the same.
#[cfg(test)]
impl PartialEq for ToolError {
    fn eq(&self, other: &Self) -> bool {
        self.wording() == other.wording()
    }
}

impl From<Error> for ToolError {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl Wording for ToolError {
    /// Only agents call tools.
    fn words_for(&self, _: Audience) -> String {
        match self {
            Self::Argument(wording) => wording.clone(),
            Self::Engine(error) => error.wording(),
            Self::NotAttached(_, fault) | Self::NotSaved(fault) => fault.wording(),
            Self::HoldsSecret(kind) => holds_secret(kind),
        }
    }
}
