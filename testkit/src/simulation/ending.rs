//! Checks at the end of a run and of the simulation.

use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::{AttemptOutcome, StopLevel, StorageError};
use autoproc_domain::request::Verdict;
use autoproc_domain::run::{FailureLimit, ProcessorError};
use autoproc_domain::run_info::{ProcessingResult, StoppedBy};
use autoproc_domain::{QueueItem, RetryPolicy, Status};

use super::attempts::{AttemptEnd, AttemptTruth};
use super::holds;
use super::plan::Plan;
use super::run::{RunEnd, Tally};
use super::world::World;

type Outcome = Result<ProcessingResult, ProcessorError>;

impl World {
    pub(super) fn check_run(&mut self, run: usize, outcome: &Outcome) -> Result<(), String> {
        let ending = &self.runs[run];
        let in_hand = ending.orchestrator.in_hand();
        holds(in_hand == 0, || format!("{} ended with {in_hand} attempts under way", ending.id))?;
        match outcome {
            Ok(result) => {
                self.check_tally(run, result)?;
                self.check_reason(run, result)?;
                self.check_reports(run)?;
                self.check_nothing_is_left(run, result)?;
                self.summary.stops += usize::from(matches!(result.stopped_by, StoppedBy::Request(_)));
                self.summary.missing_programs +=
                    usize::from(matches!(result.stopped_by, StoppedBy::ProgramMissing | StoppedBy::InputMissing));
                self.summary.deadlines += usize::from(result.stopped_by == StoppedBy::Deadline);
                self.summary.limits += usize::from(result.stopped_by == StoppedBy::TooManyFailed);
            }
            Err(error) => self.check_error(run, error)?,
        }
        self.check_stops(run)
    }

    fn check_tally(&self, run: usize, result: &ProcessingResult) -> Result<(), String> {
        let run = &self.runs[run];
        let returned = Tally { completed: result.processed, failed: result.failed, retried: result.retried };
        let is_true = returned == run.reported && run.reported == run.recorded;
        holds(is_true, || {
            format!("{} returned {returned:?}, reported {:?}, recorded {:?}", run.id, run.reported, run.recorded)
        })
    }

    fn check_reason(&self, run: usize, result: &ProcessingResult) -> Result<(), String> {
        let run = &self.runs[run];
        let is_stopped = matches!(result.stopped_by, StoppedBy::Request(_));
        holds(is_stopped == run.was_stopped, || {
            format!("{} was asked to stop: {}; it returned {result:?}", run.id, run.was_stopped)
        })?;
        let is_right = match result.stopped_by {
            StoppedBy::NothingDue => !self.plan.wait_for_backoff,
            StoppedBy::TooManyFailed => run.is_limit_reached,
            StoppedBy::ProgramMissing | StoppedBy::InputMissing => self.has_waited_for_program(run),
            StoppedBy::FailingAlike => !self.plan.wait_for_backoff && run.config.pause_on_same.is_some(),
            StoppedBy::Deadline => run.config.until.is_some(),
            StoppedBy::QueueEmpty | StoppedBy::StorageFull | StoppedBy::Request(_) => true,
            StoppedBy::Error => false,
        };
        holds(is_right, || format!("{} ended without its reason: {result:?}", run.id))?;
        let must_give_up = matches!(self.plan.failure_limit, Some(FailureLimit::Files(_))) && run.is_limit_reached;
        let gave_up = matches!(result.stopped_by, StoppedBy::TooManyFailed | StoppedBy::Request(_));
        holds(!must_give_up || gave_up, || format!("{} did not obey its failure limit: {result:?}", run.id))
    }

    fn check_reports(&self, run: usize) -> Result<(), String> {
        let of_run = self.attempts.iter().filter(|attempt| attempt.run == run);
        let mut silent = of_run.filter(|attempt| !attempt.is_start_reported || !attempt.is_end_reported);
        silent.next().map_or(Ok(()), |attempt| Err(format!("an attempt was not reported: {attempt:?}")))
    }

    fn check_nothing_is_left(&self, run: usize, result: &ProcessingResult) -> Result<(), String> {
        let ending = &self.runs[run];
        if result.stopped_by != StoppedBy::QueueEmpty {
            return Ok(());
        }
        holds(ending.is_recovered_since_exchange, || format!("{} did not look for dead runs at its end", ending.id))?;
        let is_left = |file: &&super::world::FileTruth| {
            file.id.is_some_and(|id| ending.config.scope.contains(id))
                && file.waiting_since.is_some_and(|since| since < ending.exchanged_at)
        };
        let left = self.files.iter().find(is_left);
        holds(left.is_none(), || format!("{} ended, and a file still waits: {left:?}", ending.id))
    }

