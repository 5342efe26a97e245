//! `junction-bridge gateway`, as clients that start no process and their users see it.

mod sight;
