//! Writes to standard error.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread;
use std::time::Duration;

/// The maximum number of waiting texts. A busy run prints this many in a few seconds.
const MAX_WAITING: usize = 1024;

/// The maximum time to wait for the thread at the end of a run.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// Writes to standard error. During a run, a separate thread writes.
///
/// If nothing reads standard error, the thread waits, but the run continues. If too many texts
/// wait, the newest are dropped.
#[derive(Debug, Default)]
pub(super) enum ErrWriter {
    #[default]
    Direct,
    Thread {
        texts: SyncSender<Message>,
        /// The number of dropped texts since the last warning about them.
        dropped: Arc<AtomicU64>,
    },
    /// Nothing read standard error when the run ended. Later texts are dropped.
    Stalled,
}

#[derive(Debug)]
pub(super) enum Message {
    Text(String),
    /// Asks the thread to answer after all earlier texts.
    Settle(mpsc::Sender<()>),
}

impl ErrWriter {
    /// Starts the thread. If this fails, the calling thread continues to write.
    pub(super) fn start_thread(&mut self) {
        let (texts, received) = mpsc::sync_channel(MAX_WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = dropped.clone();
        let write_all = move || {
            for message in received {
                match message {
                    Message::Text(text) => write(&text),
                    Message::Settle(answer) => answer.send(()).unwrap_or_default(),
                }
                let dropped = counter.swap(0, Ordering::Relaxed);
                if dropped > 0 {
                    let messages = if dropped == 1 { "message was" } else { "messages were" };
                    write(&format!("warning: {dropped} {messages} dropped, because nothing read standard error\n"));
                }
            }
        };
        if thread::Builder::new().spawn(write_all).is_ok() {
            *self = Self::Thread { texts, dropped };
        }
    }

    /// Ends the thread. Waits at most [`END_TIMEOUT`] for its texts.
    pub(super) fn end_thread(&mut self) {
        *self = if self.settle(END_TIMEOUT) { Self::Direct } else { Self::Stalled };
    }

    pub(super) fn write(&self, text: &str) {
        match self {
            _ if text.is_empty() => {}
            Self::Direct => write(text),
            Self::Thread { texts, dropped } => {
                if let Err(TrySendError::Full(_)) = texts.try_send(Message::Text(text.to_owned())) {
                    dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
            Self::Stalled => {}
        }
    }

    /// Waits at most `timeout` for earlier texts. Returns true if the texts are written.
    pub(super) fn settle(&self, timeout: Duration) -> bool {
        let Self::Thread { texts, .. } = self else { return matches!(self, Self::Direct) };
        let (answer, answered) = mpsc::channel();
        texts.try_send(Message::Settle(answer)).is_ok() && answered.recv_timeout(timeout).is_ok()
    }
}

fn write(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
