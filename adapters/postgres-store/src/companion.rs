//! The store's second connection, for lease renewals and notifications.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, watch};
use tokio::time::{sleep_until, timeout};
use tokio_postgres::AsyncMessage;
use uuid::Uuid;

use crate::connection::{Transaction, within_timeout};
use crate::error::Answer;
use crate::link::{Link, dial};
use crate::options::Options;

const MIN_WAIT: Duration = Duration::from_millis(100);
/// The minimum time between notifications of exchanges. Notifications slow down concurrent commits.
const MIN_NOTICE_INTERVAL: Duration = Duration::from_millis(100);

pub(crate) struct Notices {
    channel: String,
    /// Lets this handle ignore its own notifications.
    sender: String,
    announce: String,
    last: SyncMutex<Option<Instant>>,
}

impl Notices {
    pub(crate) fn new(options: &Options) -> Self {
        let (channel, sender) = (options.channel(), Uuid::new_v4().to_string());
        let announce = format!("select pg_notify('{channel}', '{sender}')");
        Self { channel, sender, announce, last: SyncMutex::default() }
    }

    /// Notifies the other handles when the transaction is committed.
    pub(crate) async fn send(&self, transaction: &mut Transaction<'_>) -> Answer<()> {
        transaction.execute("select pg_notify($1, $2)", &[&self.channel, &self.sender]).await
    }

    /// Returns the statement that announces an exchange. The caller sends it after the commit of
    /// the exchange. Returns `None` if the last announcement is recent.
    pub(crate) fn after_exchange(&self) -> Option<&str> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < MIN_NOTICE_INTERVAL) {
            return None;
        }
        *last = Some(Instant::now());
        Some(&self.announce)
    }
}

#[derive(Default)]
pub(crate) struct Pace(SyncMutex<Option<Instant>>);

impl Pace {
    /// Waits until [`MIN_WAIT`] has passed since the last call returned.
    pub(crate) async fn wait(&self) {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last {
            sleep_until((last + MIN_WAIT).into()).await;
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

/// The second connection, opened when it is first needed and again after a loss.
pub(crate) struct Companion {
    options: Options,
    own_sender: String,
    link: Mutex<Option<Arc<Link>>>,
    /// Incremented when another handle may have changed the queue.
    version: watch::Sender<u64>,
    /// The `version` before this handle last read the queue.
    seen: AtomicU64,
    pace: Pace,
}

impl Companion {
    pub(crate) fn new(options: &Options, notices: &Notices) -> Self {
        Self {
            options: options.clone(),
            own_sender: notices.sender.clone(),
            link: Mutex::default(),
            version: watch::Sender::default(),
            seen: AtomicU64::default(),
            pace: Pace::default(),
        }
    }

    pub(crate) fn version(&self) -> u64 {
        *self.version.borrow()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub(crate) fn set_seen(&self, version: u64) {
        self.seen.store(version, Ordering::Relaxed);
    }

    pub(crate) async fn link(&self) -> Answer<Arc<Link>> {
        let mut slot = self.link.lock().await;
        if let Some(link) = slot.as_ref().filter(|link| !link.client().is_closed()) {
            return Ok(Arc::clone(link));
        }
        *slot = None;
        let link = Arc::new(within_timeout(&self.options, self.connect()).await?);
        Ok(Arc::clone(slot.insert(link)))
    }

    pub(crate) async fn close(&self, silent: &Arc<Link>) {
        self.link.lock().await.take_if(|link| Arc::ptr_eq(link, silent));
    }

    /// Connects, and listens unless the connection leads through a pooler. Increments `version`,
    /// because notifications may have been missed.
    async fn connect(&self) -> Answer<Link> {
        let (version, own) = (self.version.clone(), self.own_sender.clone());
        let hear = move |message: Option<AsyncMessage>| match message {
            Some(AsyncMessage::Notification(notice)) if notice.payload() == own => {}
            Some(AsyncMessage::Notification(_)) | None => version.send_modify(|version| *version += 1),
            Some(_) => {}
        };
        let link = dial(&self.options, hear).await?.set_up(&self.options).await?;
        if !link.is_pooled() {
            link.client().batch_execute(&format!("listen \"{}\"", self.options.channel())).await?;
        }
        self.version.send_modify(|version| *version += 1);
        Ok(link)
    }

    pub(crate) async fn changed(&self) {
        let mut version = self.subscribe();
        let seen = self.seen.load(Ordering::Relaxed);
        let wait = async {
            // Without a connection, no notification arrives, so only the end of the interval ends
            // the wait.
            let connected = self.link().await;
            let has_changed = version.wait_for(|version| *version != seen).await.is_ok();
            if connected.is_err() || !has_changed {
                std::future::pending::<()>().await;
            }
        };
        // The end of the interval is reported like a change.
        let _ = timeout(self.options.poll_interval, wait).await;
        self.pace.wait().await;
    }
}
