//! Attempts that go as a test wrote them, on the virtual clock.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::item::{AttemptNumber, ClaimToken};
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, AttemptProgress, AttemptReport, LostAttempt, Orchestrator, StopLevel, StopSignal,
};
use autoproc_domain::{FilePath, Fingerprint, RunId};
use futures_util::future::{Either, select};
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::{Jitter, VirtualClock};

/// How one attempt goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptedAttempt {
    /// How long it takes unless it is ended; [`Duration::MAX`] hangs.
    pub takes: Duration,
    /// How it ends then; `None` if the orchestrator loses sight of it.
    pub outcome: Option<AttemptOutcome>,
}

/// The attempts of one file; the last one is repeated for ever. An empty script succeeds at once.
pub type Script = Vec<ScriptedAttempt>;

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// The claim that it was made under.
    pub token: ClaimToken,
    /// The run that it belonged to.
    pub run: RunId,
    /// The file.
    pub file_path: FilePath,
    /// The number of the attempt in its round.
    pub number: AttemptNumber,
    /// When it began, in time elapsed.
    pub began: Duration,
    /// When and how it was over; `None` while it is under way.
    pub over: Option<(Duration, AttemptEnd)>,
}

/// How an attempt was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptEnd {
    /// It ended, and this was reported.
    Reported(AttemptOutcome),
    /// The orchestrator lost sight of it.
    LostSight,
    /// Its run died under it.
    CutOff,
}

/// Carries out scripts, and keeps a record of every attempt.
///
/// By default each attempt begins at once. With [`with_prefetch`](Self::with_prefetch) the
/// orchestrator takes more attempts than may be at work, and begins them in turn.
#[derive(Debug)]
pub struct ScriptedOrchestrator {
    clock: VirtualClock,
    scripts: HashMap<FilePath, Script>,
    fingerprints: HashMap<FilePath, Fingerprint>,
    records: Mutex<Vec<AttemptRecord>>,
    prefetch: usize,
    line: Mutex<Line>,
    jitter: Arc<Jitter>,
}

/// The attempts that wait for their turn.
#[derive(Debug, Default)]
struct Line {
    /// The most attempts at work; 0 before the first question for the capacity.
    jobs: usize,
    at_work: usize,
    queued: VecDeque<u64>,
    tickets: u64,
    waiting: Vec<Waker>,
}

impl ScriptedOrchestrator {
    /// Carries out these scripts; a file without one succeeds at once.
    #[must_use]
    pub fn new(clock: VirtualClock, scripts: HashMap<FilePath, Script>) -> Self {
        Self {
            clock,
            scripts,
            fingerprints: HashMap::new(),
            records: Mutex::default(),
            prefetch: 0,
            line: Mutex::default(),
            jitter: Arc::new(Jitter::none()),
        }
    }

    /// The same, which pauses now and then.
    #[must_use]
    pub fn with_jitter(self, jitter: Arc<Jitter>) -> Self {
        Self { jitter, ..self }
    }

    /// The same, which takes this many attempts more than may be at work.
    #[must_use]
    pub fn with_prefetch(self, prefetch: usize) -> Self {
        Self { prefetch, ..self }
    }

    /// The same, which reports this of the files when their attempts begin.
    #[must_use]
    pub fn with_fingerprints(self, fingerprints: HashMap<FilePath, Fingerprint>) -> Self {
        Self { fingerprints, ..self }
    }

