//! The parts of the measurements.

mod history;
mod latency;
mod load;
mod memory;
mod page;
pub(crate) mod reads;
mod resync;
mod start;
mod tokens;
mod updates;
mod writes;

use anyhow::Result;

use crate::{args::Part, figure::Figure, rig::Rig};

pub(crate) async fn measure(part: Part, rig: &Rig<'_>) -> Result<Vec<Figure>> {
    match part {
        Part::Reads => reads::measure(rig).await,
        Part::Updates => updates::measure(rig).await,
        Part::Memory => memory::measure(rig).await,
        Part::Start => start::measure(rig).await,
        Part::Writes => writes::measure(rig).await,
        Part::Load => load::measure(rig).await,
        Part::Latency => latency::measure(rig).await,
        Part::History => history::measure(rig).await,
        Part::Resync => resync::measure(rig).await,
        Part::Page => page::measure(rig).await,
        Part::Tokens => tokens::measure(rig).await,
    }
}
