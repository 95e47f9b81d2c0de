//! Checks of `History::visit_attempts`.

use std::sync::mpsc;
use std::time::Duration;

use autoproc_domain::item::{AttemptNumber, ClaimNumber};
use autoproc_domain::ports::{AttemptRef, History, Observer, PastAttempt, PastEnd, RunEvent, RunEventKind};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::{FilePath, ItemId, RunId, Timestamp};

use super::{Violation, event, same, started, stopped, tell};

/// More attempts than an implementation reads in one step.
const MANY: u64 = 2_500;

/// The item, the attempt number, the outcome, and the seconds of beginning and end.
type Visited = (u64, u32, Option<PastEnd>, Option<i64>, Option<i64>);

/// Checks the contract of [`History::visit_attempts`]. `history` must be empty, and must read the
/// events that `observer` records.
///
/// # Errors
/// The first [`Violation`].
pub async fn exercise_visits(observer: &dyn Observer, history: &dyn History) -> Result<(), Violation> {
    let ask = Ask(history);
    ask.expect("an empty history has no attempts to visit", &["long"], &[]).await?;
    tell(observer, &short_runs());
    ask.expect("attempts are visited in the order of their ends, open ones last", &["short"], &short()).await?;
    ask.expect("a recovery ends an attempt of the dead run", &["dead"], &dead()).await?;
    let both: Vec<_> = [dead().as_slice(), short().as_slice()].concat();
    ask.expect("the attempts of several runs have one order", &["short", "dead", "unknown"], &in_order(both)).await?;
    ask.expect("no attempts of no run are visited", &[], &[]).await?;
    tell(observer, &long_run());
    ask.expect("every attempt of a long run is visited", &["long"], &long()).await?;
    ask.details().await
}

struct Ask<'h>(&'h dyn History);

impl Ask<'_> {
    async fn visited(
        &self,
        check: &'static str,
        runs: &[&str],
    ) -> Result<Vec<(PastAttempt, Option<Timestamp>)>, Violation> {
        let (sender, receiver) = mpsc::channel();
        // Cannot fail, because the receiver lives until the visits are over.
        let visit = Box::new(move |attempt, ended_at| drop(sender.send((attempt, ended_at))));
        let runs = runs.iter().map(|run| RunId::new(*run)).collect();
        let visits = self.0.visit_attempts(runs, visit).await;
        visits.map_err(|error| Violation { check, detail: error.to_string() })?;
        Ok(receiver.into_iter().collect())
    }

    async fn expect(&self, check: &'static str, runs: &[&str], expected: &[Visited]) -> Result<(), Violation> {
        let visited: Vec<_> = self.visited(check, runs).await?.iter().map(summary).collect();
        if visited.len() != expected.len() {
            let detail = format!("{} attempts instead of {}", visited.len(), expected.len());
            return Err(Violation { check, detail });
        }
        same(check, visited.as_slice(), expected)
    }

    async fn details(&self) -> Result<(), Violation> {
        let check = "a visited attempt has the details of its beginning and its end";
        let visited = self.visited(check, &["short"]).await?;
        let Some((attempt, _)) = visited.first() else {
            return Err(Violation { check, detail: "no attempt was visited".to_owned() });
        };
        let actual = (&attempt.of, attempt.run.as_str(), attempt.elapsed, attempt.size_bytes, attempt.error.as_deref());
        let of = of(2, 1, Some(12));
        same(check, &actual, &(&of, "short", Some(ELAPSED), Some(7), Some("exit status 1")))
    }
}

const ELAPSED: Duration = Duration::from_millis(1500);

fn summary((attempt, ended_at): &(PastAttempt, Option<Timestamp>)) -> Visited {
    let second = |at: Timestamp| at.as_micros() / 1_000_000;
    let (began, ended) = (attempt.started_at.map(second), ended_at.map(second));
    (attempt.of.id.get(), attempt.of.attempt.get(), attempt.end, began, ended)
}

