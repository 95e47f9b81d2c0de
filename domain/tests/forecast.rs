//! Tests forecasts: exact on exact data, never negative, monotone in size, independent of the order
//! of samples, robust against outliers, and of the promised coverage on simulated durations.

#[path = "../benches/forecast/score.rs"]
mod score;

use std::time::Duration;

use autoproc_domain::FilePath;
use autoproc_domain::forecast::{
    Backlog, FileForecast, Forecast, MAX_SAMPLES, MIN_SAMPLES, MIN_SAMPLES_FOR_RANGE, RemainingFile,
};
use autoproc_testkit::Random;
use proptest::collection::vec;
use proptest::prelude::*;

const MB: u64 = 1_000_000;

fn path(name: &str) -> FilePath {
    FilePath::new(format!("/inbox/{name}")).expect("an absolute path")
}

fn recorded(samples: &[(u64, Duration)]) -> Forecast {
    let mut forecast = Forecast::default();
    for (bytes, elapsed) in samples {
        forecast.record(&path("a.pdf"), *bytes, *elapsed);
    }
    forecast
}

fn of_file(forecast: &Forecast, bytes: u64) -> FileForecast {
    forecast.of_file(&path("b.pdf"), bytes).expect("enough samples")
}

/// Returns samples of 2 s and 0.5 s a megabyte.
fn exact(count: u64) -> Vec<(u64, Duration)> {
    (0..count).map(|number| (number * MB, Duration::from_millis(2000 + 500 * number))).collect()
}

fn pending(file_path: &FilePath, bytes: u64) -> RemainingFile<'_> {
    RemainingFile { file_path, size_bytes: Some(bytes), elapsed: Duration::ZERO }
}

fn is_near(one: Duration, other: Duration, tolerance: f64) -> bool {
    let (one, other) = (one.as_secs_f64(), other.as_secs_f64());
    (one - other).abs() <= tolerance * one.max(other) + 1e-6
}

fn sizes() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..100 * MB, 1 => Just(0), 1 => any::<u64>()]
}

fn durations() -> impl Strategy<Value = Duration> {
    let any_duration = any::<u64>().prop_map(Duration::from_secs);
    prop_oneof![8 => (0_u64..100_000).prop_map(Duration::from_millis), 1 => Just(Duration::ZERO), 1 => any_duration]
}

proptest! {
    #[test]
    fn it_is_never_negative_and_grows_with_the_size(
        samples in vec((sizes(), durations()), MIN_SAMPLES..60), (one, other) in (sizes(), sizes()),
    ) {
        let forecast = recorded(&samples);
        let (small, large) = (of_file(&forecast, one.min(other)), of_file(&forecast, one.max(other)));
        prop_assert!(small.about <= large.about);
        prop_assert!(small.seconds_per_byte >= 0.0);
        prop_assert_eq!(small.range.is_some(), samples.len() >= MIN_SAMPLES_FOR_RANGE);
        if let (Some(small), Some(large)) = (small.range, large.range) {
            prop_assert!(small.start() <= small.end());
            prop_assert!(small.start() <= large.start() && small.end() <= large.end());
        }
    }

    #[test]
    fn the_time_left_bears_any_samples_and_any_backlog(
        samples in vec((sizes(), durations()), MIN_SAMPLES..40),
        left in vec((proptest::option::of(sizes()), durations()), 0..10), slots in 0_usize..5, more in any::<u64>(),
    ) {
        let (forecast, path) = (recorded(&samples), path("c.pdf"));
        let file = |(size_bytes, elapsed)| RemainingFile { file_path: &path, size_bytes, elapsed };
        let (running, waiting) = left.split_at(left.len().min(slots));
        let running = running.iter().copied().map(file).collect();
        let backlog = Backlog { slots, running, pending: waiting.iter().copied().map(file).collect(), more };
        let left = forecast.likely_time_left(&backlog).expect("enough samples");
        prop_assert_eq!(left.likely.is_some(), samples.len() >= MIN_SAMPLES_FOR_RANGE);
        prop_assert!(left.likely.is_none_or(|likely| likely.contains(&left.about)));
    }

    #[test]
    fn the_order_of_samples_does_not_matter(
        samples in vec((0..100 * MB, (1_u64..100_000).prop_map(Duration::from_millis)), MIN_SAMPLES..MAX_SAMPLES),
        size in 0..100 * MB,
    ) {
        let mut reversed = samples.clone();
        reversed.reverse();
        let (one, other) = (of_file(&recorded(&samples), size), of_file(&recorded(&reversed), size));
        prop_assert!(is_near(one.about, other.about, 1e-6), "{one:?} {other:?}");
        if let (Some(one), Some(other)) = (one.range, other.range) {
            prop_assert!(is_near(*one.end(), *other.end(), 1e-6));
        }
    }

    #[test]
    fn it_is_exact_on_exact_data(
        (fixed, per_mb) in (0_u32..100_000, 0_u32..100_000),
        sizes in vec(0_u64..1000, MIN_SAMPLES..60), size in 0_u64..1000,
    ) {
        prop_assume!(sizes.iter().any(|other| *other != sizes[0]));
        let length = |mb: u64| Duration::from_millis(u64::from(fixed) + u64::from(per_mb) * mb);
        let samples: Vec<_> = sizes.iter().map(|mb| (mb * MB, length(*mb))).collect();
        let file = of_file(&recorded(&samples), size * MB);
        prop_assert!(is_near(file.about, length(size), 1e-6), "{file:?} {:?}", length(size));
        prop_assert!(is_near(file.fixed, Duration::from_millis(fixed.into()), 1e-5), "{file:?}");
    }
}

