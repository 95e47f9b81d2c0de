//! The orchestrators of simulated runs.

use std::time::Duration;

use autoproc_domain::item::ClaimToken;
use autoproc_domain::ports::{Attempt, AttemptOutcome, AttemptProgress, AttemptReport, LostAttempt};
use autoproc_domain::run::Input;

use super::super::attempts::{AttemptEnd, AttemptTruth};
use super::super::lacks::Struck;
use super::super::schedule::Happening;
use super::World;

/// With prefetch, an orchestrator returns an attempt that has not begun after this time.
const MAX_WAIT: Duration = Duration::from_millis(200);
const MAX_REPORT_LAG_MS: u64 = 50;
const MAX_CANCEL_MS: u64 = 5000;
/// The maximum duration of an attempt after its orchestrator lost track of it.
const MAX_LOST_LIFE_MS: u64 = 60_000;

impl World {
    pub(super) fn hand_over(&mut self, run: usize, attempt: Attempt) -> Result<(), String> {
        self.check_start(run, &attempt)?;
        let token = attempt.token;
        self.runs[run].orchestrator.queued.push_back(attempt);
        if self.runs[run].orchestrator.prefetch > 0 {
            self.later(MAX_WAIT, Happening::GiveBack(run, token));
        }
        self.let_begin(run);
        Ok(())
    }

    fn let_begin(&mut self, run: usize) {
        let orchestrator = &self.runs[run].orchestrator;
        if !orchestrator.queued.is_empty() && self.may_begin(run) {
            let lag = if self.random.one_in(2) { Duration::ZERO } else { self.up_to(20) };
            self.later(lag, Happening::Begin(run));
        }
    }

    fn may_begin(&self, run: usize) -> bool {
        let run = &self.runs[run];
        run.orchestrator.at_work.len() < run.jobs.get()
    }

    pub(super) fn begin_attempts(&mut self, run: usize) -> Result<(), String> {
        while self.runs[run].is_alive() && self.may_begin(run) {
            let Some(attempt) = self.runs[run].orchestrator.queued.pop_front() else { break };
            self.begin_attempt(run, &attempt)?;
        }
        Ok(())
    }

    fn begin_attempt(&mut self, run: usize, attempt: &Attempt) -> Result<(), String> {
        let struck = self.struck(run);
        if let Some(Struck::NotStarted) = struck {
            let shortage = Some("no process".into());
            self.report(run, attempt.token, AttemptProgress::NotStarted { shortage });
            return Ok(());
        }
        let file = self.check_begin(run, attempt)?;
        let scripted = self.plan.files[file].attempt(attempt.round, attempt.number.get());
        let is_struck = struck.is_some();
        let takes = if is_struck { Duration::ZERO } else { scripted.takes.min(attempt.timeout) };
        let end = match &scripted.outcome {
            _ if let Some(Struck::Fails(outcome)) = struck => AttemptEnd::Reported(outcome),
            _ if scripted.takes > attempt.timeout => {
                AttemptEnd::Reported(AttemptOutcome::TimedOut { after: attempt.timeout })
            }
            Some(outcome) => AttemptEnd::Reported(outcome.clone()),
            None => AttemptEnd::LostSight,
        };
        let fingerprint = self.plan.looks_at_files.then(|| self.fingerprint(file));
        let index = self.attempts.len();
        self.attempts.push(AttemptTruth {
            token: attempt.token,
            run,
            file,
            round: attempt.round,
            number: attempt.number,
            began: self.now,
            fingerprint,
            planned: (Duration::MAX, end.clone()),
            over: None,
            known_at: None,
            recorded: None,
            is_start_reported: false,
            is_end_reported: false,
            is_struck,
        });
        self.files[file].at_work = Some(index);
        self.runs[run].orchestrator.at_work.push(index);
        self.report(run, attempt.token, AttemptProgress::Started { fingerprint });
        self.replan(index, self.now + takes, end);
        self.check_jobs(run)?;
        if is_struck {
            // The start and its failure are reported together.
            self.end_attempt(index);
        }
        Ok(())
    }

    /// Plans the end of an attempt, unless an earlier end is planned. [`AttemptEnd::CutOff`]
    /// replaces an earlier planned end, but keeps its time.
    pub(super) fn replan(&mut self, attempt: usize, at: Duration, end: AttemptEnd) {
        let at = at.max(self.now);
        let truth = &mut self.attempts[attempt];
        let is_cut_off = end == AttemptEnd::CutOff && truth.planned.1 != AttemptEnd::CutOff;
        if at < truth.planned.0 || is_cut_off {
            truth.planned = (at.min(truth.planned.0), end);
            let at = truth.planned.0;
            self.schedule.add(&mut self.random, at, Happening::End(attempt));
        }
    }

