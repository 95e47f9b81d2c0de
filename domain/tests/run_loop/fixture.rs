use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use autoproc_domain::fingerprint::Completion;
use autoproc_domain::forecast::Forecast;
use autoproc_domain::item::{Claim, ClaimNumber, ClaimToken};
use autoproc_domain::ports::{
    AttemptOutcome, AttemptProgress, AttemptReport, Begun, LiveRun, Location, RunEventKind, RunInfo, StopCause,
    StopLevel, StopRequest, StorageError,
};
use autoproc_domain::recovery::Recovery;
use autoproc_domain::request::{ExchangeRequest, Settlement, Verdict};
use autoproc_domain::run::{Action, Input, ProcessorError, RunState, Wakeup};
use autoproc_domain::view::{Claimed, Counts, Exchanged};
use autoproc_domain::{FilePath, ItemId, Priority, ProcessingResult, QueueItem, RunConfig, RunId, Status, Timestamp};

pub(crate) struct Run {
    state: RunState,
    pub(crate) now: Timestamp,
    actions: Vec<Action>,
    pub(crate) events: Vec<RunEventKind>,
    pub(crate) wakeup: Wakeup,
}

impl Run {
    /// Creates a run that has two jobs and has not begun.
    pub(crate) fn new(config: RunConfig) -> Self {
        let config = config.with_run(RunId::new("run")).with_jobs(NonZeroUsize::new(2).unwrap());
        let state = RunState::new(config, location("here"));
        let now = Timestamp::from_micros(1_000_000_000);
        Self { state, now, actions: Vec::new(), events: Vec::new(), wakeup: Wakeup::default() }
    }

    /// Creates a run that has begun. The first exchange is pending.
    pub(crate) fn begun(config: RunConfig) -> Self {
        Self::new(config).and_begun()
    }

    /// Must be called before the run begins.
    pub(crate) fn with_forecast(self, forecast: Forecast) -> Self {
        Self { state: self.state.with_forecast(forecast), ..self }
    }

    pub(crate) fn and_begun(self) -> Self {
        let mut run = self;
        run.feed(Input::Begin);
        run.feed(Input::Counted(Ok(Counts { pending: 9, ..Counts::default() })));
        run.feed(Input::Registered(Ok(Begun::without_lease(Vec::new()))));
        run.feed(Input::Recovered(Ok(Recovery::default())));
        run
    }

    pub(crate) fn feed(&mut self, input: Input) -> &mut Self {
        for action in self.state.handle(input, self.now) {
            match action {
                Action::Emit(kind) => self.events.push(kind),
                Action::Wait(wakeup) => self.wakeup = wakeup,
                action => self.actions.push(action),
            }
        }
        self
    }

    pub(crate) fn pass(&mut self, span: Duration) -> &mut Self {
        self.now = self.now.saturating_add(span);
        self
    }

    pub(crate) fn set_back(&mut self, span: Duration) -> &mut Self {
        self.now = Timestamp::from_micros(self.now.as_micros() - i64::try_from(span.as_micros()).unwrap());
        self
    }

