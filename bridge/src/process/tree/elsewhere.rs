//! Other systems: nothing is known of processes.

use std::path::PathBuf;

/// No processes.
pub(super) struct Processes;

impl Processes {
    pub(super) fn now() -> Self {
        Self
    }

    pub(super) fn parent(&self, _: u32) -> Option<u32> {
        None
    }
}

pub(super) fn is_piped(_: u32) -> bool {
    false
}

pub(super) fn started(_: u32) -> Option<u64> {
    None
}

pub(super) fn name(_: u32) -> Option<String> {
    None
}

pub(super) fn program(_: u32) -> Option<PathBuf> {
    None
}

pub(super) fn script(_: u32) -> Option<PathBuf> {
    None
}

pub(super) fn serving(_: &str) -> Vec<(u32, u32)> {
    Vec::new()
}

pub(super) fn user() -> Option<u32> {
    None
}
