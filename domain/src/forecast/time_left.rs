//! Forecasts the remaining time of a run.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::model::Model;
use super::schedule::Schedule;
use super::{Forecast, MIN_SAMPLES_FOR_RANGE, Sample, Samples, bytes, duration, extension, is_enough, whole_bytes};
use crate::path::FilePath;

/// The maximum number of files in [`Backlog::more`] that are simulated one by one.
const MAX_SINGLE: u64 = 1000;

const RESAMPLES: usize = 200;

/// A running file is overdue only if it exceeds the limit of [`Forecast::time_left`] by more than
/// this time. The reason is that a run learns of the end of an attempt a little late.
pub const OVERDUE_MARGIN: Duration = Duration::from_secs(1);

/// The files that a run has not processed yet.
#[derive(Debug, Clone, Default)]
pub struct Backlog<'a> {
    /// The maximum number of concurrent attempts; 0 counts as 1.
    pub slots: usize,
    /// The files with a running attempt.
    pub running: Vec<RemainingFile<'a>>,
    /// The next pending files, in claim order.
    pub pending: Vec<RemainingFile<'a>>,
    /// The number of further pending files. Each counts like the average file in `pending`, or like
    /// the average sample if `pending` is empty.
    pub more: u64,
}

/// A file of a [`Backlog`].
#[derive(Debug, Clone, Copy)]
pub struct RemainingFile<'a> {
    /// The path of the file.
    pub file_path: &'a FilePath,
    /// The size in bytes; `None` if unknown. A file of unknown size counts like the average sample.
    pub size_bytes: Option<u64>,
    /// How long the attempt has run; 0 for a pending file.
    pub elapsed: Duration,
}

/// The forecast time until a run has processed its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeLeft {
    /// Each remaining file has a forecast.
    About {
        /// The time left if each file takes the mean duration for its size. Zero if no file
        /// remains. Also zero if only running files remain that have outlasted all samples but are
        /// not overdue.
        about: Duration,
        /// The likely range of the time left. It reflects how many samples there are and how much
        /// durations vary, but not that the machine may become faster or slower. `None` if it was
        /// not requested, or if there are fewer than [`MIN_SAMPLES_FOR_RANGE`] samples.
        likely: Option<RangeInclusive<Duration>>,
    },
    /// A lower bound: some remaining files are more than [`LARGER`](super::LARGER) times as large
    /// as the largest sample. The bound counts these files as if they were as large as that sample.
    MoreThan(Duration),
    /// Some running files take longer than expected, so the time left is unknown.
    Unknown {
        /// The indices of the overdue files in [`Backlog::running`], in increasing order. Never
        /// empty.
        overdue: Vec<usize>,
    },
}

impl Forecast {
    /// Returns the time until the backlog is processed, without a likely range. Returns `None` if
    /// there are fewer than [`MIN_SAMPLES`](super::MIN_SAMPLES) samples.
    ///
    /// A running file is overdue if its attempt exceeds a limit by more than [`OVERDUE_MARGIN`].
    /// The limit is the upper end of the forecast range or, without a range,
    /// [`OVERDUE`](super::OVERDUE) times the forecast. The result assumes that failed attempts take
    /// the same share of the time as so far in the run.
    #[must_use]
    pub fn time_left(&self, backlog: &Backlog<'_>) -> Option<TimeLeft> {
        let models = Models::new(self, |samples| Model::fit(samples.iter().copied()))?;
        let overdue = models.exceeding(&backlog.running, Model::longest);
        if !overdue.is_empty() {
            return Some(TimeLeft::Unknown { overdue });
        }
        Some(match models.reduced(backlog) {
            Some(reduced) => TimeLeft::MoreThan(self.simulate(&models, &reduced, |_| 1.0)),
            None => TimeLeft::About { about: self.simulate(&models, backlog, |_| 1.0), likely: None },
        })
    }

