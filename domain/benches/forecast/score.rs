use std::ops::RangeInclusive;
use std::time::Duration;

use autoproc_domain::FilePath;
use autoproc_domain::forecast::{Backlog, Forecast, NoForecast, RemainingFile, TimeLeft};
use autoproc_testkit::Random;

/// The files of one recipe, in the order in which a run processed them.
pub(crate) type Group = Vec<File>;

/// The size in bytes and the duration in seconds.
type File = (u64, f64);

const MIN_SHUFFLED: usize = 200;

/// The errors of forecasts, relative to the observed durations.
#[derive(Debug, Default)]
pub(crate) struct Score {
    /// The errors of the forecasts for single files.
    pub(crate) files: Vec<f64>,
    /// For each large group, the share of files with a duration within the forecast range.
    pub(crate) group_coverage: Vec<f64>,
    /// The number of files that were slow at their end, although they succeeded.
    pub(crate) slow: u32,
    /// The number of all files.
    pub(crate) all: u32,
    /// The number of files without a forecast because of their large size.
    pub(crate) much_larger: u32,
    /// Two counts: files with a duration within the forecast range, and all files with such a
    /// range.
    pub(crate) covered: (u32, u32),
    /// The errors of the forecast time left, one for each group.
    pub(crate) left: Vec<f64>,
    /// Two counts of groups with only a lower bound: those with a correct bound, and all.
    pub(crate) bounds: (u32, u32),
    /// The errors of a simpler forecast: the mean duration times the number of files left.
    pub(crate) left_by_mean: Vec<f64>,
    /// Two counts of groups: those with a time left within the likely range, and all with such a
    /// range.
    pub(crate) left_covered: (u32, u32),
}

impl Score {
    pub(crate) fn of(groups: &[Group]) -> Self {
        let mut score = Self::default();
        for group in groups {
            score.add(group);
        }
        score
    }

    fn add(&mut self, group: &Group) {
        let mut forecast = Forecast::default();
        let quarter = group.len().div_ceil(4);
        let mut covered = (0, 0);
        for (index, (bytes, seconds)) in group.iter().enumerate() {
            if index == quarter {
                self.add_time_left(&forecast, group.split_at(quarter));
            }
            let file = forecast.of_file(&path(), *bytes);
            self.much_larger += u32::from(matches!(file, Err(NoForecast::MuchLarger { .. })));
            let elapsed = Duration::from_secs_f64(*seconds);
            let at_its_end = RemainingFile { file_path: &path(), size_bytes: Some(*bytes), elapsed };
            self.slow += u32::from(!forecast.slow(&[at_its_end]).is_empty());
            self.all += 1;
            if let Ok(file) = file {
                self.files.push(error(file.about.as_secs_f64(), *seconds));
                covered.0 += u32::from(file.range.as_ref().is_some_and(|range| range.contains(&elapsed)));
                covered.1 += u32::from(file.range.is_some());
            }
            forecast.record(&path(), *bytes, elapsed);
        }
        self.covered = (self.covered.0 + covered.0, self.covered.1 + covered.1);
        self.group_coverage.extend((group.len() >= 100).then(|| share(covered)));
    }

    fn add_time_left(&mut self, forecast: &Forecast, (done, left): (&[File], &[File])) {
        let path = path();
        let file = |size| RemainingFile { file_path: &path, size_bytes: Some(size), elapsed: Duration::ZERO };
        let pending = left.iter().map(|(bytes, _)| file(*bytes)).collect();
        let backlog = Backlog { slots: 1, pending, ..Backlog::default() };
        let sum = |files: &[File]| files.iter().map(|(_, seconds)| seconds).sum::<f64>();
        let (observed, mean) = (sum(left), sum(done) / count(done) * count(left));
        let (about, likely) = match forecast.likely_time_left(&backlog) {
            Some(TimeLeft::About { about, likely }) => (about, likely),
            Some(TimeLeft::MoreThan(bound)) => {
                self.bounds = (self.bounds.0 + u32::from(bound.as_secs_f64() <= observed), self.bounds.1 + 1);
                return;
            }
            Some(TimeLeft::Unknown { .. }) | None => return,
        };
        self.left.push(error(about.as_secs_f64(), observed));
        self.left_by_mean.push(error(mean, observed));
        let is_covered = |range: &RangeInclusive<Duration>| range.contains(&Duration::from_secs_f64(observed));
        self.left_covered.0 += u32::from(likely.as_ref().is_some_and(is_covered));
        self.left_covered.1 += u32::from(likely.is_some());
    }
}

/// Shuffles the files within each group. Few groups are shuffled repeatedly, so that the result has
/// at least [`MIN_SHUFFLED`] groups.
pub(crate) fn shuffled(groups: &[Group]) -> Vec<Group> {
    let mut random = Random::new(1);
    let times = MIN_SHUFFLED.div_ceil(groups.len().max(1));
    let mut groups: Vec<_> = std::iter::repeat_n(groups, times).flatten().cloned().collect();
    for group in &mut groups {
        for index in (1..group.len()).rev() {
            let other = random.below(index as u64 + 1);
            group.swap(index, usize::try_from(other).expect("an index fits"));
        }
    }
    groups
}

/// Returns the first number divided by the second, or 0 if both are 0.
pub(crate) fn share((part, all): (u32, u32)) -> f64 {
    f64::from(part) / f64::from(all.max(1))
}

/// Returns the percentile of the values, or 0 if there are no values.
pub(crate) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get((values.len() * percent / 100).min(values.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

fn error(forecast: f64, observed: f64) -> f64 {
    (forecast - observed).abs() / observed.max(1e-9)
}

#[expect(clippy::cast_precision_loss, reason = "a group has few files")]
fn count(files: &[File]) -> f64 {
    files.len() as f64
}

fn path() -> FilePath {
    FilePath::new("/trace/task").expect("an absolute path")
}
