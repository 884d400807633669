//! The cost of the history: requests and bytes of a loan, and memory and reads of a million events.

mod loans;
mod million;

use anyhow::Result;

use crate::{figure::Figure, rig::Rig};

const OFF: &str = "--history=false";

pub(super) async fn measure(rig: &Rig<'_>) -> Result<Vec<Figure>> {
    let mut figures = loans::measure(rig).await?;
    figures.extend(million::measure(rig).await?);
    Ok(figures)
}
