//! Fits the line `a + b × size` to samples.

use super::{Sample, count};

/// A duration of at least this many times the 90th percentile of the errors is an outlier. The
/// factors 2, 3, 5 and 10 differ little on recorded traces (docs/benchmarks.md).
const OUTLIER: f64 = 2.0;

/// The number of times that outliers are cut and the line is fitted again.
const CUTS: usize = 4;

/// The minimum duration that errors are divided by, in seconds.
const TINY: f64 = 1e-9;

/// The duration as a function of the size. It is never negative and never decreases.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Line {
    /// The duration of an empty file, in seconds.
    pub(super) fixed: f64,
    /// The seconds that each byte adds.
    pub(super) per_byte: f64,
}

/// A line with the influence of each sample on it.
#[derive(Debug, Default)]
pub(super) struct Fit {
    pub(super) line: Line,
    /// For each sample, the share of its own duration in the line's value at its size: 0 to 1.
    leverages: Vec<f64>,
}

impl Line {
    /// Returns the duration of a file of this size, in seconds.
    pub(super) fn at(&self, bytes: f64) -> f64 {
        self.fixed + self.per_byte * bytes
    }

    fn scaled(self, factor: f64) -> Self {
        Self { fixed: self.fixed * factor, per_byte: self.per_byte * factor }
    }
}

impl Fit {
    /// Fits a line by weighted least squares, and cuts outliers. `samples` must not be empty.
    ///
    /// The weight of a sample is the inverse of its size plus the median size, because large files
    /// have large errors. If the best line has a negative slope or a negative value at 0, then its
    /// slope or its value at 0 is 0. At last, the line is scaled so that the sum over the samples
    /// is exact.
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

    /// Returns, for each sample, the value at its size of the line through the other samples, in
    /// seconds. It may be negative.
    pub(super) fn without_each<'a>(&'a self, samples: &'a [Sample]) -> impl Iterator<Item = f64> + 'a {
        samples.iter().zip(&self.leverages).map(|(sample, leverage)| {
            let (value, leverage) = (self.line.at(sample.bytes), leverage.min(0.99));
            value - leverage / (1.0 - leverage) * (sample.seconds - value)
        })
    }

    fn least_squares(samples: &[Sample]) -> Self {
        let sums = Sums::of(samples);
        let slope = if sums.sizes > 0.0 { (sums.product / sums.sizes).max(0.0) } else { 0.0 };
        let fixed = sums.mean_seconds - slope * sums.mean_bytes();
        let (line, leverage): (_, &dyn Fn(&Sample) -> f64) = if fixed < 0.0 {
            let per_byte = sums.product_from_0 / sums.sizes_from_0;
            (Line { fixed: 0.0, per_byte }, &|sample| sums.weight(sample) * sample.bytes.powi(2) / sums.sizes_from_0)
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
    /// Returns the values at the sizes of the samples, in seconds, that outliers are compared with.
    /// Each is at least a tenth of the mean value, so that no small file counts as an outlier of a
    /// line that is nearly 0 there.
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

/// The weighted sums of least squares.
struct Sums {
    median_bytes: f64,
    /// The smallest size. Sizes are measured from here, so that equal sizes deviate by exactly 0.
    least_bytes: f64,
    weights: f64,
    /// The mean size above `least_bytes`.
    mean_above: f64,
    mean_seconds: f64,
    /// The squares of the sizes' deviations from their mean.
    sizes: f64,
    /// The products of the sizes' and the durations' deviations from their means.
    product: f64,
    sizes_from_0: f64,
    product_from_0: f64,
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
            product_from_0: sum(&|sample| sample.bytes * sample.seconds),
        }
    }

    fn weight(&self, sample: &Sample) -> f64 {
        1.0 / (sample.bytes + self.median_bytes)
    }

    fn mean_bytes(&self) -> f64 {
        self.least_bytes + self.mean_above
    }

    /// Returns the deviation of a sample's size from the mean size.
    fn deviation(&self, sample: &Sample) -> f64 {
        sample.bytes - self.least_bytes - self.mean_above
    }
}
