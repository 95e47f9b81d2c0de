//! Holds events until they are written to the database.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex as SyncMutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use autoproc_domain::ports::{ResourceUsage, RunEvent, RunEventKind};
use tokio::sync::{Mutex, Notify};
use uuid::Uuid;

use super::event_row::EventRow;
use super::outputs::Outputs;
use crate::connection::Connection;
use crate::error::Answer;
use crate::item_row::bigint;
use crate::lease::micros;
use crate::work::{Shared, Work};

const RECORD: &str = include_str!("../../sql/history/record.sql");

/// The maximum number of events in a transaction. Exchanges may wait for the transaction.
const MAX_BATCH: usize = 500;
/// The maximum number of waiting events. They take about 50 MB.
const MAX_WAITING: usize = 100_000;

pub(crate) struct Recorder {
    writer: String,
    waiting: SyncMutex<Waiting>,
    pub(super) outputs: Outputs,
    /// Held while events are written, to keep their order.
    turn: Mutex<()>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Arc<RunEvent>>,
    written: u64,
    /// The size of the batch being written. If the outcome is unknown, the same batch is written
    /// again.
    in_batch: usize,
    has_lost: bool,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            writer: Uuid::new_v4().to_string(),
            waiting: SyncMutex::default(),
            outputs: Outputs::default(),
            turn: Mutex::default(),
            arrived: Notify::new(),
        }
    }
}

impl Recorder {
    /// Adds an event, unless too many are waiting. Returns false for the first dropped event only.
    pub(super) fn add(&self, event: &RunEvent) -> bool {
        if matches!(event.kind, RunEventKind::Progress { .. }) {
            return true;
        }
        let mut waiting = self.waiting();
        if waiting.events.len() >= MAX_WAITING {
            return std::mem::replace(&mut waiting.has_lost, true);
        }
        waiting.events.push_back(Arc::new(event.clone()));
        drop(waiting);
        self.outputs.add(event);
        self.arrived.notify_one();
        true
    }

    pub(super) async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// Writes the waiting events, then the outputs of the ended attempts.
    pub(crate) async fn write(&self, shared: &Shared) -> Answer<()> {
        let _turn = self.turn.lock().await;
        while let Some(batch) = self.next_batch() {
            shared.carry_out(&batch).await?;
            self.forget(&batch);
        }
        self.outputs.write(shared).await
    }

    fn next_batch(&self) -> Option<Batch> {
        let mut waiting = self.waiting();
        if waiting.in_batch == 0 {
            waiting.in_batch = waiting.events.len().min(MAX_BATCH);
        }
        let events: Vec<_> = waiting.events.iter().take(waiting.in_batch).cloned().collect();
        let last = waiting.written + events.len() as u64;
        (!events.is_empty()).then(|| Batch { writer: self.writer.clone(), last, events })
    }

    fn forget(&self, batch: &Batch) {
        let mut waiting = self.waiting();
        waiting.events.drain(..batch.events.len());
        waiting.written = batch.last;
        waiting.in_batch = 0;
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // A poisoned lock is safe to use: no change is left half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Batch {
    writer: String,
    /// The number of the last event. Each writer numbers its own events.
    last: u64,
    events: Vec<Arc<RunEvent>>,
}

#[async_trait]
impl Work for Batch {
    type Reply = ();
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<()> {
        let rows: Vec<EventRow<'_>> = self.events.iter().map(|event| EventRow::of(event)).collect();
        let usage = |of: fn(ResourceUsage) -> i64| column(&rows, |row| row.usage.map(of));
        let total = |index: usize| column(&rows, |row| row.totals.map(|totals| totals[index]));
        let stop = |index: usize| column(&rows, |row| row.stop.map(|words| words[index]));
        connection
            .query(
                RECORD,
                &[
                    &self.writer,
                    &bigint(self.last),
                    &column(&rows, |row| row.at_us),
                    &column(&rows, |row| row.run),
                    &column(&rows, |row| row.name),
                    &column(&rows, |row| row.item),
                    &column(&rows, |row| row.path),
                    &column(&rows, |row| row.round),
                    &column(&rows, |row| row.attempt),
                    &column(&rows, |row| row.claim),
                    &column(&rows, |row| row.attempt_run),
                    &column(&rows, |row| row.ending),
                    &column(&rows, |row| row.figure),
                    &column(&rows, |row| row.elapsed_us),
                    &usage(|usage| micros(usage.user)),
                    &usage(|usage| micros(usage.system)),
                    &usage(|usage| usage.peak_memory.cast_signed()),
                    &column(&rows, |row| row.input_changed),
                    &column(&rows, |row| row.size_bytes),
                    &column(&rows, |row| row.recipe.as_deref()),
                    &column(&rows, |row| row.reason.as_deref()),
                    &total(0),
                    &total(1),
                    &total(2),
                    &column(&rows, |row| row.stopped_by),
                    &stop(0),
                    &stop(1),
                ],
            )
            .await?;
        Ok(())
    }
}

fn column<'r, T>(rows: &'r [EventRow<'_>], value: impl Fn(&'r EventRow<'r>) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use autoproc_domain::{RunId, Timestamp};

    use super::*;

    #[test]
    fn the_first_event_that_is_lost_is_reported() {
        let recorder = Recorder::default();
        let event = RunEvent {
            at: Timestamp::from_micros(0),
            run: RunId::new("run"),
            kind: RunEventKind::StartsResumed { because: None },
        };
        assert!((0..MAX_WAITING).all(|_| recorder.add(&event)));
        assert_eq!([(); 3].map(|()| recorder.add(&event)), [false, true, true]);
        assert_eq!(recorder.waiting().events.len(), MAX_WAITING);
    }
}
