//! The conformance suite of the `History` port.

mod entries;
mod visits;

use std::time::Duration;

use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::{
    AttemptRef, History, ObeyedStop, Observer, PastEnd, PastRun, PastRunEnd, RunEvent, RunEventKind, RunFilter,
    RunsSummary, StopCause, StopLevel,
};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::view::Counts;
use autoproc_domain::{FilePath, ItemId, ProcessingResult, RunId, Timestamp};

use super::Violation;

pub use entries::exercise_entries;
pub use visits::exercise_visits;

/// More failures than a summary lists.
const MANY: u64 = RunsSummary::MAX_FAILURES as u64 + 500;

/// Checks the contract of [`History::runs`]. `history` must be empty, and must read the events that
/// `observer` records.
///
/// # Errors
/// The first [`Violation`].
pub async fn exercise_runs(observer: &dyn Observer, history: &dyn History) -> Result<(), Violation> {
    let ask = Ask(history);
    ask.expect("an empty history has no runs", RunFilter::All, &[]).await?;
    tell(observer, &first_night());
    let first = [first_run(), second_run()];
    ask.expect("each run has its own figures", RunFilter::All, &first).await?;
    tell(observer, &second_night());
    let [first, second, third] = [first_run(), second_run(), third_run()];
    let all = [first.clone(), second.clone(), third.clone()];
    ask.expect("runs are in the order in which they began", RunFilter::All, &all).await?;
    ask.expect("no run is the latest of none", RunFilter::Latest(0), &[]).await?;
    ask.expect("the latest run", RunFilter::Latest(1), &all[2..]).await?;
    ask.expect("the latest two runs", RunFilter::Latest(2), &all[1..]).await?;
    ask.expect("the latest of more than there are", RunFilter::Latest(9), &all).await?;
    ask.expect("a run matches as a whole", RunFilter::Since(at(20)), &all).await?;
    ask.expect("a run that ended before does not match", RunFilter::Since(at(21)), &all[1..]).await?;
    ask.expect("no run matches the future", RunFilter::Since(at(9999)), &[]).await?;
    let named = RunFilter::Named(vec![third.id.clone(), first.id.clone(), RunId::new("unknown")]);
    ask.expect("named runs", named, &[first, third]).await?;
    ask.files().await
}

struct Ask<'h>(&'h dyn History);

impl Ask<'_> {
    async fn summary(&self, check: &'static str, filter: RunFilter) -> Result<RunsSummary, Violation> {
        self.0.runs(filter).await.map_err(|error| Violation { check, detail: error.to_string() })
    }

    async fn expect(&self, check: &'static str, filter: RunFilter, expected: &[PastRun]) -> Result<(), Violation> {
        let runs = self.summary(check, filter).await?.runs;
        same(check, runs.as_slice(), expected)
    }

    async fn files(&self) -> Result<(), Violation> {
        let first = self.summary("failures of one run", RunFilter::Named(vec![first_run().id])).await?;
        let listed: Vec<_> =
            first.failures.iter().map(|past| (past.attempt.of.id.get(), past.attempt.end, past.ended_at)).collect();
        let expected = [(2, Some(PastEnd::Failed), at(6)), (3, Some(PastEnd::Timeout), at(7))];
        same("failures of one run", &(first.failed_files, listed), &(2, expected.to_vec()))?;
        let error = first.failures.first().and_then(|past| past.attempt.error.as_deref());
        same("a failure has its reason", &error, &Some("exit status 3: no such page"))?;

        let names = |summary: &RunsSummary| (summary.changed_files, summary.first_changed.clone());
        let (one, eight) = (Some(of(1, 1).file_path), Some(of(8, 1).file_path));
        same("a file that changed while it was processed", &names(&first), &(1, one))?;

        let all = self.summary("failures of all runs", RunFilter::All).await?;
        // In the third run, file 1 completed without a change, and file 8 changed again.
        same("a changed file counts once, by its latest completion", &names(&all), &(1, eight))?;
        // In the third run, file 2 completed and file 3 failed again.
        same("a file that completed later has not failed", &all.failed_files, &(MANY + 1))?;
        same("the listed failures are bounded", &all.failures.len(), &RunsSummary::MAX_FAILURES)?;
        let latest = all.failures.first().map(|past| &past.attempt);
        let latest = latest.map(|past| (past.of.id.get(), past.run.to_string(), past.of.round));
        same("a file has its latest failure", &latest, &Some((3, third_run().id.to_string(), 2)))?;
        let slowest: Vec<_> = all.slowest.iter().map(|past| (past.attempt.of.id.get(), past.attempt.elapsed)).collect();
        let expected = [9, 8, 8, 7, 6].map(|id| (id, Some(Duration::from_secs(id))));
        same("the longest completed attempts", &slowest, &expected.to_vec())
    }
}

