//! Watches the stop file and signals, and publishes the stop level.
//!
//! # Theory of operation
//!
//! One thread checks the stop file and the drain timeout five times a second. Another thread waits
//! for signals. They are threads rather than tasks, because a stop must take effect even while the
//! runtime is busy. Each thread records and publishes under one lock. `clear` removes the stop file
//! under the same lock. So no thread records the removed request afterwards.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use autoproc_domain::ports::{StopCause, StopLevel, StopRequest, StopSignal, StopSignalError};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use tokio::sync::watch;

use crate::signals::is_ignored;
use crate::stop_decision::StopRequests;
use crate::stop_file;

/// The interval between checks of the stop file and the drain timeout. The `StopSignal` port allows
/// half a second.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A stop signal that watches the stop file and, after [`StopWatch::with_signals`], the signals
/// SIGINT, SIGTERM and SIGHUP.
///
/// - Stop file: requests an abort if its first line contains the word `now`, otherwise a drain. A
///   file that cannot be read requests a drain.
/// - Signals: the first signal requests a drain, the second an abort, and the third a kill. Signals
///   of all three kinds are counted together. Further signals within half a second after the first
///   are ignored. A drain after SIGTERM or SIGHUP becomes an abort after 80 s, or after the time
///   set by [`StopWatch::with_drain_timeout`]. With [`StopWatch::signals_only`], the first signal
///   requests an abort.
///
/// Dropping the watch ends its threads. Signals are then ignored, because their default action is
/// not restored.
pub struct StopWatch {
    shared: Arc<Shared>,
    /// Dropping this sender ends the thread that checks the stop file and the drain timeout; `None`
    /// if there is no drain.
    alive: Option<mpsc::Sender<()>>,
    signals: Option<Handle>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    path: Option<PathBuf>,
    began: Instant,
    requests: Mutex<StopRequests>,
    published: watch::Sender<StopRequest>,
}

impl StopWatch {
    /// Watches the stop file at `path`. If the file exists already, publishes its request before
    /// this function returns.
    ///
    /// # Errors
    /// If the thread cannot be spawned.
    pub fn new(path: impl Into<PathBuf>) -> io::Result<Self> {
        Self::polling(Some(path.into()))
    }

    /// Creates a watch without a stop file, for a run that receives stop requests in another way.
    /// The watch has no effect until [`StopWatch::with_signals`] is called.
    ///
    /// # Errors
    /// If the thread cannot be spawned.
    pub fn without_file() -> io::Result<Self> {
        Self::polling(None)
    }

    fn polling(path: Option<PathBuf>) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(path, StopRequests::default()));
        shared.check();
        let (alive, life) = mpsc::channel();
        let ours = Arc::clone(&shared);
        let poller = thread::Builder::new().name("stop-request".to_owned()).spawn(move || ours.poll(&life))?;
        Ok(Self { shared, alive: Some(alive), signals: None, threads: vec![poller] })
    }

    /// Sets the time after which a drain that SIGTERM or SIGHUP requested becomes an abort. With 0,
    /// these signals immediately request an abort.
    #[must_use]
    pub fn with_drain_timeout(self, drain_timeout: Duration) -> Self {
        self.shared.requests().set_drain_timeout(drain_timeout);
        self
    }

    /// Watches only signals, for a process that has nothing to drain. The first signal requests an
    /// abort, the second a kill.
    ///
    /// # Errors
    /// The errors of [`StopWatch::with_signals`].
    pub fn signals_only() -> io::Result<Self> {
        let shared = Arc::new(Shared::new(None, StopRequests::without_drain()));
        Self { shared, alive: None, signals: None, threads: Vec::new() }.with_signals()
    }

    /// Also watches SIGINT, SIGTERM and SIGHUP. They permanently lose their default action in the
    /// whole process. SIGHUP stays ignored if the parent process ignored it, as nohup(1) does.
    ///
    /// # Errors
    /// If the handler cannot be installed or the thread cannot be spawned.
    pub fn with_signals(mut self) -> io::Result<Self> {
        let watched = [SIGINT, SIGTERM].into_iter().chain((!is_ignored(SIGHUP)).then_some(SIGHUP));
        let mut signals = Signals::new(watched)?;
        self.signals = Some(signals.handle());
        let ours = Arc::clone(&self.shared);
        let listen = move || signals.forever().for_each(|signal| ours.on_signal(signal));
        self.threads.push(thread::Builder::new().name("signals".to_owned()).spawn(listen)?);
        Ok(self)
    }
}

#[async_trait]
impl StopSignal for StopWatch {
    fn request(&self) -> StopRequest {
        *self.shared.published.borrow()
    }

    async fn raised_above(&self, level: StopLevel) -> StopRequest {
        let mut published = self.shared.published.subscribe();
        let raised = published.wait_for(|request| request.level > level).await.map(|request| *request);
        raised.expect("the sender lives as long as `self`, so the channel is open")
    }

    async fn clear(&self) -> Result<bool, StopSignalError> {
        self.shared.clear().map_err(StopSignalError)
    }
}

impl Drop for StopWatch {
    fn drop(&mut self) {
        self.alive = None;
        if let Some(signals) = self.signals.take() {
            signals.close();
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn new(path: Option<PathBuf>, requests: StopRequests) -> Self {
        let published = watch::Sender::new(StopRequest::NONE);
        Self { path, began: Instant::now(), requests: Mutex::new(requests), published }
    }

    fn poll(&self, life: &mpsc::Receiver<()>) {
        while life.recv_timeout(POLL_INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout) {
            self.check();
        }
    }

    fn check(&self) {
        let mut requests = self.requests();
        if let Some(path) = &self.path {
            requests.on_file(stop_file::read(path));
        }
        self.publish(&requests);
    }

    fn on_signal(&self, signal: i32) {
        let cause = match signal {
            SIGINT => StopCause::Interrupt,
            SIGHUP => StopCause::HangUp,
            _ => StopCause::Terminate,
        };
        let mut requests = self.requests();
        requests.on_signal(cause, self.began.elapsed());
        self.publish(&requests);
    }

    fn clear(&self) -> io::Result<bool> {
        let mut requests = self.requests();
        let existed = match self.path.as_ref().map_or(Ok(false), |path| std::fs::remove_file(path).map(|()| true)) {
            Ok(existed) => existed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        let was_requested = requests.clear();
        self.publish(&requests);
        Ok(existed || was_requested)
    }

    fn publish(&self, requests: &StopRequests) {
        let request = requests.request(self.began.elapsed());
        self.published.send_if_modified(|published| std::mem::replace(published, request) != request);
    }

    /// Ignores poisoning, because a panic leaves no inconsistent state.
    fn requests(&self) -> MutexGuard<'_, StopRequests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
