//! Attempts that go as a test wrote them, on the virtual clock.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::item::{AttemptNumber, ClaimToken};
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, AttemptReport, Orchestrator, OrchestratorError, SeriesNews, StopLevel, StopSignal,
    Unproven,
};
use autoproc_domain::{FilePath, RunId};
use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::{Jitter, VirtualClock};

/// What of a series has not begun so long after its first attempt does not begin at all.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// How one attempt goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptedAttempt {
    /// How long it takes if nobody ends it; [`Duration::MAX`] hangs.
    pub takes: Duration,
    /// How it ends then; `None` where the orchestrator loses sight of it.
    pub outcome: Option<AttemptOutcome>,
}

/// The attempts of one file; the last one goes on for ever. An empty script succeeds at once.
pub type Script = Vec<ScriptedAttempt>;

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// The claim it was carried out under.
    pub token: ClaimToken,
    /// The run it belonged to.
    pub run: RunId,
    /// The file.
    pub file_path: FilePath,
    /// Which attempt of the file it was.
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
#[derive(Debug)]
pub struct ScriptedOrchestrator {
    clock: VirtualClock,
    scripts: HashMap<FilePath, Script>,
    records: Mutex<Vec<AttemptRecord>>,
    is_blind: AtomicBool,
    jitter: Arc<Jitter>,
}

impl ScriptedOrchestrator {
    /// Carries out these scripts; a file without one succeeds at once.
    #[must_use]
    pub fn new(clock: VirtualClock, scripts: HashMap<FilePath, Script>) -> Self {
        Self {
            clock,
            scripts,
            records: Mutex::default(),
            is_blind: AtomicBool::new(false),
            jitter: Arc::new(Jitter::none()),
        }
    }

    /// The same, giving way now and then.
    #[must_use]
    pub fn with_jitter(self, jitter: Arc<Jitter>) -> Self {
        Self { jitter, ..self }
    }

    /// Every attempt so far, in the order of their beginnings.
    #[must_use]
    pub fn records(&self) -> Vec<AttemptRecord> {
        self.lock().clone()
    }

    /// Makes it unable, or able again, to prove that a dead run is over.
    pub fn set_blind(&self, is_blind: bool) {
        self.is_blind.store(is_blind, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<AttemptRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// The script's end, or the timeout's, or the stop signal's, whichever is first.
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
}

async fn aborting(stop: &dyn StopSignal) {
    let mut level = stop.request().level;
    while level < StopLevel::Aborting {
        level = stop.raised_above(level).await.level;
    }
}

#[async_trait]
impl Orchestrator for ScriptedOrchestrator {
    async fn execute(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> Result<AttemptReport, OrchestratorError> {
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
                Err(OrchestratorError { file_path: attempt.file_path, source: io::Error::other("as the script says") })
            }
        }
    }

    fn execute_series(&self, attempts: Vec<Attempt>, stop: Arc<dyn StopSignal>) -> BoxStream<'_, SeriesNews> {
        let give_back_at = self.clock.elapsed() + LONGEST_WAIT;
        let attempts = attempts.into();
        let series = ScriptedSeries { orchestrator: self, stop, attempts, give_back_at, current: None, over: None };
        stream::unfold(series, |mut series| async move { Some((series.next().await?, series)) }).boxed()
    }

    /// What a dead run began was cut off with it; but whoever is blind cannot prove it.
    async fn sweep(&self, dead: Vec<RunId>) -> Vec<Unproven> {
        self.jitter.pause().await;
        let unproven = dead.into_iter().filter(|_| self.is_blind.load(Ordering::Relaxed));
        unproven.map(|run| Unproven { run, reason: "nobody can see".into() }).collect()
    }
}

/// Attempts that go one after the other.
struct ScriptedSeries<'a> {
    orchestrator: &'a ScriptedOrchestrator,
    stop: Arc<dyn StopSignal>,
    /// Those that have not begun.
    attempts: VecDeque<Attempt>,
    give_back_at: Duration,
    current: Option<BoxFuture<'a, Result<AttemptReport, OrchestratorError>>>,
    /// What is to be told next.
    over: Option<SeriesNews>,
}

impl ScriptedSeries<'_> {
    async fn next(&mut self) -> Option<SeriesNews> {
        if let Some(over) = self.over.take() {
            return Some(over);
        }
        if self.current.is_none() {
            let attempt = self.attempts.pop_front()?;
            self.current = Some(self.orchestrator.execute(attempt, self.stop.clone()));
        }
        let clock = &self.orchestrator.clock;
        let patience = self.give_back_at.saturating_sub(clock.elapsed());
        let patience = if self.attempts.is_empty() { Duration::MAX } else { patience };
        match select(self.current.take()?, pin!(clock.sleep(patience))).await {
            Either::Left((over, _)) => Some(self.end(over)),
            Either::Right(((), current)) => {
                self.current = Some(current);
                Some(self.give_back())
            }
        }
    }

    /// After what does not end well, and after a stop, nothing else begins.
    fn end(&mut self, over: Result<AttemptReport, OrchestratorError>) -> SeriesNews {
        let has_succeeded = matches!(&over, Ok(report) if report.outcome == AttemptOutcome::Succeeded);
        let over = SeriesNews::Over(over);
        if self.attempts.is_empty() || (has_succeeded && self.stop.request().level == StopLevel::Running) {
            return over;
        }
        self.over = Some(over);
        self.give_back()
    }

    fn give_back(&mut self) -> SeriesNews {
        let count = self.attempts.len();
        self.attempts.clear();
        SeriesNews::NotBegun(count)
    }
}

/// An attempt under way. Dropped before its end, it was cut off.
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
