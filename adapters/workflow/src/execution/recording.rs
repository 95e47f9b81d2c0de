//! Writes the journal of a running attempt.
//!
//! # Theory of operation
//!
//! The journal is a local file or a shared journal. A shared journal is in a common store, for all
//! machines of the queue. An attempt resumes from the shared journal alone. A step of a phase or of
//! the rollback starts only after all earlier events are durable in the store.
//!
//! With a shared journal, the local file is only a copy for the live view. The copy is never
//! synced, and is given up after a failed write.
//!
//! While the store cannot be reached, the attempt waits between two steps. When the lease of the
//! run expires, the run aborts its attempts, and the wait ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::{Attempt, StopLevel, StopSignal, StorageError};
use futures_util::future::BoxFuture;

use super::event::{Event, EventKind};
use super::executor::EarlyEnd;
use super::journal::Journal;
use super::shared::SharedJournals;

const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(crate) struct Recording {
    /// `None` if the copy of a shared journal cannot be written.
    file: Option<Journal>,
    shared: Option<Shared>,
}

pub(super) struct Shared {
    journals: Arc<dyn SharedJournals>,
    attempt: Attempt,
    written: usize,
    waiting: Vec<Box<str>>,
    is_completed: bool,
}

impl Shared {
    /// Opens the shared journal, and keeps only its first `kept` events.
    pub(super) async fn open(
        journals: Arc<dyn SharedJournals>,
        attempt: &Attempt,
        kept: usize,
        stop: &dyn StopSignal,
    ) -> Result<Self, EarlyEnd> {
        answer(|| journals.open(attempt, kept), stop).await?;
        Ok(Self { journals, attempt: attempt.clone(), written: kept, waiting: Vec::new(), is_completed: false })
    }

    async fn flush(&mut self, stop: &dyn StopSignal) -> Result<(), EarlyEnd> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let Self { journals, attempt, written, waiting, is_completed } = self;
        answer(|| journals.append(attempt, *written, waiting, *is_completed), stop).await?;
        *written += waiting.len();
        waiting.clear();
        Ok(())
    }
}

impl Recording {
    pub(super) fn in_file(file: Journal) -> Self {
        Self { file: Some(file), shared: None }
    }

    pub(super) fn shared(shared: Shared, copy: io::Result<Journal>) -> Self {
        Self { file: copy.ok(), shared: Some(shared) }
    }

    pub(super) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Appends an event. After a failure, nothing more may be appended.
    pub(super) fn append(&mut self, event: &Event) -> io::Result<()> {
        let text = serde_json::to_string(event)?;
        let written = self.file.as_mut().map_or(Ok(()), |file| file.append(&text));
        if let Some(shared) = &mut self.shared {
            if written.is_err() {
                self.file = None;
            }
            shared.is_completed = matches!(event.kind, EventKind::WorkflowCompleted { .. });
            shared.waiting.push(text.into());
            return Ok(());
        }
        written
    }

    /// Makes the events durable without blocking other attempts.
    ///
    /// # Errors
    /// [`EarlyEnd::Unrecorded`] if the events cannot be written; [`EarlyEnd::Aborted`] if the
    /// attempt is aborted.
    pub(super) async fn sync(&mut self, stop: &dyn StopSignal) -> Result<(), EarlyEnd> {
        if let Some(shared) = &mut self.shared {
            return shared.flush(stop).await;
        }
        let Some(work) = self.file.as_mut().and_then(Journal::sync) else { return Ok(()) };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(io::Error::other).flatten().map_err(EarlyEnd::Unrecorded)
    }

    /// Makes the last events of an attempt durable in the shared journal. If this fails, a later
    /// attempt repeats the steps that the shared journal lacks. A local journal needs no sync,
    /// because the queue records the end of the attempt.
    pub(super) async fn finish(&mut self, stop: &dyn StopSignal) {
        if let Some(shared) = &mut self.shared {
            let _ = shared.flush(stop).await;
        }
    }
}

/// Repeats a request while the store is unreachable or busy.
///
/// # Errors
/// [`EarlyEnd::Unrecorded`] if the store refuses the request; [`EarlyEnd::Aborted`] if the attempt
/// is aborted.
pub(super) async fn answer<'r, T>(
    request: impl Fn() -> BoxFuture<'r, Result<T, StorageError>>,
    stop: &dyn StopSignal,
) -> Result<T, EarlyEnd> {
    loop {
        let answer = tokio::select! {
            biased;
            answer = request() => answer,
            _ = stop.raised_above(StopLevel::Draining) => return Err(EarlyEnd::Aborted),
        };
        match answer {
            Err(StorageError::Unreachable { .. } | StorageError::Busy { .. }) => {}
            answer => return answer.map_err(|error| EarlyEnd::Unrecorded(io::Error::other(error))),
        }
        tokio::select! {
            biased;
            _ = stop.raised_above(StopLevel::Draining) => return Err(EarlyEnd::Aborted),
            () = tokio::time::sleep(RETRY_AFTER) => {}
        }
    }
}
