//! The driver of the run loop: collects inputs and carries out actions.

use std::collections::HashMap;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{BoxFuture, Fuse, FusedFuture, FutureExt};
use futures_util::select_biased;
use futures_util::stream::{BoxStream, SelectAll, StreamExt};

use crate::attempt::{Attempt, AttemptProgress};
use crate::forecast::Forecast;
use crate::item::ClaimToken;
use crate::ports::{
    BackPressure, Clock, FileSizes, InProcessReaper, Lease, NeverStop, NoObserver, Observer, OpenGate, Orchestrator,
    Reaper, RunEvent, RunEventKind, Runs, StartGate, StopSignal, Storage, UnknownSizes,
};
use crate::recovery::{self, Proof, RecoveryPorts};
use crate::run::attempt_stop::AttemptStop;
use crate::run::{Action, Input, ProcessorError, RunConfig, RunState, Wakeup};
use crate::run_info::{ProcessingResult, RunInfo};
use crate::stop::StopRequest;

/// The ports that a processor uses.
#[derive(Clone)]
pub struct Ports {
    /// The store of the queue.
    pub storage: Arc<dyn Storage>,
    /// The registry of live runs; usually the store itself.
    pub runs: Arc<dyn Runs>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Carries out the attempts.
    pub orchestrator: Arc<dyn Orchestrator>,
    /// Ends the leftover processes of dead runs.
    pub reaper: Arc<dyn Reaper>,
    /// The source of stop requests.
    pub stop: Arc<dyn StopSignal>,
    /// Can hold the starts of attempts; [`OpenGate`](crate::ports::OpenGate) never does.
    pub gate: Arc<dyn StartGate>,
    /// Reads the sizes of files; [`UnknownSizes`] knows none.
    pub sizes: Arc<dyn FileSizes>,
    /// Receives the events.
    pub observer: Arc<dyn Observer>,
}

impl Ports {
    /// Returns the ports of a program that carries out attempts in its own process, so that dead
    /// runs leave no processes. The ports never request a stop, never hold starts, know no file
    /// sizes and ignore events.
    #[must_use]
    pub fn in_process<S: Storage + Runs + 'static>(
        store: Arc<S>,
        clock: Arc<dyn Clock>,
        orchestrator: Arc<dyn Orchestrator>,
    ) -> Self {
        Self {
            storage: store.clone(),
            runs: store,
            clock,
            orchestrator,
            reaper: Arc::new(InProcessReaper::default()),
            stop: Arc::new(NeverStop),
            gate: Arc::new(OpenGate),
            sizes: Arc::new(UnknownSizes),
            observer: Arc::new(NoObserver),
        }
    }
}

/// Processes files until none is left, or until it is asked to stop.
pub struct AutonomousProcessor {
    ports: Ports,
    config: RunConfig,
    forecast: Forecast,
}

impl AutonomousProcessor {
    /// Creates the processor of one run.
    #[must_use]
    pub fn new(ports: Ports, config: RunConfig) -> Self {
        Self { ports, config, forecast: Forecast::default() }
    }

    /// Sets the sizes and durations of successful attempts in earlier runs of the recipe. Only a
    /// run that [uses forecasts](RunConfig::uses_forecasts) or [holds starts if files fail
    /// alike](RunConfig::pause_on_same) needs them.
    #[must_use]
    pub fn with_forecast(self, forecast: Forecast) -> Self {
        Self { forecast, ..self }
    }

    /// Carries out the run.
    ///
    /// # Errors
    /// [`ProcessorError`]. After [`ProcessorError::StillStopping`], the run has not begun and no
    /// item has changed.
    pub async fn run(&self) -> Result<ProcessingResult, ProcessorError> {
        let state = RunState::new(self.config.clone(), self.ports.reaper.location());
        let state = state.with_forecast(self.forecast.clone());
        Driver::new(&self.ports, &self.config).drive(state).await
    }
}

type Progress<'a> = BoxStream<'a, (ClaimToken, AttemptProgress)>;

