//! Medians and percentiles.

/// Returns the median: for an even number of samples, the mean of the two in the middle. `None` without samples.
pub(crate) fn median(samples: &[f64]) -> Option<f64> {
    let sorted = sorted(samples);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    sorted.get(middle - 1).map(|lower| f64::midpoint(*lower, upper))
}

/// Returns the smallest sample that at least `percent` of all samples do not exceed (nearest rank). `None` without
/// samples.
pub(crate) fn percentile(samples: &[f64], percent: usize) -> Option<f64> {
    let rank = (samples.len() * percent).div_ceil(100).max(1);
    sorted(samples).get(rank - 1).copied()
}

/// Returns the ratio of each sample to the one of its round. Skips limits that are zero.
pub(crate) fn ratios(ours: &[f64], limit: &[f64]) -> Vec<f64> {
    ours.iter()
        .zip(limit)
        .filter(|(_, limit)| **limit > 0.0)
        .map(|(ours, limit)| ours / limit)
        .collect()
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Converts a count for a calculation.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
pub(crate) fn approximate(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_in_any_order() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(&[9.0, 1.0, 5.0, 6.0]), Some(5.5));
    }

    #[test]
    fn percentiles_are_samples() {
        let samples: Vec<f64> = (1..=1000).rev().map(f64::from).collect();
        assert_eq!(percentile(&samples, 50), Some(500.0));
        assert_eq!(percentile(&samples, 99), Some(990.0));
        assert_eq!(percentile(&[7.0], 99), Some(7.0));
        assert_eq!(percentile(&[7.0], 0), Some(7.0));
        assert_eq!(percentile(&[], 99), None);
    }

    #[test]
    fn a_ratio_is_of_samples_of_the_same_turn() {
        // A machine that is half as fast in the second round changes both samples and no ratio.
        assert_eq!(ratios(&[90.0, 45.0], &[100.0, 50.0]), [0.9, 0.9]);
        assert_eq!(ratios(&[1.0], &[0.0]), [0.0; 0]);
    }
}
