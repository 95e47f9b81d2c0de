use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::item::{AttemptNumber, ClaimNumber};
use autoproc_domain::ports::{
    AttemptRef, History as _, HistoryError, HistoryQuery, Observer as _, PastAttempt, PastEnd, PastEvent, RunEvent,
    RunEventKind,
};
use autoproc_domain::{FilePath, ItemId, RunId, Timestamp};
use autoproc_system::{EventLog, EventLogHistory};
use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::events::{begun, every_kind, recipe, usage};

const RUN: &str = "run-1";

fn temp_path() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    (dir, path)
}

fn of(attempt: u32) -> AttemptRef {
    let file_path = FilePath::new("/d/a").expect("a path");
    let attempt = AttemptNumber::new(attempt).expect("not zero");
    AttemptRef { id: ItemId::new(7), file_path, round: 1, attempt, claim: None }
}

fn of_item(id: u64) -> AttemptRef {
    AttemptRef { id: ItemId::new(id), ..of(1) }
}

fn completed(of: AttemptRef) -> RunEventKind {
    RunEventKind::FileCompleted { of, elapsed: Duration::ZERO, usage: None, input_changed: false }
}

fn released(of: AttemptRef) -> RunEventKind {
    RunEventKind::FileReleased { of, elapsed: Duration::ZERO, usage: None, input_changed: false }
}

