//! Stop requests for tests, from a stop file or a signal.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use async_trait::async_trait;
use autoproc_domain::ports::{StopCause, StopLevel, StopRequest, StopSignal, StopSignalError};

use crate::stop_view::StopView;

/// The stop file of a project. Clones refer to the same file.
#[derive(Debug, Clone, Default)]
pub struct StopFile(Arc<Mutex<FileState>>);

#[derive(Debug, Default)]
struct FileState {
    level: Option<StopLevel>,
    waiting: Vec<Waker>,
}

impl StopFile {
    /// Creates a stop file that requests no stop.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks every run that reads this file to stop. A lower level than before changes nothing.
    pub fn ask(&self, level: StopLevel) {
        let mut state = self.lock();
        state.level = state.level.max(Some(level));
        state.waiting.drain(..).for_each(Waker::wake);
    }

    /// Creates the stop signal of a run that reads this file.
    #[must_use]
    pub fn signal_for_a_run(&self) -> ScriptedStop {
        ScriptedStop { file: self.clone(), seen: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, FileState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stop signal of one run. Combines the stop file with the signals that the run received. Only
/// `clear` of this signal lowers the level; the level stays if another run removes the file.
#[derive(Debug)]
pub struct ScriptedStop {
    file: StopFile,
    seen: Mutex<StopView>,
}

impl ScriptedStop {
    /// Creates a stop signal with a private stop file.
    #[must_use]
    pub fn alone() -> Self {
        StopFile::new().signal_for_a_run()
    }

    /// Asks this run to stop. With [`StopCause::StopFile`], asks every run that reads the file.
    pub fn raise(&self, level: StopLevel, cause: StopCause) {
        if cause == StopCause::StopFile {
            self.file.ask(level);
            return;
        }
        self.seen().receive(level, cause);
        self.file.lock().waiting.drain(..).for_each(Waker::wake);
    }

    fn seen(&self) -> MutexGuard<'_, StopView> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl StopSignal for ScriptedStop {
    fn request(&self) -> StopRequest {
        let standing = self.file.lock().level;
        let mut seen = self.seen();
        seen.read_file(standing);
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
        self.seen().forget_file();
        Ok(stood)
    }
}
