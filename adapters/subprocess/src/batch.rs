//! Runs short attempts in batches.
//!
//! # Theory of operation
//!
//! A claim must be durable before its attempt starts. Without batches, each attempt would wait for
//! a transaction and for messages between the run and the guard. For an attempt of a few
//! milliseconds, this wait is considerable.
//!
//! A *batch* is a group of attempts that run one after another under one guard. While attempts are
//! short, [`Batches`] accepts more attempts than there are slots. The additional attempts are
//! called *prefetched*. A free slot takes several waiting attempts as a batch. The next batch
//! starts while the transaction for the previous batch is still running.
//!
//! A prefetched file is claimed, so other runs cannot process the file. When an attempt has waited
//! for [`MAX_WAIT`], all waiting attempts are therefore reported as `NotStarted`.
//!
//! One tokio task runs all batches. Attempts therefore progress even if the caller does not poll
//! the progress streams.

mod prefetch;
mod recall;

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use autoproc_domain::ports::{Attempt, AttemptProgress, StopLevel, StopSignal};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use crate::command_runner::CommandRunner;
use crate::guards::BatchEvent;
use crate::process::{Ending, ProcessReport};
use crate::slots::Slot;
use prefetch::{Prefetch, Queued};
use recall::{BatchStop, Recall};

/// The maximum time that an attempt waits. Longer than a batch, but too short for a user to notice.
const MAX_WAIT: Duration = Duration::from_millis(200);

pub(crate) struct Batches {
    shared: Arc<Shared>,
    dispatcher: OnceLock<JoinHandle<()>>,
}

struct QueuedAttempt {
    attempt: Attempt,
    stop: Arc<dyn StopSignal>,
    progress: UnboundedSender<AttemptProgress>,
    /// The number of recalls before this attempt was received.
    generation: u64,
}

struct Shared {
    runner: Arc<CommandRunner>,
    slots: usize,
    state: Mutex<State>,
    added: Notify,
    recall: Recall,
}

struct State {
    prefetch: Prefetch<QueuedAttempt>,
    busy_slots: usize,
    taken: usize,
}

impl Batches {
    pub(crate) fn new(runner: Arc<CommandRunner>, slots: NonZeroUsize) -> Self {
        let slots = slots.get();
        let state = Mutex::new(State { prefetch: Prefetch::new(slots), busy_slots: 0, taken: 0 });
        let shared = Arc::new(Shared { runner, slots, state, added: Notify::new(), recall: Recall::default() });
        Self { shared, dispatcher: OnceLock::new() }
    }

    /// Returns the maximum number of unfinished attempts, including prefetched ones.
    pub(crate) fn capacity(&self) -> usize {
        let state = self.shared.state();
        state.taken + (self.shared.slots - state.busy_slots) + state.prefetch.target()
    }

    pub(crate) fn push(&self, attempt: Attempt, stop: Arc<dyn StopSignal>, progress: UnboundedSender<AttemptProgress>) {
        self.dispatcher.get_or_init(|| tokio::spawn(dispatch(Arc::clone(&self.shared))));
        let is_retry = attempt.number.get() > 1;
        let attempt = QueuedAttempt { attempt, stop, progress, generation: self.shared.recall.generation() };
        self.shared.state().prefetch.push(Queued { attempt, is_retry, since: Instant::now() });
        self.shared.added.notify_one();
    }

    /// Reports all attempts that have not started as `NotStarted`.
    pub(crate) fn recall(&self) {
        self.shared.recall.raise();
        let waiting = self.shared.state().prefetch.take_all();
        give_back(waiting);
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        if let Some(dispatcher) = self.dispatcher.get() {
            dispatcher.abort();
        }
    }
}

