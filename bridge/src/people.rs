//! The face for a person at a terminal: what others write to them, what became of what they sent, and how that is printed.

pub(crate) mod exec;
pub(crate) mod feed_lines;
pub(crate) mod lone_sender;
pub(crate) mod missing_answers;
pub(crate) mod peer_changes;
pub(crate) mod printer;
pub(crate) mod progress_line;
pub(crate) mod save_folder;
pub(crate) mod send_output;
pub(crate) mod show;
pub(crate) mod upload_report;
pub(crate) mod watch_news;
