use std::time::Duration;

use autoproc_domain::forecast::Forecast;
use autoproc_domain::ports::{
    AttemptOutcome, AttemptProgress, AttemptReport, BackPressure, RunEventKind, StopCause, StopLevel,
};
use autoproc_domain::recovery::Recovery;
use autoproc_domain::request::Settlement;
use autoproc_domain::run::{Action, Input};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::view::{Counts, Exchanged};
use autoproc_domain::{FilePath, Fingerprint, ProcessingResult, RunConfig, Timestamp};

use super::fixture::{Run, claims, completed, released, token, unreachable};

const SECOND: Duration = Duration::from_secs(1);
const MB: u64 = 1_000_000;

const BEGIN: Timestamp = Timestamp::from_micros(1_000_000_000);
const UNTIL: Timestamp = Timestamp::from_micros(1_000_000_000 + 3_600_000_000);

/// Returns a run with an hour left. Each megabyte takes 10 s.
fn begun() -> Run {
    begun_with(RunConfig::default())
}

fn begun_with(config: RunConfig) -> Run {
    let (mut forecast, path) = (Forecast::default(), FilePath::new("/earlier").unwrap());
    (1..=100).for_each(|mb| forecast.record_past(&path, mb * MB, 10 * u32::try_from(mb).unwrap() * SECOND));
    let mut run = Run::new(config.with_until(UNTIL)).with_forecast(forecast).and_begun();
    run.actions();
    run
}

fn claim(run: &mut Run, ids: &[u64], sizes: &[Option<u64>], has_waiting: bool) {
    run.answer(claims(ids, has_waiting));
    let measured = run.actions();
    assert!(matches!(&measured[..], [Action::Measure(files)] if files.len() == ids.len()), "{measured:?}");
    run.feed(Input::Measured(sizes.iter().map(|mb| mb.map(|mb| mb * MB)).collect()));
}

/// Returns the started items and the settlements.
fn until_idle(run: &mut Run) -> (Vec<u64>, Vec<Settlement>) {
    let (mut started, mut settled) = (Vec::new(), Vec::new());
    loop {
        let actions = run.actions();
        if actions.is_empty() {
            return (started, settled);
        }
        for action in actions {
            match action {
                Action::Start(attempt) => started.push(attempt.token.item.get()),
                Action::Exchange(request) => {
                    settled.extend(request.settlements);
                    run.answer(claims(&[], true));
                }
                Action::Count(_) => {
                    run.feed(Input::Counted(Ok(Counts { pending: 9, ..Counts::default() })));
                }
                Action::Recall => {}
                action => panic!("{action:?}"),
            }
        }
    }
}

fn ended(run: &mut Run, pending: usize) -> ProcessingResult {
    let actions = run.actions();
    assert!(matches!(actions.last(), Some(Action::Count(_))), "{actions:?}");
    run.feed(Input::Counted(Ok(Counts { pending, ..Counts::default() })));
    assert!(matches!(run.actions()[..], [Action::Deregister]));
    run.feed(Input::Deregistered(Ok(Vec::new())));
    match run.actions().pop() {
        Some(Action::End(Ok(result))) => result,
        other => panic!("{other:?}"),
    }
}

fn settlements(run: &mut Run) -> Vec<Settlement> {
    run.exchange_among().settlements
}

#[test]
fn a_run_without_such_a_time_measures_nothing() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1, 2], true));
    assert_eq!(run.started(), [1, 2]);
    assert_eq!(run.wakeup.at, None);
}

#[test]
fn a_file_starts_only_if_it_ends_in_time() {
    let mut run = begun();
    run.pass(3100 * SECOND);
    claim(&mut run, &[1, 2], &[Some(50), Some(51)], true);
    let actions = run.actions();
    let [Action::Start(attempt), Action::Exchange(request)] = &actions[..] else { panic!("{actions:?}") };
    // File 2 would end 10 s too late. The run keeps the claim, and claims another file.
    assert_eq!((attempt.token, request.limit, request.settlements.len()), (token(1), 1, 0));
    claim(&mut run, &[3], &[Some(1)], true);
    assert_eq!(run.started(), [3]);
}