fn at_second(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

fn write(path: &Path, run: &str, events: impl IntoIterator<Item = RunEventKind>) {
    let log = EventLog::new(path, Arc::new(|warning: &str| panic!("{warning}")));
    for (second, kind) in (0..).zip(events) {
        log.observe(&RunEvent { at: at_second(second), run: RunId::new(run), kind });
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

fn read(path: &Path, query: HistoryQuery) -> Result<Vec<PastAttempt>, HistoryError> {
    block_on(EventLogHistory::new(path).attempts(query))
}

fn attempts(path: &Path, query: HistoryQuery) -> Vec<PastAttempt> {
    read(path, query).expect("readable")
}

fn events(path: &Path, query: HistoryQuery) -> Vec<PastEvent> {
    block_on(EventLogHistory::new(path).events(query)).expect("readable")
}

fn history(path: &Path) -> Vec<PastAttempt> {
    attempts(path, HistoryQuery::of_item(of(1).id))
}

fn ends(path: &Path) -> Vec<(u32, Option<PastEnd>)> {
    history(path).iter().map(|attempt| (attempt.of.attempt.get(), attempt.end)).collect()
}

fn items(attempts: &[PastAttempt]) -> Vec<u64> {
    attempts.iter().map(|attempt| attempt.of.id.get()).collect()
}

#[test]
fn an_attempt_has_the_details_of_all_its_lines() {
    let (_dir, path) = temp_path();
    let (elapsed, used, backoff) = (Duration::from_millis(1500), Some(usage()), Duration::from_secs(2));
    let error = || "exit status 1: no\nwhy".into();
    let story = [
        RunEventKind::FileStarted { of: of(1), size_bytes: Some(12), recipe: Some(recipe()) },
        RunEventKind::FileRequeued { of: of(1), elapsed, usage: used, input_changed: true, backoff, error: error() },
        begun(AttemptRef { round: 3, ..of(2) }),
    ];
    write(&path, RUN, story);
    let first = PastAttempt {
        of: of(1),
        run: RunId::new(RUN),
        started_at: Some(at_second(0)),
        end: Some(PastEnd::Requeued),
        elapsed: Some(elapsed),
        usage: used,
        error: Some(error()),
        size_bytes: Some(12),
        recipe: Some(recipe()),
        input_changed: true,
    };
    let second = PastAttempt {
        of: AttemptRef { round: 3, ..of(2) },
        run: RunId::new(RUN),
        started_at: Some(at_second(2)),
        end: None,
        elapsed: None,
        usage: None,
        error: None,
        size_bytes: None,
        recipe: None,
        input_changed: false,
    };
    assert_eq!(history(&path), [first, second]);
}

#[test]
fn a_recovery_ends_the_attempt_of_the_dead_run_and_a_release_is_counted_again() {
    let (_dir, path) = temp_path();
    write(&path, "run-0", [begun(of(1))]);
    let recovered = RunEventKind::FileRecovered {
        of: of(1),
        dead_run: RunId::new("run-0"),
        requeued: true,
        cancelled: false,
        in_scope: true,
    };
    write(&path, RUN, [recovered, begun(of(2)), released(of(2)), begun(of(2)), completed(of(2))]);
    let expected = [(1, Some(PastEnd::Died)), (2, Some(PastEnd::Released)), (2, Some(PastEnd::Completed))];
    assert_eq!(ends(&path), expected);
    assert_eq!(history(&path)[0].run, RunId::new("run-0"));
}

#[test]
fn an_attempt_has_the_claim_that_any_of_its_lines_has() {
    let (_dir, path) = temp_path();
    let with = |claim| AttemptRef { claim: Some(ClaimNumber::new(claim)), ..of(1) };
    let story = [begun(with(4)), released(with(4)), begun(with(6)), completed(of(1)), begun(of(1)), completed(with(8))];
    write(&path, RUN, story);
    let claims: Vec<_> = history(&path).iter().map(|past| (past.of.claim.map(ClaimNumber::get), past.end)).collect();
    let (given_back, done) = (Some(PastEnd::Released), Some(PastEnd::Completed));
    assert_eq!(claims, [(Some(4), given_back), (Some(6), done), (Some(8), done)]);
}

#[test]
fn an_end_without_a_beginning_is_an_attempt() {
    let (_dir, path) = temp_path();
    write(&path, RUN, [released(of(3)), completed(of(3))]);
    assert_eq!(ends(&path), [(3, Some(PastEnd::Released)), (3, Some(PastEnd::Completed))]);
    assert_eq!(history(&path)[0].started_at, None);
}

#[test]
fn attempts_match_by_item_run_and_the_time_of_their_beginning() {
    let (_dir, path) = temp_path();
    // Item 1 is being processed from second 0 to 2, item 17 from 1 to 4, item 71 from 3 on.
    let story =
        [begun(of_item(1)), begun(of_item(17)), completed(of_item(1)), begun(of_item(71)), completed(of_item(17))];
    write(&path, RUN, story);
    write(&path, "run-2", [begun(of_item(2))]);
    let all = HistoryQuery::default();
    assert_eq!(items(&attempts(&path, all.clone())), [1, 17, 71, 2]);
    assert_eq!(items(&attempts(&path, HistoryQuery::of_item(ItemId::new(1)))), [1]);
    let of_run = HistoryQuery { run: Some(RunId::new(RUN)), ..all.clone() };
    assert_eq!(items(&attempts(&path, of_run.clone())), [1, 17, 71]);
    let since = |second| HistoryQuery { since: Some(at_second(second)), ..of_run.clone() };
    assert_eq!(items(&attempts(&path, since(1))), [17, 71], "the end of item 1 is not an attempt");
    let until = HistoryQuery { until: Some(at_second(3)), ..since(1) };
    let found = attempts(&path, until);
    assert_eq!((items(&found), found[0].end), (vec![17], Some(PastEnd::Completed)), "its end is later");
}

#[test]
fn the_latest_attempts_of_a_long_log_are_found() {
    let (_dir, path) = temp_path();
    let story = |ids: std::ops::Range<u64>| ids.flat_map(|id| [begun(of_item(id)), completed(of_item(id))]);
    let fill = || {
        let mut log = std::fs::OpenOptions::new().append(true).open(&path).expect("the log");
        log.write_all(&vec![b'\n'; 2 << 20]).expect("a longer log");
    };
    write(&path, RUN, story(1..11));
    fill();
    write(&path, RUN, story(11..20));
    assert_eq!(items(&attempts(&path, HistoryQuery::default())), (1..20).collect::<Vec<_>>());
    fill();
    write(&path, RUN, story(20..1101));
    let found = attempts(&path, HistoryQuery::default());
    assert_eq!(items(&found), (101..1101).collect::<Vec<_>>());
    assert!(found.iter().all(|attempt| attempt.started_at.is_some() && attempt.end == Some(PastEnd::Completed)));
}

#[test]
fn events_keep_their_order_names_and_reasons() {
    let (_dir, path) = temp_path();
    write(&path, RUN, every_kind());
    let all = events(&path, HistoryQuery::default());
    let names: Vec<_> = every_kind().iter().map(RunEventKind::name).filter(|name| *name != "progress").collect();
    assert_eq!(all.iter().map(|event| &*event.name).collect::<Vec<_>>(), names);
    let held = all.iter().find(|event| &*event.name == "starts_held").expect("an event");
    assert_eq!((&held.of, held.reason.as_deref()), (&None, Some("1 MB free")));
    let failed = all.iter().find(|event| &*event.name == "file_failed").expect("an event");
    assert_eq!((failed.of.as_ref(), failed.reason.as_deref()), (Some(&of_sample()), Some("exit status 2")));
    let query = HistoryQuery { since: Some(held.at), until: Some(failed.at), ..HistoryQuery::of_item(of(1).id) };
    let names: Vec<_> = events(&path, query).into_iter().map(|event| event.name).collect();
    assert_eq!(names, ["file_started", "file_completed", "file_requeued"].map(Box::from));
}

fn of_sample() -> AttemptRef {
    AttemptRef { claim: Some(ClaimNumber::new(9)), ..of(2) }
}

#[test]
fn a_missing_log_is_empty_and_an_unreadable_one_is_an_error() {
    let (dir, path) = temp_path();
    assert_eq!(history(&path), []);
    assert_eq!(events(&path, HistoryQuery::default()), []);
    let error = read(dir.path(), HistoryQuery::default()).expect_err("a folder is not a log");
    assert_eq!(error.place, dir.path().display().to_string());
}

#[test]
fn other_lines_are_left_out() {
    let (_dir, path) = temp_path();
    write(&path, RUN, [begun(of(1))]);
    let mut log = std::fs::File::options().append(true).open(&path).expect("a log");
    log.write_all(b"\"item_id\":7\n\xff\"item_id\":7\n").expect("written");
    // The megabyte of blanks makes this line too long. The rest of the line looks valid, but must
    // not be read as a line.
    let ours = std::fs::read(&path).expect("a log").split_inclusive(|byte| *byte == b'\n').next().map(<[u8]>::to_vec);
    log.write_all(&vec![b' '; 1 << 20]).expect("written");
    log.write_all(&ours.expect("a line")).expect("written");
    write(&path, RUN, [begun(of(2))]);
    log.write_all(b"{\"timestamp\":\"a line that a crash cut").expect("written");
    assert_eq!(ends(&path), [(1, None), (2, None)]);
}

#[test]
fn of_more_than_a_thousand_attempts_the_latest_are_kept() {
    let (_dir, path) = temp_path();
    let numbers = || 1..=1200;
    write(&path, RUN, numbers().map(|number| begun(of(number))).chain(numbers().map(|number| completed(of(number)))));
    let all = history(&path);
    assert_eq!((all.len(), all[0].of.attempt.get(), all[999].of.attempt.get()), (1000, 201, 1200));
    assert!(all.iter().all(|attempt| attempt.end == Some(PastEnd::Completed) && attempt.started_at.is_some()));
}

fn visited(path: &Path, runs: &[&str]) -> Vec<(u32, String, Option<PastEnd>, Option<i64>)> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let visit = move |attempt: PastAttempt, ended_at: Option<Timestamp>| {
        assert!(attempt.end.is_none() || attempt.started_at.is_some(), "{attempt:?}");
        let second = ended_at.map(|at| at.as_micros() / 1_000_000);
        sender.send((attempt.of.attempt.get(), attempt.run.to_string(), attempt.end, second)).expect("a receiver");
    };
    let runs = runs.iter().map(|run| RunId::new(*run)).collect();
    block_on(EventLogHistory::new(path).visit_attempts(runs, Box::new(visit))).expect("readable");
    receiver.into_iter().collect()
}

#[test]
fn every_attempt_of_a_run_is_visited() {
    let (_dir, path) = temp_path();
    let numbers = || 1..=1200;
    write(&path, RUN, numbers().map(|number| begun(of(number))).chain(numbers().map(|number| completed(of(number)))));
    let all = visited(&path, &[RUN]);
    assert_eq!((all.len(), all[0].0, all[1199].0), (1200, 1, 1200));
    assert!(all.iter().all(|(.., end, at)| *end == Some(PastEnd::Completed) && at.is_some()));
}

#[test]
fn attempts_are_visited_in_the_order_of_their_ends() {
    let (_dir, path) = temp_path();
    let died = RunEventKind::FileRecovered {
        of: of(4),
        dead_run: RunId::new(RUN),
        requeued: true,
        cancelled: false,
        in_scope: true,
    };
    write(&path, RUN, [begun(of(1)), begun(of(2)), begun(of(3)), begun(of(4)), completed(of(2)), released(of(1))]);
    // The same attempt number is used again after a release.
    write(&path, RUN, [begun(of(1))]);
    write(&path, "run-2", [died, begun(of_item(8)), completed(of_item(8))]);
    let run = |number, end, at| (number, RUN.to_owned(), end, at);
    let first = [
        run(2, Some(PastEnd::Completed), Some(4)),
        run(1, Some(PastEnd::Released), Some(5)),
        run(4, Some(PastEnd::Died), Some(0)),
        run(3, None, None),
        run(1, None, None),
    ];
    let second = (1, "run-2".to_owned(), Some(PastEnd::Completed), Some(2));
    assert_eq!(visited(&path, &[RUN]), first);
    assert_eq!(visited(&path, &["run-2"]), std::slice::from_ref(&second));
    let both = [&first[..3], &[second], &first[3..]].concat();
    assert_eq!(visited(&path, &[RUN, "run-2"]), both);
    assert_eq!(visited(&path, &["unknown"]), []);
    assert_eq!(visited(&path.with_file_name("missing"), &[RUN]), []);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_file_can_be_read(lines in vec(prop_oneof![".{0,80}", Just("\"item_id\":7".to_owned())], 0..20)) {
        let (_dir, path) = temp_path();
        std::fs::write(&path, lines.join("\n")).expect("written");
        prop_assert_eq!(history(&path), []);
        prop_assert_eq!(events(&path, HistoryQuery::default()), []);
    }
}
