//! Tests whole runs in which files fail alike, during an outage or always.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::forecast::Forecast;
use autoproc_domain::memory::MemoryStorage;
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, AttemptReport, Clock, LostAttempt, Orchestrator, RunEventKind, StopSignal, Storage,
};
use autoproc_domain::request::{Enqueue, NewItem};
use autoproc_domain::run::Ports;
use autoproc_domain::{AutonomousProcessor, FilePath, ItemId, ProcessingResult, RetryPolicy, RunConfig};
use autoproc_testkit::{RecordingObserver, VirtualClock, block_on};
use futures_util::future::FutureExt;
use proptest::prelude::*;

const TAKES: Duration = Duration::from_secs(1);

const MAX_HELD: Duration = Duration::from_hours(1);

struct Outage {
    clock: VirtualClock,
    period: (Duration, Duration),
    attempts: Mutex<BTreeMap<ItemId, u32>>,
}

#[async_trait]
impl Orchestrator for Outage {
    async fn execute(&self, attempt: Attempt, _: Arc<dyn StopSignal>) -> Result<AttemptReport, LostAttempt> {
        *self.attempts.lock().unwrap().entry(attempt.token.item).or_default() += 1;
        self.clock.sleep(TAKES).await;
        let (from, to) = self.period;
        let is_out = (from..to).contains(&self.clock.elapsed());
        let outcome = if is_out { AttemptOutcome::Exited { code: 7 } } else { AttemptOutcome::Succeeded };
        let output_tail =
            if is_out { format!("{}: connection refused", attempt.file_path.text()) } else { String::new() };
        Ok(AttemptReport { output_tail: output_tail.into(), ..AttemptReport::new(outcome, TAKES) })
    }
}

struct Ran {
    result: ProcessingResult,
    took: Duration,
    attempts: BTreeMap<ItemId, u32>,
    events: Vec<RunEventKind>,
}

fn run(files: usize, config: RunConfig, period: (Duration, Duration)) -> Ran {
    let mut earlier = Forecast::default();
    earlier.record_past(&FilePath::new("/in/earlier").unwrap(), 1, TAKES);
    run_after(earlier, files, config, period)
}

fn run_after(earlier: Forecast, files: usize, config: RunConfig, period: (Duration, Duration)) -> Ran {
    let clock = VirtualClock::new();
    let store = Arc::new(MemoryStorage::new());
    let new = (0..files).map(|file| NewItem::new(FilePath::new(format!("/in/file{file}")).unwrap())).collect();
    block_on(store.enqueue(Enqueue::new(new), clock.now())).unwrap();
    let outage = Arc::new(Outage { clock: clock.clone(), period, attempts: Mutex::default() });
    let observer = Arc::new(RecordingObserver::new());
    let ports = Ports::in_process(store, Arc::new(clock.clone()), outage.clone());
    let processor =
        AutonomousProcessor::new(Ports { observer: observer.clone(), ..ports }, config).with_forecast(earlier);
    let mut run = Box::pin(processor.run());
    let result = loop {
        match (&mut run).now_or_never() {
            Some(result) => break result.unwrap(),
            None => assert!(clock.advance_to_next_timer(), "the run waits for ever"),
        }
    };
    let attempts = outage.attempts.lock().unwrap().clone();
    Ran { result, took: clock.elapsed(), attempts, events: observer.kinds() }
}

fn config(pause_on_same: usize, jobs: usize, retries: u32) -> RunConfig {
    let pause_on_same = NonZeroUsize::new(pause_on_same);
    let retry = RetryPolicy { retries, ..RetryPolicy::default() };
    let config = RunConfig { pause_on_same, ..RunConfig::default() };
    config.with_jobs(NonZeroUsize::new(jobs).unwrap()).with_retry(retry)
}

fn holds(ran: &Ran) -> usize {
    ran.events.iter().filter(|kind| matches!(kind, RunEventKind::StartsHeld { .. })).count()
}

const ALWAYS: (Duration, Duration) = (Duration::ZERO, Duration::MAX);

