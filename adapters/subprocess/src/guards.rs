//! The runner's side of supervision: a pool of guards, one for each process under way.
//!
//! # Theory of operation
//!
//! A guard is started when a further process is to run at the same time, serves one process after another, and goes back
//! to the idle ones in between. Reports come through the runtime; what is said to a guard is written at once by whoever
//! says it, so that a pause can come from any thread.
//!
//! A guard whose pipe ends was killed. What it looked after is ended by us then ([`nursery`]), the process is reported as
//! [`Ending::GuardDied`], and the next one gets another guard.
//!
//! # Deliberately absent
//!
//! A limit on the number of processes, which is the caller's.

mod control_line;
mod guard_process;
mod nursery;
mod series;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use autoproc_domain::RunId;
use autoproc_domain::ports::StopSignal;
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::bounded_log::OutputLimits;
use crate::guard::GUARD_ARGUMENT;
use crate::guard::protocol::{Control, Ended, Start};
use crate::guard_record;
use crate::process::{Ending, ProcessReport, ProcessSpec};
use crate::process_table::RUN_VARIABLE;
use control_line::ControlLine;
use guard_process::GuardProcess;
pub use series::ProcessNews;
use series::Series;

/// The time between asking a command to terminate and killing it, unless told otherwise: what Docker gives a container
/// (`docker stop`, `--timeout`).
pub const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// How long what has not been started of a series may wait, unless told otherwise: a few times as long as the whole series is
/// expected to take, so that one of its processes must be longer than expected.
pub const DEFAULT_GIVE_BACK_AFTER: Duration = Duration::from_millis(200);

/// How guards are started and what they are told once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardSettings {
    /// The program that becomes a guard: one whose `main` begins with [`become_guard`](crate::become_guard).
    /// [`own_executable`] where that is the calling program.
    pub executable: PathBuf,
    /// The run that the processes belong to: every one of them bears it in its environment, as `AUTOPROC_RUN_ID`.
    pub run: RunId,
    /// How long a process that is to end has before it is killed.
    pub grace: Duration,
    /// The folder where guards keep the records by which a later run proves what a killed one left at work; no records are
    /// kept where `None`.
    pub records_dir: Option<PathBuf>,
    /// How much of what a process prints is kept.
    pub output: OutputLimits,
    /// How long what has not been started of a series may wait behind what runs.
    pub give_back_after: Duration,
}

/// Runs processes under guards. A guard is started when a further process is to run at the same time, and lives until
/// [`close`](Self::close).
///
/// To be used within one tokio runtime with its I/O driver enabled.
pub struct Guards {
    settings: GuardSettings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    idle: Vec<GuardProcess>,
    /// The lines to all guards that live.
    lines: Vec<Weak<ControlLine>>,
    started: u64,
    is_paused: bool,
    is_closed: bool,
}

impl Guards {
    /// A pool without any guard yet.
    #[must_use]
    pub fn new(settings: GuardSettings) -> Self {
        Self { settings, state: Mutex::default() }
    }

    /// Runs one process to its end, and to the end of everything it started.
    ///
    /// Where `stop` rises to aborting it is asked to terminate and killed after the grace; at killing, at once. Where it is
    /// there already, nothing starts. To be awaited to its end: where it is dropped before, the process is ended too, but
    /// nobody sees it.
    ///
    /// # Errors
    /// Where something that the process started can be neither ended nor seen to have ended; or where no guard can ever be
    /// started, since the program for it is missing. Where none can be started now, that is an ending.
    pub async fn run(&self, spec: ProcessSpec, stop: &dyn StopSignal) -> io::Result<ProcessReport> {
        match Series::new(self, vec![spec]).next(stop).await {
            Some(ProcessNews::Over(result)) => result,
            // Only what comes after another may not begin.
            Some(ProcessNews::NotBegun(_)) | None => Ok(Ended::new(Ending::Aborted, Duration::ZERO).into()),
        }
    }