    /// Every attempt so far, in the order in which they began.
    #[must_use]
    pub fn records(&self) -> Vec<AttemptRecord> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<AttemptRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, attempt: &Attempt) -> Recording<'_> {
        let began = self.clock.elapsed();
        let mut records = self.lock();
        records.push(AttemptRecord {
            token: attempt.token,
            run: attempt.run.clone(),
            file_path: attempt.file_path.clone(),
            number: attempt.number,
            began,
            over: None,
        });
        Recording { orchestrator: self, index: records.len() - 1 }
    }

    fn script_of(&self, attempt: &Attempt) -> ScriptedAttempt {
        let number = usize::try_from(attempt.number.get()).unwrap_or(usize::MAX);
        let script = self.scripts.get(&attempt.file_path).map_or(&[][..], Vec::as_slice);
        let written = script.get(number - 1).or(script.last()).cloned();
        written.unwrap_or(ScriptedAttempt { takes: Duration::ZERO, outcome: Some(AttemptOutcome::Succeeded) })
    }

    /// The end by the script, the timeout or the stop signal, whichever comes first.
    async fn play(&self, attempt: &Attempt, stop: &dyn StopSignal) -> AttemptEnd {
        let ScriptedAttempt { takes, outcome } = self.script_of(attempt);
        let time = self.clock.sleep(takes.min(attempt.timeout));
        match select(pin!(aborting(stop)), pin!(time)).await {
            Either::Left(_) => AttemptEnd::Reported(AttemptOutcome::Aborted),
            Either::Right(_) if takes > attempt.timeout => {
                AttemptEnd::Reported(AttemptOutcome::TimedOut { after: attempt.timeout })
            }
            Either::Right(_) => outcome.map_or(AttemptEnd::LostSight, AttemptEnd::Reported),
        }
    }

    /// Waits for the turn of an attempt. `None` if it was recalled, or if a stop came first.
    async fn turn(&self, ticket: u64, stop: &dyn StopSignal) -> Option<Slot<'_>> {
        let turn = poll_fn(|context| {
            let mut line = self.line();
            if !line.queued.contains(&ticket) {
                return Poll::Ready(None);
            }
            if line.queued.front() == Some(&ticket) && line.at_work < line.jobs.max(1) {
                line.queued.pop_front();
                line.at_work += 1;
                line.wake();
                return Poll::Ready(Some(Slot(self)));
            }
            line.waiting.push(context.waker().clone());
            Poll::Pending
        });
        match select(turn, pin!(aborting(stop))).await {
            Either::Left((slot, _)) => slot,
            Either::Right(_) => {
                let mut line = self.line();
                line.queued.retain(|queued| *queued != ticket);
                line.wake();
                None
            }
        }
    }
}

impl Line {
    fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }
}

async fn aborting(stop: &dyn StopSignal) {
    let mut level = stop.request().level;
    while level < StopLevel::Aborting {
        level = stop.raised_above(level).await.level;
    }
}

#[async_trait]
impl Orchestrator for ScriptedOrchestrator {
    async fn execute(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> Result<AttemptReport, LostAttempt> {
        let recording = self.begin(&attempt);
        self.jitter.pause().await;
        let began = self.clock.elapsed();
        let end = self.play(&attempt, stop.as_ref()).await;
        recording.end(end.clone());
        self.jitter.pause().await;
        match end {
            AttemptEnd::Reported(outcome) => {
                Ok(AttemptReport::new(outcome, self.clock.elapsed().saturating_sub(began)))
            }
            AttemptEnd::LostSight | AttemptEnd::CutOff => {
                Err(LostAttempt { file_path: attempt.file_path, source: io::Error::other("as the script says") })
            }
        }
    }

    fn capacity(&self, jobs: usize) -> usize {
        self.line().jobs = jobs;
        jobs + self.prefetch
    }

    fn start(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> BoxStream<'_, AttemptProgress> {
        let fingerprint = self.fingerprints.get(&attempt.file_path).copied();
        let ticket = {
            let mut line = self.line();
            line.tickets += 1;
            let ticket = line.tickets;
            line.queued.push_back(ticket);
            ticket
        };
        let started = async move {
            match self.turn(ticket, stop.as_ref()).await {
                Some(slot) => {
                    let end = async move {
                        let _slot = slot;
                        self.execute(attempt, stop).await.map_or_else(AttemptProgress::Lost, AttemptProgress::Ended)
                    };
                    stream::iter([AttemptProgress::Started { fingerprint }]).chain(stream::once(end)).boxed()
                }
                None => stream::iter([AttemptProgress::NotStarted]).boxed(),
            }
        };
        stream::once(started).flatten().boxed()
    }

    fn recall(&self) {
        let mut line = self.line();
        line.queued.clear();
        line.wake();
    }
}

/// The right to be at work.
struct Slot<'a>(&'a ScriptedOrchestrator);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut line = self.0.line();
        line.at_work -= 1;
        line.wake();
    }
}

/// An attempt under way. If it is dropped before its end, it was cut off.
struct Recording<'a> {
    orchestrator: &'a ScriptedOrchestrator,
    index: usize,
}

impl Recording<'_> {
    fn end(&self, end: AttemptEnd) {
        let now = self.orchestrator.clock.elapsed();
        let mut records = self.orchestrator.lock();
        records[self.index].over.get_or_insert((now, end));
    }
}

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        self.end(AttemptEnd::CutOff);
    }
}
