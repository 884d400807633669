//! The table and the JSON file.

use std::{env, fmt::Write as _, fs, path::Path, time::Duration};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::{
    args::{Args, Part},
    cores::Cores,
    figure::{Figure, Limit, Target, Unit},
    machine::{self, Machine},
    statistics::approximate,
};

/// The measurements of a run, and the conditions under which they were made.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    date: String,
    command: String,
    commit: String,
    rustc: String,
    machine: Machine,
    cores: String,
    options: Args,
    #[serde(rename = "figures")]
    pub(crate) rows: Vec<Row>,
}

/// A figure with the part and the number of books that it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) books: u64,
    pub(crate) part: Part,
    pub(crate) figure: Figure,
}

impl Report {
    pub(crate) async fn new(args: &Args, cores: &Cores) -> Result<Self> {
        Ok(Self {
            date: Timestamp::now().strftime("%Y-%m-%dT%H:%MZ").to_string(),
            command: command(),
            commit: machine::commit().await?,
            rustc: machine::rustc().await?,
            machine: Machine::look(),
            cores: cores.description(),
            options: args.clone(),
            rows: Vec::new(),
        })
    }

    /// One table, below a description of the run.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "`{}`, {}, commit {}, {}.\n{}: {}.\nMedians of {} rounds; each measurement takes {} s, that of reads over 32 \
             connections.\n\n",
            self.command,
            self.date,
            self.commit,
            self.rustc,
            self.machine,
            self.cores,
            self.options.rounds,
            Duration::as_secs(&self.options.duration),
        );
        text.push_str("| books | figure | ours | limit | ratio | target | |\n");
        text.push_str("|--:|---|--:|--:|--:|--:|---|\n");
        for row in &self.rows {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", row.markdown());
        }
        text
    }

    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(self)?;
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(path, json));
        written.with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Row {
    fn markdown(&self) -> String {
        let figure = &self.figure;
        let show = |value: f64| figure.unit.show(value);
        let limit = figure.limit.as_ref().zip(figure.limit_value());
        let limit = limit.map(|(limit, value)| format!("{} ({})", show(value), limit.what));
        let verdict = figure.is_met().map(|met| if met { "met" } else { "**missed**" });
        let note = figure.note.as_deref();
        let columns = [
            Unit::Count.show(approximate(self.books)),
            figure.name.clone(),
            figure.value().map_or_else(|| "not available".to_owned(), show),
            limit.unwrap_or_default(),
            figure
                .ratio()
                .map(|ratio| format!("{ratio:.2}"))
                .unwrap_or_default(),
            figure.target_text().unwrap_or_default(),
            verdict.into_iter().chain(note).collect::<Vec<_>>().join("; "),
        ];
        format!("| {} |", columns.join(" | "))
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// A figure with the values computed from its samples.
        #[derive(Serialize)]
        struct Computed<'a> {
            books: u64,
            part: Part,
            name: &'a str,
            unit: Unit,
            ours: Option<f64>,
            limit: Option<f64>,
            ratio: Option<f64>,
            target: Option<Target>,
            met: Option<bool>,
            note: Option<&'a str>,
            rounds: &'a [f64],
            limit_rounds: Option<&'a Limit>,
        }
        let figure = &self.figure;
        Computed {
            books: self.books,
            part: self.part,
            name: &figure.name,
            unit: figure.unit,
            ours: figure.value(),
            limit: figure.limit_value(),
            ratio: figure.ratio(),
            target: figure.target,
            met: figure.is_met(),
            note: figure.note.as_deref(),
            rounds: &figure.ours,
            limit_rounds: figure.limit.as_ref(),
        }
        .serialize(serializer)
    }
}

/// The command line, with the environment variables for flags.
fn command() -> String {
    let variables = env::vars().filter(|(name, _)| name.starts_with("BOOKSHELF_BENCH_"));
    let mut words: Vec<String> = variables.map(|(name, value)| format!("{name}={value}")).collect();
    words.push("cargo xtask bench".to_owned());
    words.extend(env::args().skip(1));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(figure: Figure) -> Row {
        Row {
            books: 100_000,
            part: Part::Reads,
            figure,
        }
    }

    #[test]
    fn a_row_has_the_figure_beside_its_limit_and_whether_it_is_good_enough() {
        let figure = Figure::new("GET a book", Unit::PerSecond, vec![60_000.0])
            .beside("static server", vec![64_000.0])
            .target(Target::RatioAtLeast(0.85));
        assert_eq!(
            row(figure).markdown(),
            "| 100,000 | GET a book | 60,000 /s | 64,000 /s (static server) | 0.94 | ≥ 0.85 × | met |"
        );
    }

    #[test]
    fn a_row_of_nothing_says_why() {
        let figure = Figure::new("memory", Unit::Mebibytes, vec![])
            .target(Target::AtMost(60.0))
            .note("no such flag".to_owned());
        assert_eq!(
            row(figure).markdown(),
            "| 100,000 | memory | not available |  |  | ≤ 60.0 MiB | no such flag |"
        );
    }

    #[test]
    fn the_json_has_every_round() {
        let figure = Figure::new("GET a book", Unit::PerSecond, vec![1.0, 3.0])
            .beside("static server", vec![2.0, 3.0])
            .target(Target::RatioAtLeast(0.85));
        let json = serde_json::to_value(row(figure)).unwrap();
        assert_eq!(json["ours"], 2.0);
        assert_eq!(json["ratio"], 0.75);
        assert_eq!(json["met"], false);
        assert_eq!(json["target"]["ratio_at_least"], 0.85);
        assert_eq!(json["rounds"], serde_json::json!([1.0, 3.0]));
        assert_eq!(json["limit_rounds"]["samples"], serde_json::json!([2.0, 3.0]));
    }
}
