//! Finds secrets in the text of a message.
