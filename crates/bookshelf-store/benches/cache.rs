//! The time of the cache's everyday operations, compared with kube-rs' `reflector::Store` fed with the same books.
//!
//! `cargo bench -p bookshelf-store --bench cache`; `BOOKSHELF_BENCH_BOOKS=1000000` for another number of books.

#[path = "support/books.rs"]
mod books;

use std::hint::black_box;

use bookshelf_crd::Book;
use bookshelf_store::cache::SourceEvent;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;

use books::{KubeCache, OurCache};

/// The numbers of books to measure with.
fn sizes() -> Vec<usize> {
    let sizes = std::env::var("BOOKSHELF_BENCH_BOOKS").unwrap_or_else(|_| "1000,100000".to_owned());
    let sizes = sizes.split(',');
    sizes
        .map(|size| size.trim().parse().expect("BOOKSHELF_BENCH_BOOKS has numbers"))
        .collect()
}

fn reads(criterion: &mut Criterion) {
    for size in sizes() {
        let ours = OurCache::full(size);
        let kube = KubeCache::full(size);
        let (namespace, name) = (books::namespace(size / 2), books::name(size / 2));
        let (namespace, name) = (namespace.as_str(), name.as_str());
        let key = ObjectRef::<Book>::new(name).within(namespace);

        let mut group = criterion.benchmark_group("get one of");
        group.bench_function(BenchmarkId::new("bookshelf-store", size), |bencher| {
            bencher.iter(|| {
                let snapshot = ours.reader.load();
                black_box(snapshot.get(black_box(namespace), black_box(name)).cloned())
            });
        });
        group.bench_function(BenchmarkId::new("kube reflector::Store", size), |bencher| {
            bencher.iter(|| black_box(kube.store.get(black_box(&key))));
        });
        group.finish();

        let mut group = criterion.benchmark_group("list one category of one namespace of");
        let found = ours.of_category(namespace);
        assert_eq!(found, kube.of_category(namespace));
        group.throughput(Throughput::Elements(found as u64));
        group.bench_function(BenchmarkId::new("bookshelf-store", size), |bencher| {
            bencher.iter(|| black_box(ours.of_category(black_box(namespace))));
        });
        group.bench_function(BenchmarkId::new("kube reflector::Store", size), |bencher| {
            bencher.iter(|| black_box(kube.of_category(black_box(namespace))));
        });
        group.finish();

        let mut group = criterion.benchmark_group("take a snapshot of");
        group.bench_function(BenchmarkId::new("bookshelf-store", size), |bencher| {
            bencher.iter(|| black_box(ours.reader.snapshot()));
        });
        group.bench_function(BenchmarkId::new("kube reflector::Store", size), |bencher| {
            bencher.iter(|| black_box(kube.store.state()));
        });
        group.finish();
    }
}

fn events(criterion: &mut Criterion) {
    for size in sizes() {
        let mut group = criterion.benchmark_group("apply an event to");
        let ours = OurCache::full(size);
        let mut version = size;
        group.bench_function(BenchmarkId::new("bookshelf-store", size), |bencher| {
            bencher.iter_batched(
                || {
                    version += 1;
                    SourceEvent::Applied(books::changed(version % size, version + 1))
                },
                |event| ours.writer.apply([event]),
                BatchSize::SmallInput,
            );
        });
        let mut kube = KubeCache::full(size);
        group.bench_function(BenchmarkId::new("kube reflector::Store", size), |bencher| {
            bencher.iter_batched(
                || {
                    version += 1;
                    watcher::Event::Apply(books::changed(version % size, version + 1))
                },
                |event| kube.writer.apply_watcher_event(&event),
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

fn lists(criterion: &mut Criterion) {
    for size in sizes() {
        let mut group = criterion.benchmark_group("list");
        group
            .sample_size(10)
            .throughput(Throughput::Elements(size as u64));
        for (what, is_again) in [("for the first time", false), ("again", true)] {
            group.bench_function(
                BenchmarkId::new(format!("{what}, bookshelf-store"), size),
                |bencher| {
                    bencher.iter_batched(
                        || {
                            let ours = if is_again {
                                OurCache::full(size)
                            } else {
                                OurCache::empty()
                            };
                            (ours, books::listed(size).collect::<Vec<_>>())
                        },
                        |(ours, books)| {
                            ours.list(books);
                            ours
                        },
                        BatchSize::PerIteration,
                    );
                },
            );
            group.bench_function(
                BenchmarkId::new(format!("{what}, kube reflector::Store"), size),
                |bencher| {
                    bencher.iter_batched(
                        || {
                            let kube = if is_again {
                                KubeCache::full(size)
                            } else {
                                KubeCache::empty()
                            };
                            (kube, books::listed(size).collect::<Vec<_>>())
                        },
                        |(mut kube, books)| {
                            kube.list(books);
                            kube
                        },
                        BatchSize::PerIteration,
                    );
                },
            );
        }
        group.finish();
    }
}

criterion_group!(benches, reads, events, lists);
criterion_main!(benches);
