//! Writes to standard error.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread;
use std::time::Duration;

/// The maximum number of texts that wait for the writing thread. A busy run prints this many in a
/// few seconds.
const MAX_WAITING: usize = 1024;

/// The maximum time to wait, at the end of a run, until all texts are written.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// Writes to standard error. During a run, a separate thread writes.
///
/// The reader of standard error may stop reading for a while, as a pager does, or a terminal after
/// Ctrl-S. The thread then waits, but the run continues. If too many texts wait, the newest are
/// dropped and counted.
#[derive(Debug, Default)]
pub(super) enum ErrWriter {
    /// The calling thread writes; a text is written when `write` returns.
    #[default]
    Direct,
    /// A separate thread writes the texts that it receives.
    Thread {
        texts: SyncSender<Message>,
        /// The number of texts dropped since the thread last printed a warning about dropped texts.
        dropped: Arc<AtomicU64>,
    },
    /// The reader had stopped reading when the run ended. Later texts are dropped.
    Stalled,
}

#[derive(Debug)]
pub(super) enum Message {
    Text(String),
    /// Asks the thread to answer once it has written all earlier texts.
    Settle(mpsc::Sender<()>),
}

impl ErrWriter {
    /// Starts a thread that writes from now on. If the system refuses to start a thread, the
    /// calling thread continues to write.
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

    /// Waits until the thread has written all texts, and ends the thread. If that takes longer than
    /// [`END_TIMEOUT`], later texts are dropped.
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

    /// Waits at most `timeout` until all earlier texts are written. Returns true if it is certain
    /// that the texts are written.
    pub(super) fn settle(&self, timeout: Duration) -> bool {
        let Self::Thread { texts, .. } = self else { return matches!(self, Self::Direct) };
        let (answer, answered) = mpsc::channel();
        texts.try_send(Message::Settle(answer)).is_ok() && answered.recv_timeout(timeout).is_ok()
    }
}

/// Ignores a failed write, because there is nowhere else to report it.
fn write(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
