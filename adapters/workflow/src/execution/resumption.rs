//! Decides whether an attempt resumes an earlier execution.

use autoproc_domain::item::ClaimNumber;
use autoproc_domain::ports::Attempt;
use autoproc_domain::{FilePath, QueueItem, RunId, Status};

use super::engine::WorkflowRun;
use super::event::Subject;
use super::state::ExecutionState;

pub(super) struct NextAttempt<'a> {
    file_path: &'a FilePath,
    /// `None` if the run has not begun.
    run: Option<&'a RunId>,
    /// Greater than the number of every earlier claim of the item; `None` if no such number is
    /// known.
    claim: Option<ClaimNumber>,
    round: u32,
    follows_completion: bool,
    number: u32,
}

pub(super) struct EarlierExecution<'a> {
    pub(super) state: &'a ExecutionState,
    /// True if the journal is stored with the journals of completed executions.
    pub(super) is_completed: bool,
    pub(super) is_elsewhere: bool,
}

impl<'a> NextAttempt<'a> {
    pub(super) fn of(attempt: &'a Attempt) -> Self {
        Self {
            file_path: &attempt.file_path,
            run: Some(&attempt.run),
            claim: Some(attempt.token.number),
            round: attempt.round,
            follows_completion: attempt.follows_completion,
            number: attempt.number.get(),
        }
    }

    /// Returns the attempt that would begin if a run claimed the item now.
    pub(super) fn after(item: &'a QueueItem) -> Self {
        let begins_round = !item.status.is_live();
        let claim = match &item.claim {
            Some(claim) => Some(ClaimNumber::new(claim.number.get().saturating_add(1))),
            // The item was never claimed.
            None if item.last_attempt.is_none() => Some(ClaimNumber::FIRST),
            None => None,
        };
        Self {
            file_path: &item.file_path,
            run: None,
            claim,
            round: item.round.saturating_add(begins_round.into()),
            follows_completion: if begins_round { item.status == Status::Completed } else { item.follows_completion },
            number: if begins_round { 1 } else { item.attempts.saturating_add(1) },
        }
    }

    /// True if this attempt may resume the earlier execution. The caller checks whether the
    /// workflow may be resumed on this machine and in this project folder.
    ///
    /// The conditions are:
    /// - The item, file path, workflow and inputs are the same. The path may differ if the latest
    ///   attempt ran elsewhere.
    /// - The file has not changed since the latest attempt, as far as is known.
    /// - Since the latest attempt, the item has not completed, and at most one new round has begun.
    /// - If `from_start` is set, the execution belongs to this run.
    /// - The earlier claim number is smaller. Otherwise the execution belongs to another queue with
    ///   the same item ids.
    /// - A completed or rolled-back execution belongs to an earlier attempt of the same round. The
    ///   queue did not record the end of that attempt.
    pub(super) fn may_resume(&self, run: &WorkflowRun, subject: &Subject, earlier: &EarlierExecution<'_>) -> bool {
        let EarlierExecution { state, is_completed, is_elsewhere } = earlier;
        let ids = &state.attempt_ids;
        let is_same = subject.is_same_work(&state.subject, *is_elsewhere)
            && !state.is_file_changed(run.file_fingerprint(self.file_path.as_path()));
        let is_of_this_run = self.run.is_some_and(|run| ids.run_id == run.as_str());
        let is_earlier = self.claim.is_none_or(|claim| ids.claim < claim.get());
        let is_continued = ids.is_continued_in(self.round, self.follows_completion);
        let is_over = state.is_over() || *is_completed;
        let is_later_attempt = ids.round == self.round && ids.attempt < self.number;
        is_same && is_earlier && is_continued && (!is_over || is_later_attempt) && (is_of_this_run || !run.from_start)
    }
}