    /// Returns the same as [`time_left`](Self::time_left), but with the likely range. Takes about
    /// 200 times as long.
    #[must_use]
    pub fn likely_time_left(&self, backlog: &Backlog<'_>) -> Option<TimeLeft> {
        let left = self.time_left(backlog)?;
        let TimeLeft::About { about, .. } = left else { return Some(left) };
        let has_range = self.all.len() >= MIN_SAMPLES_FOR_RANGE;
        let likely = has_range.then(|| self.likely(backlog)).flatten();
        // All simulated results may lie on one side of `about`, but the range must contain it.
        let likely = likely.map(|(low, high)| low.min(about)..=high.max(about));
        Some(TimeLeft::About { about, likely })
    }

    /// Returns the indices of the slow files in `running`, in increasing order. Returns an empty
    /// list if there are fewer than [`MIN_SAMPLES`](super::MIN_SAMPLES) samples.
    ///
    /// A file is slow if its attempt exceeds a limit by more than [`OVERDUE_MARGIN`]. The limit is
    /// the duration that 99 % of such attempts do not exceed, and at most 3 times the upper end of
    /// the forecast range. With fewer than [`MIN_SAMPLES_FOR_SLOW`](super::MIN_SAMPLES_FOR_SLOW)
    /// samples, it is 3 times that upper end or, without a range, [`OVERDUE`](super::OVERDUE) times
    /// the forecast.
    #[must_use]
    pub fn slow(&self, running: &[RemainingFile<'_>]) -> Vec<usize> {
        let models = Models::new(self, |samples| Model::fit(samples.iter().copied()));
        models.map_or_else(Vec::new, |models| models.exceeding(running, Model::slow_after))
    }

    /// Returns the longest expected duration of a file: the upper end of its forecast range, or
    /// [`OVERDUE`](super::OVERDUE) times its forecast if there is no range.
    /// Returns `None` if the file has no forecast; see [`of_file`](Self::of_file).
    #[must_use]
    pub fn longest(&self, file_path: &FilePath, size_bytes: u64) -> Option<Duration> {
        let models = Models::new(self, |samples| Model::fit(samples.iter().copied()))?;
        let model = models.of(file_path);
        let size = bytes(size_bytes);
        (!model.is_much_larger(size)).then(|| duration(model.longest(Some(size))))
    }

    /// Returns the middle 95 % of the results of random simulations.
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

    /// Simulates the time left. `error` returns the factor for each pending duration.
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

    /// Returns the indices of the files whose attempts exceed the limit by more than
    /// [`OVERDUE_MARGIN`].
    fn exceeding(&self, running: &[RemainingFile<'_>], limit: impl Fn(&Model, Option<f64>) -> f64) -> Vec<usize> {
        let exceeds = |file: &RemainingFile<'_>| {
            let limit = limit(self.of(file.file_path), file.size_bytes.map(bytes));
            !self.is_much_larger(file) && file.elapsed > duration(limit).saturating_add(OVERDUE_MARGIN)
        };
        running.iter().enumerate().filter(|(_, file)| exceeds(file)).map(|(position, _)| position).collect()
    }

    /// Returns the backlog with every much larger file reduced to the largest sample. `None` if
    /// there is no such file.
    fn reduced<'a>(&self, backlog: &Backlog<'a>) -> Option<Backlog<'a>> {
        let mut files = backlog.running.iter().chain(&backlog.pending);
        if !files.any(|file| self.is_much_larger(file)) {
            return None;
        }
        let reduce = |file: &RemainingFile<'a>| {
            if self.is_much_larger(file) {
                RemainingFile { size_bytes: Some(whole_bytes(self.of(file.file_path).largest())), ..*file }
            } else {
                *file
            }
        };
        let reduced = |files: &[RemainingFile<'a>]| files.iter().map(reduce).collect();
        let (running, pending) = (reduced(&backlog.running), reduced(&backlog.pending));
        Some(Backlog { slots: backlog.slots, running, pending, more: backlog.more })
    }

    fn is_much_larger(&self, file: &RemainingFile<'_>) -> bool {
        file.size_bytes.is_some_and(|size| self.of(file.file_path).is_much_larger(bytes(size)))
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws `samples.len()` samples at random, with replacement.
    fn drawn_from<'s>(&'s mut self, samples: &'s Samples) -> impl Iterator<Item = Sample> + 's {
        let length = samples.len();
        (0..length).map(move |_| {
            let index = usize::try_from(self.next() % length as u64).unwrap_or_default();
            samples.get(index).copied().unwrap_or_default()
        })
    }
}
