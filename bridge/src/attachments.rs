//! Attachments as faces use them: what an agent or a person names is checked and read, and what came is saved. The policy is
//! made anew for each call, so that what the user allows counts at once. Disks may block, so all of it runs on threads of
//! its own.

mod access;
mod attach;
mod fault;
mod save;

pub(crate) use access::{AttachmentAccess, allow_flag};
pub(crate) use attach::NamedSource;
pub(crate) use fault::{AllowContext, AttachmentFault};
pub(crate) use save::{SavePlace, SaveProgress, Saved};
