//! Computes forecasts and describes them as text.

use std::iter;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use autoproc_domain::forecast::{FileForecast, Forecast, NoForecast, RemainingFile};
use autoproc_domain::ports::{History, HistoryQuery, PastAttempt, PastEnd};
use autoproc_domain::run_info::RunInfo;
use autoproc_domain::{FilePath, Recipe, RunId, Timestamp};
use autoproc_subprocess::fingerprint_of;
use serde::Serialize;

use crate::view::bytes::file_size;
use crate::view::files;
use crate::view::time::rough_span;

/// The minimum mean duration of attempts for a forecast of the time left. For shorter attempts, the
/// overhead of the run is too large.
pub(crate) const MIN_MEAN: Duration = Duration::from_millis(100);

const MB: f64 = 1e6;

const MEASURE_TIMEOUT: Duration = Duration::from_millis(500);

/// The latest measurement of file sizes that timed out. Alive while its thread runs.
static LATE: Mutex<Weak<()>> = Mutex::new(Weak::new());

/// The latest attempts in the history of the queue. Earlier attempts are left out.
#[derive(Default)]
pub(crate) struct RecentAttempts(Vec<PastAttempt>);

impl RecentAttempts {
    /// Reads the latest attempts. Returns no attempts if the history cannot be read.
    pub(crate) async fn read(history: &dyn History) -> Self {
        Self(history.attempts(HistoryQuery::default()).await.unwrap_or_default())
    }

    /// Returns the recipe of the latest completed attempt whose recipe is known.
    pub(crate) fn latest_recipe(&self) -> Option<Recipe> {
        self.0.iter().rev().filter(|attempt| attempt.end == Some(PastEnd::Completed)).find_map(|attempt| attempt.recipe)
    }

    pub(crate) fn recipe_of(&self, run: &RunId) -> Option<Recipe> {
        self.0.iter().filter(|attempt| attempt.run == *run).find_map(|attempt| attempt.recipe)
    }

    /// Returns the times at which files completed or finally failed.
    pub(crate) fn ends_of_files(&self) -> impl Iterator<Item = Timestamp> {
        let has_ended =
            |past: &&PastAttempt| matches!(past.end, Some(PastEnd::Completed | PastEnd::Failed | PastEnd::Timeout));
        self.0.iter().filter(has_ended).filter_map(|past| Some(past.started_at?.saturating_add(past.elapsed?)))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the forecast for a command or workflow. Failed attempts count only in the run
    /// `current`.
    pub(crate) fn forecast(&self, recipe: Recipe, current: Option<&RunId>) -> Forecast {
        let mut forecast = Forecast::default();
        for attempt in self.0.iter().filter(|attempt| attempt.recipe == Some(recipe)) {
            let Some(elapsed) = attempt.elapsed else { continue };
            let is_current = current == Some(&attempt.run);
            match (attempt.end, attempt.size_bytes) {
                (Some(PastEnd::Completed), Some(size)) if is_current => {
                    forecast.record(&attempt.of.file_path, size, elapsed);
                }
                (Some(PastEnd::Completed), Some(size)) => forecast.record_past(&attempt.of.file_path, size, elapsed),
                (Some(PastEnd::Requeued), _) if is_current => forecast.record_failure(elapsed, false),
                (Some(PastEnd::Failed | PastEnd::Timeout), _) if is_current => forecast.record_failure(elapsed, true),
                _ => {}
            }
        }
        forecast
    }

    /// Returns the indexes in `running` of attempts that take longer than expected, each with the
    /// expected duration.
    pub(crate) fn slow(&self, run: &RunInfo, running: &[(&FilePath, Duration)]) -> Vec<(usize, Duration)> {
        let Some(recipe) = self.recipe_of(&run.id).or(run.recipe) else { return Vec::new() };
        let sizes = sizes_of(running.iter().map(|(file_path, _)| (*file_path).clone()).collect());
        let file = |((file_path, elapsed), size_bytes)| RemainingFile { file_path, size_bytes, elapsed };
        let running: Vec<_> = running.iter().copied().zip(sizes).map(file).collect();
        let forecast = self.forecast(recipe, None);
        let expected = |file: &RemainingFile<'_>| {
            let forecast = forecast.of_file(file.file_path, file.size_bytes?).ok()?;
            Some(forecast.about)
        };
        let mean = forecast.mean().unwrap_or_default();
        forecast.slow(&running).into_iter().map(|at| (at, expected(&running[at]).unwrap_or(mean))).collect()
    }
}

/// Returns the file sizes in bytes; `None` if unknown. Waits at most [`MEASURE_TIMEOUT`]. At most
/// one thread waits for a slow file system.
pub(crate) fn sizes_of(files: Vec<FilePath>) -> Vec<Option<u64>> {
    sizes_by(files, |path| fingerprint_of(path.as_path()).map(|fingerprint| fingerprint.size), &LATE)
}

fn sizes_by(
    files: Vec<FilePath>,
    size: impl Fn(&FilePath) -> Option<u64> + Send + 'static,
    late: &Mutex<Weak<()>>,
) -> Vec<Option<u64>> {
    let (count, deadline) = (files.len(), Instant::now() + MEASURE_TIMEOUT);
    if late.lock().unwrap_or_else(PoisonError::into_inner).strong_count() > 0 {
        return vec![None; count];
    }
    let (sender, receiver) = channel();
    let alive = Arc::new(());
    let thread = Arc::downgrade(&alive);
    let measure = move || {
        for path in &files {
            if sender.send(size(path)).is_err() {
                break;
            }
        }
        drop(alive);
    };
    // If no thread starts, the channel is closed and all sizes are unknown.
    let _ = thread::Builder::new().name("file sizes".to_owned()).spawn(measure);
    let next = || receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok();
    let mut sizes: Vec<_> = iter::from_fn(next).take(count).collect();
    if sizes.len() < count {
        *late.lock().unwrap_or_else(PoisonError::into_inner) = thread;
    }
    sizes.resize(count, None);
    sizes
}

