//! Checks of past attempts and events.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use autoproc_domain::item::{AttemptNumber, ClaimNumber};
use autoproc_domain::ports::{
    AttemptRef, History, HistoryQuery, Observer, PastAttempt, PastEnd, ResourceUsage, RunEvent, RunEventKind,
};
use autoproc_domain::{FilePath, ItemId, Recipe, RunId};

use super::{Violation, at, event, same, tell};

/// The lowest permitted limit on the attempts in an answer.
const MIN_LIMIT: usize = 1000;

/// Checks the contract of [`History::attempts`] and [`History::events`]. `history` must be empty,
/// and must read the events that `observer` records.
///
/// # Errors
/// The first [`Violation`].
pub async fn exercise_entries(observer: &dyn Observer, history: &dyn History) -> Result<(), Violation> {
    let ask = Ask(history);
    same("an empty history has no attempts", &ask.attempts(HistoryQuery::default()).await?, &vec![])?;
    tell(observer, &details());
    same("an attempt has the details of all its events", &ask.of_item(1).await?, &expected_details())?;
    tell(observer, &recovery());
    let ends = [(1, Some(PastEnd::Died)), (2, Some(PastEnd::Released)), (2, Some(PastEnd::Completed))];
    same("a recovery ends the attempt of a dead run", &ask.ends(2).await?, &ends.to_vec())?;
    let runs: Vec<_> = ask.of_item(2).await?.iter().map(|past| past.run.to_string()).collect();
    same("an attempt belongs to the run that made it", &runs, &["run-0", "run-1", "run-1"].map(String::from).to_vec())?;
    tell(observer, &claims(3));
    ask.claims(3).await?;
    // An implementation may record several events at once, or each on its own.
    for event in claims(5) {
        tell(observer, &[event]);
        ask.of_item(5).await?;
    }
    ask.claims(5).await?;
    tell(observer, &orphans());
    ask.orphans().await?;
    tell(observer, &[event(43, "run-1", begun(claimed(7, 1, 16)))]);
    ask.of_item(7).await?;
    tell(observer, &ended_by_both());
    let ends = [(1, Some(PastEnd::Completed)), (1, Some(PastEnd::Discarded))];
    same("the first end of an attempt is kept", &ask.ends(7).await?, &ends.to_vec())?;
    tell(observer, &overlapping());
    ask.matches().await?;
    ask.events().await?;
    tell(observer, &many());
    ask.latest().await
}

struct Ask<'h>(&'h dyn History);

