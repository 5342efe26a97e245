//! Sessions without sockets and files, for simulations with a clock and a network of their own. The session code
//! is the code that the binary runs.

mod attachment_work;
mod file_history;
mod history;
mod machine;
mod node;
mod world;

pub use file_history::FileHistory;
pub use history::History;
pub use machine::{Search, Sending, SessionMachine};
pub use node::Node;
pub use world::{SWEEP, SimWorld, TIMEOUT};
