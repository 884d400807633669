//! The librarians' page in a browser.

use anyhow::{Context as _, Result};
use e2e::Browser;
use serde::Deserialize;

use super::updates::Updates;
use crate::{
    args::Api,
    figure::{Figure, Target, Unit},
    rig::Rig,
    service::Service,
    statistics::approximate,
};

/// The time over which the heap is measured, as a multiple of the time of one measurement.
const HEAP_OVER: u32 = 120;

/// The figures that `measure.mjs` prints.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    /// Milliseconds from the navigation until the first row is painted.
    first_rows: Vec<f64>,
    nodes: Vec<f64>,
    heap: Heap,
}

/// Samples of the heap in MiB after garbage collection.
#[derive(Deserialize)]
struct Heap {
    /// After a tenth of the time.
    begin: Vec<f64>,
    /// At its end.
    end: Vec<f64>,
}

pub(super) async fn measure(rig: &Rig<'_>) -> Result<Vec<Figure>> {
    let Some(browser) = Browser::find().await? else {
        return Ok(Vec::new());
    };
    rig.share_cores()?;
    let service = Service::start_with_defaults(rig, Api::Admin).await?;
    let address = service.url("");
    let calm = open(&browser, &address, rig.args.rounds, 0).await?;
    let updates = Updates::start(rig);
    let seconds = (rig.args.duration * HEAP_OVER).as_secs();
    let busy = open(&browser, &address, 0, seconds).await?;
    let rate = updates.rate();
    updates.stop().await?;
    service.stop().await?;
    rig.divide_cores()?;
    let minutes = approximate(seconds) / 60.0;
    Ok(vec![
        Figure::new(
            "the page until its first rows",
            Unit::Milliseconds,
            calm.first_rows,
        )
        .target(rig.at_full_size(Target::AtMost(500.0))),
        Figure::new("the page, DOM nodes", Unit::Count, calm.nodes).target(Target::AtMost(2_000.0)),
        Figure::new(
            format!("the page, DOM nodes at {rate:.0} updates/s"),
            Unit::Count,
            busy.nodes,
        )
        .target(Target::AtMost(2_000.0)),
        Figure::new(
            format!("the page, heap after {minutes:.0} minutes at {rate:.0} updates/s"),
            Unit::Mebibytes,
            busy.heap.end,
        )
        .beside("after a tenth of them", busy.heap.begin)
        .target(Target::RatioAtMost(1.1)),
    ])
}

/// Opens the page `rounds` times, and once for this number of seconds.
async fn open(browser: &Browser, address: &str, rounds: u32, seconds: u64) -> Result<Measured> {
    let variables = [
        ("BOOKSHELF_ADMIN", address),
        ("BOOKSHELF_ROUNDS", &rounds.to_string()),
        ("BOOKSHELF_SECONDS", &seconds.to_string()),
    ];
    let printed = browser.measure("measure.mjs", &variables).await?;
    serde_json::from_str(&printed).with_context(|| format!("the browser's program printed {printed:?}"))
}
