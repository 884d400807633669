//! The time of searches among books with real titles, and the time that their texts add to an event.
//!
//! `cargo bench -p bookshelf-store --bench search`; `BOOKSHELF_BENCH_BOOKS=1000000` for another number of books.

#[path = "support/books.rs"]
mod books;
#[path = "support/titles.rs"]
mod titles;

use std::hint::black_box;
use std::time::Duration;

use bookshelf_store::cache::{Search, SourceEvent};
use bookshelf_store::repository::{self, Category, Terms};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rustix::time::{ClockId, clock_gettime};

use books::OurCache;

/// Searches, each by its terms and category.
const ORDINARY: [(&str, &str); 8] = [
    ("modenov geom", ""),
    ("war peace 17", ""),
    ("достоевский 3", ""),
    ("红楼梦 5", ""),
    ("ウェイ 12", ""),
    ("ιθακη", ""),
    ("quijote", "category-2"),
    ("swim-two-birds", ""),
];
const WORST: [(&str, &str); 9] = [
    // Every book.
    (EVERY, ""),
    // A word in most books, the beginning of many words, and a string inside many words but at the beginning of none.
    ("a", ""),
    ("d", ""),
    ("ese", ""),
    // A phrase whose beginning is everywhere.
    ("1-zz", ""),
    ("a d e l 1 2 3 4", ""),
    ("a b c d e f g h", ""),
    ("zzzz", ""),
    ("a", "category-0"),
];
/// Stands for a search that finds every book, which no terms do.
const EVERY: &str = "*";
/// The size of a page that a web page requests.
const PAGE: usize = 50;

fn sizes() -> Vec<usize> {
    let sizes = std::env::var("BOOKSHELF_BENCH_BOOKS").unwrap_or_else(|_| "2000,100000".to_owned());
    let sizes = sizes.split(',');
    sizes
        .map(|size| size.trim().parse().expect("BOOKSHELF_BENCH_BOOKS has numbers"))
        .collect()
}

fn search(terms: &str, category: &str) -> Search {
    if terms == EVERY {
        return Search::new([" "]);
    }
    let terms = Terms::parse(terms).expect("a query").expect("terms");
    terms.search(Category::parse(category).expect("a category"))
}

fn found(cache: &OurCache, search: &Search, most: usize) -> usize {
    let snapshot = cache.reader.load();
    let found = snapshot.search(search, None).expect("the cache keeps texts");
    found.take(most).map(black_box).count()
}

/// Returns the CPU time of this thread, which excludes other work on the machine.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(now).expect("time does not run backwards")
}

/// Prints the median and the 99th percentile of the CPU times of 200 searches.
fn percentiles(cache: &OurCache, size: usize) {
    println!("| books | | search | found | a page: p50, p99 | all: p50, p99 |");
    println!("|--:|---|---|--:|--:|--:|");
    for (kind, searches) in [("ordinary", &ORDINARY[..]), ("worst", &WORST)] {
        for &(terms, category) in searches {
            let search = search(terms, category);
            let time = |most| {
                let mut times: Vec<_> = (0..200)
                    .map(|_| {
                        let started = cpu_time();
                        black_box(found(cache, &search, most));
                        cpu_time().saturating_sub(started).as_micros()
                    })
                    .collect();
                times.sort_unstable();
                format!("{} µs, {} µs", times[100], times[198])
            };
            let all = found(cache, &search, usize::MAX);
            let (page, whole) = (time(PAGE), time(usize::MAX));
            println!("| {size} | {kind} | `{terms}` {category} | {all} | {page} | {whole} |");
        }
    }
}

fn searches(criterion: &mut Criterion) {
    for size in sizes() {
        let cache = titles::cache(size, true);
        percentiles(&cache, size);
        let mut group = criterion.benchmark_group("search all of");
        for (terms, category) in ORDINARY.into_iter().chain(WORST) {
            let search = search(terms, category);
            group.bench_function(BenchmarkId::new(format!("{terms} {category}"), size), |bencher| {
                bencher.iter(|| found(&cache, &search, usize::MAX));
            });
        }
        group.finish();
    }
}

fn texts(criterion: &mut Criterion) {
    let books: Vec<_> = (0..60).map(|number| titles::book(number, 1)).collect();
    let mut number = 0;
    criterion.bench_function("make the text of a book", |bencher| {
        bencher.iter(|| {
            number = (number + 1) % books.len();
            repository::search::text(black_box(&books[number]))
        });
    });
}

/// Prints the CPU time of an event as the median of batches, which alternate between caches without and with texts.
fn events(_: &mut Criterion) {
    println!("| books | changed | an event without texts | with texts |");
    println!("|--:|---|--:|--:|");
    for size in sizes() {
        for changed in ["description", "title"] {
            let [without, with] = event_times(size, changed == "title");
            println!("| {size} | {changed} | {without:.1?} | {with:.1?} |");
        }
    }
}

fn event_times(size: usize, has_other_text: bool) -> [Duration; 2] {
    const BATCH: usize = 100;
    let caches = [false, true].map(|has_texts| titles::cache(size, has_texts));
    let mut times = [const { Vec::new() }; 2];
    let mut version = size;
    for _ in 0..200 {
        // Consecutive books would find their memory in the processor's cache.
        let next = || {
            version += 1;
            let mut book = titles::book(version.wrapping_mul(7919) % size, version + 1);
            if has_other_text {
                book.spec.title = format!("{} {version}", book.spec.title);
            }
            book
        };
        let books: Vec<_> = std::iter::repeat_with(next).take(BATCH).collect();
        for (cache, times) in caches.iter().zip(&mut times) {
            let events: Vec<_> = books.iter().cloned().map(SourceEvent::Applied).collect();
            let started = cpu_time();
            for event in events {
                cache.writer.apply([event]);
            }
            times.push(cpu_time().saturating_sub(started) / u32::try_from(BATCH).expect("a batch is small"));
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}

criterion_group!(benches, searches, texts, events);
criterion_main!(benches);
