//! How long the parts and the whole take. `docs/benchmarks.md` says how to run this and what came of it.
#![expect(clippy::print_stderr, reason = "it prints measurements that criterion does not")]

mod guard;
mod hub;
mod message;
mod sealing;

use criterion::{criterion_group, criterion_main};

criterion_group!(
    benches,
    sealing::seal_and_open,
    guard::look_through,
    hub::accept_push_receipt,
    message::agent_to_agent
);
criterion_main!(benches);
