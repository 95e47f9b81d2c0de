//! Forecasts durations from a fitted line.

use std::ops::RangeInclusive;

use super::line::{Fit, Line};
use super::{FileForecast, MIN_SAMPLES, MIN_SAMPLES_FOR_RANGE, Sample, count, duration};

/// The minimum forecast, as a share of the mean duration.
const LEAST_SHARE: f64 = 1e-3;

/// The minimum prediction, in seconds. Prevents division by 0.
const LEAST_SECONDS: f64 = 1e-9;

/// A file that is more than this many times as large as the largest sample has no forecast. The
/// largest sample counts as at least 4096 bytes.
pub const LARGER: f64 = 4.0;

/// If a forecast has no range, an attempt is overdue after this many times the forecast duration.
pub const OVERDUE: f64 = 3.0;

/// An attempt is slow at the latest after this many times the upper end of its forecast range.
const SLOW: f64 = 3.0;

/// The minimum number of samples from which the duration of 99 % of all attempts follows.
pub const MIN_SAMPLES_FOR_SLOW: usize = 99;

/// The largest sample counts as at least one block of common file systems.
const MIN_LARGEST_BYTES: f64 = 4096.0;

#[derive(Debug)]
pub(super) struct Model {
    line: Line,
    mean: f64,
    largest: f64,
    /// The actual durations divided by the predicted ones, in increasing order.
    ratios: Vec<f64>,
}

impl Model {
    /// Returns `None` if there are fewer than [`MIN_SAMPLES`] samples.
    pub(super) fn fit(samples: impl Iterator<Item = Sample>) -> Option<Self> {
        let samples: Vec<_> = samples.collect();
        if samples.len() < MIN_SAMPLES {
            return None;
        }
        let fit = Fit::new(&samples);
        let mean = samples.iter().map(|sample| fit.line.at(sample.bytes)).sum::<f64>() / count(samples.len());
        let least = (LEAST_SHARE * mean).max(LEAST_SECONDS);
        let predictions = fit.without_each(&samples).map(|seconds| seconds.max(least));
        let mut ratios: Vec<_> =
            samples.iter().zip(predictions).map(|(sample, seconds)| sample.seconds / seconds).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        let largest = samples.iter().map(|sample| sample.bytes).fold(0.0, f64::max);
        Some(Self { line: fit.line, mean, largest, ratios })
    }

    pub(super) fn mean(&self, bytes: Option<f64>) -> f64 {
        bytes.map_or(self.mean, |bytes| self.line.at(bytes))
    }

    /// Returns the expected time left of a running attempt, in seconds.
    pub(super) fn left(&self, bytes: Option<f64>, elapsed: f64) -> f64 {
        let mean = self.mean(bytes);
        let first = self.ratios.partition_point(|ratio| ratio * mean <= elapsed);
        let possible = &self.ratios[first..];
        let sum: f64 = possible.iter().map(|ratio| ratio * mean - elapsed).sum();
        if possible.is_empty() { 0.0 } else { sum / count(possible.len()) }
    }

    pub(super) fn largest(&self) -> f64 {
        self.largest
    }

    pub(super) fn is_much_larger(&self, bytes: f64) -> bool {
        bytes > LARGER * self.largest.max(MIN_LARGEST_BYTES)
    }

    /// Returns the longest expected duration, in seconds.
    pub(super) fn longest(&self, bytes: Option<f64>) -> f64 {
        let mean = self.at_least(self.mean(bytes));
        self.range(mean).map_or(OVERDUE * mean * self.median(), |range| *range.end())
    }

    /// Returns the time after which an attempt is slow, in seconds.
    pub(super) fn slow_after(&self, bytes: Option<f64>) -> f64 {
        let (mean, samples) = (self.at_least(self.mean(bytes)), self.ratios.len());
        let Some(range) = self.range(mean) else { return self.longest(bytes) };
        let limit = SLOW * range.end();
        if samples < MIN_SAMPLES_FOR_SLOW {
            return limit;
        }
        // A single outlier may be the duration of 99 %.
        limit.min(mean * self.ratio_of_rank((99 * (samples + 1)).div_ceil(100)))
    }

    /// Returns one of `ratios`, selected by a random number.
    pub(super) fn ratio(&self, random: u64) -> f64 {
        let length = self.ratios.len() as u64;
        usize::try_from(random % length.max(1)).ok().and_then(|index| self.ratios.get(index)).copied().unwrap_or(1.0)
    }

    pub(super) fn of_file(&self, bytes: f64) -> FileForecast {
        let (mean, median) = (self.at_least(self.line.at(bytes)), self.median());
        FileForecast {
            about: duration(mean * median),
            range: self.range(mean).map(|range| duration(*range.start())..=duration(*range.end())),
            fixed: duration(self.line.fixed * median),
            seconds_per_byte: self.line.per_byte * median,
            samples: self.ratios.len(),
        }
    }

    fn at_least(&self, mean: f64) -> f64 {
        mean.max(LEAST_SHARE * self.mean)
    }

    fn median(&self) -> f64 {
        self.ratios[self.ratios.len() / 2]
    }

    /// Returns the 90 % range of durations around `mean`, in seconds.
    fn range(&self, mean: f64) -> Option<RangeInclusive<f64>> {
        let samples = self.ratios.len();
        // The conformal quantiles for a coverage of 90 %.
        let (low, high) = ((samples + 1) / 20, (19 * (samples + 1)).div_ceil(20));
        let bound = |rank| mean * self.ratio_of_rank(rank);
        (samples >= MIN_SAMPLES_FOR_RANGE).then(|| bound(low)..=bound(high))
    }

    fn ratio_of_rank(&self, rank: usize) -> f64 {
        self.ratios[rank.clamp(1, self.ratios.len()) - 1]
    }
}
