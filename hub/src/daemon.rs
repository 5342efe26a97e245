//! The hub as a process of its machine: descriptors and signals, the lock on its port, changes of its keys.

pub(crate) mod key_watch;
pub(crate) mod port_lock;
pub(crate) mod process;
