//! Implements the storage ports with PostgreSQL.

use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::ports::{Begun, DeadRun, LiveRun, RunInfo, Runs, StopLevel, StopRequest, Storage, StorageError};
use autoproc_domain::request::{
    Cancel, Clear, Enqueue, ExchangeRequest, Hold, RecoverRequest, Remove, Reprioritise, Requeue, Scope, Selector,
};
use autoproc_domain::view::{Cancelled, Counts, Enqueued, Exchanged, Page, PageRequest, RecoveredItem};
use autoproc_domain::{QueueItem, RunId, Timestamp};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::change::{Change, Clearing, Lock};
use crate::claim_start::ClaimStart;
use crate::companion::{Companion, Notices};
use crate::connection::Session;
use crate::exchange::Exchange;
use crate::history::Recorder;
use crate::inspection::{self, Inspection, Migrated};
use crate::lease::Leases;
use crate::options::Options;
use crate::reading::{Counting, Finding, FoldTally, Paging, Peeking};
use crate::runs::{Beginning, Ending, ListingDead, ListingLive, Recovery};
use crate::scopes::Scopes;
use crate::stop::{self, PostgresStopSignal, StopTarget, Stopping};
use crate::work::{AbortOnDrop, Connecting, Shared, Work};

const FOLD_EVERY: u64 = 100;

/// A handle for the queue and the runs in one schema of a PostgreSQL database.
///
/// The handle connects on first use, and reconnects after the connection is lost. The futures of
/// its methods run on any async executor. After the handle is dropped, the leases of the runs that
/// it began are no longer renewed.
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

impl PostgresStore {
    /// Creates a handle without connecting.
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
        let notices = Notices::new(&options);
        let shared = Shared {
            companion: Arc::new(Companion::new(&options, &notices)),
            notices,
            session: Session::default(),
            scopes: Scopes::default(),
            claim_start: ClaimStart::default(),
            leases: Leases::default(),
            recorder: Recorder::default(),
            exchanges: AtomicU64::default(),
            completions: AtomicU64::default(),
            options,
        };
        Ok(Self { shared: Arc::new(shared), runtime: Some(runtime) })
    }

    /// Connects, checks the server, and creates or updates the schema. With
    /// [`Options::without_migration`], refuses a schema that is missing or has another version. The
    /// methods that use the queue connect in the same way when necessary.
    ///
    /// # Errors
    /// [`StorageError`] if the server cannot be reached, refuses the user, or is unsuitable for the
    /// queue, for instance because `fsync` is off.
    pub async fn connect(&self) -> Result<(), StorageError> {
        self.work(Connecting).await
    }

    /// Sets a function to call whenever a lease is granted or renewed. Applies only to runs that
    /// begin after this call. The function receives the end of the lease, as a time since boot
    /// (`CLOCK_BOOTTIME`). The caller of `begin` calls the function for the grant, and the thread
    /// of the store calls it for each renewal. The function must not block.
    pub fn on_lease(&self, on_lease: impl Fn(Duration) + Send + Sync + 'static) {
        self.shared.leases.call_on_lease(Arc::new(on_lease));
    }

    /// Creates or updates the schema, even if the options forbid migrations. Uses a separate
    /// connection.
    ///
    /// # Errors
    /// [`StorageError`] as for [`connect`](Self::connect); [`StorageError::Unsupported`] if a newer
    /// version of this program has created the schema.
    pub async fn migrate(&self) -> Result<Migrated, StorageError> {
        let options = self.shared.options.clone();
        self.spawn(async move { inspection::migrate(&options).await.map_err(|fault| fault.into_storage(&options)) })
            .await
    }

    /// Inspects the server and the schema without changing them. Uses a separate connection, and
    /// works without a schema.
    ///
    /// # Errors
    /// [`StorageError`] if the server cannot be reached or refuses the user.
    pub async fn inspect(&self) -> Result<Inspection, StorageError> {
        let options = self.shared.options.clone();
        self.spawn(async move { inspection::inspect(&options).await.map_err(|fault| fault.into_storage(&options)) })
            .await
    }

    /// Asks the live runs that `target` selects to stop at this level. Returns the number of these
    /// runs. Runs that begin later ignore the request. With [`StopLevel::Running`], only counts the
    /// runs.
    ///
    /// # Errors
    /// [`StorageError`] if the request cannot be stored. After an unknown outcome, it is safe to
    /// repeat the request.
    pub async fn request_stop(&self, level: StopLevel, target: StopTarget) -> Result<usize, StorageError> {
        self.work(Stopping { level, target }).await
    }

    /// Returns the stop signal of a run that has begun.
    #[must_use]
    pub fn stop_signal(&self, run: &RunId) -> PostgresStopSignal {
        let (sender, state) = watch::channel(StopRequest::NONE);
        let task = self.runtime().spawn(stop::watch(Arc::clone(&self.shared.companion), run.clone(), sender));
        PostgresStopSignal::new(state, AbortOnDrop(task.abort_handle()))
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("only dropping the store takes the runtime")
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    pub(crate) fn place(&self) -> String {
        self.shared.options.place()
    }

    pub(crate) async fn work<W: Work>(&self, work: W) -> Result<W::Reply, StorageError> {
        let seen = self.shared.companion.version();
        let shared = Arc::clone(&self.shared);
        let task = async move { shared.carry_out(&work).await.map_err(|fault| fault.into_storage(&shared.options)) };
        let reply = self.spawn(task).await?;
        if W::READS_QUEUE {
            self.shared.companion.set_seen(seen);
        }
        Ok(reply)
    }

    /// Merges rows of the table `tally` after every hundredth exchange. Ignores failures.
    fn fold_sometimes(&self) {
        if self.shared.exchanges.fetch_add(1, Ordering::Relaxed) % FOLD_EVERY == FOLD_EVERY - 1 {
            let shared = Arc::clone(&self.shared);
            self.runtime().spawn(async move { drop(shared.carry_out(&FoldTally).await) });
        }
    }

    /// Runs `task` to its end, even if the caller drops the future.
    pub(crate) async fn spawn<T: Send + 'static>(
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

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // Does not wait for the runtime: a task of another runtime may drop the store, and a wait
        // there would panic.
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
        self.fold_sometimes();
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
        let companion = Arc::clone(&self.shared.companion);
        let task = self.runtime().spawn(async move { companion.changed().await });
        let _ended_with_the_wait = AbortOnDrop(task.abort_handle());
        // The task fails only if the store is being closed.
        let _ = task.await;
    }

    /// Writes the pending events. All other data is already durable.
    async fn close(&self) -> Result<(), StorageError> {
        self.write_events().await
    }
}

#[async_trait]
impl Runs for PostgresStore {
    async fn begin(&self, run: RunInfo) -> Result<Begun, StorageError> {
        let (id, terms) = (run.id.clone(), self.shared.options.lease);
        let (others, granted) = self.work(Beginning(run)).await?;
        let lease = self.shared.leases.keep(&self.shared.companion, self.runtime(), id, granted, terms);
        Ok(Begun { others, lease: Some(lease) })
    }

    async fn end(&self, run: RunId) -> Result<Vec<LiveRun>, StorageError> {
        // The renewals stop first: after the end of the run, a renewal would be refused and
        // reported as a lost lease.
        self.shared.leases.end(&run);
        let left = self.work(Ending(run.clone())).await?;
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
