//! The face for a person at a terminal: a member of the group under the person's own name, what others write to it, and
//! the socket by which the person's further commands speak through the one that runs.

pub(crate) mod exec;
pub(crate) mod feed_lines;
pub(crate) mod group_message;
pub(crate) mod invoker;
pub(crate) mod lone_sender;
pub(crate) mod member;
pub(crate) mod missing_answers;
pub(crate) mod names;
pub(crate) mod peer_changes;
pub(crate) mod printer;
pub(crate) mod progress_line;
pub(crate) mod running;
pub(crate) mod save_folder;
pub(crate) mod send_output;
pub(crate) mod send_service;
pub(crate) mod show;
pub(crate) mod sources;
pub(crate) mod upload_report;
pub(crate) mod watch_news;
