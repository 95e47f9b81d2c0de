//! Forecasts from the history of the queue, and their texts.

use std::iter;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use autoproc_domain::forecast::{FileForecast, Forecast};
use autoproc_domain::ports::{History, HistoryQuery, PastAttempt, PastEnd};
use autoproc_domain::{FilePath, Recipe, RunId};
use autoproc_subprocess::fingerprint_of;
use serde::Serialize;

use crate::view::time::rough_span;

/// If attempts are shorter than this on average, the time left is not forecast from them: the run
/// itself then takes a large part of the time between two ends.
pub(crate) const MIN_MEAN: Duration = Duration::from_millis(100);

const MB: f64 = 1e6;

/// The maximum time for reading the sizes of files.
const MEASURE_TIMEOUT: Duration = Duration::from_millis(500);

/// The latest attempts of the queue. They cover a bounded part at the end of the history.
pub(crate) struct RecentAttempts(Vec<PastAttempt>);

impl RecentAttempts {
    /// Reads the latest attempts. If the history cannot be read, there are none: a forecast is only
    /// informational.
    pub(crate) async fn read(history: &dyn History) -> Self {
        Self(history.attempts(HistoryQuery::default()).await.unwrap_or_default())
    }

    /// Returns the recipe of the latest completed attempt; `None` if no recipe is recorded.
    pub(crate) fn latest_recipe(&self) -> Option<Recipe> {
        self.0.iter().rev().filter(|attempt| attempt.end == Some(PastEnd::Completed)).find_map(|attempt| attempt.recipe)
    }

    /// Returns the recipe of a run; `None` if no recipe is recorded.
    pub(crate) fn recipe_of(&self, run: &RunId) -> Option<Recipe> {
        self.0.iter().filter(|attempt| attempt.run == *run).find_map(|attempt| attempt.recipe)
    }

    /// Returns the forecast of a recipe. `current` is the live run, of which failures count too;
    /// `None` to forecast single files.
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
}

/// Returns the sizes of files, in bytes. `None` for a file that cannot be examined, and for files
/// whose sizes are not known after [`MEASURE_TIMEOUT`]: a file system that does not answer must not
/// hold up a command.
pub(crate) fn sizes_of(files: Vec<FilePath>) -> Vec<Option<u64>> {
    let (count, deadline) = (files.len(), Instant::now() + MEASURE_TIMEOUT);
    let (sender, receiver) = channel();
    let size = |path: &FilePath| fingerprint_of(path.as_path()).map(|fingerprint| fingerprint.size);
    let measure = move || files.iter().all(|path| sender.send(size(path)).is_ok());
    // Without the thread, the channel is closed and the sizes are unknown.
    let _ = thread::Builder::new().name("file sizes".to_owned()).spawn(measure);
    let next = || receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok();
    let mut sizes: Vec<_> = iter::from_fn(next).collect();
    sizes.resize(count, None);
    sizes
}

/// Describes the forecast of a file, for instance `about 52s (31s to 1m 20s): 400ms a file and 1.9s
/// a MB, from 180 files`.
pub(crate) fn describe(file: &FileForecast) -> String {
    let range = file.range.as_ref().map_or_else(String::new, |range| between(*range.start(), *range.end()));
    let per_mb = Duration::try_from_secs_f64(file.seconds_per_byte * MB).unwrap_or(Duration::MAX);
    let parts = match (file.fixed.is_zero(), per_mb.is_zero()) {
        (_, true) => "the same for every size".to_owned(),
        (true, false) => format!("{} a MB", rough_span(per_mb)),
        (false, false) => format!("{} a file and {} a MB", rough_span(file.fixed), rough_span(per_mb)),
    };
    format!("about {}{range}: {parts}, from {} files", rough_span(file.about), file.samples)
}

/// Describes a range, with a blank before it; empty if both ends have the same text.
pub(crate) fn between(from: Duration, to: Duration) -> String {
    let (from, to) = (rough_span(from), rough_span(to));
    if from == to { String::new() } else { format!(" ({from} to {to})") }
}

/// The forecast of a file, in JSON.
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
        describe(&FileForecast { about, range, fixed, seconds_per_byte: per_mb / MB, samples: 180 })
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
    fn a_forecast_says_why() {
        assert_eq!(
            described(400, 1.9, Some((31, 80))),
            "about 52s (31s to 1m 20s): 400ms a file and 1.9s a MB, from 180 files"
        );
        assert_eq!(described(0, 1.9, None), "about 52s: 1.9s a MB, from 180 files");
        assert_eq!(described(52_300, 0.0, Some((52, 52))), "about 52s: the same for every size, from 180 files");
    }
}