#[test]
fn a_file_without_a_forecast_starts_until_the_time_itself() {
    let mut run = begun();
    run.pass(3599 * SECOND);
    // The size of file 1 is unknown, and file 2 is more than four times as large as the largest
    // sample.
    claim(&mut run, &[1, 2], &[None, Some(500)], true);
    assert_eq!(until_idle(&mut run), (vec![1, 2], vec![]));
    assert_eq!(run.wakeup.at, Some(UNTIL));
    run.pass(SECOND).succeed(1);
    assert_eq!(until_idle(&mut run).1, [completed(1)]);
    run.succeed(2);
    assert_eq!(settlements(&mut run), [completed(2)]);
    run.answer(claims(&[], true));
    let result = ended(&mut run, 3);
    assert_eq!((result.stopped_by, result.processed, result.remaining), (StoppedBy::Deadline, 2, 3));
}

#[test]
fn nothing_starts_after_the_time_and_running_files_end() {
    let mut run = begun();
    claim(&mut run, &[1], &[Some(50)], true);
    run.start(1);
    assert_eq!(until_idle(&mut run).0, [1]);
    run.pass(3600 * SECOND).feed(Input::Woken);
    assert_eq!(until_idle(&mut run), (vec![], vec![]));
    run.pass(60 * SECOND);
    run.progress(1, AttemptProgress::Ended(AttemptReport::new(AttemptOutcome::Succeeded, SECOND)));
    assert_eq!(settlements(&mut run), [completed(1)]);
    run.answer(claims(&[], true));
    assert_eq!(ended(&mut run, 8).stopped_by, StoppedBy::Deadline);
}

#[test]
fn claims_that_were_measured_too_late_are_released() {
    let mut run = begun();
    run.answer(claims(&[1, 2], true)).actions();
    run.pass(3600 * SECOND).feed(Input::Measured(vec![Some(MB), None]));
    let mut released_ids: Vec<_> = settlements(&mut run).iter().map(|settlement| settlement.token.item.get()).collect();
    released_ids.sort_unstable();
    assert_eq!(released_ids, [1, 2]);
}

#[test]
fn the_run_ends_early_if_no_other_file_ends_in_time() {
    let mut run = begun();
    run.pass(3100 * SECOND);
    claim(&mut run, &[1], &[Some(90)], false);
    assert_eq!(run.exchange().limit, 2);
    run.answer(claims(&[], false));
    // No other file is waiting, so the run releases the claim.
    let request = run.exchange();
    assert_eq!((request.limit, request.settlements), (0, vec![released(1)]));
    run.answer(claims(&[], true));
    let result = ended(&mut run, 1);
    assert_eq!((result.stopped_by, result.remaining), (StoppedBy::Deadline, 1));
    assert_eq!(
        run.count(|kind| matches!(kind, RunEventKind::FileReleased { .. } | RunEventKind::FileStarted { .. })),
        0
    );
}

#[test]
fn a_run_that_does_not_wait_gives_up_its_claims_before_it_ends() {
    let mut run = begun_with(RunConfig::default().without_waiting());
    run.pass(3100 * SECOND);
    claim(&mut run, &[1], &[Some(90)], true);
    run.exchange();
    run.answer(claims(&[], true));
    assert_eq!(run.exchange().settlements, [released(1)]);
}

#[test]
fn a_retry_that_is_due_too_late_ends_the_run() {
    let mut run = begun();
    let later = |seconds: u64| Exchanged {
        next_due: Some(BEGIN.saturating_add(Duration::from_secs(seconds))),
        ..claims(&[], true)
    };
    run.answer(later(3599));
    assert!(run.actions().is_empty(), "the retry is due in time");
    run.feed(Input::Woken).exchange();
    run.answer(later(3600));
    assert_eq!(run.exchange().limit, 0);
    run.answer(later(3600));
    assert_eq!(ended(&mut run, 1).stopped_by, StoppedBy::Deadline);
}

#[test]
fn a_held_run_does_not_end_because_a_retry_is_due_too_late() {
    let mut run = begun();
    run.feed(Input::Pressure(Some(BackPressure { reason: "no disk".into() })));
    run.answer(claims(&[], true));
    assert_eq!(run.exchange().limit, 0);
    run.answer(Exchanged { next_due: Some(UNTIL), ..claims(&[], true) });
    assert!(run.actions().is_empty());
    run.feed(Input::Pressure(None));
    assert_eq!(run.exchange().limit, 2);
}

#[test]
fn a_run_that_set_a_file_aside_waits_for_a_retry_in_time() {
    let mut run = begun();
    run.pass(3100 * SECOND);
    claim(&mut run, &[1], &[Some(90)], true);
    run.exchange();
    let due = BEGIN.saturating_add(3200 * SECOND);
    run.answer(Exchanged { next_due: Some(due), ..claims(&[], true) });
    assert!(run.actions().is_empty());
    assert_eq!(run.wakeup.at, Some(due));
}

