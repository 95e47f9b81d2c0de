//! Tests the forecasts of durations.

#[path = "../benches/forecast/score.rs"]
mod score;

use std::time::Duration;

use autoproc_domain::FilePath;
use autoproc_domain::forecast::{
    Backlog, FileForecast, Forecast, MAX_SAMPLES, MIN_SAMPLES, MIN_SAMPLES_FOR_RANGE, NoForecast, OVERDUE_MARGIN,
    RemainingFile, TimeLeft,
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
    forecast.of_file(&path("b.pdf"), bytes).expect("enough samples, and no much larger file")
}

fn about(forecast: &Forecast, backlog: &Backlog<'_>) -> Duration {
    match forecast.time_left(backlog) {
        Some(TimeLeft::About { about, .. }) => about,
        other => panic!("{other:?}"),
    }
}

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

fn scattered() -> impl Strategy<Value = Duration> {
    prop_oneof![9 => 1000_u64..100_000, 1 => 1_000_000_u64..10_000_000].prop_map(Duration::from_millis)
}

proptest! {
    #[test]
    fn it_is_never_negative_and_grows_with_the_size(
        samples in vec((sizes(), durations()), MIN_SAMPLES..60), (one, other) in (sizes(), sizes()),
    ) {
        let forecast = recorded(&samples);
        let largest = samples.iter().map(|(bytes, _)| *bytes).max().unwrap_or(0);
        let within = |bytes: u64| bytes % largest.saturating_mul(4).max(1);
        let (one, other) = (within(one), within(other));
        let (small, large) = (of_file(&forecast, one.min(other)), of_file(&forecast, one.max(other)));
        prop_assert!(small.about <= large.about);
        prop_assert!(small.range.as_ref().is_none_or(|range| range.contains(&small.about)), "{small:?}");
        prop_assert!(small.seconds_per_byte >= 0.0);
        prop_assert_eq!(small.range.is_some(), samples.len() >= MIN_SAMPLES_FOR_RANGE);
        if let (Some(small), Some(large)) = (small.range, large.range) {
            prop_assert!(small.start() <= small.end());
            prop_assert!(small.start() <= large.start() && small.end() <= large.end());
        }
    }

    #[test]
    fn the_typical_duration_lies_in_the_range(
        samples in vec((MB..100 * MB, 500_u64..2000), MIN_SAMPLES_FOR_RANGE..60), size in prop_oneof![0..MB, 0..400 * MB],
    ) {
        // The durations are proportional to the sizes, so an empty file takes no time.
        let length = |(bytes, per_mb): &(u64, u64)| (*bytes, Duration::from_micros(bytes * per_mb / 1000));
        let samples: Vec<_> = samples.iter().map(length).collect();
        let largest = samples.iter().map(|(bytes, _)| *bytes).max().unwrap_or(0);
        for size in [0, size.min(4 * largest)] {
            let file = of_file(&recorded(&samples), size);
            prop_assert!(file.range.as_ref().is_some_and(|range| range.contains(&file.about)), "{file:?}");
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
        match left {
            TimeLeft::About { about, likely } => {
                prop_assert_eq!(likely.is_some(), samples.len() >= MIN_SAMPLES_FOR_RANGE);
                prop_assert!(likely.is_none_or(|likely| likely.contains(&about)));
            }
            TimeLeft::MoreThan(_) => {
                let largest = samples.iter().map(|(bytes, _)| *bytes).max().unwrap_or(0);
                let mut files = backlog.running.iter().chain(&backlog.pending);
                prop_assert!(files.any(|file| file.size_bytes.is_some_and(|size| size / 4 >= largest)));
            }
            TimeLeft::Unknown { overdue } => {
                prop_assert!(!overdue.is_empty());
                prop_assert!(overdue.iter().all(|at| backlog.running[*at].elapsed > OVERDUE_MARGIN));
            }
        }
    }

    #[test]
    fn a_file_has_a_forecast_up_to_four_times_the_largest_sample(
        samples in vec((1024..100 * MB, durations()), MIN_SAMPLES..40), size in 0..1000 * MB,
    ) {
        let forecast = recorded(&samples);
        let largest = samples.iter().map(|(bytes, _)| *bytes).max().unwrap_or(0).max(4096);
        let file = forecast.of_file(&path("b.pdf"), size);
        prop_assert_eq!(file.is_ok(), size <= 4 * largest, "{:?}", file);
    }

    #[test]
    fn a_much_larger_file_makes_the_time_left_a_lower_bound(
        samples in vec((1..100 * MB, durations()), MIN_SAMPLES..40), others in vec(0_u64..=100, 0..10),
        slots in 1_usize..4, at in any::<prop::sample::Index>(),
    ) {
        let (forecast, path) = (recorded(&samples), path("c.pdf"));
        let largest = samples.iter().map(|(bytes, _)| *bytes).max().unwrap_or(0);
        let mut files: Vec<_> = others.iter().map(|percent| pending(&path, largest * percent / 100)).collect();
        let backlog = |pending| Backlog { slots, pending, ..Backlog::default() };
        let at = at.index(files.len() + 1);
        files.insert(at, pending(&path, largest));
        let expected = about(&forecast, &backlog(files.clone()));
        files[at] = pending(&path, 4 * largest.max(4096) + 1);
        prop_assert_eq!(forecast.likely_time_left(&backlog(files)), Some(TimeLeft::MoreThan(expected)));
    }

    #[test]
    fn a_file_is_overdue_once_it_exceeds_its_range(
        samples in vec((0..100 * MB, (0_u64..100_000).prop_map(Duration::from_millis)), MIN_SAMPLES..40),
        at in any::<prop::sample::Index>(), seconds in 0..400_u64,
    ) {
        let (forecast, path) = (recorded(&samples), path("c.pdf"));
        let size = at.get(&samples).0;
        let file = of_file(&forecast, size);
        let longest = file.range.map_or(3 * file.about, |range| *range.end());
        let running = RemainingFile { elapsed: Duration::from_secs(seconds), ..pending(&path, size) };
        let other = RemainingFile { elapsed: Duration::ZERO, ..running };
        let backlog = Backlog { slots: 2, running: vec![other, running], pending: vec![other], ..Backlog::default() };
        match forecast.likely_time_left(&backlog) {
            Some(TimeLeft::Unknown { overdue }) => {
                prop_assert_eq!(overdue, [1]);
                prop_assert!(running.elapsed > longest);
            }
            left => prop_assert!(running.elapsed <= longest + OVERDUE_MARGIN + Duration::from_micros(1), "{left:?}"),
        }
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
    fn files_that_take_longer_have_forecasts_that_are_longer_by_the_same_factor(
        samples in vec((prop_oneof![4 => MB..100 * MB, 1 => Just(0)], scattered()), MIN_SAMPLES..60),
        factor in 2_u32..1000, size in 0..100 * MB,
    ) {
        let scaled: Vec<_> = samples.iter().map(|(bytes, elapsed)| (*bytes, factor * *elapsed)).collect();
        let (forecast, longer) = (recorded(&samples), recorded(&scaled));
        let largest = samples.iter().map(|(bytes, _)| *bytes).max().unwrap_or(0);
        for size in [0, size.min(4 * largest)] {
            let (one, other) = (of_file(&forecast, size), of_file(&longer, size));
            prop_assert!(is_near(factor * one.about, other.about, 1e-6), "{one:?} {other:?}");
            if let (Some(one), Some(other)) = (one.range, other.range) {
                prop_assert!(is_near(factor * *one.start(), *other.start(), 1e-6), "{one:?} {other:?}");
                prop_assert!(is_near(factor * *one.end(), *other.end(), 1e-6), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn larger_files_that_take_no_longer_have_the_same_forecasts(
        samples in vec((MB..100 * MB, scattered()), MIN_SAMPLES..60), factor in 2_u64..1000, size in MB..100 * MB,
    ) {
        let scaled: Vec<_> = samples.iter().map(|(bytes, elapsed)| (factor * *bytes, *elapsed)).collect();
        let size = size.min(4 * samples.iter().map(|(bytes, _)| *bytes).max().unwrap_or(0));
        let (one, other) = (of_file(&recorded(&samples), size), of_file(&recorded(&scaled), factor * size));
        prop_assert!(is_near(one.about, other.about, 1e-6), "{one:?} {other:?}");
    }

    #[test]
    fn a_forecast_is_its_fixed_part_and_that_of_its_bytes(
        samples in vec((MB..100 * MB, scattered()), MIN_SAMPLES..60), size in 1_000_000..4_000_000_u32,
    ) {
        let file = of_file(&recorded(&samples), size.into());
        let sum = file.fixed + Duration::from_secs_f64(file.seconds_per_byte * f64::from(size));
        prop_assert!(is_near(file.about, sum, 1e-6), "{file:?} {sum:?}");
    }

    #[test]
    fn it_is_exact_on_exact_data(
        (fixed, per_mb) in (0_u32..100_000, 0_u32..100_000),
        sizes in vec(0_u64..1000, MIN_SAMPLES..60), size in 0_u64..1000,
    ) {
        prop_assume!(sizes.iter().any(|other| *other != sizes[0]));
        let size = size % (4 * sizes.iter().max().unwrap_or(&0));
        let length = |mb: u64| Duration::from_millis(u64::from(fixed) + u64::from(per_mb) * mb);
        let mean = sizes.iter().map(|mb| length(*mb)).sum::<Duration>() / u32::try_from(sizes.len()).unwrap_or(1);
        let samples: Vec<_> = sizes.iter().map(|mb| (mb * MB, length(*mb))).collect();
        let file = of_file(&recorded(&samples), size * MB);
        // A forecast is at least a thousandth of the mean.
        let expected = length(size).max(mean / 1000);
        prop_assert!(is_near(file.about, expected, 1e-6), "{file:?} {expected:?}");
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
            let left = about(&forecast, &backlog);
            let error = left.abs_diff(expected).max(of_file(&forecast, bytes).about.abs_diff(expected));
            // The allowed error is about half of the mean duration.
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

/// The range must contain the next duration with a probability of 90 %. The n samples divide the
/// possible durations into n + 1 intervals. Each interval is equally likely.
#[test]
fn a_range_leaves_out_a_twentieth_of_the_spans_on_either_side() {
    for count in MIN_SAMPLES_FOR_RANGE..=MAX_SAMPLES {
        let durations: Vec<_> = (0..count as u64).map(|number| Duration::from_millis(1000 + number)).collect();
        let samples: Vec<_> = durations.iter().map(|elapsed| (MB, *elapsed)).collect();
        let range = of_file(&recorded(&samples), MB).range.expect("enough samples");
        let below = durations.iter().filter(|elapsed| *elapsed < range.start()).count();
        let above = durations.iter().filter(|elapsed| *elapsed > range.end()).count();
        let spans = (count + 1) / 20;
        assert_eq!((below + 1, above + 1), (spans, spans), "{count} samples");
    }
}

#[test]
fn the_mean_is_that_of_all_samples() {
    assert_eq!(recorded(&exact(MIN_SAMPLES as u64)).mean(), Some(Duration::from_secs(3)));
    assert_eq!(recorded(&exact(9)).mean(), Some(Duration::from_secs(4)));
}

#[test]
fn half_of_the_files_take_longer_than_the_forecast() {
    let samples: Vec<_> =
        (0..40).map(|number| (MB, Duration::from_secs(if number % 4 == 0 { 30 } else { 10 }))).collect();
    let file = of_file(&recorded(&samples), MB);
    assert!(is_near(file.about, Duration::from_secs(10), 0.02), "{file:?}");
}

#[test]
fn files_that_take_no_time_have_a_forecast() {
    let samples: Vec<_> = exact(30).into_iter().map(|(bytes, _)| (bytes, Duration::ZERO)).collect();
    let file = of_file(&recorded(&samples), 10 * MB);
    assert_eq!((file.about, file.fixed, file.seconds_per_byte), (Duration::ZERO, Duration::ZERO, 0.0));
}

/// A fifth of the mean of the other 40 files is about 4 s.
#[test]
fn an_empty_file_is_an_outlier_only_if_it_takes_a_fifth_of_the_mean() {
    let file_path = path("c.pdf");
    let total = |empty_s: u64| {
        let seconds = (1..=40).chain([empty_s]);
        let samples: Vec<_> =
            (1..=40).chain([0]).zip(seconds.map(Duration::from_secs)).map(|(mb, elapsed)| (mb * MB, elapsed)).collect();
        let pending = samples.iter().map(|(bytes, _)| pending(&file_path, *bytes)).collect();
        about(&recorded(&samples), &Backlog { slots: 1, pending, ..Backlog::default() })
    };
    assert!(is_near(total(4), Duration::from_secs(824), 1e-6), "{:?}", total(4));
    assert!(is_near(total(40), Duration::from_secs(824), 0.01), "{:?}", total(40));
}

#[test]
fn few_samples_give_no_forecast_and_some_no_range() {
    let few = recorded(&exact(MIN_SAMPLES as u64 - 1));
    assert_eq!((few.of_file(&path("b.pdf"), MB), few.mean()), (Err(NoForecast::FewSamples), None));
    assert_eq!(few.time_left(&Backlog::default()), None);
    let (file_path, elapsed) = (&path("c.pdf"), Duration::MAX);
    assert!(few.slow(&[RemainingFile { file_path, size_bytes: Some(MB), elapsed }]).is_empty());
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
    // The limit of extensions was already reached, so `.late` has no samples of its own.
    assert_eq!(forecast.of_file(&path("a.late"), MB).expect("enough samples").samples, MAX_SAMPLES);
}

#[test]
fn the_time_left_follows_the_slots() {
    let (forecast, path) = (recorded(&exact(30)), path("c.pdf"));
    let left = |slots, sizes: &[u64], more| {
        let pending = sizes.iter().map(|mb| pending(&path, mb * MB)).collect();
        about(&forecast, &Backlog { slots, running: Vec::new(), pending, more })
    };
    // The forecasts are 3 s, 4 s and 5 s.
    assert!(is_near(left(1, &[2, 4, 6], 0), Duration::from_secs(12), 1e-6));
    assert!(is_near(left(2, &[2, 4, 6], 0), Duration::from_secs(8), 1e-6));
    assert!(is_near(left(9, &[2, 4, 6], 0), Duration::from_secs(5), 1e-6));
    assert!(is_near(left(1, &[2, 4, 6], 3000), Duration::from_secs(12 + 12_000), 1e-6));
    assert_eq!(left(1, &[], 0), Duration::ZERO);
}

#[test]
fn a_file_of_unknown_size_counts_like_the_average_sample() {
    let (forecast, path) = (recorded(&exact(30)), path("c.pdf"));
    let unknown = RemainingFile { size_bytes: None, ..pending(&path, 0) };
    let left = |pending, more| about(&forecast, &Backlog { slots: 1, pending, more, ..Backlog::default() });
    let mean = forecast.mean().expect("enough samples");
    assert!(is_near(left(vec![unknown], 0), mean, 1e-6), "{:?}", left(vec![unknown], 0));
    assert!(is_near(left(Vec::new(), 3), 3 * mean, 1e-6), "{:?}", left(Vec::new(), 3));
}

#[test]
fn the_time_of_running_files_counts() {
    let (forecast, path) = (recorded(&exact(30)), path("c.pdf"));
    let left = |elapsed| {
        let file = RemainingFile { elapsed: Duration::from_secs(elapsed), ..pending(&path, 16 * MB) };
        about(&forecast, &Backlog { slots: 1, running: vec![file], ..Backlog::default() })
    };
    assert!(is_near(left(4), Duration::from_secs(6), 1e-6));
    assert_eq!(left(11), Duration::ZERO);
}

#[test]
fn the_time_left_of_a_running_file_is_the_mean_of_what_is_still_possible() {
    let samples: Vec<_> = (0..40).map(|number| (MB, Duration::from_secs(10 + 20 * (number % 2)))).collect();
    let (forecast, path) = (recorded(&samples), path("c.pdf"));
    let left = |elapsed| {
        let running = vec![RemainingFile { elapsed: Duration::from_secs(elapsed), ..pending(&path, MB) }];
        about(&forecast, &Backlog { slots: 1, running, ..Backlog::default() }).as_secs_f64()
    };
    // Each sample is compared with the mean of the other samples, which is not exactly 20 s.
    for (elapsed, expected) in [(0, 20.0), (5, 15.0), (15, 15.0), (25, 5.0)] {
        assert!((left(elapsed) - expected).abs() < 1.0, "{elapsed}: {}", left(elapsed));
    }
}

/// The sum of 100 durations has a standard deviation of 115 s. The mean of the 40 samples adds 183
/// s. The root of the sum of the squares is 216 s.
#[test]
fn the_likely_time_left_has_the_spread_of_the_samples_and_of_the_files() {
    let samples: Vec<_> = (1..=40).map(|seconds| (MB, Duration::from_secs(seconds))).collect();
    let (forecast, path) = (recorded(&samples), path("c.pdf"));
    let listed = Backlog { slots: 1, pending: vec![pending(&path, MB); 100], ..Backlog::default() };
    for backlog in [listed, Backlog { slots: 1, more: 100, ..Backlog::default() }] {
        let Some(TimeLeft::About { about, likely: Some(likely) }) = forecast.likely_time_left(&backlog) else {
            panic!("no likely range");
        };
        let (low, high) = (likely.start().as_secs_f64(), likely.end().as_secs_f64());
        assert!(is_near(about, Duration::from_secs(2050), 1e-3), "{about:?}");
        let half = 1.96 * 216.0;
        assert!((low - (2050.0 - half)).abs() < 0.25 * half, "{low}");
        assert!((high - (2050.0 + half)).abs() < 0.25 * half, "{high}");
    }
}

#[test]
fn overdue_files_make_the_time_left_unknown() {
    let (forecast, path) = (recorded(&[(MB, Duration::from_millis(310)); 24]), path("c.pdf"));
    let left = |elapsed_ms| {
        let running = RemainingFile { elapsed: Duration::from_millis(elapsed_ms), ..pending(&path, MB) };
        let backlog = Backlog { slots: 1, running: vec![running], pending: vec![pending(&path, MB)], more: 0 };
        [forecast.time_left(&backlog), forecast.likely_time_left(&backlog)]
    };
    let known = left(1300);
    assert!(known.iter().all(|left| matches!(left, Some(TimeLeft::About { .. }))), "{known:?}");
    let unknown = Some(TimeLeft::Unknown { overdue: vec![0] });
    assert_eq!(left(1320), [unknown.clone(), unknown]);
}

/// With 99 samples, the limit is the largest of them. With 199 samples, it is the second largest.
#[test]
fn with_many_samples_a_file_is_slow_after_the_duration_of_99_percent() {
    let file_path = path("c.pdf");
    for (samples, limit) in [(98, 3 * 95), (99, 99), (199, 198)] {
        let recorded = recorded(&(1..=samples).map(|seconds| (MB, Duration::from_secs(seconds))).collect::<Vec<_>>());
        let is_slow = |elapsed: f64| {
            let elapsed = Duration::from_secs_f64(elapsed);
            !recorded.slow(&[RemainingFile { file_path: &file_path, size_bytes: Some(MB), elapsed }]).is_empty()
        };
        // Each sample is compared with the mean of the other samples, so the limit is approximate.
        let limit = f64::from(limit);
        assert!(!is_slow(0.97 * limit) && is_slow(1.03 * limit + 1.0), "{samples} samples");
    }
}

/// One outlier among 99 samples must not raise the limit to its duration.
#[test]
fn an_outlier_hardly_raises_the_limit_of_slow_files() {
    let file_path = path("c.pdf");
    for (usual, outliers) in [(97, 1), (98, 1), (149, 1), (198, 2)] {
        let samples = (0..usual + outliers)
            .map(|number| (MB, Duration::from_secs(if number % 90 == 5 && number / 90 < outliers { 600 } else { 2 })));
        let forecast = recorded(&samples.collect::<Vec<_>>());
        let is_slow = |seconds| {
            let elapsed = Duration::from_secs(seconds);
            !forecast.slow(&[RemainingFile { file_path: &file_path, size_bytes: Some(MB), elapsed }]).is_empty()
        };
        assert!(is_slow(8) && !is_slow(2), "{usual} and {outliers}");
    }
}

#[test]
fn without_a_range_a_file_is_overdue_after_three_times_its_forecast() {
    let (forecast, path) = (recorded(&exact(10)), path("c.pdf"));
    let left = |elapsed| {
        let file = RemainingFile { elapsed: Duration::from_secs(elapsed), ..pending(&path, 6 * MB) };
        forecast.time_left(&Backlog { slots: 1, running: vec![file], ..Backlog::default() })
    };
    assert!(matches!(left(15), Some(TimeLeft::About { .. })), "three times 5 s");
    assert_eq!(left(17), Some(TimeLeft::Unknown { overdue: vec![0] }));
}

#[test]
fn samples_of_one_size_give_no_forecast_for_a_much_larger_file() {
    let (forecast, path) = (recorded(&[(100_000, Duration::from_millis(300)); 45]), path("c.pdf"));
    let file = forecast.of_file(&path, 30 * MB);
    assert_eq!(file, Err(NoForecast::MuchLarger { largest_bytes: 100_000 }));
    assert_eq!(of_file(&forecast, 400_000).about, Duration::from_millis(300));
    let running = RemainingFile { elapsed: Duration::from_secs(20), ..pending(&path, 30 * MB) };
    let backlog =
        Backlog { slots: 1, running: vec![running], pending: vec![pending(&path, 100_000); 4], ..Backlog::default() };
    let Some(TimeLeft::MoreThan(left)) = forecast.likely_time_left(&backlog) else { panic!("no lower bound") };
    assert!(is_near(left, Duration::from_millis(1200), 1e-6), "{left:?}");
}

#[test]
fn the_sizes_of_small_files_hardly_matter() {
    let forecast = recorded(&[(0, Duration::from_secs(1)); 20]);
    assert_eq!(of_file(&forecast, 16_384).about, Duration::from_secs(1));
    assert_eq!(forecast.of_file(&path("b.pdf"), 16_385), Err(NoForecast::MuchLarger { largest_bytes: 0 }));
}

#[test]
fn failed_attempts_take_time_too() {
    let (mut forecast, path) = (Forecast::default(), path("c.pdf"));
    let left = |forecast: &Forecast| {
        about(forecast, &Backlog { slots: 1, pending: vec![pending(&path, MB); 12], ..Backlog::default() })
    };
    (0..10).for_each(|_| forecast.record(&path, MB, Duration::from_secs(10)));
    assert!(is_near(left(&forecast), Duration::from_secs(120), 1e-6));
    (0..10).for_each(|_| forecast.record_failure(Duration::from_secs(1), false));
    assert!(is_near(left(&forecast), Duration::from_secs(132), 1e-6));
    // A third of the files fails after 1 s.
    let mut forecast = recorded(&[(MB, Duration::from_secs(10)); 10]);
    (0..5).for_each(|_| forecast.record_failure(Duration::from_secs(1), true));
    assert!(is_near(left(&forecast), Duration::from_secs(84), 1e-6));
}

fn megabytes(count: f64) -> u64 {
    u64::try_from(Duration::from_secs_f64(count).as_micros()).expect("a small size")
}

/// Returns groups of 150 files. Durations are linear in the size, times log-normal noise.
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

/// The source of most limits is `docs/benchmarks.md`.
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