    pub(crate) fn actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    pub(crate) fn exchange(&mut self) -> ExchangeRequest {
        let actions = self.actions();
        match <[Action; 1]>::try_from(actions) {
            Ok([Action::Exchange(request)]) => request,
            Ok(actions) => panic!("wanted an exchange alone: {actions:?}"),
            Err(actions) => panic!("wanted an exchange alone: {actions:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn exchange_among(&mut self) -> ExchangeRequest {
        let exchanges = self.actions().into_iter().filter_map(|action| match action {
            Action::Exchange(request) => Some(request),
            _ => None,
        });
        exchanges.last().expect("an exchange was ordered")
    }

    pub(crate) fn started(&mut self) -> Vec<u64> {
        let started = self.actions().into_iter().filter_map(|action| match action {
            Action::Start(attempt) => Some(attempt.token.item.get()),
            _ => None,
        });
        started.collect()
    }

    pub(crate) fn answer(&mut self, exchanged: Exchanged) -> &mut Self {
        self.feed(Input::Exchanged(Ok(exchanged)))
    }

    pub(crate) fn refuse(&mut self, error: StorageError) -> &mut Self {
        self.feed(Input::Exchanged(Err(error)))
    }

    pub(crate) fn start(&mut self, id: u64) -> &mut Self {
        self.progress(id, AttemptProgress::Started { fingerprint: None })
    }

    pub(crate) fn end(&mut self, id: u64, outcome: AttemptOutcome) -> &mut Self {
        let report = AttemptReport::new(outcome, Duration::from_secs(1));
        self.progress(id, AttemptProgress::Ended(report))
    }

    pub(crate) fn succeed(&mut self, id: u64) -> &mut Self {
        self.start(id).end(id, AttemptOutcome::Succeeded)
    }

    pub(crate) fn progress(&mut self, id: u64, progress: AttemptProgress) -> &mut Self {
        self.feed(Input::Attempts(vec![(token(id), progress)]))
    }

    pub(crate) fn stop(&mut self, level: StopLevel, cause: StopCause) -> &mut Self {
        self.feed(Input::Stop(StopRequest { level, cause: Some(cause) }))
    }

    /// Answers the last operations of a run, and returns the outcome of the run.
    pub(crate) fn outcome(&mut self) -> Result<ProcessingResult, ProcessorError> {
        for _ in 0..5 {
            match self.actions().pop() {
                Some(Action::End(outcome)) => return outcome,
                Some(Action::Recover) => self.feed(Input::Recovered(Ok(Recovery::default()))),
                Some(Action::Count(_)) => self.feed(Input::Counted(Ok(Counts::default()))),
                Some(Action::Deregister) => self.feed(Input::Deregistered(Ok(Vec::new()))),
                Some(Action::ClearStop) => self.feed(Input::StopCleared(Ok(true))),
                other => panic!("the run does not end: {other:?}"),
            };
        }
        panic!("the run does not end")
    }

    pub(crate) fn count(&self, is_such: impl Fn(&RunEventKind) -> bool) -> usize {
        self.events.iter().filter(|kind| is_such(kind)).count()
    }

    pub(crate) fn troubles(&self) -> usize {
        self.count(|kind| matches!(kind, RunEventKind::StorageTrouble { .. }))
    }
}

pub(crate) fn location(host: &str) -> Location {
    let (boot, pid_namespace) = (host.into(), "".into());
    Location { host: host.into(), boot, pid_namespace, pid: 1, project: Path::new("/project").into() }
}

pub(crate) fn other_run() -> LiveRun {
    let info = RunInfo {
        id: RunId::new("other"),
        started_at: Timestamp::from_micros(0),
        jobs: 1,
        max_attempts: 4,
        timeout: Duration::from_secs(300),
        recipe: None,
        work: None,
        location: location("here"),
    };
    LiveRun { info, heard_of: None }
}

pub(crate) fn claims(ids: &[u64], has_waiting: bool) -> Exchanged {
    Exchanged { claims: ids.iter().map(|id| claimed(*id, 1)).collect(), has_waiting, ..Exchanged::default() }
}

pub(crate) fn claimed(id: u64, attempts: u32) -> Claimed {
    let path = FilePath::new(format!("/{id}")).unwrap();
    let added = QueueItem::added(ItemId::new(id), path, Priority::default(), Timestamp::from_micros(0));
    let claim = Claim { number: ClaimNumber::new(id), run: RunId::new("run"), is_cancelled: false };
    let item = QueueItem { attempts, status: Status::Processing, claim: Some(Box::new(claim)), ..added };
    (token(id), item)
}

pub(crate) fn token(id: u64) -> ClaimToken {
    ClaimToken { item: ItemId::new(id), number: ClaimNumber::new(id) }
}

pub(crate) fn completed(id: u64) -> Settlement {
    Settlement { token: token(id), verdict: Verdict::Complete(Completion::default()) }
}

pub(crate) fn released(id: u64) -> Settlement {
    Settlement { token: token(id), verdict: Verdict::Release }
}

/// Returns a failure that is not retried.
pub(crate) fn failed() -> AttemptOutcome {
    AttemptOutcome::Unmet { reason: "it is bad".into(), permanent: true }
}

pub(crate) fn busy() -> StorageError {
    StorageError::Busy { holder: "another process".to_owned() }
}

pub(crate) fn unreachable() -> StorageError {
    StorageError::Unreachable { place: "a server".to_owned(), source: "no answer".into() }
}

pub(crate) fn full() -> StorageError {
    StorageError::Full("no room".into())
}

pub(crate) fn damaged() -> StorageError {
    StorageError::Damaged { place: "the queue".to_owned(), detail: "a line".to_owned() }
}
