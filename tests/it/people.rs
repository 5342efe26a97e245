//! People who take part by commands: what they send, read and watch, and that an agent cannot pass for one.

mod agents;
mod allow;
mod attachments;
mod desk;
mod exec;
mod flow;
mod groups;
mod output;
mod talk;