fn of(id: u64, attempt: u32, claim: Option<u64>) -> AttemptRef {
    let file_path = FilePath::new(format!("/in/{id}")).expect("an absolute path");
    let attempt = AttemptNumber::new(attempt).expect("not zero");
    AttemptRef { id: ItemId::new(id), file_path, round: 1, attempt, claim: claim.map(ClaimNumber::new) }
}

fn begun(of: AttemptRef) -> RunEventKind {
    RunEventKind::FileStarted { of, size_bytes: Some(7), recipe: None }
}

fn completed(of: AttemptRef) -> RunEventKind {
    RunEventKind::FileCompleted { of, elapsed: ELAPSED, usage: None, input_changed: false }
}

fn retried(of: AttemptRef) -> RunEventKind {
    let (backoff, error) = (Duration::from_secs(2), "exit status 1".into());
    RunEventKind::FileRequeued { of, elapsed: ELAPSED, usage: None, input_changed: false, backoff, error }
}

fn released(of: AttemptRef) -> RunEventKind {
    RunEventKind::FileReleased { of, elapsed: ELAPSED, usage: None, input_changed: false }
}

fn recovered(of: AttemptRef) -> RunEventKind {
    let dead_run = RunId::new("dead");
    RunEventKind::FileRecovered { of, dead_run, requeued: true, cancelled: false, in_scope: true }
}

fn short_runs() -> Vec<RunEvent> {
    vec![
        event(1, "dead", started()),
        event(2, "dead", begun(of(8, 1, Some(8)))),
        event(3, "short", started()),
        event(4, "dead", begun(of(9, 1, Some(9)))),
        event(5, "short", begun(of(1, 1, Some(11)))),
        event(6, "short", begun(of(2, 1, Some(12)))),
        event(7, "short", begun(of(3, 1, Some(13)))),
        event(8, "short", retried(of(2, 1, Some(12)))),
        event(9, "short", recovered(of(8, 1, None))),
        event(10, "short", released(of(1, 1, Some(11)))),
        // A released attempt does not count, so the next attempt has the same number.
        event(11, "short", begun(of(1, 1, Some(14)))),
        event(12, "short", begun(of(2, 2, Some(15)))),
        event(13, "short", completed(of(2, 2, Some(15)))),
        event(14, "later", started()),
        event(15, "later", recovered(of(9, 1, None))),
        event(16, "later", begun(of(9, 2, Some(16)))),
        event(17, "later", completed(of(9, 2, Some(16)))),
        // The event of the beginning of this attempt was lost.
        event(18, "short", completed(of(4, 1, Some(17)))),
    ]
}

fn short() -> Vec<Visited> {
    vec![
        (2, 1, Some(PastEnd::Requeued), Some(6), Some(8)),
        (1, 1, Some(PastEnd::Released), Some(5), Some(10)),
        (2, 2, Some(PastEnd::Completed), Some(12), Some(13)),
        (4, 1, Some(PastEnd::Completed), None, Some(18)),
        (3, 1, None, Some(7), None),
        (1, 1, None, Some(11), None),
    ]
}

fn dead() -> Vec<Visited> {
    vec![(8, 1, Some(PastEnd::Died), Some(2), Some(9)), (9, 1, Some(PastEnd::Died), Some(4), Some(15))]
}

fn in_order(mut visited: Vec<Visited>) -> Vec<Visited> {
    visited.sort_by_key(|(_, _, _, began, ended)| (ended.is_none(), *ended, *began));
    visited
}

fn long_run() -> Vec<RunEvent> {
    let mut events = vec![event(20, "long", started()), event(20, "other", started())];
    events.extend((1..=MANY).map(|id| event(21, "long", begun(of(1000 + id, 1, Some(1000 + id))))));
    for id in (1..=MANY).rev() {
        events.push(event(22, "other", completed(of(9000 + id, 1, Some(9000 + id)))));
        events.push(event(23, "long", completed(of(1000 + id, 1, Some(1000 + id)))));
    }
    events.push(event(24, "long", stopped(MANY, 0, 0, StoppedBy::QueueEmpty)));
    events
}

fn long() -> Vec<Visited> {
    (1..=MANY).rev().map(|id| (1000 + id, 1, Some(PastEnd::Completed), Some(21), Some(23))).collect()
}
