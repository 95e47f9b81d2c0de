use std::time::Duration;

use autoproc_domain::forecast::Forecast;
use autoproc_domain::run::{Action, Input, MIN_ADAPTED_TIMEOUT, TIMEOUT_FACTOR};
use autoproc_domain::{FilePath, RunConfig};
use proptest::prelude::*;

use super::fixture::{Run, claims};

const MB: u64 = 1_000_000;
const HOUR: Duration = Duration::from_secs(3600);

fn forecast() -> Forecast {
    let (mut forecast, path) = (Forecast::default(), FilePath::new("/earlier").unwrap());
    (1..=100).for_each(|mb| forecast.record_past(&path, mb * MB, Duration::from_secs(10 * mb)));
    forecast
}

fn limit(size: Option<u64>) -> Duration {
    let config = RunConfig::default().with_timeout(HOUR).with_adapts_timeout(true);
    let mut run = Run::new(config).with_forecast(forecast()).and_begun();
    run.actions();
    run.answer(claims(&[1], true));
    assert!(matches!(run.actions()[..], [Action::Measure(_)]));
    run.feed(Input::Measured(vec![size]));
    match &run.actions()[..] {
        [Action::Start(attempt), ..] => attempt.timeout,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_without_a_forecast_has_the_whole_time() {
    assert_eq!(limit(None), HOUR);
    assert_eq!(limit(Some(500 * MB)), HOUR, "more than four times the largest sample");
}

#[test]
fn a_run_that_does_not_adapt_limits_measures_nothing() {
    let mut run = Run::new(RunConfig::default().with_timeout(HOUR)).with_forecast(forecast()).and_begun();
    run.actions();
    run.answer(claims(&[1], true));
    let actions = run.actions();
    assert!(matches!(&actions[..], [Action::Start(attempt), ..] if attempt.timeout == HOUR), "{actions:?}");
}

proptest! {
    #[test]
    fn the_limit_follows_the_forecast_between_its_bounds(size in 0..=400 * MB) {
        let longest = forecast().longest(&FilePath::new("/f1").unwrap(), size).unwrap();
        prop_assert_eq!(limit(Some(size)), (longest * TIMEOUT_FACTOR).max(MIN_ADAPTED_TIMEOUT).min(HOUR));
    }
}
