//! Records the events of runs.

use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::{Observer, RunEvent, StorageError};
use tokio::time::sleep;

use crate::store::PostgresStore;
use crate::work::{AbortOnDrop, Shared};

/// The time to collect events for one statement. A statement costs about as much as ten events.
const COLLECTING: Duration = Duration::from_millis(20);
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(super) type OnWarning = Arc<dyn Fn(&str) + Send + Sync>;

/// An observer that records every event except progress in the history of the queue.
///
/// Events are written in the background, in the order in which they arrive. A failed write is
/// repeated. The first failure is reported as a warning; a server that cannot be reached does not
/// count as a failure. At most 100,000 events wait. Further events are lost, and the first loss is
/// reported. [`Storage::close`](autoproc_domain::ports::Storage::close) of the store writes the
/// waiting events; without it, they are lost when the process ends.
pub struct PostgresEventLog {
    shared: Arc<Shared>,
    on_warning: OnWarning,
    _writing: AbortOnDrop,
}

impl PostgresStore {
    /// Returns an observer that records events in the history of this queue. `on_warning` is called
    /// if events cannot be written.
    #[must_use]
    pub fn event_log(&self, on_warning: Arc<dyn Fn(&str) + Send + Sync>) -> PostgresEventLog {
        let shared = self.shared();
        let task = self.runtime().spawn(write_always(Arc::clone(&shared), Arc::clone(&on_warning)));
        PostgresEventLog { shared, on_warning, _writing: AbortOnDrop(task.abort_handle()) }
    }

    pub(crate) async fn write_events(&self) -> Result<(), StorageError> {
        let shared = self.shared();
        let write = async move {
            let written = shared.recorder.write(&shared).await;
            written.map_err(|fault| fault.into_storage(&shared.options))
        };
        self.spawn(write).await
    }
}

impl Observer for PostgresEventLog {
    fn observe(&self, event: &RunEvent) {
        if !self.shared.recorder.add(event) {
            let place = self.shared.options.place();
            (self.on_warning)(&format!("the history at {place} lacks events: too many waited to be written"));
        }
    }
}

/// Writes events as they arrive, and repeats failed writes. Warns only of the first failure. Never
/// warns that the server cannot be reached, because the run itself reports this.
async fn write_always(shared: Arc<Shared>, on_warning: OnWarning) {
    let mut has_warned = false;
    loop {
        shared.recorder.arrival().await;
        sleep(COLLECTING).await;
        while let Err(fault) = shared.recorder.write(&shared).await {
            let error = fault.into_storage(&shared.options);
            if !matches!(error, StorageError::Unreachable { .. }) && !std::mem::replace(&mut has_warned, true) {
                on_warning(&format!("cannot write to the history: {error}"));
            }
            sleep(RETRY_AFTER).await;
        }
    }
}
