//! What the ciphers cost.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use junction_testkit::bench::Pair;

/// Sealing and opening at two sizes, and what a new pair costs.
pub(crate) fn seal_and_open(criterion: &mut Criterion) {
    let pair = Pair::new();
    let mut group = criterion.benchmark_group("seal");
    for size in [200_usize, 64 * 1024] {
        let text = "m".repeat(size);
        let sealed = pair.seal(&text);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(BenchmarkId::new("seal", size), &text, |bencher, text| {
            bencher.iter(|| pair.seal(black_box(text)));
        });
        group.bench_with_input(BenchmarkId::new("open", size), &sealed, |bencher, sealed| {
            bencher.iter(|| pair.open(black_box(sealed)));
        });
    }
    group.finish();
    criterion.bench_function("a new sender's keys", |bencher| bencher.iter(|| pair.meet()));
}