/// Assigns waiting attempts to free slots. Reports all waiting attempts as `NotStarted` once the
/// first one is overdue.
async fn dispatch(shared: Arc<Shared>) {
    let mut slots: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
    loop {
        while let Some(batch) = shared.occupy_slot() {
            slots.push(Box::pin(run_slot(&shared, batch)));
        }
        let due = shared.state().prefetch.due();
        tokio::select! {
            () = shared.added.notified() => {}
            Some(()) = slots.next() => {}
            () = sleep_until(due), if due.is_some() => give_back(shared.take_overdue()),
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    if let Some(due) = due {
        tokio::time::sleep_until(due.into()).await;
    }
}

async fn run_slot(shared: &Shared, mut batch: Vec<Queued<QueuedAttempt>>) {
    let slot = shared.runner.occupy_slot();
    loop {
        run_batch(shared, &slot, batch.into()).await;
        match shared.next_batch() {
            Some(next) => batch = next,
            None => return,
        }
    }
}

async fn run_batch(shared: &Shared, slot: &Slot, mut batch: VecDeque<Queued<QueuedAttempt>>) {
    let Shared { runner, recall, .. } = shared;
    let processes = batch.iter().map(|Queued { attempt: QueuedAttempt { attempt, stop, generation, .. }, .. }| {
        runner.batch_process(attempt, slot, Arc::new(BatchStop::new(stop.clone(), recall, *generation)))
    });
    let waited = batch.iter().map(|waiting| waiting.since.elapsed()).max().unwrap_or_default();
    let mut events = runner.run_batch(processes.collect(), MAX_WAIT.saturating_sub(waited));
    let mut has_started = false;
    while let Some(event) = events.next().await {
        if let BatchEvent::NotStarted(count) = event {
            let rest = batch.split_off(batch.len().saturating_sub(count));
            for Queued { attempt: QueuedAttempt { attempt, .. }, .. } in &rest {
                runner.forget(attempt);
            }
            shared.put_back(rest);
            continue;
        }
        let Some(Queued { attempt: QueuedAttempt { attempt, progress, .. }, .. }) = batch.front() else { break };
        let is_over = matches!(event, BatchEvent::Ended(_));
        if let BatchEvent::Ended(Ok(report)) = &event {
            shared.record_length(report);
        }
        for step in runner.progress(attempt, event, has_started) {
            // Sending fails only if the run has dropped the receiver.
            let _ = progress.send(step);
        }
        has_started = !is_over;
        if is_over {
            batch.pop_front();
            shared.state().taken -= 1;
        }
    }
    // If an attempt was lost, the state of the attempts after it is unknown. Dropping their
    // channels reports them as lost too.
    shared.state().taken -= batch.len();
}

impl Shared {
    fn occupy_slot(&self) -> Option<Vec<Queued<QueuedAttempt>>> {
        if self.state().busy_slots == self.slots {
            return None;
        }
        let batch = self.take_batch()?;
        self.state().busy_slots += 1;
        Some(batch)
    }

    fn next_batch(&self) -> Option<Vec<Queued<QueuedAttempt>>> {
        give_back(self.take_overdue());
        let batch = self.take_batch();
        if batch.is_none() {
            self.state().busy_slots -= 1;
        }
        batch
    }

    fn take_batch(&self) -> Option<Vec<Queued<QueuedAttempt>>> {
        loop {
            let taken = self.state().prefetch.take_batch();
            if taken.is_empty() {
                return None;
            }
            let (stopped, batch) = self.split_stopped(taken);
            give_back(stopped);
            if !batch.is_empty() {
                self.state().taken += batch.len();
                return Some(batch);
            }
        }
    }

    fn record_length(&self, report: &ProcessReport) {
        if !matches!(report.ending, Ending::CannotStart { .. }) {
            self.state().prefetch.record_length(report.elapsed);
        }
    }

    fn take_overdue(&self) -> Vec<Queued<QueuedAttempt>> {
        self.state().prefetch.take_overdue(Instant::now())
    }

    fn put_back(&self, rest: VecDeque<Queued<QueuedAttempt>>) {
        self.state().taken -= rest.len();
        let (stopped, waiting) = self.split_stopped(rest);
        give_back(stopped);
        self.state().prefetch.put_back(waiting.into_iter());
        self.added.notify_one();
    }

    fn split_stopped(
        &self,
        attempts: impl IntoIterator<Item = Queued<QueuedAttempt>>,
    ) -> (Vec<Queued<QueuedAttempt>>, Vec<Queued<QueuedAttempt>>) {
        let recalls = self.recall.generation();
        attempts.into_iter().partition(|Queued { attempt: QueuedAttempt { stop, generation, .. }, .. }| {
            *generation != recalls || stop.request().level > StopLevel::Running
        })
    }

    /// Ignores poisoning. A panic leaves no partial update.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn give_back(attempts: impl IntoIterator<Item = Queued<QueuedAttempt>>) {
    for waiting in attempts {
        let _ = waiting.attempt.progress.send(AttemptProgress::NotStarted { shortage: None });
    }
}