    pub(super) fn end_attempt(&mut self, attempt: usize) {
        let truth = &self.attempts[attempt];
        if !truth.is_at_work() || truth.planned.0 != self.now {
            return;
        }
        let (run, file, token, end) = (truth.run, truth.file, truth.token, truth.planned.1.clone());
        let elapsed = self.now.saturating_sub(truth.began);
        if end == AttemptEnd::LostSight {
            self.attempts[attempt].planned = (Duration::MAX, AttemptEnd::LostSight);
            let at = self.now + self.up_to(MAX_LOST_LIFE_MS);
            self.replan(attempt, at, AttemptEnd::CutOff);
        } else {
            self.attempts[attempt].over = Some((self.now, end.clone()));
            self.files[file].at_work.take_if(|at_work| *at_work == attempt);
        }
        let was_at_work = self.runs[run].orchestrator.at_work.len();
        self.runs[run].orchestrator.at_work.retain(|at_work| *at_work != attempt);
        if self.runs[run].orchestrator.at_work.len() == was_at_work {
            return;
        }
        match end {
            AttemptEnd::Reported(outcome) => {
                self.report(run, token, AttemptProgress::Ended(AttemptReport::new(outcome, elapsed)));
            }
            AttemptEnd::LostSight | AttemptEnd::CutOff => {
                let file_path = self.plan.files[file].path.clone();
                let source = std::io::Error::other("as the script says");
                self.report(run, token, AttemptProgress::Lost(LostAttempt { file_path, source }));
            }
        }
        self.runs[run].orchestrator.prefetch =
            usize::try_from(self.random.below(self.plan.max_prefetch + 1)).unwrap_or(0);
        self.let_begin(run);
    }

    fn report(&mut self, run: usize, token: ClaimToken, progress: AttemptProgress) {
        if !self.runs[run].is_alive() {
            return;
        }
        self.runs[run].orchestrator.reports.push((token, progress));
        if !self.runs[run].orchestrator.is_delivery_due {
            self.runs[run].orchestrator.is_delivery_due = true;
            let lag = if self.random.one_in(2) { Duration::ZERO } else { self.up_to(MAX_REPORT_LAG_MS) };
            self.later(lag, Happening::Deliver(run));
        }
    }

    pub(super) fn deliver(&mut self, run: usize) -> Result<(), String> {
        if !self.runs[run].is_alive() {
            return Ok(());
        }
        self.runs[run].orchestrator.is_delivery_due = false;
        let reports = std::mem::take(&mut self.runs[run].orchestrator.reports);
        self.note_lacks(run, &reports);
        for (token, progress) in &reports {
            let is_lost = matches!(progress, AttemptProgress::Lost(_));
            self.runs[run].has_failed |= is_lost;
            self.summary.not_started += usize::from(matches!(progress, AttemptProgress::NotStarted { .. }));
            if matches!(progress, AttemptProgress::Ended(_) | AttemptProgress::Lost(_))
                && let Some(attempt) = self.attempt_of(*token)
            {
                self.attempts[attempt].known_at = Some(self.now);
            }
        }
        self.feed(run, Some(Input::Attempts(reports)))
    }

    pub(in super::super) fn attempt_of(&self, token: ClaimToken) -> Option<usize> {
        self.attempts.iter().rposition(|attempt| attempt.token == token)
    }

    fn not_started(&mut self, run: usize, token: ClaimToken) {
        self.report(run, token, AttemptProgress::NotStarted { shortage: None });
    }

    pub(super) fn recall(&mut self, run: usize) {
        for attempt in std::mem::take(&mut self.runs[run].orchestrator.queued) {
            self.not_started(run, attempt.token);
        }
    }

    pub(super) fn give_back(&mut self, run: usize, token: ClaimToken) {
        let before = self.runs[run].orchestrator.queued.len();
        self.runs[run].orchestrator.queued.retain(|queued| queued.token != token);
        if self.runs[run].orchestrator.queued.len() < before {
            self.runs[run].orchestrator.prefetch = 0;
            self.not_started(run, token);
        }
    }

    /// Recalls the queued attempts of a run, and ends each running attempt within `grace_ms`.
    pub(super) fn abort_attempts(&mut self, run: usize, grace_ms: u64) {
        self.recall(run);
        for attempt in self.runs[run].orchestrator.at_work.clone() {
            self.abort(attempt, grace_ms);
        }
    }

    pub(super) fn cancel_attempt(&mut self, run: usize, token: ClaimToken) {
        self.runs[run].cancels_ordered.push(token);
        if let Some(index) = self.runs[run].orchestrator.queued.iter().position(|queued| queued.token == token) {
            self.runs[run].orchestrator.queued.remove(index);
            self.not_started(run, token);
        } else if let Some(attempt) = self.attempt_of(token).filter(|attempt| self.attempts[*attempt].is_at_work()) {
            self.abort(attempt, MAX_CANCEL_MS);
        }
    }

    fn abort(&mut self, attempt: usize, grace_ms: u64) {
        let at = self.now + self.up_to(grace_ms);
        self.replan(attempt, at, AttemptEnd::Reported(AttemptOutcome::Aborted));
    }
}