#[test]
fn one_outlier_changes_little() {
    let path = path("c.pdf");
    let (at, factors, sizes) = (0..40, [2, 3, 4, 5, 6, 8, 12, 30, 1000, 1_000_000], [0, 10, 39]);
    for (at, factor) in at.flat_map(|at| factors.map(|factor| (at, factor))) {
        let mut samples = exact(40);
        samples[at].1 *= factor;
        let forecast = recorded(&samples);
        for size in sizes {
            let expected = exact(40)[size].1;
            let bytes = size as u64 * MB;
            let backlog = Backlog { slots: 1, pending: vec![pending(&path, bytes)], ..Backlog::default() };
            let left = forecast.time_left(&backlog).expect("enough samples");
            let error = left.abs_diff(expected).max(of_file(&forecast, bytes).about.abs_diff(expected));
            // About half of the mean duration.
            assert!(
                error <= Duration::from_millis(6500),
                "{error:?} for {size} MB, if sample {at} takes {factor} times as long"
            );
        }
    }
}

#[test]
fn a_forecast_explains_itself() {
    let file = of_file(&recorded(&exact(30)), 10 * MB);
    assert!(is_near(file.about, Duration::from_secs(7), 1e-6), "{file:?}");
    assert!(is_near(file.fixed, Duration::from_secs(2), 1e-6), "{file:?}");
    assert!((file.seconds_per_byte * 1e6 - 0.5).abs() < 1e-6, "{file:?}");
    assert_eq!(file.samples, 30);
}

#[test]
fn few_samples_give_no_forecast_and_some_no_range() {
    let few = recorded(&exact(MIN_SAMPLES as u64 - 1));
    assert_eq!((few.of_file(&path("b.pdf"), MB), few.mean()), (None, None));
    assert_eq!(few.time_left(&Backlog::default()), None);
    assert_eq!(of_file(&recorded(&exact(MIN_SAMPLES_FOR_RANGE as u64 - 1)), MB).range, None);
    assert!(of_file(&recorded(&exact(MIN_SAMPLES_FOR_RANGE as u64)), MB).range.is_some());
}

#[test]
fn only_the_latest_samples_count() {
    let mut samples = vec![(MB, Duration::from_hours(1)); MAX_SAMPLES];
    samples.extend(exact(MAX_SAMPLES as u64));
    let file = of_file(&recorded(&samples), 4 * MB);
    assert!(is_near(file.about, Duration::from_secs(4), 1e-6), "{file:?}");
    assert_eq!(file.samples, MAX_SAMPLES);
}

#[test]
fn an_extension_has_its_own_line_once_it_has_enough_samples() {
    let mut forecast = recorded(&exact(40));
    let png = path("a.PNG");
    (0..19).for_each(|_| forecast.record(&png, MB, Duration::from_mins(1)));
    let mixed = forecast.of_file(&png, MB).expect("enough samples");
    assert_eq!(mixed.samples, 59);
    forecast.record(&path("a.png"), MB, Duration::from_mins(1));
    let own = forecast.of_file(&png, MB).expect("enough samples");
    assert_eq!((own.about, own.samples), (Duration::from_mins(1), 20));
    assert!(is_near(of_file(&forecast, MB).about, Duration::from_millis(2500), 1e-6));
}

#[test]
fn many_extensions_take_bounded_memory() {
    let mut forecast = Forecast::default();
    (0..1000).for_each(|number| forecast.record(&path(&format!("a.{number}")), MB, Duration::from_secs(1)));
    (0..100).for_each(|_| forecast.record(&path("a.late"), MB, Duration::from_secs(9)));
    // The extension came too late to have samples of its own.
    assert_eq!(forecast.of_file(&path("a.late"), MB).expect("enough samples").samples, MAX_SAMPLES);
}

