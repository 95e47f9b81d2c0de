//! The state of the run loop.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::attempt::{Attempt, AttemptRef, AttemptReport, ResourceUsage};
use crate::fingerprint::Fingerprint;
use crate::forecast::Forecast;
use crate::item::{ClaimToken, ItemId, QueueItem};
use crate::ports::{BackPressure, Resumption, RunEventKind};
use crate::request::{ExchangeRequest, RequestId, Settlement, Verdict};
use crate::run::breaker::Breaker;
use crate::run::start_hold::StartHold;
use crate::run::{Action, ProcessorError, RunConfig};
use crate::run_info::{Location, ProcessingResult, RunInfo, StoppedBy, Unproven};
use crate::stop::{StopLevel, StopRequest};
use crate::time::Timestamp;
use crate::view::{Claimed, Counts};

/// The delay before the run retries a busy or unreachable store. It comes on top of the store's own
/// timeout.
pub(super) const RETRY_STORE_AFTER: Duration = Duration::from_secs(1);

/// The maximum delay between a stop request and its report to the run. The contract of
/// [`StopSignal`](crate::ports::StopSignal) guarantees it.
pub(super) const STOP_IS_KNOWN_WITHIN: Duration = Duration::from_millis(500);

/// The interval at which the counts of the run's scope are read for observers.
pub(super) const COUNT_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The run is preparing: the counts are read, the run is registered, and a leftover stop
    /// request is removed.
    Beginning,
    Working,
    /// No attempt is running; only the final counts, the deregistration, the removal of a stop
    /// request and the final report remain.
    Ending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Count,
    Register,
    ClearStop,
    Recover,
    Exchange,
    Deregister,
    Measure,
}

/// An attempt that was handed to the orchestrator.
#[derive(Debug)]
pub(super) struct InHand {
    pub(super) of: AttemptRef,
    pub(super) has_started: bool,
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) is_cancelled: bool,
    pub(super) is_recalled: bool,
    /// The number of the attempt among all attempts of the run that have started, from 1; 0 if it
    /// has not started.
    pub(super) serial: u64,
}

impl InHand {
    pub(super) fn new(of: AttemptRef) -> Self {
        Self { of, has_started: false, fingerprint: None, is_cancelled: false, is_recalled: false, serial: 0 }
    }
}

#[derive(Debug)]
pub(super) struct Judged {
    pub(super) token: ClaimToken,
    pub(super) of: AttemptRef,
    pub(super) elapsed: Duration,
    pub(super) usage: Option<ResourceUsage>,
    pub(super) input_changed: bool,
    pub(super) verdict: Verdict,
}

/// An attempt that was ended by a signal, and has no verdict yet. The signal may belong to a stop:
/// such a signal often goes both to the command and to the run, and the end of the command may be
/// reported first.
#[derive(Debug)]
pub(super) struct Undecided {
    pub(super) token: ClaimToken,
    pub(super) in_hand: InHand,
    pub(super) report: AttemptReport,
    pub(super) since: Timestamp,
}

/// A failure without a retry that is not settled yet, because its row of failures may still become
/// complete; see `step/alike.rs`.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) judged: Judged,
    pub(super) since: Timestamp,
}

/// The reason why starts are held. If it comes from the breaker, the second value is the due time
/// of the current probe; otherwise `None`.
pub(super) type Pressure = (BackPressure, Option<Timestamp>);

/// The latest reports of the stop signal, the start gate and the orchestrator.
#[derive(Debug)]
pub(super) struct World {
    pub(super) stop: StopRequest,
    pub(super) pressure: Option<BackPressure>,
    pub(super) capacity: usize,
}

/// The run's unsettled attempts and claims, grouped by state.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// Unfinished attempts that were handed to the orchestrator.
    pub(super) in_hand: BTreeMap<ClaimToken, InHand>,
    pub(super) undecided: Vec<Undecided>,
    /// Ended attempts that failed because the program, or the folder of their file, was missing.
    /// Their claims are kept while the hold lasts, so that another file becomes the probe. They are
    /// released later, or as soon as no other file can become the probe.
    pub(super) suspects: Vec<Judged>,
    pub(super) kept: Vec<Kept>,
    /// Attempts with a verdict, for the next exchange.
    pub(super) judged: Vec<Judged>,
    /// Attempts with a verdict, in the pending or unanswered exchange.
    pub(super) settling: Vec<Judged>,
    /// Claims whose attempt never began, to be released by the next exchange.
    pub(super) unused: Vec<(ClaimToken, AttemptRef)>,
    /// Claims whose attempt never began, in the pending or unanswered exchange.
    pub(super) releasing: Vec<(ClaimToken, AttemptRef)>,
    pub(super) measuring: Vec<Claimed>,
    /// Claims that are set aside because their attempts would not end in time; see `step/until.rs`.
    pub(super) set_aside: Vec<(ClaimToken, AttemptRef)>,
}

