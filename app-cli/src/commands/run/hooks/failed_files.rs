//! Sends failed files to the task that executes the `--on-failure` command.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use autoproc_domain::Timestamp;
use autoproc_domain::item::ClaimToken;
use autoproc_domain::ports::{Attempt, AttemptRef, AttemptReport, Observer, RunEvent, RunEventKind};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::failed_file::{FailedFile, LastAttempt};
use crate::commands::run::failures::Failure;
use crate::wiring::AttemptListener;

/// The maximum number of files in the channel. Each takes at most 5 KB of memory.
pub(super) const MAX_WAITING: usize = 1000;

pub(super) struct FailedFiles {
    waiting: Mutex<Option<Sender<FailedFile>>>,
    /// Ended attempts without a reported result.
    ended: Mutex<HashMap<ClaimToken, LastAttempt>>,
    overflow: AtomicU64,
}

impl FailedFiles {
    pub(super) fn new() -> (Self, Receiver<FailedFile>) {
        let (waiting, received) = mpsc::channel(MAX_WAITING);
        let files = Self { waiting: Mutex::new(Some(waiting)), ended: Mutex::default(), overflow: AtomicU64::new(0) };
        (files, received)
    }

    /// Closes the channel. Files already in the channel are still received.
    pub(super) fn close(&self) {
        lock(&self.waiting).take();
    }

    /// Returns the number of files that were dropped because the channel was full.
    pub(super) fn overflow(&self) -> u64 {
        self.overflow.load(Ordering::Relaxed)
    }

    fn take_end_of(&self, of: &AttemptRef) -> Option<LastAttempt> {
        lock(&self.ended).remove(&ClaimToken { item: of.id, number: of.claim? })
    }
}

impl AttemptListener for FailedFiles {
    fn ended(&self, attempt: &Attempt, _started_at: Timestamp, report: &AttemptReport) {
        lock(&self.ended).insert(attempt.token, LastAttempt::new(attempt.depth, &report.outcome));
    }
}

impl Observer for FailedFiles {
    fn observe(&self, event: &RunEvent) {
        let Some(of) = event.kind.attempt().filter(|_| !matches!(event.kind, RunEventKind::FileStarted { .. })) else {
            return;
        };
        let last = self.take_end_of(of);
        if let Some(failure) = Failure::of(&event.kind)
            && let Some(waiting) = &*lock(&self.waiting)
            && waiting.try_send(FailedFile { run: event.run.clone(), failure, last }).is_err()
        {
            self.overflow.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use autoproc_domain::RunId;
    use autoproc_domain::item::{AttemptNumber, ClaimNumber};
    use autoproc_domain::{FilePath, ItemId};

    use super::*;

    fn failed(item: u64, kind: impl FnOnce(AttemptRef) -> RunEventKind) -> RunEvent {
        let of = AttemptRef {
            id: ItemId::new(item),
            file_path: FilePath::new("/in/a").expect("a path"),
            round: 1,
            attempt: AttemptNumber::FIRST,
            claim: Some(ClaimNumber::new(1)),
        };
        RunEvent { at: Timestamp::MIN, run: RunId::new("r"), kind: kind(of) }
    }

    fn for_good(of: AttemptRef) -> RunEventKind {
        let elapsed = Duration::ZERO;
        RunEventKind::FileFailed { of, elapsed, usage: None, input_changed: false, error: "exit status 1".into() }
    }

    #[test]
    fn a_limited_number_of_files_waits() {
        let (files, mut received) = FailedFiles::new();
        for item in 1..=1003 {
            files.observe(&failed(item, for_good));
        }
        files.close();
        files.observe(&failed(1004, for_good));
        assert_eq!(files.overflow(), 3);
        let waiting = std::iter::from_fn(|| received.try_recv().ok()).count();
        assert_eq!(waiting, MAX_WAITING);
    }

    #[test]
    fn the_end_of_an_attempt_is_kept_until_its_result_is_reported() {
        let (files, mut received) = FailedFiles::new();
        let last = LastAttempt { depth: 2, exit_code: Some(3), signal: None };
        for item in [1, 2] {
            let token = ClaimToken { item: ItemId::new(item), number: ClaimNumber::new(1) };
            lock(&files.ended).insert(token, last);
        }
        files.observe(&failed(1, |of| RunEventKind::FileStarted { of, size_bytes: None, recipe: None }));
        files.observe(&failed(1, for_good));
        assert_eq!(received.try_recv().ok().and_then(|file| file.last), Some(last));
        files.observe(&failed(2, |of| RunEventKind::ResultDiscarded { of }));
        assert!(received.try_recv().is_err());
        assert!(lock(&files.ended).is_empty());
    }
}
