//! A person as a member of the group, for every face that a person has: the session under the person's own name, how it
//! sends, and the socket by which the person's further commands speak through the one that runs.

pub(crate) mod group_message;
pub(crate) mod invoker;
pub(crate) mod member;
pub(crate) mod names;
pub(crate) mod running;
pub(crate) mod send_service;
pub(crate) mod sources;
