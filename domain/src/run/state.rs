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

/// The delay before a retry of a busy or unreachable store.
pub(super) const RETRY_STORE_AFTER: Duration = Duration::from_secs(1);

/// The maximum delay of a stop request, guaranteed by [`StopSignal`](crate::ports::StopSignal).
pub(super) const STOP_IS_KNOWN_WITHIN: Duration = Duration::from_millis(500);

/// The interval at which the counts of the run's scope are read for observers.
pub(super) const COUNT_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Beginning,
    Working,
    /// No attempt is running.
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
    /// The position in the order of starts, from 1; 0 before the start.
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

/// An attempt that was ended by a signal. The signal may belong to a stop that is not known yet.
#[derive(Debug)]
pub(super) struct Undecided {
    pub(super) token: ClaimToken,
    pub(super) in_hand: InHand,
    pub(super) report: AttemptReport,
    pub(super) since: Timestamp,
}

/// A failure that is not recorded yet; see `step/alike.rs`.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) judged: Judged,
    pub(super) since: Timestamp,
}

/// The reason why starts are held, and the due time of the probe.
pub(super) type Pressure = (BackPressure, Option<Timestamp>);

#[derive(Debug)]
pub(super) struct World {
    pub(super) stop: StopRequest,
    pub(super) pressure: Option<BackPressure>,
    pub(super) capacity: usize,
}

#[derive(Debug, Default)]
pub(super) struct Attempts {
    pub(super) in_hand: BTreeMap<ClaimToken, InHand>,
    pub(super) undecided: Vec<Undecided>,
    /// Attempts that failed because the program or a folder was missing; see `step/lacks.rs`.
    pub(super) suspects: Vec<Judged>,
    pub(super) kept: Vec<Kept>,
    /// Attempts with a verdict. The next new exchange sends it to the store.
    pub(super) judged: Vec<Judged>,
    /// Attempts whose verdict is part of the unanswered exchange.
    pub(super) settling: Vec<Judged>,
    /// Claims whose attempt never began. The next exchange releases them.
    pub(super) unused: Vec<(ClaimToken, AttemptRef)>,
    /// Claims whose attempt never began. The unanswered exchange releases them.
    pub(super) releasing: Vec<(ClaimToken, AttemptRef)>,
    pub(super) measuring: Vec<Claimed>,
    /// Claims whose attempts would end too late; see `step/until.rs`.
    pub(super) set_aside: Vec<(ClaimToken, AttemptRef)>,
}

/// Observations of the run that show whether its program works.
#[derive(Debug, Default)]
pub(super) struct ProgramRecord {
    pub(super) has_started: bool,
    pub(super) has_succeeded: bool,
    /// The reason why the run gives up, for instance because the program stayed missing.
    pub(super) given_up: Option<StoppedBy>,
    pub(super) last_success: u64,
    /// Items whose latest attempt did not find the program or the folder. The value is
    /// `RunState::started` at the failure.
    pub(super) doubts: BTreeMap<ItemId, u64>,
}

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
    /// True if the run has recovered dead runs since the last exchange.
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
    /// The store is damaged, but may write the last results to a separate file.
    OnlyOffered,
    /// The run sends no more results.
    Impossible,
    /// Other runs may already have claimed the run's items.
    LeaseLost,
}

impl Recording {
    pub(super) fn keeps_results(self) -> bool {
        matches!(self, Self::Possible | Self::OnlyOffered)
    }
}

#[derive(Debug, Default)]
pub(super) struct Reached {
    pub(super) failure_limit: bool,
    /// True once no more attempts start because of [`RunConfig::until`]; see `step/until.rs`.
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
    pub(super) forecast: Forecast,
    pub(super) starts: StartHold,
    pub(super) breaker: Breaker,
    /// Why the breaker ended its hold; `None` once reported.
    pub(super) resumption: Option<Resumption>,
    pub(super) program: ProgramRecord,
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

    /// Sets the sizes and durations of successful attempts in earlier runs of the recipe.
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

    /// Returns the last exchange if it was not answered, otherwise a new one.
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

    pub(super) fn pressure(&self) -> Option<Pressure> {
        let of_gate = self.world.pressure.clone().map(|pressure| (pressure, None));
        let of_breaker = || self.breaker.reason().map(|(reason, at)| (BackPressure { reason }, Some(at)));
        of_gate.or_else(of_breaker).or_else(|| self.starts.pressure().map(|pressure| (pressure, None)))
    }

    /// True if only back-pressure prevents claims. Must be called only while no attempt is running.
    pub(super) fn is_under_pressure(&self) -> bool {
        (self.world.pressure.is_some() || self.starts.is_held() || self.breaker.is_held()) && self.may_start()
    }

    pub(super) fn is_store_resting(&self) -> bool {
        let latest = self.now.saturating_add(RETRY_STORE_AFTER);
        self.store.retry_at.is_some_and(|until| self.now < until && until <= latest)
    }

    /// True if no attempt is running or unsettled. Ignores claims that are set aside. An unanswered
    /// exchange may have claimed items.
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

    pub(super) fn are_counts_old(&self) -> bool {
        self.queue.counted_at.is_none_or(|at| self.now < at || self.now >= at.saturating_add(COUNT_EVERY))
    }
}
