//! The store: a thread with two connections, and the ports on top of it.

use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use autoproc_domain::ports::{Begun, DeadRun, LiveRun, RunInfo, Runs, Storage, StorageError};
use autoproc_domain::request::{
    Cancel, Clear, Enqueue, ExchangeRequest, Hold, RecoverRequest, Remove, Reprioritise, Requeue, Scope, Selector,
};
use autoproc_domain::view::{Cancelled, Counts, Enqueued, Exchanged, Page, PageRequest, RecoveredItem};
use autoproc_domain::{QueueItem, RunId, Timestamp};
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

use crate::change::{Change, Clearing, Lock};
use crate::companion::{Companion, Notices};
use crate::connection::{Connection, Session};
use crate::error::Answer;
use crate::exchange::Exchange;
use crate::options::Options;
use crate::reading::{Counting, Finding, FoldTally, Paging, Peeking};
use crate::runs::{Beginning, Ending, Leases, ListingDead, ListingLive, Recovery};
use crate::scopes::Scopes;

/// Times that a transaction is repeated which the server undid because of another one.
const MAX_REPETITIONS: usize = 5;

/// The number of exchanges after which a handle folds the tally.
const FOLD_EVERY: u64 = 100;

/// The queue and the registry of runs in one schema of a PostgreSQL database.
///
/// A handle connects when it is first used, and reconnects after a loss. It works under every
/// executor. When it is dropped, the leases of its runs are no longer renewed.
pub struct PostgresStore {
    shared: Arc<Shared>,
    /// `None` only while the store is being dropped.
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

/// The parts of a store that its tasks share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) session: Session,
    pub(crate) scopes: Scopes,
    pub(crate) notices: Notices,
    pub(crate) companion: Companion,
    pub(crate) leases: Leases,
    exchanges: AtomicU64,
}

/// A piece of work on the connection for transactions.
#[async_trait]
pub(crate) trait Work: Send + Sync + 'static {
    type Reply: Send + 'static;
    /// True if repeating the work after an unknown outcome changes nothing.
    const IS_IDEMPOTENT: bool = false;

    async fn attempt(&self, shared: &Shared, connection: &mut Connection) -> Answer<Self::Reply>;
}

impl Shared {
    /// Carries out a piece of work. Repeats it after a conflict with another transaction, and once
    /// after a lost connection if it is idempotent.
    async fn carry_out<W: Work>(&self, work: &W) -> Answer<W::Reply> {
        let mut repetitions = 0;
        loop {
            let fault = match self.attempt(work).await {
                Ok(reply) => return Ok(reply),
                Err(fault) => fault,
            };
            let is_lost = W::IS_IDEMPOTENT && fault.is_unreachable();
            let allowed = if fault.is_conflict() { MAX_REPETITIONS } else { usize::from(is_lost) };
            if repetitions >= allowed {
                return Err(fault);
            }
            repetitions += 1;
        }
    }

    async fn attempt<W: Work>(&self, work: &W) -> Answer<W::Reply> {
        let mut slot = self.session.turn(&self.options).await?;
        let Some(connection) = slot.as_mut() else { unreachable!("a turn has a connection") };
        let answer = work.attempt(self, connection).await;
        if answer.as_ref().is_err_and(crate::error::Fault::is_unreachable) {
            *slot = None;
        }
        answer
    }
}

impl PostgresStore {
    /// Opens a handle. Does not connect yet.
    ///
    /// # Errors
    /// [`StorageError::Failed`] if the thread of the store cannot be started.
    pub fn open(options: Options) -> Result<Self, StorageError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postgres-store")
            .enable_all()
            .build()
            .map_err(|error| failed("cannot start the thread of the queue", error))?;
        let shared = Shared {
            notices: Notices::new(&options),
            companion: Companion::default(),
            session: Session::default(),
            scopes: Scopes::default(),
            leases: Leases::default(),
            exchanges: AtomicU64::default(),
            options,
        };
        Ok(Self { shared: Arc::new(shared), runtime: Some(runtime) })
    }

    /// Connects, checks the server, and creates or updates the schema. Every other method does the
    /// same when it needs the connection.
    ///
    /// # Errors
    /// [`StorageError`] if the server cannot be reached, refuses the user, or is not safe for the
    /// queue.
    pub async fn connect(&self) -> Result<(), StorageError> {
        self.work(Connecting).await
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("only dropping the store takes the runtime")
    }

    async fn work<W: Work>(&self, work: W) -> Result<W::Reply, StorageError> {
        let seen = self.shared.companion.version();
        let shared = Arc::clone(&self.shared);
        let task = async move { shared.carry_out(&work).await.map_err(|fault| fault.into_storage(&shared.options)) };
        let reply = self.spawn(task).await?;
        self.shared.companion.set_seen(seen);
        Ok(reply)
    }

    /// Runs a future on the thread of the store. The future ends even if the returned one is
    /// dropped.
    async fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T, StorageError>> + Send + 'static,
    ) -> Result<T, StorageError> {
        match self.runtime().spawn(task).await {
            Ok(answer) => answer,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => Err(failed("the queue was closed", io::Error::from(io::ErrorKind::Interrupted))),
        }
    }
}

