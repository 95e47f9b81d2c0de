//! The second connection of a store. It renews leases and listens for the changes that other
//! handles announce.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use tokio::sync::{Mutex, watch};
use tokio::time::{sleep_until, timeout};
use tokio_postgres::{AsyncMessage, Client, NoTls};
use uuid::Uuid;

use crate::connection::{Transaction, session_settings};
use crate::error::Answer;
use crate::options::Options;

/// The shortest time between two ends of a wait for a change.
const MIN_WAIT: Duration = Duration::from_millis(100);
/// The shortest time between two notifications of exchanges, because notifications make commits
/// wait for each other.
const MIN_NOTICE_INTERVAL: Duration = Duration::from_millis(100);

/// The notifications that a handle sends.
pub(crate) struct Notices {
    channel: String,
    /// Identifies the handle, which ignores its own notifications.
    sender: String,
    commit_and_announce: String,
    last: SyncMutex<Option<Instant>>,
}

impl Notices {
    pub(crate) fn new(options: &Options) -> Self {
        let (channel, sender) = (options.channel(), Uuid::new_v4().to_string());
        let commit_and_announce = format!("commit; select pg_notify('{channel}', '{sender}')");
        Self { channel, sender, commit_and_announce, last: SyncMutex::default() }
    }

    /// Announces a change when the transaction is committed.
    pub(crate) async fn send(&self, transaction: &mut Transaction<'_>) -> Answer<()> {
        transaction.execute("select pg_notify($1, $2)", &[&self.channel, &self.sender]).await
    }

    /// Returns the statements that end an exchange. They announce its change, unless the last
    /// announcement of an exchange was a moment ago; a change without one is noticed by the next
    /// poll. If the transaction has failed, `commit` undoes it.
    pub(crate) fn end_of_exchange(&self) -> &str {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < MIN_NOTICE_INTERVAL) {
            return "commit";
        }
        *last = Some(Instant::now());
        &self.commit_and_announce
    }
}

/// The second connection, opened when it is first needed and again after a loss.
pub(crate) struct Companion {
    options: Options,
    /// The sender of this handle's own notifications.
    own_sender: String,
    client: Mutex<Option<Arc<Client>>>,
    /// Grows with each notification of another handle, and with each connection.
    version: watch::Sender<u64>,
    /// The version before the last transaction of this handle.
    seen: AtomicU64,
    last_end: SyncMutex<Option<Instant>>,
}

impl Companion {
    pub(crate) fn new(options: &Options, notices: &Notices) -> Self {
        Self {
            options: options.clone(),
            own_sender: notices.sender.clone(),
            client: Mutex::default(),
            version: watch::Sender::default(),
            seen: AtomicU64::default(),
            last_end: SyncMutex::default(),
        }
    }

    pub(crate) fn version(&self) -> u64 {
        *self.version.borrow()
    }

    /// Returns a receiver of the version.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub(crate) fn set_seen(&self, version: u64) {
        self.seen.store(version, Ordering::Relaxed);
    }

    /// Returns the client of the connection; connects first if there is none.
    pub(crate) async fn client(&self) -> Answer<Arc<Client>> {
        let mut slot = self.client.lock().await;
        if let Some(client) = slot.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        *slot = None;
        let client = Arc::new(self.connect().await?);
        Ok(Arc::clone(slot.insert(client)))
    }

    /// Closes a connection that does not answer.
    pub(crate) async fn close(&self) {
        *self.client.lock().await = None;
    }

    /// Connects and listens. Changes before this moment may be unknown, so the version grows.
    async fn connect(&self) -> Answer<Client> {
        let (client, mut connection) = self.options.config.connect(NoTls).await?;
        let (version, own) = (self.version.clone(), self.own_sender.clone());
        tokio::spawn(async move {
            let mut messages = poll_fn(move |context| connection.poll_message(context));
            while let Some(Ok(message)) = messages.next().await {
                if matches!(&message, AsyncMessage::Notification(notice) if notice.payload() != own) {
                    version.send_modify(|version| *version += 1);
                }
            }
            version.send_modify(|version| *version += 1);
        });
        let listen = format!("{}; listen \"{}\"", session_settings(&self.options), self.options.channel());
        client.batch_execute(&listen).await?;
        self.version.send_modify(|version| *version += 1);
        Ok(client)
    }

    /// Waits until the last end of a wait is long enough ago.
    async fn pace(&self) {
        let last = *self.last_end.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last {
            sleep_until((last + MIN_WAIT).into()).await;
        }
        *self.last_end.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Waits until another handle may have changed the queue since this handle last read it, but
    /// not longer than the polling interval.
    pub(crate) async fn changed(&self) {
        let mut version = self.subscribe();
        let seen = self.seen.load(Ordering::Relaxed);
        let wait = async {
            // Without a connection, only the end of the interval reports a change.
            let connected = self.client().await;
            let has_changed = version.wait_for(|version| *version != seen).await.is_ok();
            if connected.is_err() || !has_changed {
                std::future::pending::<()>().await;
            }
        };
        // The end of the interval is reported like a change.
        let _ = timeout(self.options.poll_interval, wait).await;
        self.pace().await;
    }
}
