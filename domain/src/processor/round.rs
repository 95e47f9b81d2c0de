//! The rounds of a run: settle and claim, start, wait.

mod attempt;
mod limits;
mod reserve;
mod series;

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, FutureExt, pending, select};
use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::command::{ExchangeRequest, Settlement, Verdict};
use crate::item::{ClaimToken, Status};
use crate::ports::{Attempt, AttemptOf, Hold, RunEventKind, StopLevel, StopRequest, StorageError, Unproven};
use crate::processor::{AutonomousProcessor, Ports, ProcessingResult, ProcessorError, RunConfig, StoppedBy};
use crate::time::Timestamp;
use crate::view::{Counts, Exchanged};

use attempt::{Ended, Tally};
use reserve::{Reserve, Reserved};
use series::{Heard, Series};

/// How long to wait before asking a locked store again. It has waited by itself before it said so.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// What there will be to hear of each slot that is taken.
type Running<'a> = FuturesUnordered<BoxFuture<'a, (Heard, Series<'a>)>>;

pub(super) struct Rounds<'a> {
    processor: &'a AutonomousProcessor,
    ports: &'a Ports,
    config: &'a RunConfig,
    running: Running<'a>,
    ended: Vec<Ended>,
    /// What the transaction under way settles.
    settling: Tally,
    reserve: Reserve,
    /// Claims out of the reserve that are to be given back.
    unused: Vec<ClaimToken>,
    level: StopLevel,
    counts: Counts,
    next_due: Option<Timestamp>,
    /// The store was locked; do not ask before this point.
    busy_until: Option<Timestamp>,
    storage_is_full: bool,
    /// What holds new starts back, and whether that was told.
    hold: Option<Hold>,
    told_hold: Option<Hold>,
    /// As many files failed as the run bears.
    is_halted: bool,
    /// What was told of dead runs that may still be at work.
    withheld: Vec<Unproven>,
    failure: Option<ProcessorError>,
    result: ProcessingResult,
}

impl<'a> Rounds<'a> {
    pub(super) fn new(processor: &'a AutonomousProcessor, counts: Counts) -> Self {
        Self {
            processor,
            ports: &processor.ports,
            config: &processor.config,
            running: FuturesUnordered::new(),
            ended: Vec::new(),
            settling: Tally::default(),
            reserve: Reserve::default(),
            unused: Vec::new(),
            level: StopLevel::Running,
            counts,
            next_due: None,
            busy_until: None,
            storage_is_full: false,
            hold: None,
            told_hold: None,
            is_halted: false,
            withheld: Vec::new(),
            failure: None,
            result: ProcessingResult {
                processed: 0,
                failed: 0,
                retried: 0,
                remaining: 0,
                stopped_by: StoppedBy::Error,
                stop_level: StopLevel::Running,
            },
        }
    }

    /// Runs to the end. What was done up to an error is told beside the error.
    pub(super) async fn run(mut self) -> (ProcessingResult, Result<(), ProcessorError>) {
        let outcome = self.rounds().await;
        self.abandon().await;
        self.result.remaining = self.counts.pending;
        self.result.stop_level = self.level;
        let outcome = outcome.map(|stopped_by| self.result.stopped_by = stopped_by);
        (self.result, outcome)
    }

    async fn rounds(&mut self) -> Result<StoppedBy, ProcessorError> {
        self.recover().await?;
        loop {
            self.notice_stop();
            self.notice_halt();
            self.notice_hold();
            self.tidy_reserve();
            self.exchange().await?;
            if self.is_at_rest()
                && let Some(stopped_by) = self.end().await?
            {
                return Ok(stopped_by);
            }
            self.wait().await;
        }
    }

    fn is_at_rest(&self) -> bool {
        self.running.is_empty() && self.ended.is_empty() && self.reserve.is_empty() && self.unused.is_empty()
    }

    fn notice_stop(&mut self) {
        let StopRequest { level, cause } = self.ports.stop.request();
        if level > self.level
            && let Some(cause) = cause
        {
            self.level = level;
            self.processor.tell(RunEventKind::StopRequested { level, cause });
        }
    }

    /// A clock that was set back since tells nothing: then the store may be asked.
    fn is_store_busy(&self) -> bool {
        let now = self.ports.clock.now();
        self.busy_until.is_some_and(|until| now < until && until <= now.saturating_add(BUSY_PAUSE))
    }