/// Aborts a task of the store when the future that waits for it is dropped.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Does nothing but connect.
struct Connecting;

#[async_trait]
impl Work for Connecting {
    type Reply = ();
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, _: &mut Connection) -> Answer<()> {
        Ok(())
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // A runtime must not be dropped by a task of another one, because that may block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn failed(action: &str, source: io::Error) -> StorageError {
    StorageError::Failed { action: action.to_owned(), source: Box::new(source) }
}

#[async_trait]
impl Storage for PostgresStore {
    async fn enqueue(&self, request: Enqueue, _: Timestamp) -> Result<Vec<Enqueued>, StorageError> {
        self.work(Change { lock: Lock::paths_of(&request), request }).await
    }

    async fn exchange(&self, request: ExchangeRequest, now: Timestamp) -> Result<Exchanged, StorageError> {
        let exchanged = self.work(Exchange { request, now }).await?;
        if self.shared.exchanges.fetch_add(1, Ordering::Relaxed) % FOLD_EVERY == FOLD_EVERY - 1 {
            // The exchange has happened, so a failure to fold is not reported.
            drop(self.work(FoldTally).await);
        }
        Ok(exchanged)
    }

    async fn requeue(&self, request: Requeue, _: Timestamp) -> Result<usize, StorageError> {
        let lock = match &request {
            Requeue::AllFailed => Lock::Failed,
            Requeue::These(which) => Lock::to_move(which),
        };
        self.work(Change { lock, request }).await
    }

    async fn reprioritise(&self, request: Reprioritise, _: Timestamp) -> Result<QueueItem, StorageError> {
        self.work(Change { lock: Lock::selected(std::slice::from_ref(&request.which)), request }).await
    }

    async fn hold(&self, request: Hold, _: Timestamp) -> Result<usize, StorageError> {
        self.work(Change { lock: Lock::selected(&request.which), request }).await
    }

    async fn cancel(&self, request: Cancel, _: Timestamp) -> Result<Cancelled, StorageError> {
        self.work(Change { lock: Lock::selected(&request.0), request }).await
    }

    async fn remove(&self, request: Remove, _: Timestamp) -> Result<usize, StorageError> {
        self.work(Change { lock: Lock::selected(&request.0), request }).await
    }

    async fn clear(&self, request: Clear, _: Timestamp) -> Result<Counts, StorageError> {
        self.work(Clearing(request)).await
    }

    async fn recover(&self, request: RecoverRequest, _: Timestamp) -> Result<Vec<RecoveredItem>, StorageError> {
        self.work(Recovery(request)).await
    }

    async fn page(&self, request: PageRequest) -> Result<Page, StorageError> {
        self.work(Paging(request)).await
    }

    async fn peek(&self, _: Timestamp) -> Result<Option<QueueItem>, StorageError> {
        self.work(Peeking).await
    }

    async fn find(&self, which: Selector) -> Result<Option<QueueItem>, StorageError> {
        self.work(Finding(which)).await
    }

    async fn counts(&self, scope: Scope) -> Result<Counts, StorageError> {
        self.work(Counting(scope)).await
    }

    async fn changed(&self) {
        let shared = Arc::clone(&self.shared);
        let task = self.runtime().spawn(async move { shared.changed().await });
        let _ended_with_the_wait = AbortOnDrop(task.abort_handle());
        // The only failure is that the store is being closed.
        let _ = task.await;
    }
}

#[async_trait]
impl Runs for PostgresStore {
    async fn begin(&self, run: RunInfo) -> Result<Begun, StorageError> {
        let (id, terms) = (run.id.clone(), self.shared.options.lease);
        let (others, granted) = self.work(Beginning(run)).await?;
        let lease = self.shared.leases.keep(&self.shared, self.runtime(), id, granted, terms);
        Ok(Begun { others, lease: Some(lease) })
    }

    async fn end(&self, run: RunId) -> Result<Vec<LiveRun>, StorageError> {
        let left = self.work(Ending(run.clone())).await?;
        self.shared.leases.end(&run);
        self.shared.scopes.forget(&run);
        Ok(left)
    }

    async fn live(&self) -> Result<Vec<LiveRun>, StorageError> {
        self.work(ListingLive).await
    }

    async fn dead(&self) -> Result<Vec<DeadRun>, StorageError> {
        self.work(ListingDead).await
    }
}
