//! Several machines on one network. The machines are network namespaces; without the right to make them, or without
//! `ip`, each of these tests says that it is skipped.

mod abuse;
mod network;