impl Ask<'_> {
    async fn attempts(&self, query: HistoryQuery) -> Result<Vec<PastAttempt>, Violation> {
        let check = "the history can be read";
        self.0.attempts(query).await.map_err(|error| Violation { check, detail: error.to_string() })
    }

    async fn of_item(&self, id: u64) -> Result<Vec<PastAttempt>, Violation> {
        self.attempts(HistoryQuery::of_item(ItemId::new(id))).await
    }

    async fn ends(&self, id: u64) -> Result<Vec<(u32, Option<PastEnd>)>, Violation> {
        Ok(self.of_item(id).await?.iter().map(|past| (past.of.attempt.get(), past.end)).collect())
    }

    async fn items(&self, query: HistoryQuery) -> Result<Vec<u64>, Violation> {
        Ok(self.attempts(query).await?.iter().map(|past| past.of.id.get()).collect())
    }

    async fn claims(&self, id: u64) -> Result<(), Violation> {
        let found = self.of_item(id).await?;
        let claims: Vec<_> = found.iter().map(|past| (past.of.claim.map(ClaimNumber::get), past.end)).collect();
        let (released, done) = (Some(PastEnd::Released), Some(PastEnd::Completed));
        let expected = [(Some(4), released), (Some(6), done), (Some(8), done), (Some(10), done), (Some(11), None)];
        same("an attempt has the claim that any of its events has", &claims, &expected.to_vec())
    }

    async fn orphans(&self) -> Result<(), Violation> {
        let found = self.of_item(4).await?;
        let ends: Vec<_> = found.iter().map(|past| (past.of.attempt.get(), past.end, past.started_at)).collect();
        let expected = [(3, Some(PastEnd::Timeout), None), (4, Some(PastEnd::Discarded), None)];
        same("an end without a beginning is an attempt", &ends, &expected.to_vec())?;
        let begun: Vec<_> = self.of_item(6).await?.iter().map(|past| past.started_at).collect();
        same("a second end is an attempt without a beginning", &begun, &vec![Some(at(42)), None])
    }

    async fn matches(&self) -> Result<(), Violation> {
        let of_run = HistoryQuery { run: Some(RunId::new("overlap")), ..HistoryQuery::default() };
        same("attempts match by their run", &self.items(of_run.clone()).await?, &vec![11, 17, 71])?;
        let since = HistoryQuery { since: Some(at(51)), ..of_run.clone() };
        same("attempts match by the time at which they began", &self.items(since.clone()).await?, &vec![17, 71])?;
        let during = HistoryQuery { until: Some(at(53)), ..since };
        let found = self.attempts(during).await?;
        let found: Vec<_> = found.iter().map(|past| (past.of.id.get(), past.end)).collect();
        same("a period ends before its end", &found, &vec![(17, Some(PastEnd::Completed))])?;
        let period = HistoryQuery { since: Some(at(51)), until: Some(at(53)), ..HistoryQuery::default() };
        same("a period matches every run", &self.items(period).await?, &vec![17])?;
        let both = HistoryQuery { run: Some(RunId::new("overlap")), ..HistoryQuery::of_item(ItemId::new(1)) };
        same("every condition must match", &self.items(both).await?, &vec![])
    }

    async fn events(&self) -> Result<(), Violation> {
        let check = "events keep their order, names, attempts and reasons";
        let of_run = HistoryQuery { run: Some(RunId::new("overlap")), ..HistoryQuery::default() };
        let found = self.0.events(of_run).await.map_err(|error| Violation { check, detail: error.to_string() })?;
        let found: Vec<_> = found.into_iter().map(|past| (past.at, past.name, past.of, past.reason)).collect();
        let reason = |kind: &RunEventKind| match kind {
            RunEventKind::StartsHeld { reason, .. } => Some(reason.clone()),
            RunEventKind::StorageTrouble { error } => Some(error.clone()),
            _ => None,
        };
        let told = overlapping();
        let told = told.iter().filter(|event| !matches!(event.kind, RunEventKind::Progress { .. }));
        let expected: Vec<_> = told
            .map(|RunEvent { at, kind, .. }| (*at, kind.name().into(), kind.attempt().cloned(), reason(kind)))
            .collect();
        same(check, &found, &expected)?;
        let query = HistoryQuery { since: Some(at(52)), ..HistoryQuery::of_item(ItemId::new(17)) };
        let found = self.0.events(query).await.map_err(|error| Violation { check, detail: error.to_string() })?;
        let names: Vec<_> = found.iter().map(|past| &*past.name).collect();
        same("events match by their item and time", &names, &vec!["file_completed"])
    }

    async fn latest(&self) -> Result<(), Violation> {
        let found = self.of_item(99).await?;
        let numbers: Vec<_> = found.iter().map(|past| past.of.attempt.get()).collect();
        let expected: Vec<_> = (1..=1200).collect();
        let is_suffix = expected.ends_with(&numbers);
        same("the latest attempts are kept", &(is_suffix, numbers.len() >= MIN_LIMIT), &(true, true))?;
        let whole = |past: &PastAttempt| past.started_at.is_some() && past.end == Some(PastEnd::Completed);
        same("each attempt is whole", &found.iter().all(whole), &true)
    }
}

fn of(id: u64, attempt: u32) -> AttemptRef {
    // The path is not UTF-8.
    let file_path = FilePath::new(OsStr::from_bytes(
        format!("/in/{id}").as_bytes().iter().chain(b"\xff\"").copied().collect::<Vec<u8>>().as_slice(),
    ));
    let file_path = file_path.expect("an absolute path");
    let attempt = AttemptNumber::new(attempt).expect("not zero");
    AttemptRef { id: ItemId::new(id), file_path, round: 1, attempt, claim: None }
}

fn claimed(id: u64, attempt: u32, claim: u64) -> AttemptRef {
    AttemptRef { claim: Some(ClaimNumber::new(claim)), ..of(id, attempt) }
}

fn begun(of: AttemptRef) -> RunEventKind {
    RunEventKind::FileStarted { of, size_bytes: None, recipe: None }
}

fn completed(of: AttemptRef) -> RunEventKind {
    RunEventKind::FileCompleted { of, elapsed: Duration::ZERO, usage: None, input_changed: false }
}

fn released(of: AttemptRef) -> RunEventKind {
    RunEventKind::FileReleased { of, elapsed: Duration::ZERO, usage: None, input_changed: false }
}

fn timed_out(of: AttemptRef) -> RunEventKind {
    let (elapsed, error) = (Duration::ZERO, "timed out".into());
    RunEventKind::FileTimeout { of, elapsed, usage: None, input_changed: false, error }
}

