//! How a message reaches an agent that does not ask: hooks, wake channels, and their limits.

mod chains;
mod channels;
mod collisions;
mod hold;
mod hooks;
mod pace;
mod plugin;
mod states;
mod status_line;
mod trial;
