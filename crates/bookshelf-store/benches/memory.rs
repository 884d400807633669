//! The memory of a cached object, compared with kube-rs' `reflector::Store` fed with the same books: bytes that the
//! allocator handed out, without its overhead.
//!
//! `cargo bench -p bookshelf-store --bench memory`; `BOOKSHELF_BENCH_BOOKS=1000000` for another number of books.

#[path = "support/books.rs"]
mod books;
#[path = "support/titles.rs"]
mod titles;

use bookshelf_store::cache::SourceEvent;
use peak_alloc::PeakAlloc;

use books::{KubeCache, OurCache};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

fn main() {
    let sizes = std::env::var("BOOKSHELF_BENCH_BOOKS").unwrap_or_else(|_| "100000".to_owned());
    let served = served_bytes(1_000);
    println!("a book's JSON, which is what is served: {served} bytes");
    println!("| books | | bytes per book | beside its JSON | peak while listing |");
    println!("|---|---|---|---|---|");
    for size in sizes.split(',') {
        let size = size.trim().parse().expect("BOOKSHELF_BENCH_BOOKS has numbers");
        row(size, "bookshelf-store", served, OurCache::full);
        row(size, "bookshelf-store, listed again", served, |size| {
            let cache = OurCache::full(size);
            ALLOCATOR.reset_peak_usage();
            cache.list(books::listed(size));
            cache
        });
        row(size, "bookshelf-store, after 10,000 changes", served, |size| {
            let cache = OurCache::full(size);
            for number in 0..10_000 {
                let changed = books::changed(number % size, size + number + 1);
                cache.writer.apply([SourceEvent::Applied(changed)]);
            }
            cache
        });
        row(size, "bookshelf-store, real titles", served, |size| {
            titles::cache(size, false)
        });
        row(size, "bookshelf-store, real titles, with texts", served, |size| {
            titles::cache(size, true)
        });
        row(
            size,
            "bookshelf-store, real titles, with texts, after 10,000 changes",
            served,
            |size| {
                let cache = titles::cache(size, true);
                for number in 0..10_000 {
                    let changed = titles::book(number % size, size + number + 1);
                    cache.writer.apply([SourceEvent::Applied(changed)]);
                }
                cache
            },
        );
        row(size, "kube reflector::Store", served, KubeCache::full);
        row(size, "kube reflector::Store, listed again", served, |size| {
            let mut cache = KubeCache::full(size);
            ALLOCATOR.reset_peak_usage();
            cache.list(books::listed(size));
            cache
        });
    }
}

fn row<T>(size: usize, name: &str, served: usize, fill: impl FnOnce(usize) -> T) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let cache = fill(size);
    let each = (ALLOCATOR.current_usage() - before) / size;
    let peak = (ALLOCATOR.peak_usage() - before) / size;
    println!(
        "| {size} | {name} | {each} | {} | {peak} |",
        each - served.min(each)
    );
    drop(cache);
}

fn served_bytes(size: usize) -> usize {
    let cache = OurCache::full(size);
    let snapshot = cache.reader.snapshot();
    snapshot.iter().map(|entry| entry.value.len()).sum::<usize>() / size
}