#[test]
fn a_thousand_files_that_really_fail_alike_all_end_as_failed() {
    let ran = run(1000, config(5, 1, 3), ALWAYS);
    assert_eq!((ran.result.failed, ran.result.remaining), (1000, 0));
    let without = run(1000, config(0, 1, 3), ALWAYS);
    assert_eq!(without.result.failed, 1000);
    let delay = ran.took.saturating_sub(without.took);
    assert!(delay < MAX_HELD + Duration::from_mins(1), "{delay:?}");
}

#[test]
fn an_outage_in_the_middle_costs_at_most_ten_attempts() {
    let period = (Duration::from_secs(500), Duration::from_secs(500) + Duration::from_mins(10));
    let mut config = config(5, 1, 3);
    config.retry.backoff_base = 10 * TAKES;
    let ran = run_after(Forecast::default(), 1000, config, period);
    assert_eq!((ran.result.failed, ran.result.processed), (0, 1000));
    let failed = ran.attempts.values().sum::<u32>() - 1000;
    assert!(failed <= 10, "{failed} attempts have failed");
}

#[test]
fn without_the_breaker_an_outage_fails_the_rest_of_the_queue() {
    let period = (Duration::from_secs(10), Duration::from_mins(50));
    assert_eq!(run(40, config(0, 1, 0), period).result.failed, 31);
    let ran = run(40, config(5, 1, 0), period);
    assert_eq!((ran.result.failed, ran.result.processed), (0, 40));
    assert!(holds(&ran) > 3, "{:?}", ran.events);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Enough files are left for every probe to use another file.
    #[test]
    fn an_outage_fails_no_file(
        (pause_on_same, jobs, retries) in (1_usize..6, 1_usize..4, 0_u32..3),
        (from_s, lasts_s) in (0_u64..20, 30_u64..3300),
    ) {
        // With several jobs, a success may interrupt the consecutive failures, which then count. So
        // each file needs at least one retry.
        let retries = if jobs > 1 { retries.max(1) } else { retries };
        let from = Duration::from_secs(from_s);
        let ran = run(120, config(pause_on_same, jobs, retries), (from, from + Duration::from_secs(lasts_s)));
        prop_assert_eq!((ran.result.failed, ran.result.processed), (0, 120), "{:?}", ran.events);
        // Allows for the longest delay before a probe, and for the attempts.
        let bound = from + Duration::from_secs(lasts_s) + Duration::from_mins(10) + Duration::from_mins(3);
        prop_assert!(ran.took <= bound, "{:?}", ran.took);
    }

    #[test]
    fn a_command_that_never_worked_is_not_held(
        files in 1_usize..40,
        (pause_on_same, jobs, retries) in (1_usize..7, 1_usize..4, 0_u32..4),
    ) {
        let run = |pause_on_same| run_after(Forecast::default(), files, config(pause_on_same, jobs, retries), ALWAYS);
        let (with, without) = (run(pause_on_same), run(0));
        prop_assert_eq!((with.result.failed, with.took), (files as u64, without.took));
        prop_assert_eq!((with.attempts, with.events), (without.attempts, without.events));
    }

    #[test]
    fn files_that_always_fail_come_to_an_end(
        files in 1_usize..40,
        (pause_on_same, jobs, retries) in (0_usize..7, 1_usize..4, 0_u32..4),
    ) {
        let ran = run(files, config(pause_on_same, jobs, retries), ALWAYS);
        prop_assert_eq!((ran.result.failed, ran.result.remaining), (files as u64, 0));
        let extra = u32::from(pause_on_same > 0);
        for (item, attempts) in &ran.attempts {
            prop_assert!((retries + 1..=retries + 1 + extra).contains(attempts), "{item:?}: {attempts}");
        }
        prop_assert!(ran.took <= MAX_HELD + Duration::from_mins(10), "{:?}", ran.took);
        let is_possible = pause_on_same > 0 && files >= pause_on_same;
        prop_assert!(is_possible || holds(&ran) == 0, "{:?}", ran.events);
    }
}
