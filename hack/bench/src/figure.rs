//! A figure with its limit and its target.

use serde::{Serialize, Serializer};

use crate::statistics::{median, ratios};

/// A quantity that is measured once in each round.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    /// One sample of each round; empty if it could not be measured.
    pub(crate) ours: Vec<f64>,
    pub(crate) limit: Option<Limit>,
    pub(crate) target: Option<Target>,
    pub(crate) note: Option<String>,
}

/// A reference that is measured in turns with the figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Limit {
    pub(crate) what: &'static str,
    /// One sample of each round.
    pub(crate) samples: Vec<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    #[serde(rename = "1/s")]
    PerSecond,
    #[serde(rename = "µs")]
    Microseconds,
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "B")]
    Bytes,
    #[serde(rename = "MiB")]
    Mebibytes,
    #[serde(rename = "1")]
    Count,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    /// In the figure's unit.
    AtMost(f64),
    /// A multiple of its limit.
    RatioAtMost(f64),
    /// A multiple of its limit.
    RatioAtLeast(f64),
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, unit: Unit, ours: Vec<f64>) -> Self {
        Self {
            name: name.into(),
            unit,
            ours,
            limit: None,
            target: None,
            note: None,
        }
    }

    pub(crate) fn beside(mut self, what: &'static str, samples: Vec<f64>) -> Self {
        self.limit = Some(Limit { what, samples });
        self
    }

    pub(crate) fn target(mut self, target: impl Into<Option<Target>>) -> Self {
        self.target = target.into();
        self
    }

    pub(crate) fn note(mut self, note: impl Into<Option<String>>) -> Self {
        self.note = note.into();
        self
    }

    /// The median of the rounds.
    pub(crate) fn value(&self) -> Option<f64> {
        median(&self.ours)
    }

    /// The median of the limit's samples.
    pub(crate) fn limit_value(&self) -> Option<f64> {
        median(&self.limit.as_ref()?.samples)
    }

    /// The median of each round's ratio to its limit.
    pub(crate) fn ratio(&self) -> Option<f64> {
        median(&ratios(&self.ours, &self.limit.as_ref()?.samples))
    }

    /// True if the target is met; `None` without a target or a measurement.
    pub(crate) fn is_met(&self) -> Option<bool> {
        match self.target? {
            Target::AtMost(most) => self.value().map(|value| value <= most),
            Target::RatioAtMost(most) => self.ratio().map(|ratio| ratio <= most),
            Target::RatioAtLeast(least) => self.ratio().map(|ratio| ratio >= least),
        }
    }

    pub(crate) fn target_text(&self) -> Option<String> {
        Some(match self.target? {
            Target::AtMost(most) => format!("≤ {}", self.unit.show(most)),
            Target::RatioAtMost(most) => format!("≤ {most:.2} ×"),
            Target::RatioAtLeast(least) => format!("≥ {least:.2} ×"),
        })
    }
}

impl Unit {
    /// Formats a value in this unit, with as few digits as are meaningful.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{} /s", thousands(value)),
            Self::Microseconds => format!("{value:.1} µs"),
            Self::Milliseconds => format!("{value:.2} ms"),
            Self::Seconds => format!("{value:.2} s"),
            Self::Bytes => format!("{} B", thousands(value)),
            Self::Mebibytes => format!("{value:.1} MiB"),
            Self::Count if value.fract() == 0.0 => thousands(value),
            Self::Count => format!("{value:.2}"),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (what, value) = match self {
            Self::AtMost(value) => ("at_most", value),
            Self::RatioAtMost(value) => ("ratio_at_most", value),
            Self::RatioAtLeast(value) => ("ratio_at_least", value),
        };
        serializer.collect_map([(what, value)])
    }
}

/// Formats 61234.5 as `61,235`.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_judged_by_the_median_of_the_rounds() {
        let figure = Figure::new("reads", Unit::PerSecond, vec![50.0, 95.0, 90.0])
            .beside("static server", vec![100.0, 100.0, 100.0])
            .target(Target::RatioAtLeast(0.9));
        assert_eq!(figure.ratio(), Some(0.9));
        assert_eq!(figure.is_met(), Some(true));
        assert_eq!(figure.target(Target::RatioAtLeast(0.91)).is_met(), Some(false));
    }

    #[test]
    fn a_figure_that_was_not_measured_is_not_judged() {
        let figure = Figure::new("memory", Unit::Mebibytes, vec![]).target(Target::AtMost(60.0));
        assert_eq!(figure.value(), None);
        assert_eq!(figure.is_met(), None);
    }

    #[test]
    fn values_are_printed_in_their_unit() {
        for (unit, value, expected) in [
            (Unit::PerSecond, 61_234.5, "61,234 /s"),
            (Unit::PerSecond, 999.0, "999 /s"),
            (Unit::Microseconds, 15.25, "15.2 µs"),
            (Unit::Count, 1.0, "1"),
            (Unit::Count, 1.004, "1.00"),
            (Unit::Count, 1_020_000.0, "1,020,000"),
        ] {
            assert_eq!(unit.show(value), expected);
        }
    }
}
