//! The figures of a load.

use std::{array, collections::BTreeMap, time::Duration};

use super::{request::Write, tally::Tally};
use crate::{
    figure::{Figure, Target, Unit},
    statistics::{approximate, percentile},
};

/// The number of clients at which creates are compared with straight ones.
const COMPARED: usize = 16;

/// A number of clients above the limit of concurrent requests to the API server.
const MOST: usize = 256;

/// The default of `--kube-timeout`, in milliseconds.
const DEADLINE: f64 = 5000.0;

/// The name of the reference for creates.
const STRAIGHT: &str = "straight to the API server";

/// The processes whose CPU time is measured, in this order. `admin-api` stands for the measured API.
pub(super) const PROGRAMS: [&str; 4] = ["API server", "etcd", "admin-api", "load"];

/// One value for each of [`PROGRAMS`].
pub(super) type CpuTimes<T> = [T; PROGRAMS.len()];

/// Returns the microseconds of CPU time for each write, from the times before and after this number of writes.
pub(super) fn of_a_write(
    before: CpuTimes<Option<Duration>>,
    after: CpuTimes<Option<Duration>>,
    writes: f64,
) -> CpuTimes<Option<f64>> {
    array::from_fn(|program| {
        let used = after[program]?.saturating_sub(before[program]?);
        Some(used.as_secs_f64() * 1e6 / writes.max(1.0))
    })
}

#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) tally: Tally,
    pub(super) cpu: CpuTimes<Option<f64>>,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    samples: BTreeMap<(usize, Write), Vec<Sample>>,
}

impl Table {
    pub(super) fn add(&mut self, write: Write, clients: usize, sample: Sample) {
        self.samples.entry((clients, write)).or_default().push(sample);
    }

    pub(super) fn figures(&self) -> Vec<Figure> {
        let mut figures = Vec::new();
        for (&(clients, write), samples) in &self.samples {
            if write != Write::Straight {
                figures.extend(self.of_write(write, clients, samples));
            }
            if (write, clients) == (Write::Straight, COMPARED) {
                figures.extend(self.of_cpu());
            }
        }
        figures.extend(self.of_refusals());
        figures
    }

