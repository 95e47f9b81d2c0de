//! Forecasts the time until a run has processed its remaining files.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::model::Model;
use super::schedule::Schedule;
use super::{Forecast, MIN_SAMPLES_FOR_RANGE, Sample, Samples, bytes, duration, extension, is_enough};
use crate::path::FilePath;

/// The number of further files that are simulated one by one. If there are more, their total is
/// spread over the slots.
const MAX_SINGLE: u64 = 1000;

/// The number of simulations with other samples, for the likely range.
const RESAMPLES: usize = 200;

/// The files that a run has not processed yet.
#[derive(Debug, Clone, Default)]
pub struct Backlog<'a> {
    /// The maximum number of concurrent attempts; 0 counts as 1.
    pub slots: usize,
    /// The files with a running attempt.
    pub running: Vec<RemainingFile<'a>>,
    /// The next pending files, in claim order.
    pub pending: Vec<RemainingFile<'a>>,
    /// The number of pending files after these. They count like the average of `pending`; if
    /// `pending` is empty, like the average sample.
    pub more: u64,
}

/// A file of a [`Backlog`].
#[derive(Debug, Clone, Copy)]
pub struct RemainingFile<'a> {
    /// The path of the file.
    pub file_path: &'a FilePath,
    /// The size in bytes; `None` if unknown. Such a file counts like the average sample.
    pub size_bytes: Option<u64>,
    /// The time for which the attempt has run; 0 for a pending file.
    pub elapsed: Duration,
}

/// The forecast time until a run has processed its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeLeft {
    /// The time left, as the sum of mean durations gives it.
    pub about: Duration,
    /// The likely range; `None` below [`MIN_SAMPLES_FOR_RANGE`] samples. It accounts for the few
    /// samples and the scatter of the files, and not for changes of the machine.
    pub likely: Option<RangeInclusive<Duration>>,
}

impl Forecast {
    /// Returns the time until the backlog is processed, from mean durations. `None` below
    /// [`MIN_SAMPLES`](super::MIN_SAMPLES) samples. Zero if no file is pending and each running
    /// file runs for longer than any sample did.
    ///
    /// The time of failed attempts counts in proportion to the failures of the run so far.
    #[must_use]
    pub fn time_left(&self, backlog: &Backlog<'_>) -> Option<Duration> {
        let models = Models::new(self, |samples| Model::fit(samples.iter().copied()))?;
        Some(self.simulate(&models, backlog, |_| 1.0))
    }

    /// Returns the time until the backlog is processed with its likely range. Takes about 200 times
    /// as long as [`time_left`](Self::time_left).
    #[must_use]
    pub fn likely_time_left(&self, backlog: &Backlog<'_>) -> Option<TimeLeft> {
        let about = self.time_left(backlog)?;
        let has_range = self.all.len() >= MIN_SAMPLES_FOR_RANGE;
        let likely = has_range.then(|| self.likely(backlog)).flatten();
        // The simulations may all lie on one side, because their sums are not exact.
        let likely = likely.map(|(low, high)| low.min(about)..=high.max(about));
        Some(TimeLeft { about, likely })
    }

    /// Simulates the backlog with samples drawn from the samples, and returns the range of 95 % of
    /// the results.
    fn likely(&self, backlog: &Backlog<'_>) -> Option<(Duration, Duration)> {
        let mut random = Random(0);
        let mut ends = Vec::with_capacity(RESAMPLES);
        for _ in 0..RESAMPLES {
            let models = Models::new(self, |samples| Model::fit(random.drawn_from(samples)))?;
            ends.push(self.simulate(&models, backlog, |model| model.ratio(random.next())));
        }
        ends.sort_unstable();
        let margin = RESAMPLES / 40;
        Some((ends[margin], ends[RESAMPLES - 1 - margin]))
    }

    /// Returns the time until the backlog is processed. `error` returns the factor between the
    /// duration of a pending file and the mean duration of such files.
    fn simulate(&self, models: &Models<'_>, backlog: &Backlog<'_>, mut error: impl FnMut(&Model) -> f64) -> Duration {
        let factor = self.attempts.time_factor();
        let size = |file: &RemainingFile<'_>| file.size_bytes.map(bytes);
        let running = backlog.running.iter().map(|file| {
            let model = models.of(file.file_path);
            duration(factor * model.left(size(file), file.elapsed.as_secs_f64()))
        });
        let mut schedule = Schedule::new(backlog.slots, running);
        let mut sum = 0.0;
        for file in &backlog.pending {
            let model = models.of(file.file_path);
            let mean = factor * model.mean(size(file));
            sum += mean;
            schedule.add(duration(mean * error(model)));
        }
        let each = if backlog.pending.is_empty() {
            factor * models.all.mean(None)
        } else {
            sum / super::count(backlog.pending.len())
        };
        let single = backlog.more.min(MAX_SINGLE);
        (0..single).for_each(|_| schedule.add(duration(each * error(&models.all))));
        schedule.spread(duration(each * bytes(backlog.more - single)));
        schedule.end()
    }
}

/// The models of a forecast: one for all files, and one for each extension that has enough samples.
struct Models<'f> {
    all: Model,
    by_extension: BTreeMap<&'f [u8], Model>,
}

impl<'f> Models<'f> {
    fn new(forecast: &'f Forecast, mut fit: impl FnMut(&'f Samples) -> Option<Model>) -> Option<Self> {
        let all = fit(&forecast.all)?;
        let own = forecast.by_extension.iter().filter(|(_, samples)| is_enough(samples));
        let by_extension = own.filter_map(|(extension, samples)| Some((&**extension, fit(samples)?))).collect();
        Some(Self { all, by_extension })
    }

    fn of(&self, file_path: &FilePath) -> &Model {
        if self.by_extension.is_empty() {
            return &self.all;
        }
        self.by_extension.get(&*extension(file_path)).unwrap_or(&self.all)
    }
}

/// A generator of pseudo-random numbers (`SplitMix64`). Equal forecasts must give equal results.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns as many samples as there are, each drawn at random.
    fn drawn_from<'s>(&'s mut self, samples: &'s Samples) -> impl Iterator<Item = Sample> + 's {
        let length = samples.len();
        (0..length).map(move |_| {
            let index = usize::try_from(self.next() % length as u64).unwrap_or_default();
            samples.get(index).copied().unwrap_or_default()
        })
    }
}
