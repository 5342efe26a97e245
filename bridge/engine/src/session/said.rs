//! What a session says of itself.

use junction_shared::protocol::id::Epoch;
use junction_shared::protocol::wire::Context;

use crate::availability::Availability;

/// What a card says of its session.
pub(super) struct Said {
    pub(super) epoch: Epoch,
    pub(super) alias: String,
    pub(super) context: Context,
    pub(super) availability: Availability,
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
