//! Translates paths between a database and this machine.

mod history;
mod items;

use std::sync::Arc;

use async_trait::async_trait;
use autoproc_domain::ports::{Observer, RunEvent, Storage, StorageError};
use autoproc_domain::rejection::Rejection;
use autoproc_domain::request::{
    Cancel, Clear, Enqueue, ExchangeRequest, Hold, NewItem, RecoverRequest, Remove, Reprioritise, Requeue, Scope,
    Selector,
};
use autoproc_domain::view::{Cancelled, Counts, Enqueued, Exchanged, Page, PageRequest, RecoveredItem};
use autoproc_domain::{QueueItem, Timestamp};

use crate::path_map::PathMap;

pub(super) use history::MappedHistory;
use items::{named, selector, selectors, to_here};

pub(super) struct MappedStorage {
    pub(super) inner: Arc<dyn Storage>,
    pub(super) map: Arc<PathMap>,
}

impl MappedStorage {
    fn error(&self, error: StorageError) -> StorageError {
        let here = |which: Selector| match which {
            Selector::Path(path) => Selector::Path(to_here(path, &self.map)),
            Selector::Id(_) => which,
        };
        match error {
            StorageError::Rejected(rejection) => StorageError::Rejected(match rejection {
                Rejection::NotQueued(which) => Rejection::NotQueued(here(which)),
                Rejection::Processing(which) => Rejection::Processing(here(which)),
                Rejection::NotProcessing { selector, status } => {
                    Rejection::NotProcessing { selector: here(selector), status }
                }
                Rejection::NotFailed { selector, status } => Rejection::NotFailed { selector: here(selector), status },
                Rejection::Ended { selector, status } => Rejection::Ended { selector: here(selector), status },
                other => other,
            }),
            other => other,
        }
    }

    fn item(&self, item: QueueItem) -> QueueItem {
        QueueItem { file_path: to_here(item.file_path, &self.map), ..item }
    }

    fn items(&self, items: Vec<QueueItem>) -> Vec<QueueItem> {
        items.into_iter().map(|item| self.item(item)).collect()
    }
}

#[async_trait]
impl Storage for MappedStorage {
    async fn enqueue(&self, request: Enqueue, now: Timestamp) -> Result<Vec<Enqueued>, StorageError> {
        let stored = |new: NewItem| Ok(NewItem { file_path: named(&new.file_path, &self.map)?, ..new });
        let items = request.items.into_iter().map(stored).collect::<Result<_, StorageError>>()?;
        self.inner.enqueue(Enqueue { items, ..request }, now).await.map_err(|error| self.error(error))
    }

    async fn exchange(&self, request: ExchangeRequest, now: Timestamp) -> Result<Exchanged, StorageError> {
        let exchanged = self.inner.exchange(request, now).await?;
        let claims = exchanged.claims.into_iter().map(|(token, item)| (token, self.item(item))).collect();
        Ok(Exchanged { claims, ..exchanged })
    }

    async fn requeue(&self, request: Requeue, now: Timestamp) -> Result<usize, StorageError> {
        let request = match request {
            Requeue::AllFailed => Requeue::AllFailed,
            Requeue::These(which) => Requeue::These(selectors(which, &self.map)?),
        };
        self.inner.requeue(request, now).await.map_err(|error| self.error(error))
    }

    async fn reprioritise(&self, request: Reprioritise, now: Timestamp) -> Result<QueueItem, StorageError> {
        let request = Reprioritise { which: selector(request.which, &self.map)?, ..request };
        let changed = self.inner.reprioritise(request, now).await.map_err(|error| self.error(error))?;
        Ok(self.item(changed))
    }

    async fn hold(&self, request: Hold, now: Timestamp) -> Result<usize, StorageError> {
        let request = Hold { which: selectors(request.which, &self.map)?, ..request };
        self.inner.hold(request, now).await.map_err(|error| self.error(error))
    }

    async fn cancel(&self, request: Cancel, now: Timestamp) -> Result<Cancelled, StorageError> {
        let request = Cancel(selectors(request.0, &self.map)?);
        self.inner.cancel(request, now).await.map_err(|error| self.error(error))
    }

    async fn remove(&self, request: Remove, now: Timestamp) -> Result<usize, StorageError> {
        let request = Remove(selectors(request.0, &self.map)?);
        self.inner.remove(request, now).await.map_err(|error| self.error(error))
    }

    async fn clear(&self, request: Clear, now: Timestamp) -> Result<Counts, StorageError> {
        self.inner.clear(request, now).await
    }

    async fn recover(&self, request: RecoverRequest, now: Timestamp) -> Result<Vec<RecoveredItem>, StorageError> {
        let recovered = self.inner.recover(request, now).await?;
        let here = |recovered: RecoveredItem| RecoveredItem { item: self.item(recovered.item), ..recovered };
        Ok(recovered.into_iter().map(here).collect())
    }

    async fn page(&self, request: PageRequest) -> Result<Page, StorageError> {
        let page = self.inner.page(request).await?;
        Ok(Page { items: self.items(page.items), ..page })
    }

    async fn peek(&self, now: Timestamp) -> Result<Option<QueueItem>, StorageError> {
        Ok(self.inner.peek(now).await?.map(|item| self.item(item)))
    }

    async fn find(&self, which: Selector) -> Result<Option<QueueItem>, StorageError> {
        let which = selector(which, &self.map)?;
        Ok(self.inner.find(which).await?.map(|item| self.item(item)))
    }

    async fn counts(&self, scope: Scope) -> Result<Counts, StorageError> {
        self.inner.counts(scope).await
    }

    async fn changed(&self) {
        self.inner.changed().await;
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.inner.close().await
    }
}

/// Replaces the path in each event by its stored path.
pub(super) struct MappedObserver {
    pub(super) inner: Arc<dyn Observer>,
    pub(super) map: Arc<PathMap>,
}

impl Observer for MappedObserver {
    fn observe(&self, event: &RunEvent) {
        let mut event = event.clone();
        if let Some(path) = event.kind.file_path_mut()
            && let Ok(stored) = self.map.to_stored(path)
        {
            *path = stored;
        }
        self.inner.observe(&event);
    }
}