/// Observations of the run that show whether its program works.
#[derive(Debug, Default)]
pub(super) struct ProgramRecord {
    pub(super) has_started: bool,
    pub(super) has_succeeded: bool,
    /// The reason to end the run: the program or a folder stayed missing, or files failed alike in
    /// a run that does not wait for items in backoff. `None` while there is no such reason.
    pub(super) given_up: Option<StoppedBy>,
    /// The highest serial number of a successful attempt; see [`InHand::serial`]. It is 0 before
    /// the first success.
    pub(super) last_success: u64,
    /// Items with an attempt that failed because the program or the item's folder was missing. A
    /// success removes the item. The value is the number of attempts that the run had started when
    /// it handled the latest such failure.
    pub(super) doubts: BTreeMap<ItemId, u64>,
}

/// The state of the queue, as last reported by the store.
#[derive(Debug)]
pub(super) struct QueueView {
    pub(super) counts: Counts,
    /// The number of failed and timed out items when the run began.
    pub(super) failed_before: usize,
    pub(super) counted_at: Option<Timestamp>,
    pub(super) next_due: Option<Timestamp>,
    pub(super) has_waiting: bool,
    /// True if items may have become claimable since the last exchange.
    pub(super) may_have_work: bool,
    /// True if the run has looked for dead runs, and recovered them, since the last exchange.
    pub(super) is_swept: bool,
}

#[derive(Debug, Default)]
pub(super) struct StoreAccess {
    pub(super) retry_at: Option<Timestamp>,
    pub(super) last_request: RequestId,
    /// The maximum number of items that the last exchange asked to claim.
    pub(super) last_limit: usize,
    /// True if the last exchange was not answered: it must be repeated unchanged.
    pub(super) is_unanswered: bool,
    pub(super) is_full: bool,
}

/// Whether the run can still record results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recording {
    Possible,
    /// The store is damaged. Once every attempt has ended, the run sends all results once more,
    /// because the store may write them to a separate file.
    OnlyOffered,
    /// The store failed permanently, or failed while the run was being aborted, or a damaged store
    /// has been offered the results.
    Impossible,
    /// The lease is lost: other runs may already have claimed the run's items.
    LeaseLost,
}

impl Recording {
    pub(super) fn keeps_results(self) -> bool {
        matches!(self, Self::Possible | Self::OnlyOffered)
    }
}

/// The limits that a run has reached. No more attempts start after any of them.
#[derive(Debug, Default)]
pub(super) struct Reached {
    pub(super) failure_limit: bool,
    /// True once the time of [`RunConfig::until`] has come, or once the run expects no further file
    /// to end by that time.
    pub(super) time: bool,
}

/// The state of the run loop. See [`handle`](Self::handle).
#[derive(Debug)]
pub struct RunState {
    pub(super) config: RunConfig,
    pub(super) location: Location,
    pub(super) phase: Phase,
    pub(super) operation: Option<Operation>,
    pub(super) now: Timestamp,
    pub(super) world: World,
    pub(super) attempts: Attempts,
    pub(super) queue: QueueView,
    pub(super) store: StoreAccess,
    pub(super) recording: Recording,
    pub(super) failure: Option<ProcessorError>,
    pub(super) reached: Reached,
    /// The samples of the recipe. The run adds its own samples only if it uses forecasts.
    pub(super) forecast: Forecast,
    pub(super) starts: StartHold,
    pub(super) breaker: Breaker,
    /// The reason why the breaker's hold has ended; `None` once it is reported.
    pub(super) resumption: Option<Resumption>,
    pub(super) program: ProgramRecord,
    /// True if starts are held more strictly than before, so the attempts that the orchestrator has
    /// not started must be recalled.
    pub(super) is_recall_due: bool,
    /// The number of attempts that have started.
    pub(super) started: u64,
    pub(super) was_started: bool,
    pub(super) reported_pressure: Option<Pressure>,
    pub(super) withheld: Vec<Unproven>,
    pub(super) result: ProcessingResult,
    pub(super) actions: Vec<Action>,
}

impl RunState {
    /// Creates the state of a run at this location. Its first input must be
    /// [`Input::Begin`](crate::run::Input::Begin).
    #[must_use]
    pub fn new(config: RunConfig, location: Location) -> Self {
        Self {
            world: World { stop: StopRequest::NONE, pressure: None, capacity: config.jobs.get() },
            config,
            location,
            phase: Phase::Beginning,
            operation: None,
            now: Timestamp::MIN,
            attempts: Attempts::default(),
            queue: QueueView {
                counts: Counts::default(),
                failed_before: 0,
                counted_at: None,
                next_due: None,
                has_waiting: false,
                may_have_work: true,
                is_swept: false,
            },
            store: StoreAccess::default(),
            recording: Recording::Possible,
            failure: None,
            reached: Reached::default(),
            forecast: Forecast::default(),
            starts: StartHold::default(),
            breaker: Breaker::default(),
            resumption: None,
            program: ProgramRecord::default(),
            is_recall_due: false,
            started: 0,
            was_started: false,
            reported_pressure: None,
            withheld: Vec::new(),
            result: ProcessingResult::of_nothing(StoppedBy::Error),
            actions: Vec::new(),
        }
    }

