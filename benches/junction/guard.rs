//! How long the guard looks through a text of the largest size.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use junction_shared::protocol::limits::MAX_MESSAGE;

/// What engineers write to each other, which holds no secret.
const ORDINARY: &str = include_str!("../../bridge/guard/tests/guard/ordinary.txt");

pub(crate) fn look_through(criterion: &mut Criterion) {
    let ordinary: String = ORDINARY.chars().cycle().take(MAX_MESSAGE).collect();
    let letters = "x".repeat(MAX_MESSAGE);
    let mut group = criterion.benchmark_group("guard");
    for (name, text) in [("ordinary text", ordinary), ("one letter", letters)] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert!(junction_guard::find(black_box(&text)).is_none()));
        });
    }
    group.finish();
}