    /// Settles what has ended and claims what there is room for, in one transaction; starts what was claimed.
    async fn exchange(&mut self) -> Result<(), ProcessorError> {
        if self.is_store_busy() {
            return Ok(());
        }
        self.busy_until = None;
        let limit = self.room();
        if self.ended.is_empty() && self.unused.is_empty() && limit == 0 {
            return if self.is_held() { self.look().await } else { Ok(()) };
        }
        let (ended, unused) = (std::mem::take(&mut self.ended), std::mem::take(&mut self.unused));
        let given_back = unused.iter().map(|token| Settlement { token: *token, verdict: Verdict::Release });
        let settlements = ended.iter().map(Ended::settlement).chain(given_back).collect();
        let request = ExchangeRequest { run: self.config.run.clone(), settlements, limit };
        let exchange = self.ports.storage.exchange(request, self.ports.clock.now());
        self.settling = Tally::of(&ended);
        let answer = self.meanwhile(exchange).await;
        self.settling = Tally::default();
        match answer {
            Ok(exchanged) => {
                self.record(ended, exchanged);
                Ok(())
            }
            Err(error) => {
                // Settlements that were not taken go first the next time.
                let later = std::mem::replace(&mut self.ended, ended);
                self.ended.extend(later);
                self.unused.extend(unused);
                self.bear(error, limit)
            }
        }
    }

    /// What a failed transaction means for the run: a pause, no new claims, or the end.
    fn bear(&mut self, error: StorageError, limit: usize) -> Result<(), ProcessorError> {
        let report = RunEventKind::StorageTrouble { error: error.to_string().into() };
        match error {
            StorageError::Busy { .. } if self.level < StopLevel::Aborting => {
                self.busy_until = Some(self.ports.clock.now().saturating_add(BUSY_PAUSE));
            }
            StorageError::Full(_) if limit > 0 => self.storage_is_full = true,
            fatal => return Err(fatal.into()),
        }
        self.processor.tell(report);
        Ok(())
    }

    fn record(&mut self, ended: Vec<Ended>, exchanged: Exchanged) {
        for attempt in ended {
            if exchanged.stale.contains(&attempt.token) {
                self.processor.tell(RunEventKind::ResultDiscarded { of: attempt.of });
            } else {
                self.tell_result(attempt);
            }
        }
        self.counts = exchanged.counts;
        self.next_due = exchanged.next_due;
        let now = self.ports.clock.now();
        for (token, item) in exchanged.claims {
            self.reserve.push(Reserved { token, item, since: now });
        }
        self.start_from_reserve();
        self.processor.tell(RunEventKind::Progress { counts: self.counts, next_due: self.next_due });
    }

    fn tell_result(&mut self, ended: Ended) {
        let Ended { of, elapsed, usage, .. } = ended;
        let kind = match ended.verdict {
            Verdict::Complete => {
                self.result.processed += 1;
                RunEventKind::FileCompleted { of, elapsed, usage }
            }
            Verdict::Retry { backoff, error } => {
                self.result.retried += 1;
                RunEventKind::FileRequeued { of, elapsed, usage, backoff, error }
            }
            Verdict::Fail { timed_out, error } => {
                self.result.failed += 1;
                if timed_out {
                    RunEventKind::FileTimeout { of, elapsed, usage, error }
                } else {
                    RunEventKind::FileFailed { of, elapsed, usage, error }
                }
            }
            Verdict::Release => RunEventKind::FileReleased { of, elapsed, usage },
        };
        self.processor.tell(kind);
    }

    fn start(&mut self, claims: Vec<Reserved>) {
        let attempts = claims.iter().map(|claim| self.attempt(claim)).collect();
        let news = self.ports.orchestrator.execute_series(attempts, self.ports.stop.clone());
        self.go_on(Series::new(claims, news));
    }

    fn attempt(&self, Reserved { token, item, .. }: &Reserved) -> Attempt {
        Attempt {
            token: *token,
            run: self.config.run.clone(),
            file_path: item.file_path.clone(),
            number: AttemptOf::latest(item).attempt,
            max_attempts: self.config.retry.max_attempts(),
            timeout: self.config.timeout,
            deadline: self.ports.clock.now().saturating_add(self.config.timeout),
        }
    }

    /// Listens to a series whose first attempt has just begun.
    fn go_on(&mut self, series: Series<'a>) {
        if let Some(of) = series.current() {
            self.processor.tell(RunEventKind::FileStarted { of });
        }
        self.listen(series);
    }

