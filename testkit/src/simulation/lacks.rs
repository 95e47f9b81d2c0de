//! Simulates missing processes, programs and folders, and checks how runs react.

use std::time::Duration;

use autoproc_domain::item::ClaimToken;
use autoproc_domain::ports::{Attempt, AttemptOutcome, AttemptProgress, StartFault};
use autoproc_domain::request::Verdict;

use super::attempts::{AttemptTruth, Recorded};
use super::holds;
use super::run::SimulatedRun;
use super::schedule::Happening;
use super::world::World;

/// The minimum pause of a run after a shortage of processes that left the run without attempts.
const MIN_QUIET: Duration = Duration::from_millis(400);
/// The maximum pause after a missing process, program or folder. Includes the next probe.
const MAX_QUIET: Duration = Duration::from_secs(8);
/// How many attempts of each file do not count because of a missing program. The next attempt
/// fails. Applies only after another attempt of the run has succeeded.
const MAX_DOUBTS: usize = 1;

#[derive(Debug, Default)]
pub(super) struct Lacks {
    shortages: usize,
    /// The maximum number of running attempts per run during a shortage.
    bears: usize,
    /// The number of active faults with a missing program or folder.
    absences: usize,
}

/// What a run knows about missing processes, programs and folders.
#[derive(Debug, Default)]
pub(super) struct Lacking {
    /// The time of the last report of a missing process, program or folder.
    lacked_at: Option<Duration>,
    /// The started attempts, in the order of the reports.
    started: Vec<ClaimToken>,
    /// Contains, for each report of a missing program or folder, its time and the length of
    /// `started`. An attempt that started later removes the entry if it misses nothing.
    misses: Vec<(Duration, usize)>,
    quiet_until: Duration,
}

/// How an attempt fails because a process, the program or a folder is missing.
pub(super) enum Struck {
    NotStarted,
    Fails(AttemptOutcome),
}

impl World {
    pub(super) fn use_up_processes(&mut self, span: Duration, bears: usize) {
        self.lacks.shortages += 1;
        self.lacks.bears = bears;
        self.later(span, Happening::Processes);
    }

    pub(super) fn free_processes(&mut self) {
        self.lacks.shortages -= 1;
    }

    pub(super) fn remove_program(&mut self, span: Duration) {
        self.lacks.absences += 1;
        self.later(span, Happening::Program);
    }

    pub(super) fn restore_program(&mut self) {
        self.lacks.absences -= 1;
    }

    /// Returns how a current fault makes the next attempt of a run fail, or keeps it from starting;
    /// `None` if no fault applies.
    pub(super) fn struck(&mut self, run: usize) -> Option<Struck> {
        if self.lacks.shortages > 0 && self.runs[run].orchestrator.at_work.len() >= self.lacks.bears {
            self.summary.shortages += 1;
            let cause = AttemptOutcome::CannotStart { reason: "no process".into(), fault: StartFault::Shortage };
            let in_a_step = AttemptOutcome::StepFailed { step: "phase/step".into(), cause: Box::new(cause) };
            return Some(if self.random.one_in(3) { Struck::Fails(in_a_step) } else { Struck::NotStarted });
        }
        if self.lacks.absences == 0 {
            return None;
        }
        self.summary.absences += 1;
        let missing = AttemptOutcome::CannotStart { reason: "no program".into(), fault: StartFault::Missing };
        let away = AttemptOutcome::InputAway { cause: Box::new(AttemptOutcome::Exited { code: 1 }) };
        Some(Struck::Fails(self.random.pick(&[AttemptOutcome::Exited { code: 127 }, missing, away]).clone()))
    }
}

