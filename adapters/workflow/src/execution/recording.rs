//! Writes the journal of a running attempt.
//!
//! # Theory of operation
//!
//! Without shared journals, the journal is a file; see [`journal`](super::journal). With shared
//! journals, an attempt resumes from the shared journal alone, and a step of a phase or of the
//! rollback starts only after all earlier events are durable in it. The file is then a copy for the
//! live view of this machine: it is not synced, and is given up if it cannot be written.
//!
//! While the store of the shared journals cannot be reached, the attempt waits between two steps.
//! The run aborts its attempts when its lease expires, which ends the wait.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::{Attempt, StopLevel, StopSignal, StorageError};
use futures_util::future::BoxFuture;

use super::event::{Event, EventKind};
use super::executor::EarlyEnd;
use super::journal::Journal;
use super::shared::SharedJournals;

/// The time between two requests to a store that cannot be reached.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(crate) struct Recording {
    /// The journal file. `None` if the file is a copy of a shared journal and cannot be written.
    file: Option<Journal>,
    shared: Option<Shared>,
}

/// The events that wait for the shared journal.
pub(super) struct Shared {
    journals: Arc<dyn SharedJournals>,
    attempt: Attempt,
    /// The number of events that the shared journal has.
    written: usize,
    waiting: Vec<Box<str>>,
    is_completed: bool,
}

impl Shared {
    /// Begins to record in the shared journal of the attempt's item, which keeps its first `kept`
    /// events.
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

    /// True if the journal must be durable before every step of a phase or of the rollback,
    /// including the first one, so that other machines see which step runs.
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

    /// Makes the events durable. A file is synced on a separate thread, so that other attempts are
    /// not blocked.
    ///
    /// # Errors
    /// [`EarlyEnd::Unrecorded`] if the events cannot be written; [`EarlyEnd::Aborted`] if the
    /// attempt is aborted while it waits for the store.
    pub(super) async fn sync(&mut self, stop: &dyn StopSignal) -> Result<(), EarlyEnd> {
        if let Some(shared) = &mut self.shared {
            return shared.flush(stop).await;
        }
        let Some(work) = self.file.as_mut().and_then(Journal::sync) else { return Ok(()) };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(io::Error::other).flatten().map_err(EarlyEnd::Unrecorded)
    }

    /// Makes the last events of an attempt durable in the shared journal. A failure does not change
    /// the outcome of the attempt: if the file is attempted again, the steps that are missing from
    /// the shared journal run again. A file needs no sync at the end of an attempt, because the
    /// queue records the end.
    pub(super) async fn finish(&mut self, stop: &dyn StopSignal) {
        if let Some(shared) = &mut self.shared {
            let _ = shared.flush(stop).await;
        }
    }
}

/// Makes a request to the store of the shared journals, and repeats it while the store cannot be
/// reached or is busy.
///
/// # Errors
/// [`EarlyEnd::Unrecorded`] if the store refuses the request; [`EarlyEnd::Aborted`] if the attempt
/// is aborted before the store answers.
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
