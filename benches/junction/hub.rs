//! What one message costs the state of a hub.

use criterion::{BenchmarkId, Criterion};
use junction_hub::bench::Machine;

/// The sealed text of a message of 200 bytes.
const SEALED: usize = 256 + 16;

/// Acceptance, push and read receipt among few peers and among many.
pub(crate) fn accept_push_receipt(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hub state: accept, push, receipt");
    for peers in [10, 1_000] {
        let mut machine = Machine::new(peers, SEALED);
        let id = BenchmarkId::from_parameter(format!("{peers} peers"));
        group.bench_function(id, |bencher| bencher.iter(|| machine.relay()));
    }
    group.finish();
}
