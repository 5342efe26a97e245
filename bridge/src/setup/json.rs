//! Settings in JSON. Reading and editing them to the byte is [`junction_attachments::json`]'s.

pub(super) mod entries;
pub(super) mod server;
