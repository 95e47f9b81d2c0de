//! Stop requests as a test makes them: a stop file that several runs see, and signals that one run
//! receives.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use async_trait::async_trait;
use autoproc_domain::ports::{StopCause, StopLevel, StopRequest, StopSignal, StopSignalError};

/// The stop file of a project. Clones are the same file.
#[derive(Debug, Clone, Default)]
pub struct StopFile(Arc<Mutex<FileState>>);

#[derive(Debug, Default)]
struct FileState {
    level: Option<StopLevel>,
    waiting: Vec<Waker>,
}

impl StopFile {
    /// No stop file.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks every run that sees the file to stop. A standing request can only become more urgent.
    pub fn ask(&self, level: StopLevel) {
        let mut state = self.lock();
        state.level = state.level.max(Some(level));
        state.waiting.drain(..).for_each(Waker::wake);
    }

    /// The stop signal of another run.
    #[must_use]
    pub fn signal_for_a_run(&self) -> ScriptedStop {
        ScriptedStop { file: self.clone(), seen: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, FileState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one run sees: the stop file, and the signals that it received. A level that was reported stays,
/// even if another run removes the file.
#[derive(Debug)]
pub struct ScriptedStop {
    file: StopFile,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    file: Option<StopLevel>,
    signal: Option<(StopLevel, StopCause)>,
    file_was_first: bool,
}

impl Seen {
    fn request(&self) -> StopRequest {
        let signal = self.signal.map(|(level, _)| level);
        let file = self.file.map(|_| StopCause::StopFile);
        let signal_cause = self.signal.map(|(_, cause)| cause);
        StopRequest {
            level: self.file.max(signal).unwrap_or(StopLevel::Running),
            cause: if self.file_was_first { file.or(signal_cause) } else { signal_cause.or(file) },
        }
    }
}

impl ScriptedStop {
    /// A stop signal with a stop file that no other run sees.
    #[must_use]
    pub fn alone() -> Self {
        StopFile::new().signal_for_a_run()
    }

    /// Asks this run to stop, by a signal or by its stop file.
    pub fn raise(&self, level: StopLevel, cause: StopCause) {
        if cause == StopCause::StopFile {
            self.file.ask(level);
            return;
        }
        let mut seen = self.seen();
        seen.signal = seen.signal.map(|(before, first)| (before.max(level), first)).or(Some((level, cause)));
        drop(seen);
        self.file.lock().waiting.drain(..).for_each(Waker::wake);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl StopSignal for ScriptedStop {
    fn request(&self) -> StopRequest {
        let standing = self.file.lock().level;
        let mut seen = self.seen();
        if standing.is_some() {
            seen.file_was_first |= seen.signal.is_none();
            seen.file = seen.file.max(standing);
        }
        seen.request()
    }

    async fn raised_above(&self, level: StopLevel) -> StopRequest {
        std::future::poll_fn(|context| {
            let request = self.request();
            if request.level > level {
                return Poll::Ready(request);
            }
            let mut state = self.file.lock();
            if !state.waiting.iter().any(|waiting| waiting.will_wake(context.waker())) {
                state.waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    async fn clear(&self) -> Result<bool, StopSignalError> {
        let stood = self.file.lock().level.take().is_some();
        let mut seen = self.seen();
        seen.file = None;
        seen.file_was_first = false;
        Ok(stood)
    }
}