    fn check_error(&self, run: usize, error: &ProcessorError) -> Result<(), String> {
        let run = &self.runs[run];
        let is_expected = match error {
            ProcessorError::Storage(StorageError::Busy { .. } | StorageError::Unreachable { .. }) => {
                !run.is_working || run.highest_stop >= StopLevel::Aborting
            }
            ProcessorError::Storage(StorageError::LeaseLost { .. }) => run.has_lost_its_lease,
            ProcessorError::Orchestrator(_) => run.has_failed,
            ProcessorError::StillStopping { runs } => !runs.is_empty(),
            _ => false,
        };
        holds(is_expected, || format!("{} failed without a cause: {error:?}", run.id))
    }

    fn check_stops(&self, run: usize) -> Result<(), String> {
        let ending = &self.runs[run];
        if self.clock_was_set || ending.was_cut_off {
            return Ok(());
        }
        for (asked_at, level) in &ending.stops_asked {
            let is_in_time = self.now <= *asked_at + self.stop_bound(run, *level);
            holds(is_in_time, || {
                format!("{} was asked to stop at {asked_at:?} and ended at {:?}", ending.id, self.now)
            })?;
        }
        Ok(())
    }
}

impl World {
    pub(super) fn check_end(&self) -> Result<(), String> {
        let queue = self.database.queue();
        holds(queue.counts().total() == self.plan.files.len(), || format!("files were lost or doubled: {queue:?}"))?;
        holds(queue.counts().live() == 0, || format!("files were left: {queue:?}"))?;
        let is_undisturbed = !(self.clock_was_set && self.was_terminated)
            && self.runs.iter().all(|run| matches!(run.end, Some((_, RunEnd::Returned(Ok(_))))));
        for (index, file) in self.files.iter().enumerate() {
            let item = file.id.and_then(|id| queue.get(id));
            let item = item.ok_or_else(|| format!("file {index} was lost"))?;
            if file.cancelled_round == item.round {
                // The item may have completed or failed before its run was informed.
                continue;
            }
            if is_undisturbed && file.struck_round != item.round {
                self.check_deserved(index, item)?;
            }
            self.check_last_attempt(index, item)?;
        }
        Ok(())
    }

    /// Every attempt of the file must have been observed to its end.
    fn check_deserved(&self, file: usize, item: &QueueItem) -> Result<(), String> {
        let (status, attempts) = deserved(&self.plan, &self.plan.retry, file, item.round);
        let mut possible = self.policies().map(|policy| deserved(&self.plan, &policy, file, item.round));
        let is_right = possible.any(|possible| possible == (item.status, item.attempts));
        let script = &self.plan.files[file].scripts;
        holds(is_right, || format!("it deserves to be {status} after {attempts} attempts: {item:?}, {script:?}"))
    }

    fn check_last_attempt(&self, file: usize, item: &QueueItem) -> Result<(), String> {
        let is_of_round = |attempt: &&AttemptTruth| attempt.file == file && attempt.round == item.round;
        let last = self.attempts.iter().rfind(is_of_round);
        let by_last = last.filter(|last| last.number.get() == item.attempts).and_then(|last| match &last.over {
            Some((_, AttemptEnd::Reported(outcome))) => status_after(&self.plan.retry.judge(outcome, last.number)),
            _ => None,
        });
        let is_used_up = item.status == Status::Failed && item.attempts >= self.plan.retry.max_attempts();
        let died_at_last = is_used_up && item.last_error.as_deref().is_some_and(|error| error.contains("the run died"));
        holds(by_last == Some(item.status) || died_at_last, || format!("{item:?} after {last:?}"))
    }
}

fn deserved(plan: &Plan, policy: &RetryPolicy, file: usize, round: u32) -> (Status, u32) {
    let numbers = (1..).filter_map(AttemptNumber::new);
    let verdict = |number| policy.judge(&scripted(plan, file, round, number), number);
    let mut ends = numbers.filter_map(|number| Some((status_after(&verdict(number))?, number.get())));
    ends.next().expect("a policy does not retry for ever")
}

fn scripted(plan: &Plan, file: usize, round: u32, number: AttemptNumber) -> AttemptOutcome {
    let attempt = plan.files[file].attempt(round, number.get());
    match &attempt.outcome {
        _ if attempt.takes > plan.timeout => AttemptOutcome::TimedOut { after: plan.timeout },
        Some(outcome) => outcome.clone(),
        None => AttemptOutcome::Interrupted { reason: "its run ended with an error".into() },
    }
}

fn status_after(verdict: &Verdict) -> Option<Status> {
    match verdict {
        Verdict::Complete(_) => Some(Status::Completed),
        Verdict::Fail { timed_out: true, .. } => Some(Status::Timeout),
        Verdict::Fail { timed_out: false, .. } => Some(Status::Failed),
        Verdict::Retry { .. } | Verdict::Release => None,
    }
}