struct Driver<'a> {
    ports: &'a Ports,
    config: &'a RunConfig,
    operation: Fuse<BoxFuture<'a, Input>>,
    progress: SelectAll<Progress<'a>>,
    stops: HashMap<ClaimToken, Arc<AttemptStop>>,
    lease: Option<Arc<dyn Lease>>,
    /// While true, the stop signal is not read.
    is_clearing: bool,
    wakeup: Wakeup,
    /// Kept between waits, because a new call may cost a round trip.
    changed: Fuse<BoxFuture<'a, ()>>,
    // The values of the ports, as last passed to the state.
    stop: StopRequest,
    pressure: Option<BackPressure>,
    capacity: usize,
}

impl<'a> Driver<'a> {
    fn new(ports: &'a Ports, config: &'a RunConfig) -> Self {
        Self {
            ports,
            config,
            operation: Fuse::terminated(),
            progress: SelectAll::new(),
            stops: HashMap::new(),
            lease: None,
            is_clearing: false,
            wakeup: Wakeup::default(),
            changed: Fuse::terminated(),
            stop: StopRequest::NONE,
            pressure: None,
            capacity: config.jobs.get(),
        }
    }

    async fn drive(mut self, mut state: RunState) -> Result<ProcessingResult, ProcessorError> {
        let mut next = Some(Input::Begin);
        loop {
            self.prepare(next.as_ref());
            // Handle changes of the ports first, so that no answer of the store starts an attempt
            // after a stop.
            for input in self.changes().into_iter().chain(next) {
                for action in state.handle(input, self.ports.clock.now()) {
                    if let Some(outcome) = self.carry_out(action) {
                        return outcome;
                    }
                }
            }
            next = self.next_input().await;
        }
    }

    fn prepare(&mut self, next: Option<&Input>) {
        match next {
            Some(Input::Registered(Ok(begun))) => self.lease.clone_from(&begun.lease),
            Some(Input::LeaseLost) => self.lease = None,
            // Forget the cleared request, so that `changes` reports a request that is present now.
            Some(Input::StopCleared(_)) => (self.is_clearing, self.stop) = (false, StopRequest::NONE),
            _ => {}
        }
    }

    fn changes(&mut self) -> Vec<Input> {
        let Ports { stop, gate, orchestrator, .. } = self.ports;
        let stop = if self.is_clearing { self.stop } else { stop.request() };
        let pressure = gate.pressure();
        let capacity = orchestrator.capacity(self.config.jobs.get());
        let changes = [
            (stop != self.stop).then_some(Input::Stop(stop)),
            (pressure != self.pressure).then(|| Input::Pressure(pressure.clone())),
            (capacity != self.capacity).then_some(Input::Capacity(capacity)),
        ];
        (self.stop, self.pressure, self.capacity) = (stop, pressure, capacity);
        changes.into_iter().flatten().collect()
    }

    fn carry_out(&mut self, action: Action) -> Option<Result<ProcessingResult, ProcessorError>> {
        let ports = self.ports;
        match action {
            Action::Count(scope) => self.operate(async { Input::Counted(ports.storage.counts(scope).await) }),
            Action::ClearStop => {
                self.is_clearing = true;
                self.operate(async { Input::StopCleared(ports.stop.clear().await) });
            }
            Action::Register(info) => self.operate(register(ports, info)),
            Action::Recover => self.operate(recover(ports, self.config.retry.max_attempts())),
            Action::Exchange(request) => {
                let exchange = ports.storage.exchange(request, ports.clock.now());
                self.operate(exchange.map(Input::Exchanged));
            }
            Action::Deregister => {
                let end = ports.runs.end(self.config.run.clone());
                self.operate(end.map(Input::Deregistered));
            }
            Action::Measure(files) => self.operate(ports.sizes.sizes_of(files).map(Input::Measured)),
            Action::Start(attempt) => self.start(attempt),
            Action::Recall => ports.orchestrator.recall(),
            Action::Cancel(token) => self.stops.get(&token).into_iter().for_each(|stop| stop.abort()),
            Action::Abort => {
                self.operation = Fuse::terminated();
                self.stops.values().for_each(|stop| stop.abort());
            }
            Action::Emit(kind) => self.emit(kind),
            Action::Wait(wakeup) => self.wakeup = wakeup,
            Action::End(outcome) => return Some(outcome),
        }
        None
    }

