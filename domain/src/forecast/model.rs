//! A line with its errors.

use super::line::{Fit, Line};
use super::{FileForecast, MIN_SAMPLES, MIN_SAMPLES_FOR_RANGE, Sample, count, duration};

/// The share of the mean duration that every prediction has at least, so that an error is never
/// divided by 0.
const LEAST_SHARE: f64 = 1e-3;

/// The minimum prediction, in seconds.
const LEAST_SECONDS: f64 = 1e-9;

/// The line of some samples, and the errors of this line.
#[derive(Debug)]
pub(super) struct Model {
    line: Line,
    /// The mean duration, in seconds. Outliers are cut.
    mean: f64,
    /// For each sample, its duration divided by the prediction from the other samples, in
    /// increasing order.
    ratios: Vec<f64>,
}

impl Model {
    /// Fits a model; `None` below [`MIN_SAMPLES`].
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
        Some(Self { line: fit.line, mean, ratios })
    }

    /// Returns the mean duration of files of this size, in seconds; the mean over all samples if the
    /// size is unknown.
    pub(super) fn mean(&self, bytes: Option<f64>) -> f64 {
        bytes.map_or(self.mean, |bytes| self.line.at(bytes))
    }

    /// Returns the mean time left, in seconds, of a file of which an attempt has run for `elapsed`
    /// seconds: the mean over those errors that are still possible. 0 if the attempt runs for
    /// longer than any sample did.
    pub(super) fn left(&self, bytes: Option<f64>, elapsed: f64) -> f64 {
        let mean = self.mean(bytes);
        let first = self.ratios.partition_point(|ratio| ratio * mean <= elapsed);
        let possible = &self.ratios[first..];
        let sum: f64 = possible.iter().map(|ratio| ratio * mean - elapsed).sum();
        if possible.is_empty() { 0.0 } else { sum / count(possible.len()) }
    }

    /// Returns one of the errors. `random` may be any number.
    pub(super) fn ratio(&self, random: u64) -> f64 {
        let length = self.ratios.len() as u64;
        usize::try_from(random % length.max(1)).ok().and_then(|index| self.ratios.get(index)).copied().unwrap_or(1.0)
    }

    pub(super) fn of_file(&self, bytes: f64) -> FileForecast {
        let samples = self.ratios.len();
        let (mean, median) = (self.line.at(bytes), self.ratios[samples / 2]);
        let least = mean.max(LEAST_SHARE * self.mean);
        let range = (samples >= MIN_SAMPLES_FOR_RANGE).then(|| {
            // The conformal quantiles for a coverage of 90 %.
            let (low, high) = ((samples + 1) / 20, (19 * (samples + 1)).div_ceil(20));
            duration(least * self.ratios[low.max(1) - 1])..=duration(least * self.ratios[high.min(samples) - 1])
        });
        FileForecast {
            about: duration(mean * median),
            range,
            fixed: duration(self.line.fixed * median),
            seconds_per_byte: self.line.per_byte * median,
            samples,
        }
    }
}
