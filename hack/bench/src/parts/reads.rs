//! Reads, compared with a bare actix-web server that answers with the same bytes.

use anyhow::Result;

use crate::{
    args::Part,
    books::{CATEGORY, THOUSAND, TWENTY, name},
    figure::{Figure, Target, Unit},
    load::{Load, not_judged, was_no_limit},
    report::Row,
    rig::{FULL_SIZE, Rig},
    service::Service,
    static_server_process::StaticServer,
};

pub(super) struct Read {
    pub(super) name: &'static str,
    pub(super) path: String,
    /// The minimum ratio to the static server's requests a second.
    ratio: f64,
}

pub(super) fn all() -> [Read; 4] {
    let read = |name, path, ratio| Read { name, path, ratio };
    [
        read("GET of a book", format!("/book/{THOUSAND}/{}", name(500)), 0.85),
        read("list of 20", format!("/book/{TWENTY}"), 0.85),
        read("list of 1,000", format!("/book/{THOUSAND}"), 0.9),
        read(
            "category, 200 of 1,000",
            format!("/book/{THOUSAND}?category_id={CATEGORY}"),
            0.85,
        ),
    ]
}

pub(super) async fn measure(rig: &Rig<'_>) -> Result<Vec<Figure>> {
    let service = Service::start(rig, rig.args.api, &[]).await?;
    let mut figures = Vec::new();
    for read in all() {
        eprintln!("{}", read.name);
        let url = service.url(&read.path);
        let body = rig.body(&url).await?;
        let limit = StaticServer::start(rig, &body).await?;
        let limit_url = limit.url(&read.path);
        rig.warm_up(service.id(), &url).await?;
        rig.warm_up(limit.id(), &limit_url).await?;
        let (mut ours, mut limits) = (Vec::new(), Vec::new());
        for _ in 0..rig.args.rounds {
            ours.push(rig.load(service.id(), &url).await?);
            limits.push(rig.load(limit.id(), &limit_url).await?);
        }
        limit.stop().await?;
        figures.extend(figures_of(rig, &read, body.len(), &ours, &limits));
    }
    service.stop().await?;
    Ok(figures)
}

fn figures_of(rig: &Rig<'_>, read: &Read, bytes: usize, ours: &[Load], limits: &[Load]) -> [Figure; 3] {
    const LIMIT: &str = "static server";
    let figure = |what: &str, unit, value: fn(&Load) -> Option<f64>| {
        let samples = |loads: &[Load]| loads.iter().filter_map(value).collect();
        Figure::new(format!("{}, {what}", read.name), unit, samples(ours)).beside(LIMIT, samples(limits))
    };
    let waited = [was_no_limit("ours", ours), was_no_limit(LIMIT, limits)];
    let note = not_judged(waited.into_iter().flatten());
    // If both servers were the limit of their load, requests a second are compared, otherwise CPU times.
    let (served, cpu) = if note.is_none() {
        (Some(Target::RatioAtLeast(read.ratio)), None)
    } else {
        (None, Some(Target::RatioAtMost(1.0 / read.ratio)))
    };
    [
        figure(&format!("{bytes} bytes"), Unit::PerSecond, |load| {
            Some(load.requests_per_second)
        })
        .target(served)
        .note(note),
        figure(CPU, Unit::Microseconds, |load| {
            load.cpu.map(|cpu| cpu.per_request)
        })
        .target(cpu),
        figure(P99, Unit::Milliseconds, |load| Some(load.p99))
            .target(rig.at_full_size(Target::RatioAtMost(2.0))),
    ]
}

const P99: &str = "p99";
const CPU: &str = "CPU per request";

/// The slowdown of reads from the smallest number of books in the run to the largest.
///
/// Compares ratios to the CPU time of the static server, since the numbers of books are measured at different times,
/// and CPU time grows even if the load generator is the limit.
pub(crate) fn growth(rows: &[Row]) -> Vec<Row> {
    // A smaller growth is noise.
    const NOISE: f64 = 1.1;
    let cpu = |row: &&Row| row.part == Part::Reads && row.figure.name.ends_with(CPU);
    let Some(least) = rows.iter().filter(cpu).map(|row| row.books).min() else {
        return Vec::new();
    };
    let full_size = rows
        .iter()
        .filter(cpu)
        .filter(|row| row.books >= FULL_SIZE && row.books > least);
    full_size
        .filter_map(|row| {
            let few = rows
                .iter()
                .find(|few| few.books == least && few.figure.name == row.figure.name)?;
            let times = |row: &Row| row.figure.ratio().into_iter().collect();
            let name = format!("{}, times the static server's", row.figure.name);
            let figure = Figure::new(name, Unit::Count, times(row))
                .beside("fewest books", times(few))
                .target(Target::RatioAtMost(NOISE));
            Some(Row {
                books: row.books,
                part: Part::Reads,
                figure,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_at_full_size_are_compared_with_those_at_the_fewest_books() {
        let row = |books, cpu, limit| Row {
            books,
            part: Part::Reads,
            figure: Figure::new("list of 20, CPU per request", Unit::Microseconds, vec![cpu])
                .beside("static server", vec![limit]),
        };
        let rows = [
            row(1000, 10.0, 10.0),
            row(10_000, 50.0, 10.0),
            row(100_000, 24.0, 20.0),
        ];
        let growth = growth(&rows);
        assert_eq!(growth.len(), 1);
        assert_eq!(growth[0].books, 100_000);
        assert_eq!(growth[0].figure.ratio(), Some(1.2));
        assert_eq!(growth[0].figure.is_met(), Some(false));
        assert!(super::growth(&rows[..2]).is_empty());
        assert!(super::growth(&rows[2..]).is_empty());
    }
}