    fn operate(&mut self, operation: impl Future<Output = Input> + Send + 'a) {
        self.operation = operation.boxed().fuse();
    }

    fn start(&mut self, attempt: Attempt) {
        let token = attempt.token;
        let stop = Arc::new(AttemptStop::new(self.ports.stop.clone()));
        self.stops.insert(token, stop.clone());
        let progress = self.ports.orchestrator.start(attempt, stop);
        self.progress.push(progress.map(move |progress| (token, progress)).boxed());
    }

    fn emit(&self, kind: RunEventKind) {
        let (at, run) = (self.ports.clock.now(), self.config.run.clone());
        self.ports.observer.observe(&RunEvent { at, run, kind });
    }

    /// Returns `None` if the stop level rose; `changes` reports the new level.
    async fn next_input(&mut self) -> Option<Input> {
        let ports = self.ports;
        let Ports { stop, gate, clock, .. } = ports;
        if self.wakeup.on_change && self.changed.is_terminated() {
            self.changed = ports.storage.changed().fuse();
        }
        let Self { progress, stops, operation, changed, wakeup, pressure, lease, .. } = self;
        let level = (!self.is_clearing).then_some(self.stop.level);
        let mut stopped = pin!(
            wait_if(level, async |level| {
                stop.raised_above(level).await;
            })
            .fuse()
        );
        let mut lost = pin!(wait_if(lease.clone(), async |lease| lease.lost().await).fuse());
        let gate_changed = async |pressure| gate.changed_from(Some(pressure)).await;
        let mut passed = pin!(wait_if(pressure.clone(), gate_changed).fuse());
        let mut due = pin!(wait_if(wakeup.at, async |point| clock.sleep_until(point).await).fuse());
        let mut changed = pin!(wait_if(wakeup.on_change.then_some(changed), async |changed| changed.await).fuse());
        // The macro takes the first ready branch, so a branch that is always ready starves only the
        // branches below it.
        select_biased! {
            first = progress.select_next_some() => Some(Input::Attempts(all_progress(first, progress, stops))),
            input = &mut *operation => Some(input),
            () = lost => Some(Input::LeaseLost),
            () = stopped => None,
            () = passed => Some(Input::Pressure(gate.pressure())),
            () = due => Some(Input::Woken),
            () = changed => Some(Input::Woken),
        }
    }
}

/// Collects all available progress, so that one exchange can record it.
fn all_progress(
    first: (ClaimToken, AttemptProgress),
    progress: &mut SelectAll<Progress<'_>>,
    stops: &mut HashMap<ClaimToken, Arc<AttemptStop>>,
) -> Vec<(ClaimToken, AttemptProgress)> {
    let mut all = vec![first];
    while let Some(Some(next)) = progress.next().now_or_never() {
        all.push(next);
    }
    for (token, progress) in &all {
        if !matches!(progress, AttemptProgress::Started { .. }) {
            stops.remove(token);
        }
    }
    all
}

async fn wait_if<T>(subject: Option<T>, wait: impl AsyncFnOnce(T)) {
    match subject {
        Some(subject) => wait(subject).await,
        None => pending().await,
    }
}

async fn register(ports: &Ports, info: RunInfo) -> Input {
    Input::Registered(ports.runs.begin(info).await)
}

async fn recover(ports: &Ports, max_attempts: u32) -> Input {
    let Ports { storage, runs, reaper, clock, .. } = ports;
    let ports = RecoveryPorts {
        storage: storage.as_ref(),
        runs: runs.as_ref(),
        reaper: reaper.as_ref(),
        clock: clock.as_ref(),
    };
    Input::Recovered(recovery::recover(ports, max_attempts, Proof::Demanded).await)
}
