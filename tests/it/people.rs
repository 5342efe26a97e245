//! People who take part by commands: what they send, read and watch, and that an agent cannot pass for one.

mod agents;
mod exec;
mod output;
mod talk;
