//! Medians, extremes and ratios. Nothing here knows what is measured.

/// The middle of the values, or the mean of the two in the middle; `None` of none.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// The smallest and the largest value; `None` of none.
pub(crate) fn extremes(values: &[f64]) -> Option<(f64, f64)> {
    let smallest = values.iter().copied().min_by(f64::total_cmp)?;
    let largest = values.iter().copied().max_by(f64::total_cmp)?;
    Some((smallest, largest))
}

/// The median of the quotients of values taken in the same round, which a machine that is slower in one round than in
/// another changes less than it changes the medians themselves. Where one side has fewer values (a tool failed in some
/// round) rounds cannot be matched, and it is the quotient of the medians.
pub(crate) fn ratio(values: &[f64], others: &[f64]) -> Option<f64> {
    if values.len() != others.len() {
        return Some(median(values)? / median(others)?);
    }
    let quotients: Vec<f64> = values.iter().zip(others).map(|(value, other)| value / other).collect();
    median(&quotients)
}

/// A count as a number to reckon with: exact up to 2^53, which no count here reaches.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
pub(crate) fn count(number: u64) -> f64 {
    number as f64
}
