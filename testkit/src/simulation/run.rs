//! The state of a simulated run.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::time::Duration;

use autoproc_domain::item::ClaimToken;
use autoproc_domain::ports::{Attempt, AttemptProgress, BackPressure, RunInfo, StopCause, StopLevel, StopRequest};
use autoproc_domain::request::{ExchangeRequest, Scope};
use autoproc_domain::run::{Input, ProcessorError, RunState, Wakeup};
use autoproc_domain::run_info::ProcessingResult;
use autoproc_domain::{RunConfig, RunId, Timestamp};

use super::alike::Pausing;
use super::lacks::Lacking;
use crate::stop_view::StopView;

#[derive(Debug)]
pub(super) enum RunEnd {
    Returned(Result<ProcessingResult, ProcessorError>),
    Killed,
}

#[derive(Debug)]
pub(super) enum Operation {
    Count(Scope),
    Register(RunInfo),
    ClearStop,
    Recover,
    Exchange(ExchangeRequest),
    Deregister,
    Measure(usize),
}

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) number: u32,
    pub(super) operation: Option<Operation>,
    /// The wall-clock time of the request.
    pub(super) asked_at: Timestamp,
    pub(super) answer: Option<Input>,
}

#[derive(Debug, Default)]
pub(super) struct SimulatedOrchestrator {
    pub(super) prefetch: usize,
    pub(super) queued: VecDeque<Attempt>,
    /// The indexes of the running attempts.
    pub(super) at_work: Vec<usize>,
    pub(super) reports: Vec<(ClaimToken, AttemptProgress)>,
    pub(super) is_delivery_due: bool,
}

impl SimulatedOrchestrator {
    pub(super) fn in_hand(&self) -> usize {
        self.queued.len() + self.at_work.len()
    }
}

/// Counts of results, either reported by a run or recorded by the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) completed: u64,
    pub(super) failed: u64,
    pub(super) retried: u64,
}

#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each flag states a separate fact")]
pub(super) struct SimulatedRun {
    pub(super) id: RunId,
    pub(super) host: usize,
    /// The planned configuration. A test can change the configuration in `state`.
    pub(super) config: RunConfig,
    pub(super) jobs: NonZeroUsize,
    pub(super) state: RunState,
    pub(super) end: Option<(Duration, RunEnd)>,

    // The data that a driver would hold.
    pub(super) pending: Option<Pending>,
    pub(super) operations: u32,
    pub(super) wakeup: Wakeup,
    pub(super) waits: u32,
    /// A signal that was sent but not yet reported to the run.
    pub(super) sent_signal: Option<(StopLevel, StopCause)>,
    pub(super) stop: StopView,
    pub(super) known_stop: StopRequest,
    /// True while the run is removing the stop request. `known_stop` then keeps its value.
    pub(super) is_clearing: bool,
    pub(super) known_pressure: Option<BackPressure>,
    pub(super) known_capacity: usize,
    pub(super) orchestrator: SimulatedOrchestrator,

    // The connection to the store.
    pub(super) has_lease: bool,
    pub(super) is_cut_off: bool,
    pub(super) has_lost_its_lease: bool,
    pub(super) is_deregistered: bool,
    pub(super) seen_version: u64,
    pub(super) is_change_due: bool,
    pub(super) last_exchange: Option<ExchangeRequest>,
    pub(super) exchanged_at: Duration,
    pub(super) is_recovered_since_exchange: bool,

    // Data for the checks.
    pub(super) is_working: bool,
    /// True after a lost attempt or a full store. The run must then claim nothing.
    pub(super) has_failed: bool,
    pub(super) was_cut_off: bool,
    pub(super) knows_of_lost_lease: bool,
    pub(super) was_aborted: bool,
    pub(super) was_stopped: bool,
    pub(super) highest_stop: StopLevel,
    pub(super) stop_known_at: Option<Duration>,
    pub(super) stops_asked: Vec<(Duration, StopLevel)>,
    pub(super) cancelled: Vec<ClaimToken>,
    pub(super) cancels_ordered: Vec<ClaimToken>,
    pub(super) troubles: u32,
    pub(super) reported: Tally,
    pub(super) recorded: Tally,
    pub(super) is_limit_reached: bool,
    pub(super) idle_since: Option<Duration>,
    pub(super) lacking: Lacking,
    pub(super) pausing: Pausing,
}

impl SimulatedRun {
    /// Creates a run. Its orchestrator runs up to `jobs` attempts at the same time.
    pub(super) fn new(
        id: RunId,
        host: usize,
        config: RunConfig,
        jobs: NonZeroUsize,
        state: RunState,
        seen_version: u64,
    ) -> Self {
        Self {
            id,
            host,
            config,
            jobs,
            state,
            end: None,
            pending: None,
            operations: 0,
            wakeup: Wakeup::default(),
            waits: 0,
            sent_signal: None,
            stop: StopView::default(),
            known_stop: StopRequest::NONE,
            is_clearing: false,
            known_pressure: None,
            known_capacity: jobs.get(),
            orchestrator: SimulatedOrchestrator::default(),
            has_lease: false,
            is_cut_off: false,
            has_lost_its_lease: false,
            is_deregistered: false,
            seen_version,
            is_change_due: false,
            last_exchange: None,
            exchanged_at: Duration::ZERO,
            is_recovered_since_exchange: false,
            is_working: false,
            has_failed: false,
            was_cut_off: false,
            knows_of_lost_lease: false,
            was_aborted: false,
            was_stopped: false,
            highest_stop: StopLevel::Running,
            stop_known_at: None,
            stops_asked: Vec::new(),
            cancelled: Vec::new(),
            cancels_ordered: Vec::new(),
            troubles: 0,
            reported: Tally::default(),
            recorded: Tally::default(),
            is_limit_reached: false,
            idle_since: None,
            lacking: Lacking::default(),
            pausing: Pausing::default(),
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        self.end.is_none()
    }

    pub(super) fn capacity(&self) -> usize {
        self.jobs.get() + self.orchestrator.prefetch
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.known_stop.level > StopLevel::Running
    }
}
