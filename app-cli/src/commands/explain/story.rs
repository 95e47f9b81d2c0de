//! Lists the past events of a file.

use std::time::Duration;

use autoproc_domain::failure::CANCELLED;
use autoproc_domain::ports::{PastAttempt, PastEnd, PastEvent};
use autoproc_domain::{Priority, QueueItem, RunId, Timestamp};

/// The shortest wait that is shown.
const MIN_WAIT: Duration = Duration::from_secs(1);

pub(super) struct Moment {
    /// The time of the event; `None` if it is not recorded.
    pub(super) at: Option<Timestamp>,
    /// The waiting time before an attempt. `None` if unknown or below [`MIN_WAIT`].
    pub(super) waited: Option<Duration>,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    /// The file was added. Only its present priority is recorded.
    Added(Priority),
    /// Another round began.
    Round(u32, RoundCause),
    Attempt(Box<PastAttempt>),
    /// This run recovered the file from the dead run of the preceding attempt.
    Recovered(RunId),
    Held,
    Cancelled,
}

/// How the preceding round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RoundCause {
    Completed,
    Failed,
    Unknown,
}

/// Returns what happened to a file in the queue.
pub(super) fn of_item(item: &QueueItem, attempts: Vec<PastAttempt>, recoveries: &[PastEvent]) -> Vec<Moment> {
    let mut story = Story::new(recoveries);
    story.add(Some(item.added_at), Kind::Added(item.priority));
    story.last_end = Some(item.added_at);
    story.attempts(attempts);
    if item.round > story.round {
        let cause = if item.follows_completion { RoundCause::Completed } else { RoundCause::Failed };
        story.add(None, Kind::Round(item.round, cause));
    }
    if item.is_held {
        story.add(None, Kind::Held);
    }
    if is_cancelled(item) {
        story.add(None, Kind::Cancelled);
    }
    story.moments
}

/// Returns what happened to a file that is not in the queue.
pub(super) fn of_past(attempts: Vec<PastAttempt>, recoveries: &[PastEvent]) -> Vec<Moment> {
    let mut story = Story::new(recoveries);
    story.attempts(attempts);
    story.moments
}

pub(super) fn is_cancelled(item: &QueueItem) -> bool {
    let has_ended = item.status.has_failed() && item.last_error.as_deref() == Some(CANCELLED);
    has_ended || item.claim.as_ref().is_some_and(|claim| claim.is_cancelled)
}

struct Story<'r> {
    moments: Vec<Moment>,
    recoveries: &'r [PastEvent],
    round: u32,
    has_attempts: bool,
    latest: Option<PastEnd>,
    /// The time when the file began to wait for its next attempt.
    last_end: Option<Timestamp>,
}

impl<'r> Story<'r> {
    fn new(recoveries: &'r [PastEvent]) -> Self {
        Self { moments: Vec::new(), recoveries, round: 1, has_attempts: false, latest: None, last_end: None }
    }

    fn add(&mut self, at: Option<Timestamp>, kind: Kind) {
        self.moments.push(Moment { at, waited: None, kind });
    }

    fn attempts(&mut self, attempts: Vec<PastAttempt>) {
        for attempt in attempts {
            self.attempt(attempt);
        }
    }

    fn attempt(&mut self, attempt: PastAttempt) {
        if attempt.of.round > self.round {
            let cause = match self.latest {
                _ if !self.has_attempts => RoundCause::Unknown,
                Some(PastEnd::Completed) => RoundCause::Completed,
                _ => RoundCause::Failed,
            };
            self.add(None, Kind::Round(attempt.of.round, cause));
            self.last_end = None;
        }
        // The log lacks earlier attempts, so the start of the wait is unknown.
        if !self.has_attempts && (attempt.of.round, attempt.of.attempt.get()) != (1, 1) {
            self.last_end = None;
        }
        let recovery = self.recovery(&attempt);
        let (at, end) = (attempt.started_at, attempt.end);
        let waited = at.zip(self.last_end).map(|(at, since)| at.saturating_since(since));
        (self.round, self.latest, self.has_attempts) = (attempt.of.round, end, true);
        self.last_end = match (end, recovery) {
            (Some(PastEnd::Died), recovery) => recovery.map(|event| event.at),
            _ => at.zip(attempt.elapsed).map(|(at, elapsed)| at.saturating_add(elapsed)),
        };
        let waited = waited.filter(|waited| *waited >= MIN_WAIT);
        self.moments.push(Moment { at, waited, kind: Kind::Attempt(Box::new(attempt)) });
        if let Some(recovery) = recovery.filter(|_| end == Some(PastEnd::Died)) {
            self.add(Some(recovery.at), Kind::Recovered(recovery.run.clone()));
        }
    }

    /// Returns the recovery after the attempt. Earlier recoveries may belong to a released attempt
    /// with the same number.
    fn recovery(&self, attempt: &PastAttempt) -> Option<&'r PastEvent> {
        let is_it = |event: &&PastEvent| {
            let of = event.of.as_ref();
            of.is_some_and(|of| (of.id, of.round, of.attempt) == (attempt.of.id, attempt.of.round, attempt.of.attempt))
                && attempt.started_at.is_none_or(|began| began <= event.at)
        };
        self.recoveries.iter().find(is_it)
    }
}
