//! Teams: messages to groups, requests and their end, and messages that are sent once.

mod groups;
mod requests;
