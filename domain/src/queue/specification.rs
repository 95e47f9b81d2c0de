//! The queue operations of the specification, such as `add` and `pop`.

use crate::fingerprint::Completion;
use crate::item::{ClaimToken, Priority, QueueItem, RunId, Status};
use crate::path::FilePath;
use crate::queue::{FileQueue, Transaction, decide};
use crate::rejection::Rejection;
use crate::request::{Clear, Enqueue, ExchangeRequest, NewItem, RequestId, Scope, Selector, Settlement, Verdict};
use crate::time::Timestamp;
use crate::view::{Counts, EnqueueOutcome};

/// The run id with which [`FileQueue::pop`] claims items.
pub const LOCAL_RUN: &str = "local";

impl FileQueue {
    /// Adds a file. Raises the priority of a pending or processing file if `priority` is higher. A
    /// file that failed or timed out begins a new round with `priority`. A completed file does not
    /// change.
    pub fn add(&mut self, file_path: &FilePath, priority: Priority, now: Timestamp) -> EnqueueOutcome {
        let request = Enqueue::new(vec![NewItem::new(file_path.clone()).with_priority(priority)]);
        let added = perform(&request, self, now).ok().and_then(|outcomes| outcomes.first().copied());
        added.map_or(EnqueueOutcome::Unchanged, |enqueued| enqueued.outcome)
    }

    /// Claims the first item that is due. The item is processing until
    /// [`mark_complete`](Self::mark_complete) or another `mark` method is called.
    pub fn pop(&mut self, now: Timestamp) -> Option<QueueItem> {
        let claims = self.exchange_one(Vec::new(), 1, now).ok()?;
        claims.into_iter().next()
    }

    /// Returns the item that [`pop`](Self::pop) would claim.
    #[must_use]
    pub fn peek(&self, now: Timestamp) -> Option<&QueueItem> {
        decide::next_claim(self, now)
    }

    /// Marks a popped file as completed.
    ///
    /// # Errors
    /// [`Rejection`] if the file is not in the queue or has not been popped.
    pub fn mark_complete(&mut self, file_path: &FilePath, now: Timestamp) -> Result<(), Rejection> {
        self.mark(file_path, Verdict::Complete(Completion::default()), now)
    }

    /// Marks a popped file as timed out, without a retry. To retry the file, call
    /// [`mark`](Self::mark) with [`Verdict::Retry`].
    ///
    /// # Errors
    /// [`Rejection`] if the file is not in the queue or has not been popped.
    pub fn mark_timeout(&mut self, file_path: &FilePath, now: Timestamp) -> Result<(), Rejection> {
        self.mark(file_path, Verdict::Fail { timed_out: true, error: "timed out".into() }, now)
    }

    /// Records the verdict on a popped file, for instance one from
    /// [`RetryPolicy::judge`](crate::retry::RetryPolicy::judge).
    ///
    /// # Errors
    /// [`Rejection`] if the file is not in the queue or has not been popped, or if a run other than
    /// [`LOCAL_RUN`] is processing it.
    pub fn mark(&mut self, file_path: &FilePath, verdict: Verdict, now: Timestamp) -> Result<(), Rejection> {
        let selector = Selector::Path(file_path.clone());
        let item = self.find(&selector).ok_or_else(|| Rejection::NotQueued(selector.clone()))?;
        let token = match &item.claim {
            None => return Err(Rejection::NotProcessing { selector, status: item.status }),
            Some(claim) if claim.run.as_str() != LOCAL_RUN => return Err(Rejection::Processing(selector)),
            Some(claim) => ClaimToken { item: item.id, number: claim.number },
        };
        self.exchange_one(vec![Settlement { token, verdict }], 0, now).map(drop)
    }

    /// Returns the pending items, ordered by sequence number.
    #[must_use]
    pub fn get_pending(&self) -> Vec<&QueueItem> {
        self.with_status(&[Status::Pending]).collect()
    }

    /// Returns the items that failed or timed out, ordered by sequence number.
    #[must_use]
    pub fn get_failed(&self) -> Vec<&QueueItem> {
        self.with_status(&[Status::Failed, Status::Timeout]).collect()
    }

    /// True if no item is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.size() == 0
    }

    /// Returns the number of pending items. Popped items do not count.
    #[must_use]
    pub fn size(&self) -> usize {
        self.counts().pending
    }

    /// Removes every item that is not processing. Returns the number of removed items of each
    /// status.
    pub fn clear(&mut self, now: Timestamp) -> Counts {
        perform(&Clear(Status::ALL.into()), self, now).unwrap_or_default()
    }

    fn exchange_one(
        &mut self,
        settlements: Vec<Settlement>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<QueueItem>, Rejection> {
        let (run, id) = (RunId::new(LOCAL_RUN), RequestId::default());
        let request = ExchangeRequest { run, id, settlements, limit, scope: Scope::Queue };
        let claims = perform(&request, self, now)?.claims;
        Ok(claims.into_iter().map(|(_, item)| item).collect())
    }
}

fn perform<T: Transaction>(request: &T, queue: &mut FileQueue, now: Timestamp) -> Result<T::Reply, Rejection> {
    Ok(request.perform(queue, now)?.reply)
}