#[test]
fn a_run_whose_time_is_up_claims_no_further_file_and_sees_that_it_waits() {
    let mut run = begun();
    claim(&mut run, &[1], &[Some(1)], false);
    run.start(1).pass(3700 * SECOND).end(1, AttemptOutcome::Succeeded).actions();
    run.answer(claims(&[], false));
    assert!(matches!(run.actions()[..], [Action::Recover]));
    run.feed(Input::Woken).feed(Input::Recovered(Ok(Recovery::default())));
    assert_eq!(run.exchange().limit, 0);
    run.answer(claims(&[], true));
    assert_eq!(ended(&mut run, 1).stopped_by, StoppedBy::Deadline);
}

#[test]
fn a_run_that_processed_all_files_has_an_empty_queue() {
    let mut run = begun();
    claim(&mut run, &[1], &[Some(1)], false);
    run.start(1).pass(3700 * SECOND).end(1, AttemptOutcome::Succeeded).actions();
    run.answer(claims(&[], false));
    assert_eq!(run.outcome().unwrap().stopped_by, StoppedBy::QueueEmpty);
}

#[test]
fn too_many_files_that_take_too_long_end_the_starts() {
    for (count, limit, settled) in [(100, 2, 0), (101, 0, 101)] {
        let mut run = begun();
        let ids: Vec<_> = (1..=count).collect();
        run.pass(3100 * SECOND);
        claim(&mut run, &ids, &vec![Some(90); ids.len()], true);
        let request = run.exchange();
        assert_eq!((request.limit, request.settlements.len()), (limit, settled));
    }
}

#[test]
fn a_stop_releases_what_was_set_aside() {
    let mut run = begun();
    run.pass(3100 * SECOND);
    claim(&mut run, &[1, 2], &[Some(1), Some(90)], true);
    run.start(1);
    assert_eq!(until_idle(&mut run).0, [1]);
    run.stop(StopLevel::Draining, StopCause::Interrupt);
    assert_eq!(settlements(&mut run), [released(2)]);
}

#[test]
fn the_time_releases_a_file_that_missed_the_program() {
    let mut run = begun();
    claim(&mut run, &[1], &[None], true);
    run.succeed(1).exchange_among();
    claim(&mut run, &[2], &[None], false);
    run.start(2).end(2, AttemptOutcome::Exited { code: 127 });
    until_idle(&mut run);
    run.pass(3600 * SECOND).feed(Input::Woken);
    assert_eq!(settlements(&mut run), [released(2)]);
}

#[test]
fn a_cancelled_file_that_was_set_aside_ends_at_once() {
    let mut run = begun();
    run.pass(3100 * SECOND);
    claim(&mut run, &[1, 2], &[Some(1), Some(90)], true);
    run.exchange_among();
    run.answer(Exchanged { cancelled: vec![token(2)], ..claims(&[], true) });
    assert_eq!(settlements(&mut run), [released(2)]);
    run.answer(Exchanged { cancelled: vec![token(2)], ..claims(&[], true) });
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::FileFailed { .. })), 1);
}

#[test]
fn the_run_learns_from_its_own_files() {
    let mut run = begun();
    for id in 1..=200 {
        claim(&mut run, &[id], &[Some(10)], true);
        let fingerprint = Some(Fingerprint { size: 10 * MB, modified_ns: 0 });
        run.progress(id, AttemptProgress::Started { fingerprint });
        let report = AttemptReport::new(AttemptOutcome::Succeeded, 200 * SECOND);
        run.progress(id, AttemptProgress::Ended(report)).actions();
    }
    run.pass(3450 * SECOND);
    claim(&mut run, &[201, 202], &[Some(10), Some(10)], true);
    assert!(run.started().is_empty());
}

#[test]
fn a_file_that_was_added_before_a_repeated_exchange_is_still_waiting() {
    let mut run = begun();
    claim(&mut run, &[1], &[Some(1)], false);
    run.start(1);
    until_idle(&mut run);
    run.pass(3600 * SECOND).feed(Input::Woken);
    until_idle(&mut run);
    run.end(1, AttemptOutcome::Succeeded);
    assert_eq!(run.exchange_among().settlements, [completed(1)]);
    run.refuse(unreachable()).pass(SECOND).feed(Input::Woken);
    assert_eq!(run.exchange_among().settlements, [completed(1)]);
    run.answer(claims(&[], false));
    assert_eq!(run.exchange_among().limit, 0, "it asks once more");
    run.answer(claims(&[], true));
    assert_eq!(ended(&mut run, 1).stopped_by, StoppedBy::Deadline);
}