    fn of(&self, write: Write, clients: usize) -> &[Sample] {
        self.samples
            .get(&(clients, write))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// The rate of a write, and its latencies.
    fn of_write(&self, write: Write, clients: usize, samples: &[Sample]) -> [Figure; 3] {
        let name = format!("{}, {}", write.name(), in_words(clients));
        let compared = (write, clients) == (Write::Create, COMPARED);
        let straight = (write == Write::Create).then(|| self.of(Write::Straight, clients));
        let figure = |name, unit, value: fn(&Sample) -> Option<f64>| {
            let figure = Figure::new(name, unit, samples.iter().filter_map(value).collect());
            match straight {
                Some(straight) => figure.beside(STRAIGHT, straight.iter().filter_map(value).collect()),
                None => figure,
            }
        };
        let slowest = if clients == MOST {
            Some(Target::AtMost(DEADLINE))
        } else {
            compared.then_some(Target::RatioAtMost(1.5))
        };
        let notes = [("", samples), ("straight: ", straight.unwrap_or_default())];
        let notes: Vec<String> = notes
            .into_iter()
            .filter_map(|(prefix, samples)| Some(format!("{prefix}{}", trouble(samples)?)))
            .collect();
        [
            figure(name.clone(), Unit::PerSecond, per_second)
                .target(compared.then_some(Target::RatioAtLeast(0.9)))
                .note((!notes.is_empty()).then(|| notes.join("; "))),
            figure(format!("{name}, p50"), Unit::Milliseconds, |sample| {
                latency(sample, 50)
            }),
            figure(format!("{name}, p99"), Unit::Milliseconds, |sample| {
                latency(sample, 99)
            })
            .target(slowest),
        ]
    }

    /// The CPU times of a create. The programs share the cores, so the API server lacks what ours uses.
    fn of_cpu(&self) -> impl Iterator<Item = Figure> {
        let values = |write, program: usize| {
            let samples = self.of(write, COMPARED).iter();
            samples.filter_map(|sample| sample.cpu[program]).collect()
        };
        PROGRAMS.iter().enumerate().map(move |(program, label)| {
            let name = format!("create, {}, CPU of {label}", in_words(COMPARED));
            Figure::new(name, Unit::Microseconds, values(Write::Create, program))
                .beside(STRAIGHT, values(Write::Straight, program))
        })
    }

    /// The sums of other responses to the largest crowd over all rounds: a median would hide one bad round.
    fn of_refusals(&self) -> Vec<Figure> {
        let sum = |count: fn(&Tally) -> u64| {
            let ours = [Write::Create, Write::Update, Write::Borrow].into_iter();
            let samples = ours.flat_map(|write| self.of(write, MOST));
            vec![approximate(samples.map(|sample| count(&sample.tally)).sum())]
        };
        let clients = in_words(MOST);
        vec![
            Figure::new(
                format!("5xx, {clients}"),
                Unit::Count,
                sum(|tally| tally.failures),
            )
            .target(Target::AtMost(0.0)),
            Figure::new(
                format!("429, {clients}"),
                Unit::Count,
                sum(|tally| tally.refusals),
            ),
            Figure::new(
                format!("429 with an untrue Retry-After, {clients}"),
                Unit::Count,
                sum(|tally| tally.untrue_retry_afters),
            )
            .target(Target::AtMost(0.0)),
        ]
    }
}

fn in_words(clients: usize) -> String {
    format!("{clients} client{}", if clients == 1 { "" } else { "s" })
}

fn per_second(sample: &Sample) -> Option<f64> {
    let Tally {
        seconds, latencies, ..
    } = &sample.tally;
    let done = approximate(u64::try_from(latencies.len()).ok()?);
    (*seconds > 0.0).then(|| done / seconds)
}

fn latency(sample: &Sample, percent: usize) -> Option<f64> {
    percentile(&sample.tally.latencies, percent)
}

/// A text about refusals and failures; `None` without any.
fn trouble(samples: &[Sample]) -> Option<String> {
    let sum = |count: fn(&Tally) -> u64| samples.iter().map(|sample| count(&sample.tally)).sum::<u64>();
    let counts = [
        (sum(|tally| tally.refusals), "429"),
        (sum(|tally| tally.failures), "5xx"),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} × {what}"))
        .collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(writes: u32, failures: u64) -> Sample {
        let tally = Tally {
            seconds: 2.0,
            latencies: (1..=writes).map(f64::from).collect(),
            failures,
            ..Tally::default()
        };
        Sample {
            tally,
            cpu: [None; 4],
        }
    }

    fn figure<'a>(figures: &'a [Figure], name: &str) -> &'a Figure {
        figures.iter().find(|figure| figure.name == name).unwrap()
    }

    #[test]
    fn creates_stand_beside_the_straight_ones_of_as_many_clients() {
        let mut table = Table::default();
        table.add(Write::Create, 16, sample(180, 0));
        table.add(Write::Straight, 16, sample(200, 0));
        let figures = table.figures();
        let rate = figure(&figures, "create, 16 clients");
        assert_eq!(rate.value(), Some(90.0));
        assert_eq!(rate.is_met(), Some(true));
        let p99 = figure(&figures, "create, 16 clients, p99");
        assert_eq!((p99.value(), p99.limit_value()), (Some(179.0), Some(198.0)));
        assert_eq!(p99.target, Some(Target::RatioAtMost(1.5)));
    }

    #[test]
    fn one_failure_in_one_round_is_seen() {
        let mut table = Table::default();
        for failures in [0, 0, 1] {
            table.add(Write::Update, 256, sample(10, failures));
        }
        let figures = table.figures();
        assert_eq!(figure(&figures, "5xx, 256 clients").is_met(), Some(false));
        let rate = figure(&figures, "update, 256 clients");
        assert_eq!(rate.note.as_deref(), Some("1 × 5xx"));
    }

    #[test]
    fn cpu_time_is_of_a_write() {
        let times = |microseconds: [u64; 4]| microseconds.map(|time| Some(Duration::from_micros(time)));
        let cpu = of_a_write(times([0, 10, 0, 0]), times([200, 30, 40, 60]), 10.0);
        assert_eq!(cpu, [Some(20.0), Some(2.0), Some(4.0), Some(6.0)]);
        assert_eq!(of_a_write([None; 4], [None; 4], 10.0), [None; 4]);
    }
}
