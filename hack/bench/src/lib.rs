//! The benchmark behind `cargo xtask bench`: both APIs, in their release builds, on a real control plane, each figure
//! with its limit from the same run.
//!
//! - [`Args`]: the flags.
//! - [`run`]: creates the books, measures part after part ([`Part`]), prints one table and writes it as JSON.
//!
//! Two rules make the figures of one run comparable. The measured program has a core to itself, and everything else
//! (load generator, API server, etcd, this program) shares the others. Only under the load of writes, which the API
//! server limits, do all programs share all cores. And compared programs are measured in turns: if the machine slows
//! down, it slows down for both.

mod args;
mod books;
mod cluster;
mod cores;
mod figure;
mod keep_alive;
mod load;
mod machine;
mod parts;
mod process_stats;
mod progress;
mod report;
mod rig;
mod service;
mod static_server_process;
mod statistics;
mod wait;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

pub use args::{Api, Args, Part};

use cores::Cores;
use report::{Report, Row};
use rig::{Programs, Rig};

/// Measures the parts in `args`, prints the table to standard output and writes the JSON file.
///
/// The programs under test are those in the directory of the running one. The report of a failed run has the figures
/// before the failure.
pub async fn run(args: &Args) -> Result<()> {
    check_tools(args)?;
    let programs = Programs::beside_this_one()?;
    let cores = Cores::divide();
    let mut report = Report::new(args, &cores).await?;
    let measured = measure(args, &programs, &cores, &mut report).await;
    // The growth compares the measurements of all numbers of books.
    report.rows.extend(parts::reads::growth(&report.rows));
    print!("{}", report.markdown());
    report.save(&args.output)?;
    eprintln!("written as JSON to {}", args.output.display());
    measured
}

async fn measure(args: &Args, programs: &Programs, cores: &Cores, report: &mut Report) -> Result<()> {
    for &books in &args.books {
        let rig = Rig::start(args, programs, cores, books).await?;
        for &part in &args.parts {
            eprintln!("==> {part} at {books} books");
            let figures = parts::measure(part, &rig)
                .await
                .with_context(|| format!("the part {part} at {books} books failed"))?;
            report
                .rows
                .extend(figures.into_iter().map(|figure| Row { books, part, figure }));
        }
        rig.stop().await?;
    }
    Ok(())
}

/// Fails if a required tool is missing, before anything starts.
fn check_tools(args: &Args) -> Result<()> {
    let needs = |parts: &[Part]| args.parts.iter().any(|part| parts.contains(part));
    if needs(&[Part::Reads, Part::Updates, Part::Tokens]) {
        installed("wrk", "generates the load (https://github.com/wg/wrk)")?;
    }
    if needs(&[Part::Start]) {
        installed("curl", "sends the LIST that a start is compared with")?;
    }
    if args.profile != "release" {
        eprintln!(
            "the programs are built with profile {:?}: the figures are meaningless",
            args.profile
        );
    }
    Ok(())
}

fn installed(tool: &str, what_for: &str) -> Result<()> {
    ensure!(
        which::which(tool).is_ok(),
        "{tool}, which {what_for}, is not on PATH: `apt install {tool}`, `dnf install {tool}` or `brew install {tool}`"
    );
    Ok(())
}

fn workspace() -> &'static Path {
    let this_crate = Path::new(env!("CARGO_MANIFEST_DIR"));
    this_crate.ancestors().nth(2).unwrap_or(this_crate)
}