const ERROR: &str = "exit status 1: no\nwhy \\0 \0";
const ELAPSED: Duration = Duration::from_millis(1500);
const USAGE: ResourceUsage =
    ResourceUsage { user: Duration::from_millis(1250), system: Duration::from_millis(250), peak_memory: 4096 };

fn recipe() -> Recipe {
    Recipe::new([0, 1, 2, 3, 4, 5, 6, 255])
}

fn details() -> Vec<RunEvent> {
    let retry = RunEventKind::FileRequeued {
        of: of(1, 1),
        elapsed: ELAPSED,
        usage: Some(USAGE),
        input_changed: true,
        backoff: Duration::from_secs(2),
        error: ERROR.into(),
    };
    let first = RunEventKind::FileStarted { of: of(1, 1), size_bytes: Some(12), recipe: Some(recipe()) };
    let second = begun(AttemptRef { round: 3, ..of(1, 2) });
    vec![event(1, "run-1", first), event(2, "run-1", retry), event(3, "run-1", second)]
}

fn expected_details() -> Vec<PastAttempt> {
    let second = PastAttempt {
        of: AttemptRef { round: 3, ..of(1, 2) },
        run: RunId::new("run-1"),
        started_at: Some(at(3)),
        end: None,
        elapsed: None,
        usage: None,
        error: None,
        size_bytes: None,
        recipe: None,
        input_changed: false,
    };
    let first = PastAttempt {
        of: of(1, 1),
        started_at: Some(at(1)),
        end: Some(PastEnd::Requeued),
        elapsed: Some(ELAPSED),
        usage: Some(USAGE),
        error: Some(ERROR.into()),
        size_bytes: Some(12),
        recipe: Some(recipe()),
        input_changed: true,
        ..second.clone()
    };
    vec![first, second]
}

fn recovery() -> Vec<RunEvent> {
    let recovered = RunEventKind::FileRecovered {
        of: of(2, 1),
        dead_run: RunId::new("run-0"),
        requeued: true,
        cancelled: false,
        in_scope: true,
    };
    vec![
        event(10, "run-0", begun(of(2, 1))),
        event(20, "run-1", recovered),
        event(21, "run-1", begun(of(2, 2))),
        event(22, "run-1", released(of(2, 2))),
        event(23, "run-1", begun(of(2, 2))),
        event(24, "run-1", completed(of(2, 2))),
    ]
}

fn claims(id: u64) -> Vec<RunEvent> {
    let story = [
        begun(claimed(id, 1, 4)),
        released(claimed(id, 1, 4)),
        begun(claimed(id, 1, 6)),
        completed(of(id, 1)),
        begun(of(id, 1)),
        completed(claimed(id, 1, 8)),
        begun(claimed(id, 1, 10)),
        begun(claimed(id, 1, 11)),
        completed(claimed(id, 1, 10)),
    ];
    story.map(|kind| event(30, "run-1", kind)).to_vec()
}

fn orphans() -> Vec<RunEvent> {
    let discarded = RunEventKind::ResultDiscarded { of: of(4, 4) };
    let ended_twice = [begun(claimed(6, 1, 15)), completed(claimed(6, 1, 15)), completed(claimed(6, 1, 15))];
    let orphans = [event(40, "run-1", timed_out(of(4, 3))), event(41, "run-1", discarded)];
    orphans.into_iter().chain(ended_twice.map(|kind| event(42, "run-1", kind))).collect()
}

fn ended_by_both() -> Vec<RunEvent> {
    let discarded = RunEventKind::ResultDiscarded { of: claimed(7, 1, 16) };
    vec![event(44, "run-1", completed(claimed(7, 1, 16))), event(44, "run-1", discarded)]
}

fn overlapping() -> Vec<RunEvent> {
    let progress = RunEventKind::Progress { counts: autoproc_domain::view::Counts::default(), next_due: None };
    let story = [
        (50, begun(claimed(11, 1, 20))),
        (50, RunEventKind::StartsHeld { reason: "1 MB free".into(), probe_at: None }),
        (51, begun(of(17, 1))),
        (51, progress),
        (52, completed(claimed(11, 1, 20))),
        (53, begun(of(71, 1))),
        (53, RunEventKind::StorageTrouble { error: "locked\nby \"x\"".into() }),
        (54, completed(of(17, 1))),
        (54, RunEventKind::StartsResumed { because: None }),
    ];
    story.map(|(second, kind)| event(second, "overlap", kind)).to_vec()
}

fn many() -> Vec<RunEvent> {
    let begun = (1..=1200).map(|attempt| event(60, "many", begun(of(99, attempt))));
    begun.chain((1..=1200).map(|attempt| event(61, "many", completed(of(99, attempt))))).collect()
}