    /// Runs processes one after the other, each as [`run`](Self::run) does and as long as they end well, without waiting
    /// for anybody to hear of each. The first starts at once. What is not started is told before the end of the one that
    /// runs then: where that does not end well, `stop` rises, or much more time has passed than short processes take.
    ///
    /// What is told may be some hundredths of a second old. To be polled to its end; where it is dropped before, the
    /// process is ended too, but nobody sees it.
    pub fn run_series(&self, specs: Vec<ProcessSpec>, stop: Arc<dyn StopSignal>) -> BoxStream<'_, ProcessNews> {
        let state = (Series::new(self, specs), stop);
        let news = stream::unfold(state, |(mut series, stop)| async move {
            let news = series.next(&*stop).await?;
            Some((news, (series, stop)))
        });
        news.boxed()
    }

    /// Holds every process that is under way, and its clock, and those that are started meanwhile. May be called from any
    /// thread. Does not wait for them to stand still.
    pub fn pause(&self) {
        self.broadcast(true);
    }

    /// Lets paused processes go on. May be called from any thread.
    pub fn resume(&self) {
        self.broadcast(false);
    }

    /// Ends all guards that are idle and waits for them; those at work end when their processes have. No guard is started
    /// any more.
    pub async fn close(&self) {
        let idle = self.retire();
        // It fails only where a panic hit it, and then there is nobody to wait for.
        let _ = tokio::task::spawn_blocking(|| idle.into_iter().for_each(GuardProcess::dismiss)).await;
    }

    fn start(&self, spec: &ProcessSpec) -> Start {
        let mut start = Start::new(spec, self.settings.grace, self.settings.output);
        start.environment.push((RUN_VARIABLE.into(), self.settings.run.as_str().into()));
        start
    }

    /// A guard that was told to start. One that was killed while it was idle has nothing to leave behind.
    fn engage(&self, message: &[u8]) -> io::Result<GuardProcess> {
        while let Some(guard) = self.take_idle() {
            match guard.line().send(message) {
                Ok(()) => return Ok(guard),
                Err(_) => guard.bury(),
            }
        }
        let guard = self.hire()?;
        let told = guard.line().send(message);
        told_or_buried(guard, told)
    }

    fn take_idle(&self) -> Option<GuardProcess> {
        self.state().idle.pop()
    }

    fn hire(&self) -> io::Result<GuardProcess> {
        refuse_to_be_a_guard()?;
        let mut state = self.state();
        if state.is_closed {
            return Err(io::Error::other("the guards are closed"));
        }
        let guard = GuardProcess::spawn(&self.settings, state.started)?;
        state.started += 1;
        state.lines.retain(|line| line.strong_count() > 0);
        state.lines.push(Arc::downgrade(guard.line()));
        // Under the lock, so that a later resume is said later.
        let told = if state.is_paused { guard.line().say(&Control::Pause) } else { Ok(()) };
        drop(state);
        told_or_buried(guard, told)
    }

    fn give_back(&self, guard: GuardProcess) {
        let mut state = self.state();
        if state.is_closed {
            drop(state);
            guard.dismiss();
        } else {
            state.idle.push(guard);
        }
    }

    /// Blocks for as long as processes take to die, so the runtime's own thread does not.
    async fn clean_up_after(&self, guard: GuardProcess) -> io::Result<()> {
        let run = self.settings.run.clone();
        let clean_up = move || guard.bury_with(|| nursery::end_orphans(&run));
        tokio::task::spawn_blocking(clean_up).await.map_err(io::Error::other)?
    }

    /// A guard that cannot be told was killed, which its run notices.
    fn broadcast(&self, is_paused: bool) {
        let mut state = self.state();
        state.is_paused = is_paused;
        let control = if is_paused { Control::Pause } else { Control::Resume };
        for line in state.lines.iter().filter_map(Weak::upgrade) {
            let _ = line.say(&control);
        }
    }

    fn retire(&self) -> Vec<GuardProcess> {
        let mut state = self.state();
        state.is_closed = true;
        // All at once, so that they end at the same time and not one after the other.
        state.idle.iter().for_each(|guard| guard.line().hang_up());
        std::mem::take(&mut state.idle)
    }

    /// Nothing is left half done in it by whoever panicked.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Guards at work end with their pipes; the idle ones are waited for, so that they are reaped.
impl Drop for Guards {
    fn drop(&mut self) {
        self.retire().into_iter().for_each(GuardProcess::dismiss);
    }
}

/// A new guard that could be told; one that could not has ended, and is ours to reap.
fn told_or_buried(guard: GuardProcess, told: io::Result<()>) -> io::Result<GuardProcess> {
    match told {
        Ok(()) => Ok(guard),
        Err(error) => {
            guard.bury();
            Err(error)
        }
    }
}

/// A program that is its own guard's executable and does not begin with `become_guard` would start itself for ever.
fn refuse_to_be_a_guard() -> io::Result<()> {
    match std::env::args_os().nth(1) {
        Some(argument) if argument == GUARD_ARGUMENT => {
            let told = "this process was started as a guard: `main` has to begin with become_guard";
            Err(io::Error::new(io::ErrorKind::InvalidInput, told))
        }
        _ => Ok(()),
    }
}

fn record_path(settings: &GuardSettings, number: u64) -> Option<PathBuf> {
    settings.records_dir.as_ref().map(|dir| guard_record::path_of(dir, &settings.run, number))
}

/// The calling program, as a guard's executable.
///
/// On Linux this stays right when the program's file is replaced while it runs.
///
/// # Errors
/// Where the system cannot tell.
pub fn own_executable() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}