    fn listen(&mut self, series: Series<'a>) {
        if !series.is_over() {
            self.running.push(series.hear(self.ports, self.config).boxed());
        }
    }

    /// Whether the run is over, now that nothing of it runs and everything is settled.
    async fn end(&mut self) -> Result<Option<StoppedBy>, ProcessorError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if self.level > StopLevel::Running {
            return Ok(self.ports.stop.request().cause.map(StoppedBy::Request));
        }
        if self.is_halted {
            return Ok(Some(StoppedBy::TooManyFailed));
        }
        if self.storage_is_full {
            return Ok(Some(StoppedBy::StorageFull));
        }
        if self.busy_until.is_some() {
            return Ok(None);
        }
        if self.counts.pending == 0 {
            // What a run left that died beside us is ours to finish.
            let is_done = !self.recover().await?;
            return Ok(is_done.then_some(StoppedBy::QueueEmpty));
        }
        let is_none_due = !self.config.wait_for_backoff && !self.is_held();
        Ok(is_none_due.then_some(StoppedBy::NothingDue))
    }

    /// Puts back what dead runs left; says whether anything waits again because of it.
    async fn recover(&mut self) -> Result<bool, ProcessorError> {
        let recovery = match self.processor.recover().await {
            Ok(recovery) => recovery,
            // Once more when the pause is over: until then the run is not at its end.
            Err(error) => return self.bear(error, 0).map(|()| true),
        };
        self.tell_withheld(recovery.unproven);
        let (waiting, over): (Vec<_>, Vec<_>) =
            recovery.recovered.into_iter().partition(|recovered| recovered.item.status == Status::Pending);
        self.result.failed += over.len() as u64;
        if !waiting.is_empty() {
            self.next_due = Some(self.ports.clock.now());
        }
        Ok(!waiting.is_empty())
    }

    /// Waits for whatever could make the next round worth while.
    async fn wait(&mut self) {
        if !self.ended.is_empty() && !self.is_store_busy() {
            return;
        }
        let ports = self.ports;
        let (wake_at, can_claim) = match self.busy_until {
            Some(until) if self.is_store_busy() => (Some(until), false),
            // What could only go into the reserve is claimed with the next results.
            _ if self.free_slots() > 0 && self.hold.is_none() => (self.next_due, true),
            _ => (None, false),
        };
        let wake_at = [wake_at, self.reserve.due_back()].into_iter().flatten().min();
        let due = pin!(async {
            match wake_at {
                Some(point) => ports.clock.sleep_until(point).await,
                None => pending().await,
            }
        });
        let work = pin!(async {
            if can_claim {
                ports.storage.changed().await;
            } else {
                pending::<()>().await;
            }
        });
        let hold = self.hold.clone().filter(|_| self.is_held() && self.busy_until.is_none());
        let gate = pin!(async {
            match hold {
                Some(hold) => ports.gate.changed_from(hold).await,
                None => pending().await,
            }
        });
        let stop = ports.stop.raised_above(self.level);
        let woken = select(stop, select(gate, select(due, work)));
        if self.running.is_empty() {
            woken.await;
            return;
        }
        if let Either::Left((Some(news), _)) = select(self.running.next(), woken).await {
            self.note(news);
        }
        // Whatever else is over by now is settled in the same transaction.
        while let Some(Some(news)) = self.running.next().now_or_never() {
            self.note(news);
        }
    }

    /// Does `work` while running attempts go on.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        while !self.running.is_empty() {
            match select(work.as_mut(), self.running.next()).await {
                Either::Left((done, _)) => return done,
                Either::Right((Some(news), _)) => self.note(news),
                Either::Right((None, _)) => break,
            }
        }
        work.await
    }

    fn note(&mut self, (heard, series): (Heard, Series<'a>)) {
        match heard {
            Heard::Over(ended) => {
                self.reserve.learn(ended.elapsed);
                self.ended.push(ended);
                self.go_on(series);
            }
            Heard::NotBegun(claims) => {
                self.reserve.take_back(claims);
                self.listen(series);
            }
            Heard::Lost(error) => self.failure = self.failure.take().or(Some(error.into())),
        }
        self.start_from_reserve();
    }

    /// Sees the last attempts to their end, after an error that leaves nowhere to record them.
    async fn abandon(&mut self) {
        while let Some((_, series)) = self.running.next().await {
            self.listen(series);
        }
    }
}