#[test]
fn the_time_left_follows_the_slots() {
    let (forecast, path) = (recorded(&exact(30)), path("c.pdf"));
    let left = |slots, sizes: &[u64], more| {
        let pending = sizes.iter().map(|mb| pending(&path, mb * MB)).collect();
        forecast.time_left(&Backlog { slots, running: Vec::new(), pending, more }).expect("enough samples")
    };
    // 3 s, 4 s and 5 s.
    assert!(is_near(left(1, &[2, 4, 6], 0), Duration::from_secs(12), 1e-6));
    assert!(is_near(left(2, &[2, 4, 6], 0), Duration::from_secs(8), 1e-6));
    assert!(is_near(left(9, &[2, 4, 6], 0), Duration::from_secs(5), 1e-6));
    assert!(is_near(left(1, &[2, 4, 6], 3000), Duration::from_secs(12 + 12_000), 1e-6));
    assert_eq!(left(1, &[], 0), Duration::ZERO);
}

#[test]
fn the_time_of_running_files_counts() {
    let (forecast, path) = (recorded(&exact(30)), path("c.pdf"));
    let left = |elapsed| {
        let file = RemainingFile { elapsed: Duration::from_secs(elapsed), ..pending(&path, 16 * MB) };
        let backlog = Backlog { slots: 1, running: vec![file], ..Backlog::default() };
        forecast.time_left(&backlog).expect("enough samples")
    };
    assert!(is_near(left(4), Duration::from_secs(6), 1e-6));
    assert_eq!(left(11), Duration::ZERO);
}

#[test]
fn failed_attempts_take_time_too() {
    let (mut forecast, path) = (Forecast::default(), path("c.pdf"));
    let left = |forecast: &Forecast| {
        let backlog = Backlog { slots: 1, pending: vec![pending(&path, MB); 12], ..Backlog::default() };
        forecast.time_left(&backlog).expect("enough samples")
    };
    (0..10).for_each(|_| forecast.record(&path, MB, Duration::from_secs(10)));
    assert!(is_near(left(&forecast), Duration::from_secs(120), 1e-6));
    (0..10).for_each(|_| forecast.record_failure(Duration::from_secs(1), false));
    assert!(is_near(left(&forecast), Duration::from_secs(132), 1e-6));
    // A third of the files ends after 1 s.
    let mut forecast = recorded(&[(MB, Duration::from_secs(10)); 10]);
    (0..5).for_each(|_| forecast.record_failure(Duration::from_secs(1), true));
    assert!(is_near(left(&forecast), Duration::from_secs(84), 1e-6));
}

fn megabytes(count: f64) -> u64 {
    u64::try_from(Duration::from_secs_f64(count).as_micros()).expect("a small size")
}

/// Returns groups of 150 files with sizes over three orders of magnitude. The errors are about
/// log-normal: the sum of 12 even distributions is about normal.
fn simulated_groups(count: usize) -> Vec<score::Group> {
    let mut random = Random::new(7);
    let mut even = move || f64::from(u32::try_from(random.below(1 << 32)).unwrap_or(0)) / f64::from(u32::MAX);
    let mut group = || {
        let (fixed, per_mb, scatter) = (even(), 3.0 * even(), 0.1 + 0.4 * even());
        let mut file = || {
            let mb = 10_f64.powf(3.0 * even() - 1.0);
            let normal = (0..12).map(|_| even()).sum::<f64>() - 6.0;
            (megabytes(mb), (fixed + per_mb * mb) * (scatter * normal).exp())
        };
        (0..150).map(|_| file()).collect()
    };
    (0..count).map(|_| group()).collect()
}

/// The figures that a recorded trace must reach in random order; see `docs/benchmarks.md`.
#[test]
fn simulated_durations_lie_within_their_ranges() {
    let score = score::Score::of(&score::shuffled(&simulated_groups(40)));
    let coverage = score::share(score.covered);
    assert!((0.87..=0.93).contains(&coverage), "{coverage}");
    let good = score.group_coverage.iter().filter(|coverage| **coverage >= 0.8).count();
    assert!(10 * good >= 9 * score.group_coverage.len(), "{:?}", score.group_coverage);
    let (median, high) = (score::percentile(&score.left, 50), score::percentile(&score.left, 90));
    assert!(median <= 0.07 && high <= 0.35, "{median} {high}");
    assert!(median < score::percentile(&score.left_by_mean, 50), "{:?}", score.left_by_mean);
    let likely = score::share(score.left_covered);
    assert!(likely >= 0.85, "{likely}");
    assert!(score::percentile(&score.files, 50) <= 0.38);
}
