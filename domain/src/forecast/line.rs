//! Fits a line to file sizes and durations.

use super::{Sample, count};

/// A sample is an outlier if its error exceeds this many times the 90th percentile. The error is
/// the duration divided by [`Line::usual`]. The factors 2, 3, 5 and 10 gave similar forecasts (see
/// docs/benchmarks.md).
const OUTLIER: f64 = 2.0;

/// How often the line is fitted again with reduced outliers.
const CUTS: usize = 4;

/// The minimum of [`Line::usual`], in seconds. Prevents division by 0.
const TINY: f64 = 1e-9;

/// A duration as a linear function of the file size. Neither field is negative.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Line {
    /// The time that an empty file takes, in seconds.
    pub(super) fixed: f64,
    /// The time that each byte adds, in seconds.
    pub(super) per_byte: f64,
}

#[derive(Debug, Default)]
pub(super) struct Fit {
    pub(super) line: Line,
    leverages: Vec<f64>,
}

impl Line {
    pub(super) fn at(&self, bytes: f64) -> f64 {
        self.fixed + self.per_byte * bytes
    }

    fn scaled(self, factor: f64) -> Self {
        Self { fixed: self.fixed * factor, per_byte: self.per_byte * factor }
    }
}

impl Fit {
    /// Fits a line by weighted least squares, with outliers reduced. `samples` must not be empty.
    ///
    /// Large files have less weight, because their durations vary more.
    pub(super) fn new(samples: &[Sample]) -> Self {
        let mut cut = samples.to_vec();
        let mut fit = Self::least_squares(&cut);
        for _ in 0..CUTS {
            let usual = fit.line.usual(samples);
            let limit =
                OUTLIER * percentile_90(samples.iter().zip(&usual).map(|(sample, usual)| sample.seconds / usual));
            for ((cut, sample), usual) in cut.iter_mut().zip(samples).zip(usual) {
                cut.seconds = sample.seconds.min(limit * usual);
            }
            fit = Self::least_squares(&cut);
        }
        fit
    }

    /// Predicts the duration of each sample from the other samples, in seconds. The result is
    /// approximate and may be negative.
    pub(super) fn without_each<'a>(&'a self, samples: &'a [Sample]) -> impl Iterator<Item = f64> + 'a {
        samples.iter().zip(&self.leverages).map(|(sample, leverage)| {
            let (value, leverage) = (self.line.at(sample.bytes), leverage.min(0.99));
            value - leverage / (1.0 - leverage) * (sample.seconds - value)
        })
    }

    fn least_squares(samples: &[Sample]) -> Self {
        let sums = Sums::of(samples);
        // If all sizes are equal, the quotient is 0 / 0, and `max` ignores this NaN.
        let slope = (sums.product / sums.sizes).max(0.0);
        let fixed = sums.mean_seconds - slope * sums.mean_bytes();
        let (line, leverage): (_, &dyn Fn(&Sample) -> f64) = if fixed < 0.0 {
            // The line is scaled below, so any slope will do.
            let line = Line { fixed: 0.0, per_byte: 1.0 };
            (line, &|sample| sums.weight(sample) * sample.bytes.powi(2) / sums.sizes_from_0)
        } else if slope > 0.0 {
            (Line { fixed, per_byte: slope }, &|sample| {
                sums.weight(sample) * (1.0 / sums.weights + sums.deviation(sample).powi(2) / sums.sizes)
            })
        } else {
            (Line { fixed, per_byte: 0.0 }, &|sample| sums.weight(sample) / sums.weights)
        };
        let fitted: f64 = samples.iter().map(|sample| line.at(sample.bytes)).sum();
        let observed: f64 = samples.iter().map(|sample| sample.seconds).sum();
        let factor = if fitted > 0.0 { observed / fitted } else { 1.0 };
        Self { line: line.scaled(factor), leverages: samples.iter().map(leverage).collect() }
    }
}

impl Line {
    /// Returns the duration on the line at the size of each sample, in seconds. Small values are
    /// raised to a tenth of the mean. Otherwise, small files would count as outliers.
    fn usual(self, samples: &[Sample]) -> Vec<f64> {
        let mut values: Vec<_> = samples.iter().map(|sample| self.at(sample.bytes)).collect();
        let least = (values.iter().sum::<f64>() / count(values.len()) / 10.0).max(TINY);
        for value in &mut values {
            *value = value.max(least);
        }
        values
    }
}

fn percentile_90(ratios: impl Iterator<Item = f64>) -> f64 {
    let mut ratios: Vec<_> = ratios.collect();
    let rank = (9 * ratios.len()).div_ceil(10).saturating_sub(1);
    *ratios.select_nth_unstable_by(rank, f64::total_cmp).1
}

struct Sums {
    median_bytes: f64,
    /// The smallest size. It is subtracted from each size, so that rounding errors do not make
    /// equal sizes deviate from their mean.
    least_bytes: f64,
    weights: f64,
    /// The mean size minus `least_bytes`.
    mean_above: f64,
    mean_seconds: f64,
    sizes: f64,
    product: f64,
    sizes_from_0: f64,
}