/// The size of a file in bytes, and its forecast.
pub(crate) type SizedForecast = (u64, Result<FileForecast, NoForecast>);

/// Describes the forecast of a file. Returns `None` without enough samples.
pub(crate) fn describe((size_bytes, forecast): &SizedForecast) -> Option<String> {
    match forecast {
        Ok(file) => Some(describe_known(file)),
        Err(NoForecast::FewSamples) => None,
        Err(NoForecast::MuchLarger { largest_bytes }) => Some(format!(
            "unknown: {} is more than the files so far (at most {})",
            file_size(*size_bytes),
            file_size(*largest_bytes)
        )),
    }
}

fn describe_known(file: &FileForecast) -> String {
    let range = file.range.as_ref().map_or_else(String::new, |range| between(*range.start(), *range.end()));
    let per_mb = Duration::try_from_secs_f64(file.seconds_per_byte * MB).unwrap_or(Duration::MAX);
    let parts = match (file.fixed.is_zero(), per_mb.is_zero()) {
        (_, true) => "the same for every size".to_owned(),
        (true, false) => format!("{} a MB", rough_span(per_mb)),
        (false, false) => format!("{} a file and {} a MB", rough_span(file.fixed), rough_span(per_mb)),
    };
    format!("about {}{range}: {parts}, from {} files", rough_span(file.about), file.samples)
}

pub(crate) fn takes_longer(count: usize) -> String {
    let verb = if count == 1 { "takes" } else { "take" };
    format!("{} {verb} longer than expected", files(count))
}

/// Formats a range of durations in parentheses, or nothing if both look the same.
pub(crate) fn between(from: Duration, to: Duration) -> String {
    let (from, to) = (rough_span(from), rough_span(to));
    if from == to { String::new() } else { format!(" ({from} to {to})") }
}

#[derive(Serialize)]
pub(crate) struct FileForecastJson {
    about_s: f64,
    from_s: Option<f64>,
    to_s: Option<f64>,
    fixed_s: f64,
    per_mb_s: f64,
    samples: usize,
}

impl From<&FileForecast> for FileForecastJson {
    fn from(file: &FileForecast) -> Self {
        Self {
            about_s: file.about.as_secs_f64(),
            from_s: file.range.as_ref().map(|range| range.start().as_secs_f64()),
            to_s: file.range.as_ref().map(|range| range.end().as_secs_f64()),
            fixed_s: file.fixed.as_secs_f64(),
            per_mb_s: file.seconds_per_byte * MB,
            samples: file.samples,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(fixed_ms: u64, per_mb: f64, range: Option<(u64, u64)>) -> String {
        let range = range.map(|(from, to)| Duration::from_secs(from)..=Duration::from_secs(to));
        let (about, fixed) = (Duration::from_millis(52_300), Duration::from_millis(fixed_ms));
        describe_known(&FileForecast { about, range, fixed, seconds_per_byte: per_mb / MB, samples: 180 })
    }

    #[test]
    fn a_missing_forecast_says_why() {
        let much_larger = describe(&(30_000_000, Err(NoForecast::MuchLarger { largest_bytes: 100_000 })));
        let expected = "unknown: 30 MB is more than the files so far (at most 100 kB)";
        assert_eq!(much_larger.as_deref(), Some(expected));
        assert_eq!(describe(&(30, Err(NoForecast::FewSamples))), None);
    }

    #[test]
    fn the_sizes_of_files_keep_their_order() {
        let path = |path: &str| FilePath::new(path).expect("an absolute path");
        let own = std::env::current_exe().expect("this test");
        let length = std::fs::metadata(&own).expect("this test").len();
        let own = FilePath::new(&own).expect("an absolute path");
        assert_eq!(sizes_of(vec![path("/missing/a"), own, path("/missing/b")]), [None, Some(length), None]);
        assert!(sizes_of(Vec::new()).is_empty());
    }

    #[test]
    fn a_measurement_waits_for_an_earlier_one() {
        let (late, files) = (Mutex::default(), || vec![FilePath::new("/a").expect("an absolute path")]);
        let (answer, hanging) = channel::<()>();
        let hang = move |_: &FilePath| hanging.recv().ok().map(|()| 1);
        assert_eq!(sizes_by(files(), hang, &late), [None]);
        assert_eq!(sizes_by(files(), |_| Some(2), &late), [None], "the first thread still waits");
        drop(answer);
        while late.lock().expect("no panic").strong_count() > 0 {
            thread::yield_now();
        }
        assert_eq!(sizes_by(files(), |_| Some(3), &late), [Some(3)]);
    }

    #[test]
    fn a_forecast_says_why() {
        assert_eq!(
            described(400, 1.9, Some((31, 80))),
            "about 52s (31s to 1m 20s): 400ms a file and 1.9s a MB, from 180 files"
        );
        assert_eq!(described(0, 1.9, None), "about 52s: 1.9s a MB, from 180 files");
        assert_eq!(described(52_300, 0.0, Some((52, 52))), "about 52s: the same for every size, from 180 files");
    }
}
