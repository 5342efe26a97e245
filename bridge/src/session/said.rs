//! What a session says of itself.

use junction_shared::alias::Alias;
use junction_shared::id::Epoch;
use junction_shared::wire::Context;

use crate::link::End;

/// What a card says of its session.
pub(super) struct Said {
    pub(super) epoch: Epoch,
    pub(super) alias: String,
    pub(super) context: Context,
}

/// What the agent said wins over what was seen; an empty text stands for nothing.
pub(super) fn merge(named: &Context, seen: &Context) -> Context {
    let pick = |named: &Option<String>, seen: &Option<String>| match named.as_deref() {
        Some("") => None,
        Some(_) => named.clone(),
        None => seen.clone().filter(|seen| !seen.is_empty()),
    };
    Context {
        repo: pick(&named.repo, &seen.repo),
        task: pick(&named.task, &seen.task),
        role: pick(&named.role, &seen.role),
        branch: pick(&named.branch, &seen.branch),
        machine: pick(&named.machine, &seen.machine),
        client: pick(&named.client, &seen.client),
    }
}

/// What a session takes along to another hub: ends that no read has told, what it said of itself, its alias.
#[derive(Default)]
pub(crate) struct Luggage {
    pub(super) ends: Vec<End>,
    pub(super) named: Context,
    pub(super) alias: Option<Alias>,
}
