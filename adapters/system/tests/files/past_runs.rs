use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::ports::{History, HistoryError, HistoryQuery, PastAttempt, PastEvent, RunFilter, RunsSummary};
use autoproc_system::{EventLog, EventLogHistory};
use autoproc_testkit::conformance::history::{exercise_entries, exercise_runs, exercise_visits};
use tempfile::TempDir;

struct Flawed {
    history: EventLogHistory,
    flaw: fn(&mut RunsSummary),
    entry_flaw: EntryFlaw,
}

type EntryFlaw = (fn(&mut Vec<PastAttempt>), fn(&mut Vec<PastEvent>));

#[async_trait]
impl History for Flawed {
    async fn attempts(&self, query: HistoryQuery) -> Result<Vec<PastAttempt>, HistoryError> {
        let mut attempts = self.history.attempts(query).await?;
        (self.entry_flaw.0)(&mut attempts);
        Ok(attempts)
    }

    async fn events(&self, query: HistoryQuery) -> Result<Vec<PastEvent>, HistoryError> {
        let mut events = self.history.events(query).await?;
        (self.entry_flaw.1)(&mut events);
        Ok(events)
    }

    async fn runs(&self, filter: RunFilter) -> Result<RunsSummary, HistoryError> {
        let mut summary = self.history.runs(filter).await?;
        (self.flaw)(&mut summary);
        Ok(summary)
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

fn violation(flaw: fn(&mut RunsSummary)) -> Option<&'static str> {
    let (_dir, log, history) = flawed(flaw, (|_| {}, |_| {}));
    block_on(exercise_runs(&log, &history)).err().map(|violation| violation.check)
}

fn entry_violation(flaw: EntryFlaw) -> Option<&'static str> {
    let (_dir, log, history) = flawed(|_| {}, flaw);
    block_on(exercise_entries(&log, &history)).err().map(|violation| violation.check)
}

fn flawed(flaw: fn(&mut RunsSummary), entry_flaw: EntryFlaw) -> (TempDir, EventLog, Flawed) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    let log = EventLog::new(&path, Arc::new(|warning: &str| panic!("{warning}")));
    let history = Flawed { history: EventLogHistory::new(&path), flaw, entry_flaw };
    (dir, log, history)
}

#[test]
fn the_event_log_conforms() {
    assert_eq!(violation(|_| {}), None);
    assert_eq!(entry_violation((|_| {}, |_| {})), None);
    let (_dir, log, flawed) = flawed(|_| {}, (|_| {}, |_| {}));
    block_on(exercise_visits(&log, &flawed.history)).expect("the visits conform");
}

#[test]
fn the_suite_notices_attempts_that_are_visited_out_of_order() {
    let (_dir, log, history) = flawed(|_| {}, (|_| {}, |_| {}));
    let violation = block_on(exercise_visits(&log, &history)).expect_err("the order is another one");
    assert_eq!(violation.check, "attempts are visited in the order of their ends, open ones last");
}

#[test]
fn the_suite_notices_flawed_attempts_and_events() {
    let attempts = |flaw| entry_violation((flaw, |_| {}));
    let details = Some("an attempt has the details of all its events");
    assert_eq!(attempts(|all| all.iter_mut().for_each(|past| past.recipe = None)), details);
    assert_eq!(attempts(|all| all.reverse()), details);
    let of_dead_run = Some("an attempt belongs to the run that made it");
    assert_eq!(attempts(|all| all.iter_mut().for_each(|past| past.run = RunId::new("run-1"))), of_dead_run);
    assert_eq!(
        attempts(|all| all.iter_mut().for_each(|past| past.of.claim = None)),
        Some("an attempt has the claim that any of its events has")
    );
    assert_eq!(
        attempts(|all| all.retain(|past| past.started_at.is_some())),
        Some("an end without a beginning is an attempt")
    );
    assert_eq!(attempts(|all| all.truncate(999)), Some("the latest attempts are kept"));
    let events = |flaw| entry_violation((|_| {}, flaw));
    let kept = Some("events keep their order, names, attempts and reasons");
    assert_eq!(events(|all| all.iter_mut().for_each(|past| past.reason = None)), kept);
    assert_eq!(events(|all| all.reverse()), kept);
}

#[test]
fn the_suite_notices_what_is_missing() {
    assert_eq!(violation(|all| all.runs.clear()), Some("each run has its own figures"));
    assert_eq!(
        violation(|all| all.runs.iter_mut().for_each(|run| run.stop = None)),
        Some("each run has its own figures")
    );
    assert_eq!(violation(|all| all.runs.truncate(2)), Some("runs are in the order in which they began"));
    assert_eq!(violation(|all| all.failures.clear()), Some("failures of one run"));
    assert_eq!(violation(|all| all.failed_files = 2), Some("a file that completed later has not failed"));
    assert_eq!(violation(|all| all.failures.reverse()), Some("failures of one run"));
    assert_eq!(violation(|all| all.slowest.reverse()), Some("the longest completed attempts"));
}

#[test]
fn a_history_that_does_not_visit_attempts_passes_those_that_it_returns() {
    let log = LongLog::new(1, 1_200);
    log.append(line(0, "file_started", "\"file_path\":\"/in/x\",\"item_id\":9999,\"attempt\":1").as_bytes());
    let entry_flaw: EntryFlaw = (|_| {}, |_| {});
    let history = Flawed { history: EventLogHistory::new(log.path()), flaw: |_| {}, entry_flaw };
    let (sender, receiver) = std::sync::mpsc::channel();
    let visit = Box::new(move |attempt: PastAttempt, ended_at| {
        sender.send((attempt.of.id.get(), ended_at)).expect("a receiver");
    });
    block_on(history.visit_attempts(vec![RunId::new("run-0")], visit)).expect("readable");
    let visited: Vec<_> = receiver.into_iter().collect();
    assert_eq!((visited.len(), visited.first(), visited.last()), (1_000, Some(&(201, None)), Some(&(9_999, None))));
}

