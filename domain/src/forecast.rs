//! Forecasts how long files take, from the sizes and durations of earlier successful attempts.
//!
//! # Theory of operation
//!
//! A [`Forecast`] keeps the latest [`MAX_SAMPLES`] samples of one recipe, and as many for each
//! extension of a file name. Recording a sample takes constant time; every line is fitted when it
//! is asked for. The duration of a file of `s` bytes is `a + b × s`, fitted by least squares (see
//! `line`). The errors of that line on its own samples, each predicted from the other samples, give
//! the band of a single file: a conformal band needs no assumption about the shape of the errors.
//! The time left of a run simulates how its slots take the remaining files one after the other.
//!
//! No forecast covers what is yet to change: if later files take longer than earlier files of the
//! same size, for instance because the machine gets busier, the forecast follows late.

mod line;
mod model;
mod schedule;
mod time_left;

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::path::FilePath;
use model::Model;

pub use time_left::{Backlog, RemainingFile, TimeLeft};

/// The number of samples that are kept for a recipe, and for each extension.
pub const MAX_SAMPLES: usize = 200;

/// The number of samples below which there is no forecast.
pub const MIN_SAMPLES: usize = 5;

/// The number of samples below which a forecast has no range.
pub const MIN_SAMPLES_FOR_RANGE: usize = 19;

/// An extension has a line of its own from this number of samples on. Before, its files are
/// forecast like all files of the recipe.
const MIN_SAMPLES_OF_EXTENSION: usize = 20;

/// The maximum number of extensions that have samples of their own. It bounds the memory: a recipe
/// takes at most about 55 kB.
const MAX_EXTENSIONS: usize = 16;

/// The durations of the files of one recipe: what a run does to each file.
#[derive(Debug, Clone, Default)]
pub struct Forecast {
    all: Samples,
    /// The samples by extension, in lower case.
    by_extension: BTreeMap<Box<[u8]>, Samples>,
    attempts: AttemptTally,
}

/// The forecast duration of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileForecast {
    /// The typical duration: half of the files take longer.
    pub about: Duration,
    /// The range that holds nine of ten files; `None` below [`MIN_SAMPLES_FOR_RANGE`] samples.
    pub range: Option<RangeInclusive<Duration>>,
    /// The part of `about` that does not depend on the size.
    pub fixed: Duration,
    /// The part of `about` that each byte adds, in seconds.
    pub seconds_per_byte: f64,
    /// The number of samples behind the forecast.
    pub samples: usize,
}

/// A successful attempt.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    bytes: f64,
    seconds: f64,
}

type Samples = VecDeque<Sample>;

/// The sums of durations over the attempts of a run. Failed attempts take time too, which the
/// durations of successful attempts do not contain.
#[derive(Debug, Clone, Default)]
struct AttemptTally {
    /// The sum over all attempts, in seconds.
    total_s: f64,
    /// The sum over the attempts that completed a file, in seconds.
    completed_s: f64,
    completed: f64,
    failed: f64,
}

impl AttemptTally {
    /// Returns the mean time spent on a file that ended, divided by the mean duration of an attempt
    /// that completed a file; 1 if no attempt has completed.
    fn time_factor(&self) -> f64 {
        let factor = self.total_s / self.completed_s * self.completed / (self.completed + self.failed);
        if factor.is_finite() && self.completed_s > 0.0 { factor } else { 1.0 }
    }
}

impl Forecast {
    /// Records a successful attempt of the run: `size_bytes` is the size of the file when the
    /// attempt began.
    pub fn record(&mut self, file_path: &FilePath, size_bytes: u64, elapsed: Duration) {
        self.attempts.total_s += elapsed.as_secs_f64();
        self.attempts.completed_s += elapsed.as_secs_f64();
        self.attempts.completed += 1.0;
        self.record_past(file_path, size_bytes, elapsed);
    }

    /// Records a successful attempt of an earlier run. It counts as a sample, but says nothing about
    /// the share of failures in this run.
    pub fn record_past(&mut self, file_path: &FilePath, size_bytes: u64, elapsed: Duration) {
        let sample = Sample { bytes: bytes(size_bytes), seconds: elapsed.as_secs_f64() };
        push(&mut self.all, sample);
        let extension = extension(file_path);
        if let Some(samples) = self.by_extension.get_mut(&*extension) {
            push(samples, sample);
        } else if self.by_extension.len() < MAX_EXTENSIONS {
            self.by_extension.entry(extension.into()).or_default().push_back(sample);
        }
    }

    /// Records a failed attempt of the run. `is_final` is true if the file ended, and false if
    /// another attempt follows.
    pub fn record_failure(&mut self, elapsed: Duration, is_final: bool) {
        self.attempts.total_s += elapsed.as_secs_f64();
        self.attempts.failed += if is_final { 1.0 } else { 0.0 };
    }

    /// Returns the mean duration of the samples; `None` below [`MIN_SAMPLES`].
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        let sum: f64 = self.all.iter().map(|sample| sample.seconds).sum();
        let is_known = self.all.len() >= MIN_SAMPLES;
        is_known.then(|| duration(sum / count(self.all.len())))
    }

    /// Returns the forecast for a file of this path and size; `None` below [`MIN_SAMPLES`].
    #[must_use]
    pub fn of_file(&self, file_path: &FilePath, size_bytes: u64) -> Option<FileForecast> {
        let own = self.by_extension.get(&*extension(file_path)).filter(|own| is_enough(own));
        let model = Model::fit(own.unwrap_or(&self.all).iter().copied())?;
        Some(model.of_file(bytes(size_bytes)))
    }
}

/// True if an extension with these samples has a line of its own.
fn is_enough(own: &Samples) -> bool {
    own.len() >= MIN_SAMPLES_OF_EXTENSION
}

/// Appends a sample, and drops the oldest one if there are too many.
fn push(samples: &mut Samples, sample: Sample) {
    if samples.len() >= MAX_SAMPLES {
        samples.pop_front();
    }
    samples.push_back(sample);
}

/// Returns the extension of a file name in lower case, without the dot; empty if there is none.
fn extension(file_path: &FilePath) -> Vec<u8> {
    file_path.as_path().extension().unwrap_or_default().as_encoded_bytes().to_ascii_lowercase()
}

#[expect(clippy::cast_precision_loss, reason = "a forecast needs no exact sizes")]
fn bytes(size_bytes: u64) -> f64 {
    size_bytes as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts of samples are small")]
fn count(samples: usize) -> f64 {
    samples as f64
}

/// Converts seconds to a duration. Seconds above the maximum become the maximum.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}