    /// Sets the samples of earlier runs of the recipe.
    #[must_use]
    pub fn with_forecast(self, forecast: Forecast) -> Self {
        Self { forecast, ..self }
    }

    pub(super) fn emit(&mut self, kind: RunEventKind) {
        self.actions.push(Action::Emit(kind));
    }

    pub(super) fn info(&self) -> RunInfo {
        RunInfo {
            id: self.config.run.clone(),
            started_at: self.now,
            jobs: self.config.jobs.get(),
            max_attempts: self.config.retry.max_attempts(),
            timeout: self.config.timeout,
            recipe: self.config.recipe,
            work: self.config.work.clone(),
            location: self.location.clone(),
        }
    }

    pub(super) fn attempt(&self, token: ClaimToken, item: &QueueItem, timeout: Duration) -> Attempt {
        let is_granted = self.breaker.has_granted((item.id, item.round));
        Attempt {
            token,
            run: self.config.run.clone(),
            file_path: item.file_path.clone(),
            depth: item.depth,
            round: item.round,
            follows_completion: item.follows_completion,
            number: item.attempt(),
            max_attempts: self.config.retry.max_attempts() + u32::from(is_granted),
            timeout,
        }
    }

    /// Returns the exchange to make now: the last exchange if it was not answered, otherwise a new
    /// one.
    pub(super) fn request(&mut self) -> ExchangeRequest {
        if !self.store.is_unanswered {
            self.store.last_request = self.store.last_request.next();
            let room = self.room();
            self.store.last_limit = room + self.searched(room);
            self.attempts.settling = std::mem::take(&mut self.attempts.judged);
            self.attempts.releasing = std::mem::take(&mut self.attempts.unused);
        }
        let judged = self.attempts.settling.iter().map(|judged| (judged.token, judged.verdict.clone()));
        let released = self.attempts.releasing.iter().map(|(token, _)| (*token, Verdict::Release));
        ExchangeRequest {
            run: self.config.run.clone(),
            id: self.store.last_request,
            settlements: judged.chain(released).map(|(token, verdict)| Settlement { token, verdict }).collect(),
            limit: self.store.last_limit,
            scope: self.config.scope.clone(),
        }
    }

    /// True while attempts may start, regardless of back-pressure.
    pub(super) fn may_start(&self) -> bool {
        self.phase == Phase::Working
            && self.world.stop.level == StopLevel::Running
            && !self.reached.failure_limit
            && !self.reached.time
            && !self.store.is_full
            && self.program.given_up.is_none()
            && self.failure.is_none()
    }

    pub(super) fn room(&self) -> usize {
        let has_no_program = self.starts.is_over_due(self.config.program_wait, self.now);
        if self.world.pressure.is_some() || has_no_program || !self.may_start() {
            return 0;
        }
        let in_use = self.attempts.in_hand.len() + self.attempts.undecided.len();
        self.world.capacity.saturating_sub(in_use).min(self.starts.room(in_use)).min(self.breaker.room())
    }

    /// Returns the reason why starts are held; `None` if they are not held. The start gate's reason
    /// comes first, then the breaker's, because the breaker's holds are longer than those of the
    /// start hold.
    pub(super) fn pressure(&self) -> Option<Pressure> {
        let of_gate = self.world.pressure.clone().map(|pressure| (pressure, None));
        let of_breaker = || self.breaker.reason().map(|(reason, at)| (BackPressure { reason }, Some(at)));
        of_gate.or_else(of_breaker).or_else(|| self.starts.pressure().map(|pressure| (pressure, None)))
    }

    /// True if only back-pressure keeps the run from claiming. Must be called only while no attempt
    /// is running.
    pub(super) fn is_under_pressure(&self) -> bool {
        (self.world.pressure.is_some() || self.starts.is_held() || self.breaker.is_held()) && self.may_start()
    }

    /// True while the run waits before it retries the store. If more time remains than
    /// [`RETRY_STORE_AFTER`], the clock was set back, and the wait is over.
    pub(super) fn is_store_resting(&self) -> bool {
        let latest = self.now.saturating_add(RETRY_STORE_AFTER);
        self.store.retry_at.is_some_and(|until| self.now < until && until <= latest)
    }

    /// True if no attempt is running or unsettled; ignores claims that are set aside. False while
    /// an exchange is unanswered, because the exchange may have claimed items.
    pub(super) fn is_at_rest(&self) -> bool {
        !self.store.is_unanswered
            && self.attempts.in_hand.is_empty()
            && self.attempts.undecided.is_empty()
            && self.attempts.suspects.is_empty()
            && self.attempts.kept.is_empty()
            && self.attempts.judged.is_empty()
            && self.attempts.settling.is_empty()
            && self.attempts.unused.is_empty()
            && self.attempts.releasing.is_empty()
            && self.attempts.measuring.is_empty()
    }

    /// True if the counts were last read at least [`COUNT_EVERY`] ago, or if the clock was set
    /// back.
    pub(super) fn are_counts_old(&self) -> bool {
        self.queue.counted_at.is_none_or(|at| self.now < at || self.now >= at.saturating_add(COUNT_EVERY))
    }
}
