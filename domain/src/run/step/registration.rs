//! Handles the registration, the start and the end of a run.
//!
//! A run does not start while other runs are still obeying a stop request. Without other runs, the
//! request is left over, and the run removes it. A run that received a signal itself starts, but
//! claims no file.

use crate::ports::{Begun, RunEventKind, StopSignalError, StorageError};
use crate::run::state::{Operation, Phase, Recording, RunState};
use crate::run::{Action, ProcessorError};
use crate::run_info::{LiveRun, ProcessingResult, StoppedBy};
use crate::stop::{StopLevel, StopRequest};
use crate::view::Counts;

impl RunState {
    pub(super) fn on_counted(&mut self, counted: Result<Counts, StorageError>) {
        self.operation = None;
        self.queue.counted_at = Some(self.now);
        match (self.phase, counted) {
            (Phase::Beginning, Ok(counts)) => {
                self.queue.counts = counts;
                self.queue.failed_before = counts.failed + counts.timeout;
                self.queue.has_waiting = counts.waiting() > 0;
                let info = self.info();
                self.begin(Operation::Register, Action::Register(info));
            }
            (Phase::Beginning, Err(error)) => self.end(Err(error.into())),
            (Phase::Working | Phase::Ending, counted) => self.report_counts(counted.ok()),
        }
    }

    /// Ignores missing counts, because only observers need them.
    fn report_counts(&mut self, counted: Option<Counts>) {
        // `Storage::changed` reports only changes after the counts were read, but earlier changes
        // may have made items claimable.
        self.queue.may_have_work = true;
        if let Some(counts) = counted {
            self.queue.counts = counts;
            self.emit(RunEventKind::Progress { counts, next_due: self.queue.next_due });
        }
        if self.phase == Phase::Ending {
            self.begin(Operation::Deregister, Action::Deregister);
        }
    }

    pub(super) fn on_registered(&mut self, registered: Result<Begun, StorageError>) {
        self.operation = None;
        match registered.map(|begun| begun.others) {
            Err(error) => self.end(Err(error.into())),
            Ok(_) if self.world.stop.level == StopLevel::Running => self.start(),
            Ok(others) if others.is_empty() => {
                // Any stop request that is reported after the removal is new, or came from a
                // signal.
                self.world.stop = StopRequest::NONE;
                self.begin(Operation::ClearStop, Action::ClearStop);
            }
            Ok(_) if self.world.stop.is_of_signal() => self.start_stopped(),
            Ok(runs) => self.wind_up(ProcessorError::StillStopping { runs }),
        }
    }

    fn start_stopped(&mut self) {
        let left = std::mem::take(&mut self.world.stop);
        self.start();
        self.on_stop(left);
    }

    fn start(&mut self) {
        self.phase = Phase::Working;
        self.was_started = true;
        self.emit(RunEventKind::ProcessorStarted { jobs: self.config.jobs.get(), counts: self.queue.counts });
        self.begin(Operation::Recover, Action::Recover);
    }

    pub(super) fn on_stop_cleared(&mut self, cleared: Result<bool, StopSignalError>) {
        self.operation = None;
        if matches!(cleared, Ok(true)) {
            self.emit(RunEventKind::StopSignalCleared);
        }
        match (self.phase, cleared) {
            (Phase::Beginning, Ok(_)) => self.start_stopped(),
            (Phase::Beginning, Err(error)) => self.wind_up(error.into()),
            (Phase::Ending | Phase::Working, Ok(_)) => self.conclude(),
            (Phase::Ending | Phase::Working, Err(error)) => {
                self.failure.get_or_insert(error.into());
                self.conclude();
            }
        }
    }

    pub(super) fn wind_up_working(&mut self, stopped_by: StoppedBy) {
        self.result.stopped_by = stopped_by;
        self.phase = Phase::Ending;
        if self.recording == Recording::LeaseLost {
            // The store no longer counts the run as alive, so it need not be deregistered.
            self.conclude();
        } else if self.recording != Recording::Possible {
            self.begin(Operation::Deregister, Action::Deregister);
        } else {
            self.count();
        }
    }

    fn wind_up(&mut self, error: ProcessorError) {
        self.fail(error);
        self.phase = Phase::Ending;
        self.begin(Operation::Deregister, Action::Deregister);
    }

    /// The last run that obeys a stop request removes the request.
    pub(super) fn on_deregistered(&mut self, alive: Result<Vec<LiveRun>, StorageError>) {
        self.operation = None;
        match alive {
            Ok(alive) if alive.is_empty() && self.world.stop.level > StopLevel::Running => {
                self.begin(Operation::ClearStop, Action::ClearStop);
            }
            Ok(_) => self.conclude(),
            Err(error @ (StorageError::Busy { .. } | StorageError::Unreachable { .. })) => {
                // Reporting the error is enough, because everything is settled, and the
                // registration ends when the process exits or the lease expires.
                self.emit(RunEventKind::StorageTrouble { error: error.to_string().into() });
                self.conclude();
            }
            Err(error) => {
                self.fail(error.into());
                self.conclude();
            }
        }
    }

    fn conclude(&mut self) {
        if self.was_started {
            self.result.remaining = self.queue.counts.pending;
            self.result.held = self.queue.counts.held;
            self.result.processing = self.queue.counts.processing;
            let failed = self.queue.counts.failed + self.queue.counts.timeout;
            self.result.failed_in_scope = failed.saturating_sub(self.queue.failed_before);
            if self.failure.is_some() {
                self.result.stopped_by = StoppedBy::Error;
            }
            self.emit(RunEventKind::ProcessorStopped { result: self.result });
        }
        let outcome = self.failure.take().map_or(Ok(self.result), Err);
        self.end(outcome);
    }

    fn end(&mut self, outcome: Result<ProcessingResult, ProcessorError>) {
        self.phase = Phase::Ending;
        self.actions.push(Action::End(outcome));
    }
}