struct LongLog {
    dir: TempDir,
}

impl LongLog {
    fn new(runs: u64, files: u64) -> Self {
        let log = Self { dir: tempfile::tempdir().expect("a folder") };
        let mut file = File::create(log.path()).expect("a file");
        for run in 0..runs {
            let mut text = line(run, "processor_started", "\"jobs\":1");
            (0..files).for_each(|item| text += &line(run, "file_completed", &completed(item)));
            file.write_all(text.as_bytes()).expect("written");
        }
        log
    }

    fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("log")
    }

    fn append(&self, bytes: &[u8]) {
        File::options().append(true).open(self.path()).expect("the log").write_all(bytes).expect("written");
    }

    fn runs(&self, filter: RunFilter) -> Vec<(String, u64)> {
        runs(&self.path(), filter)
    }
}

fn runs(path: &Path, filter: RunFilter) -> Vec<(String, u64)> {
    let summary = block_on(EventLogHistory::new(path).runs(filter)).expect("readable");
    summary.runs.into_iter().map(|run| (run.id.to_string(), run.completed)).collect()
}

fn line(run: u64, event: &str, rest: &str) -> String {
    format!(
        "{{\"timestamp\":\"2026-11-28T2{run}:00:00.000000Z\",\"run_id\":\"run-{run}\",\"event\":\"{event}\",{rest}}}\n"
    )
}

fn completed(item: u64) -> String {
    let mut text = String::new();
    write!(text, "\"file_path\":\"/in/{item}-{:0200}\",\"item_id\":{item},\"attempt\":1,\"duration_s\":1.5", 0)
        .expect("a string takes all");
    text
}

#[test]
fn the_latest_runs_are_found_from_the_end_of_a_long_log() {
    let log = LongLog::new(3, 9_000);
    assert!(fs::metadata(log.path()).expect("the log").len() > 5 << 20);
    let expected = |numbers: &[u64]| numbers.iter().map(|run| (format!("run-{run}"), 9_000)).collect::<Vec<_>>();
    assert_eq!(log.runs(RunFilter::Latest(1)), expected(&[2]));
    assert_eq!(log.runs(RunFilter::Latest(2)), expected(&[1, 2]));
    assert_eq!(log.runs(RunFilter::All), expected(&[0, 1, 2]));
    assert_eq!(log.runs(RunFilter::Named(vec![RunId::new("run-1")])), expected(&[1]));
    let since = "2026-11-28T21:00:00Z".parse().expect("a time");
    assert_eq!(log.runs(RunFilter::Since(since)), expected(&[1, 2]));
}

#[test]
fn a_beginning_across_the_border_of_two_blocks_is_found() {
    let start = line(1, "processor_started", "\"jobs\":1");
    for behind in (0..=start.len()).step_by(8) {
        let log = LongLog::new(1, 1);
        log.append(start.as_bytes());
        log.append(&vec![b'x'; (1 << 20) - behind - 1]);
        log.append(b"\n");
        assert_eq!(log.runs(RunFilter::Latest(1)), [("run-1".to_owned(), 0)], "{behind} bytes before the border");
    }
}

#[test]
fn other_lines_are_of_no_run() {
    let log = LongLog::new(2, 1);
    // One line is longer than a block, one is not UTF-8, one belongs to another program, and one
    // was cut off by a crash.
    log.append(&vec![b'x'; 3 << 20]);
    log.append(b"\n\xff\"event\":\"processor_started\"\n{\"event\":\"processor_started\",\"run_id\":\"other\"}\n");
    log.append(line(2, "processor_started", "\"jobs\":1").trim_end().as_bytes());
    log.append(b"\n{\"timestamp\":\"2026-11-28T23:00:00.000000Z\",\"run_id\":\"run-3\",\"eve");
    let both = [("run-1".to_owned(), 1), ("run-2".to_owned(), 0)];
    assert_eq!(log.runs(RunFilter::Latest(2)), both);
    assert_eq!(log.runs(RunFilter::All)[1..], both);
}

#[test]
fn a_run_whose_beginning_was_cut_off_is_still_known() {
    let log = LongLog::new(1, 3);
    let text = fs::read_to_string(log.path()).expect("the log");
    let (_, rest) = text.split_once('\n').expect("lines");
    fs::write(log.path(), rest).expect("written");
    let known = [("run-0".to_owned(), 3)];
    assert_eq!(log.runs(RunFilter::All), known);
    assert_eq!(log.runs(RunFilter::Named(vec![RunId::new("run-0")])), known);
    assert_eq!(log.runs(RunFilter::Latest(1)), [], "it is unknown whether the run began last");
}

#[test]
fn a_missing_log_has_no_runs_and_an_unreadable_one_is_an_error() {
    let dir = tempfile::tempdir().expect("a folder");
    assert_eq!(runs(&dir.path().join("log"), RunFilter::All), []);
    let error = block_on(EventLogHistory::new(dir.path()).runs(RunFilter::All)).expect_err("a folder is not a log");
    assert_eq!(error.place, dir.path().display().to_string());
}