fn same<T: PartialEq + std::fmt::Debug + ?Sized>(
    check: &'static str,
    actual: &T,
    expected: &T,
) -> Result<(), Violation> {
    if actual == expected {
        return Ok(());
    }
    Err(Violation { check, detail: format!("{actual:?} instead of {expected:?}") })
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

fn tell(observer: &dyn Observer, events: &[RunEvent]) {
    for event in events {
        observer.observe(event);
    }
}

fn event(second: i64, run: &str, kind: RunEventKind) -> RunEvent {
    RunEvent { at: at(second), run: RunId::new(run), kind }
}

fn of(id: u64, round: u32) -> AttemptRef {
    let file_path = FilePath::new(format!("/in/\"item_id\":{id}")).expect("an absolute path");
    AttemptRef { id: ItemId::new(id), file_path, round, attempt: AttemptNumber::FIRST, claim: None }
}

fn started() -> RunEventKind {
    RunEventKind::ProcessorStarted { jobs: 1, counts: Counts::default() }
}

fn completed(of: AttemptRef) -> RunEventKind {
    let elapsed = Duration::from_secs(of.id.get());
    RunEventKind::FileCompleted { of, elapsed, usage: None, input_changed: false }
}

fn changed(of: AttemptRef) -> RunEventKind {
    let elapsed = Duration::from_secs(of.id.get());
    RunEventKind::FileCompleted { of, elapsed, usage: None, input_changed: true }
}

fn failed(of: AttemptRef) -> RunEventKind {
    let error = "exit status 3: no such page".into();
    RunEventKind::FileFailed { of, elapsed: Duration::from_secs(100), usage: None, input_changed: true, error }
}

fn stopped(processed: u64, failed: u64, retried: u64, stopped_by: StoppedBy) -> RunEventKind {
    let result = ProcessingResult {
        processed,
        changed: 0,
        failed,
        retried,
        remaining: 0,
        held: 0,
        processing: 0,
        failed_in_scope: 0,
        stopped_by,
        stop_level: StopLevel::Draining,
    };
    RunEventKind::ProcessorStopped { result }
}

fn first_night() -> Vec<RunEvent> {
    let (elapsed, usage) = (Duration::from_secs(1), None);
    let retry = RunEventKind::FileRequeued {
        of: of(2, 1),
        elapsed,
        usage,
        input_changed: false,
        backoff: Duration::from_secs(2),
        error: "exit status 1".into(),
    };
    let timeout =
        RunEventKind::FileTimeout { of: of(3, 1), elapsed, usage, input_changed: false, error: "timed out".into() };
    let stop = RunEventKind::StopRequested { level: StopLevel::Draining, cause: StopCause::Interrupt };
    vec![
        event(1, "first", started()),
        event(2, "first", changed(of(1, 1))),
        event(3, "second", started()),
        event(4, "first", retry),
        event(5, "second", completed(of(9, 1))),
        event(6, "first", failed(of(2, 1))),
        event(7, "first", timeout),
        event(8, "first", stop),
        event(20, "first", stopped(1, 2, 1, StoppedBy::Request(StopCause::Interrupt))),
        event(21, "second", changed(of(8, 1))),
    ]
}

fn second_night() -> Vec<RunEvent> {
    let recovered = |id| RunEventKind::FileRecovered {
        of: of(id, 1),
        dead_run: RunId::new("second"),
        requeued: true,
        cancelled: false,
        in_scope: true,
    };
    let mut events = vec![event(99, "recovery", recovered(11))];
    events.extend([event(100, "third", started()), event(101, "third", recovered(10))]);
    events.extend((4..=7).map(|id| event(102, "third", completed(of(id, 1)))));
    events.extend([1, 2].map(|id| event(103, "third", completed(of(id, 2)))));
    events.extend([event(103, "third", changed(of(8, 2))), event(104, "third", failed(of(3, 2)))]);
    events.extend((0..MANY).map(|number| event(105, "third", failed(of(1000 + number, 1)))));
    events.push(event(200, "third", stopped(7, MANY + 1, 0, StoppedBy::QueueEmpty)));
    events
}

fn first_run() -> PastRun {
    let cause = StopCause::Interrupt;
    PastRun {
        id: RunId::new("first"),
        started_at: Some(at(1)),
        last_event_at: at(20),
        end: Some(PastRunEnd { at: at(20), stopped_by: Some(StoppedBy::Request(cause)) }),
        stop: Some(ObeyedStop { at: at(8), level: StopLevel::Draining, cause }),
        completed: 1,
        failed: 2,
        retried: 1,
    }
}

fn second_run() -> PastRun {
    PastRun {
        id: RunId::new("second"),
        started_at: Some(at(3)),
        last_event_at: at(21),
        end: None,
        stop: None,
        completed: 2,
        failed: 0,
        retried: 0,
    }
}

fn third_run() -> PastRun {
    PastRun {
        id: RunId::new("third"),
        started_at: Some(at(100)),
        last_event_at: at(200),
        end: Some(PastRunEnd { at: at(200), stopped_by: Some(StoppedBy::QueueEmpty) }),
        stop: None,
        completed: 7,
        failed: MANY + 1,
        retried: 0,
    }
}
