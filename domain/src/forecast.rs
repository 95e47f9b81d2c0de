//! Forecasts how long files take.
//!
//! # Theory of operation
//!
//! A sample is the size of a file and the duration of its successful attempt. A [`Forecast`] keeps
//! the latest [`MAX_SAMPLES`] samples of one [`Recipe`](crate::fingerprint::Recipe). It also keeps
//! as many samples for each of up to 16 file name extensions.
//!
//! A file of `s` bytes is forecast to take `a + b × s` seconds. The numbers `a` and `b` are fitted
//! to the samples by least squares.
//!
//! The range for a single file is computed by conformal prediction. Each sample is predicted from
//! the other samples. The errors of these predictions give the range. The distribution of the
//! errors does not matter.
//!
//! A run has one slot for each concurrent attempt. The time left of the run is simulated: each slot
//! takes one file after the other. A file has no forecast if it is much larger than all samples.
//! The time left is then a lower bound. While a running file takes longer than expected, the time
//! left is unknown.

mod line;
mod model;
mod schedule;
mod time_left;

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::path::FilePath;
use model::Model;

pub use model::{LARGER, MIN_SAMPLES_FOR_SLOW, OVERDUE};
pub use time_left::{Backlog, OVERDUE_MARGIN, RemainingFile, TimeLeft};

/// The maximum number of samples that are kept for a recipe, and for each extension.
pub const MAX_SAMPLES: usize = 200;

/// The minimum number of samples for a forecast.
pub const MIN_SAMPLES: usize = 5;

/// The minimum number of samples for a forecast with a range.
pub const MIN_SAMPLES_FOR_RANGE: usize = 19;

/// An extension with fewer samples has no line of its own.
const MIN_SAMPLES_OF_EXTENSION: usize = 20;

/// Limits the memory for a recipe to about 70 kB.
const MAX_EXTENSIONS: usize = 16;

/// The samples of one recipe, from which the durations of files are forecast.
#[derive(Debug, Clone, Default)]
pub struct Forecast {
    all: Samples,
    /// The samples by lower-case extension.
    by_extension: BTreeMap<Box<[u8]>, Samples>,
    attempts: AttemptTally,
}

/// The forecast duration of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileForecast {
    /// The typical duration: half of the files take longer.
    pub about: Duration,
    /// The range in which the durations of nine of ten files lie. `None` if there are fewer than
    /// [`MIN_SAMPLES_FOR_RANGE`] samples.
    pub range: Option<RangeInclusive<Duration>>,
    /// The part of `about` that does not depend on the size.
    pub fixed: Duration,
    /// The part of `about` that each byte adds, in seconds.
    pub seconds_per_byte: f64,
    /// The number of samples behind the forecast.
    pub samples: usize,
}

/// The reason why a file has no forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoForecast {
    /// There are fewer than [`MIN_SAMPLES`] samples.
    FewSamples,
    /// The file is more than [`LARGER`] times as large as the largest sample. A largest sample
    /// below 4096 bytes counts as 4096 bytes.
    MuchLarger {
        /// The size of the largest sample, in bytes.
        largest_bytes: u64,
    },
}

#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    bytes: f64,
    seconds: f64,
}

type Samples = VecDeque<Sample>;

#[derive(Debug, Clone, Default)]
struct AttemptTally {
    total_s: f64,
    completed_s: f64,
    completed: f64,
    failed: f64,
}

impl AttemptTally {
    /// Returns the mean time per file, relative to a successful attempt.
    fn time_factor(&self) -> f64 {
        let factor = self.total_s / self.completed_s * self.completed / (self.completed + self.failed);
        if factor.is_finite() { factor } else { 1.0 }
    }
}

impl Forecast {
    /// Records a successful attempt of the current run. `size_bytes` is the size of the file when
    /// the attempt began.
    pub fn record(&mut self, file_path: &FilePath, size_bytes: u64, elapsed: Duration) {
        self.attempts.total_s += elapsed.as_secs_f64();
        self.attempts.completed_s += elapsed.as_secs_f64();
        self.attempts.completed += 1.0;
        self.record_past(file_path, size_bytes, elapsed);
    }

    /// Records a successful attempt of an earlier run as a sample. Does not add the attempt to the
    /// totals of the current run.
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

    /// Records a failed attempt of the current run. `is_final` is true if no retry follows.
    pub fn record_failure(&mut self, elapsed: Duration, is_final: bool) {
        self.attempts.total_s += elapsed.as_secs_f64();
        self.attempts.failed += if is_final { 1.0 } else { 0.0 };
    }

    /// True if no successful attempt was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns the mean duration of the samples; `None` if there are fewer than [`MIN_SAMPLES`].
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        let sum: f64 = self.all.iter().map(|sample| sample.seconds).sum();
        let is_known = self.all.len() >= MIN_SAMPLES;
        is_known.then(|| duration(sum / count(self.all.len())))
    }

    /// Returns the forecast for a file of this path and size.
    ///
    /// # Errors
    /// [`NoForecast`] if there are too few samples, or if the file is much larger than all of them.
    pub fn of_file(&self, file_path: &FilePath, size_bytes: u64) -> Result<FileForecast, NoForecast> {
        let own = self.by_extension.get(&*extension(file_path)).filter(|own| is_enough(own));
        let model = Model::fit(own.unwrap_or(&self.all).iter().copied()).ok_or(NoForecast::FewSamples)?;
        let size = bytes(size_bytes);
        if model.is_much_larger(size) {
            return Err(NoForecast::MuchLarger { largest_bytes: whole_bytes(model.largest()) });
        }
        Ok(model.of_file(size))
    }
}

fn is_enough(own: &Samples) -> bool {
    own.len() >= MIN_SAMPLES_OF_EXTENSION
}

fn push(samples: &mut Samples, sample: Sample) {
    if samples.len() >= MAX_SAMPLES {
        samples.pop_front();
    }
    samples.push_back(sample);
}

fn extension(file_path: &FilePath) -> Vec<u8> {
    file_path.as_path().extension().unwrap_or_default().as_encoded_bytes().to_ascii_lowercase()
}

#[expect(clippy::cast_precision_loss, reason = "a forecast needs no exact sizes")]
fn bytes(size_bytes: u64) -> f64 {
    size_bytes as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
fn whole_bytes(bytes: f64) -> u64 {
    bytes as u64
}

#[expect(clippy::cast_precision_loss, reason = "counts of samples are small")]
fn count(samples: usize) -> f64 {
    samples as f64
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}
