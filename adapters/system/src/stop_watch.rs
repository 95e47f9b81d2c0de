//! The stop signal: watches the stop file and signals, and tells what follows from them.
//!
//! # Theory of operation
//!
//! Two plain threads see, and one channel tells. The one looks at the stop file, and at the time, five times a second; the
//! other waits for signals and takes them in at once. Threads, and not tasks of a runtime: a look at a file can block, and
//! a stop must come through while every worker of the runtime is busy. Each takes in what it has seen and publishes what
//! follows, under one lock, which also covers clearing: a file that was seen before it was removed cannot be taken in
//! after.

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
use crate::stop_decision::Seen;
use crate::stop_file;

/// How often the stop file is looked at: the `StopSignal` port's contract gives half a second.
const POLL: Duration = Duration::from_millis(200);

/// The stop file and, where asked for, the signals SIGINT, SIGTERM and SIGHUP.
///
/// - The file is there: draining. Its first line holds the word `now`: aborting. It cannot be read: draining.
/// - First signal: draining; after SIGTERM or SIGHUP for 80 s at the most, then aborting. Second: aborting. Third:
///   killing. Which of the three they are makes no difference to the count.
///
/// Ends its threads when it is dropped; signals that come later are swallowed, not given their default effect back.
pub struct StopWatch {
    shared: Arc<Shared>,
    /// Dropped to end the thread that looks at the file.
    alive: Option<mpsc::Sender<()>>,
    signals: Option<Handle>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    /// The stop file, where one is looked at.
    path: Option<PathBuf>,
    began: Instant,
    seen: Mutex<Seen>,
    told: watch::Sender<StopRequest>,
}

impl StopWatch {
    /// Watches the stop file at `path`; a request that stands is known when this returns.
    ///
    /// # Errors
    /// Where the system has no thread to give.
    pub fn new(path: impl Into<PathBuf>) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(Some(path.into()), Seen::default()));
        shared.look();
        let (alive, life) = mpsc::channel();
        let ours = Arc::clone(&shared);
        let looker = thread::Builder::new().name("stop-file".to_owned()).spawn(move || ours.keep_looking(&life))?;
        Ok(Self { shared, alive: Some(alive), signals: None, threads: vec![looker] })
    }

    /// Listens to signals alone, for whoever has one thing to do and nothing to finish first: the first signal is aborting,
    /// the second killing.
    ///
    /// # Errors
    /// As [`StopWatch::with_signals`].
    pub fn of_one_thing() -> io::Result<Self> {
        let shared = Arc::new(Shared::new(None, Seen::of_one_thing()));
        Self { shared, alive: None, signals: None, threads: Vec::new() }.with_signals()
    }

    /// Listens to signals too. They lose their default effect, on the whole process and for good. Hang-ups are left alone
    /// where whoever started us has them ignored, as nohup(1) does: that is a wish to outlive the terminal.
    ///
    /// # Errors
    /// Where the system does not let us listen, or has no thread to give.
    pub fn with_signals(mut self) -> io::Result<Self> {
        let heard = [SIGINT, SIGTERM].into_iter().chain((!is_ignored(SIGHUP)).then_some(SIGHUP));
        let mut signals = Signals::new(heard)?;
        self.signals = Some(signals.handle());
        let ours = Arc::clone(&self.shared);
        let listen = move || signals.forever().for_each(|signal| ours.hear(signal));
        self.threads.push(thread::Builder::new().name("signals".to_owned()).spawn(listen)?);
        Ok(self)
    }
}

#[async_trait]
impl StopSignal for StopWatch {
    fn request(&self) -> StopRequest {
        *self.shared.told.borrow()
    }

    async fn raised_above(&self, level: StopLevel) -> StopRequest {
        let mut told = self.shared.told.subscribe();
        let raised = told.wait_for(|request| request.level > level).await.map(|request| *request);
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
            // A thread that panicked has ended too.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn new(path: Option<PathBuf>, seen: Seen) -> Self {
        let told = watch::Sender::new(StopRequest::NONE);
        Self { path, began: Instant::now(), seen: Mutex::new(seen), told }
    }

    fn keep_looking(&self, life: &mpsc::Receiver<()>) {
        while life.recv_timeout(POLL) == Err(mpsc::RecvTimeoutError::Timeout) {
            self.look();
        }
    }

    fn look(&self) {
        let mut seen = self.seen();
        if let Some(path) = &self.path {
            seen.file(stop_file::read(path));
        }
        self.tell(&seen);
    }

    fn hear(&self, signal: i32) {
        let cause = match signal {
            SIGINT => StopCause::Interrupt,
            SIGHUP => StopCause::HangUp,
            _ => StopCause::Terminate,
        };
        let mut seen = self.seen();
        seen.signal(cause, self.began.elapsed());
        self.tell(&seen);
    }

    fn clear(&self) -> io::Result<bool> {
        let mut seen = self.seen();
        let was_there = match self.path.as_ref().map_or(Ok(false), |path| std::fs::remove_file(path).map(|()| true)) {
            Ok(was_there) => was_there,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        let was_asked = seen.clear();
        self.tell(&seen);
        Ok(was_there || was_asked)
    }

    fn tell(&self, seen: &Seen) {
        let request = seen.request(self.began.elapsed());
        self.told.send_if_modified(|told| std::mem::replace(told, request) != request);
    }

    /// A panic elsewhere leaves nothing half done under the lock.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