impl Sums {
    fn of(samples: &[Sample]) -> Self {
        let mut sizes: Vec<_> = samples.iter().map(|sample| sample.bytes).collect();
        let median_bytes = sizes.select_nth_unstable_by(samples.len() / 2, f64::total_cmp).1.max(1.0);
        let least_bytes = samples.iter().map(|sample| sample.bytes).fold(f64::INFINITY, f64::min);
        let weight = |sample: &Sample| 1.0 / (sample.bytes + median_bytes);
        let sum = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(|sample| weight(sample) * of(sample)).sum::<f64>();
        let weights = sum(&|_| 1.0);
        let mean_above = sum(&|sample| sample.bytes - least_bytes) / weights;
        let mean_seconds = sum(&|sample| sample.seconds) / weights;
        let deviation = |sample: &Sample| sample.bytes - least_bytes - mean_above;
        Self {
            median_bytes,
            least_bytes,
            weights,
            mean_above,
            mean_seconds,
            sizes: sum(&|sample| deviation(sample).powi(2)),
            product: sum(&|sample| deviation(sample) * (sample.seconds - mean_seconds)),
            sizes_from_0: sum(&|sample| sample.bytes.powi(2)),
        }
    }

    fn weight(&self, sample: &Sample) -> f64 {
        1.0 / (sample.bytes + self.median_bytes)
    }

    fn mean_bytes(&self) -> f64 {
        self.least_bytes + self.mean_above
    }

    fn deviation(&self, sample: &Sample) -> f64 {
        sample.bytes - self.least_bytes - self.mean_above
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn samples() -> impl Strategy<Value = Vec<Sample>> {
        let sample = (1_u32..1_000_000, 1_u32..10_000);
        vec(sample, 3..40).prop_map(|all| all.into_iter().map(|(bytes, tenths)| of(bytes, tenths)).collect())
    }

    fn of(bytes: u32, tenths: u32) -> Sample {
        Sample { bytes: f64::from(bytes), seconds: f64::from(tenths) / 10.0 }
    }

    fn expected(samples: &[Sample]) -> Option<Line> {
        let mut sizes: Vec<_> = samples.iter().map(|sample| sample.bytes).collect();
        sizes.sort_unstable_by(f64::total_cmp);
        let median = sizes[sizes.len() / 2];
        let sum =
            |term: fn(&Sample) -> f64| samples.iter().map(|sample| term(sample) / (sample.bytes + median)).sum::<f64>();
        let (one, size, square) = (sum(|_| 1.0), sum(|sample| sample.bytes), sum(|sample| sample.bytes.powi(2)));
        let (seconds, product) = (sum(|sample| sample.seconds), sum(|sample| sample.bytes * sample.seconds));
        let determinant = one * square - size * size;
        if determinant < 1e-3 * one * square {
            return None;
        }
        let per_byte = (one * product - size * seconds) / determinant;
        let fixed = (seconds - per_byte * size) / one;
        let line = match () {
            () if per_byte <= 0.0 => Line { fixed: 1.0, per_byte: 0.0 },
            () if fixed < 0.0 => Line { fixed: 0.0, per_byte: 1.0 },
            () => Line { fixed, per_byte },
        };
        let total: f64 = samples.iter().map(|sample| sample.seconds).sum();
        Some(line.scaled(total / samples.iter().map(|sample| line.at(sample.bytes)).sum::<f64>()))
    }

    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-6 * expected.abs(), "found {found}, expected {expected}");
    }

    proptest! {
        #[test]
        fn a_line_solves_the_normal_equations(samples in samples()) {
            let Some(expected) = expected(&samples) else { return Ok(()) };
            let found = Fit::least_squares(&samples).line;
            assert_near(found.at(0.0), expected.at(0.0));
            assert_near(found.at(1e6), expected.at(1e6));
        }

        #[test]
        fn the_leverages_count_the_parameters(samples in samples()) {
            let fit = Fit::least_squares(&samples);
            let parameters = if fit.line.fixed > 0.0 && fit.line.per_byte > 0.0 { 2.0 } else { 1.0 };
            assert_near(fit.leverages.iter().sum(), parameters);
        }

        #[test]
        fn a_prediction_is_the_mean_of_the_other_samples_of_its_size(
            small in vec(900_u32..1100, 2..9),
            large in vec(1900_u32..2100, 2..9),
            size in 1_u32..1000,
        ) {
            let seconds = |tenths: &[u32]| tenths.iter().copied().sum::<u32>();
            let samples: Vec<_> = small.iter().map(|tenths| of(size, *tenths)).chain(
                large.iter().map(|tenths| of(4 * size, *tenths)),
            ).collect();
            let predictions: Vec<_> = Fit::new(&samples).without_each(&samples).collect();
            for (group, first) in [(&small, 0), (&large, small.len())] {
                for (index, tenths) in group.iter().enumerate() {
                    let others = f64::from(seconds(group) - tenths) / 10.0 / count(group.len() - 1);
                    assert_near(predictions[first + index], others);
                }
            }
        }
    }

    #[test]
    fn an_outlier_is_reduced_to_twice_the_90th_percentile() {
        let mut samples = vec![of(1000, 100); 19];
        samples.push(of(1000, 10_000));
        let line = Fit::new(&samples).line;
        // The mean of 19 samples of 10 s and one that was reduced to 20 s.
        assert_near(line.at(1000.0), 10.5);
    }
}