impl World {
    pub(super) fn note_lacks(&mut self, run: usize, reports: &[(ClaimToken, AttemptProgress)]) {
        for (token, progress) in reports {
            let now = self.now;
            let is_alone = reports.len() == 1 && self.runs[run].orchestrator.in_hand() == 0;
            let lacking = &mut self.runs[run].lacking;
            match progress {
                AttemptProgress::Started { .. } => lacking.started.push(*token),
                AttemptProgress::NotStarted { shortage: Some(_) } => lacking.note_shortage(now, is_alone),
                AttemptProgress::Ended(report) if is_shortage(&report.outcome) => lacking.note_shortage(now, is_alone),
                AttemptProgress::Ended(report) if misses_program(&report.outcome) => {
                    lacking.lacked_at = Some(now);
                    lacking.misses.push((now, lacking.started.len()));
                }
                AttemptProgress::Ended(report) if report.outcome != AttemptOutcome::Aborted => {
                    let index = lacking.started.iter().rposition(|started| started == token);
                    lacking.misses.retain(|(_, started)| index.is_none_or(|index| index < *started));
                }
                _ => {}
            }
        }
    }
}

impl Lacking {
    /// Records a shortage of processes. Repeated reports do not prolong the pause.
    fn note_shortage(&mut self, now: Duration, is_alone: bool) {
        let is_first = self.lacked_at.is_none_or(|at| now >= at + MAX_QUIET);
        if is_alone && is_first {
            self.quiet_until = now + MIN_QUIET;
        }
        self.lacked_at = Some(now);
    }
}

impl World {
    pub(super) fn check_quiet(&self, run: usize, attempt: &Attempt) -> Result<(), String> {
        let run = &self.runs[run];
        let is_late_enough = self.clock_was_set || self.now >= run.lacking.quiet_until;
        holds(is_late_enough, || format!("{} hands over an attempt for which no process is left: {attempt:?}", run.id))
    }

    pub(super) fn may_hold_starts(&self, run: &SimulatedRun) -> bool {
        let is_recent = run.lacking.lacked_at.is_some_and(|at| self.now < at + MAX_QUIET);
        is_recent || run.pausing.is_paused() || self.has_waited_for_program(run)
    }

    pub(super) fn has_waited_for_program(&self, run: &SimulatedRun) -> bool {
        run.lacking.misses.iter().any(|(since, _)| self.clock_was_set || self.now >= *since + self.plan.program_wait)
    }

    /// True if the verdict is right. `None` if the usual rules apply.
    pub(super) fn is_lack_judged_right(
        &self,
        attempt: &AttemptTruth,
        outcome: &AttemptOutcome,
        verdict: &Verdict,
    ) -> Option<bool> {
        let is_released = *verdict == Verdict::Release;
        if is_shortage(outcome) {
            return Some(is_released);
        }
        let may_wait = misses_program(outcome) && !self.plan.program_wait.is_zero();
        if !may_wait {
            return None;
        }
        let of_run = || self.attempts.iter().filter(|other| other.run == attempt.run && other.token != attempt.token);
        if is_released {
            if matches!(outcome, AttemptOutcome::InputAway { .. }) {
                return Some(true);
            }
            let is_direct = matches!(outcome, AttemptOutcome::CannotStart { .. });
            return Some(of_run().any(|other| is_direct || other.known_outcome() == Some(&AttemptOutcome::Succeeded)));
        }
        let has_succeeded = of_run().any(|other| {
            other.known_outcome() == Some(&AttemptOutcome::Succeeded) && other.known_at < attempt.known_at
        });
        let forgiven = of_run().filter(|other| {
            other.file == attempt.file
                && other.recorded == Some(Recorded::Released)
                && other.known_outcome().is_some_and(misses_program)
        });
        Some(!has_succeeded || forgiven.count() >= MAX_DOUBTS).filter(|is_right| !is_right)
    }
}

fn is_shortage(outcome: &AttemptOutcome) -> bool {
    matches!(outcome.root_cause(), AttemptOutcome::CannotStart { fault: StartFault::Shortage, .. })
}

pub(super) fn misses_program(outcome: &AttemptOutcome) -> bool {
    matches!(
        outcome,
        AttemptOutcome::CannotStart { fault: StartFault::Missing, .. }
            | AttemptOutcome::Exited { code: 126 | 127 }
            | AttemptOutcome::InputAway { .. }
    )
}
