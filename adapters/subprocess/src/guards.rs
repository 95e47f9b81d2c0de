//! The pool of guards of a run, with one guard for each concurrent process.
//!
//! # Theory of operation
//!
//! If no guard is idle, a new one is started. A guard runs one process after another. Reports
//! arrive through the tokio runtime. Control messages are written synchronously, so that
//! [`Guards::pause`] can be called from any thread.
//!
//! If the report pipe of a guard ends, the guard was killed. The run then ends the leftover
//! processes of the guard ([`orphans`]). The guard's record tells which processes of a batch had
//! begun:
//!
//! - The last begun process is reported as [`Ending::GuardDied`], unless the run was ending it or
//!   had killed the guard.
//! - The begun processes before it are reported as exited with status 0.
//! - If no process had begun, another guard runs the first one.
//! - All other processes are reported as not started.
//!
//! Without a readable record, every unreported process counts as begun and interrupted.
//!
//! If a guard does not answer, the run kills it after a deadline ([`watchdog`]).
//!
//! # Deliberately absent
//!
//! The pool does not limit the number of concurrent processes. The caller does.

mod assignment;
mod control_pipe;
mod guard_process;
mod orphans;
mod watchdog;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use autoproc_domain::RunId;
use autoproc_domain::ports::StopSignal;
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::bounded_log::OutputLimits;
use crate::environment::RUN_VARIABLE;
use crate::guard::GUARD_ARGUMENT;
use crate::guard::protocol::{Control, StartRequest};
use crate::guard::stopwatch::Stopwatch;
use crate::process::{Ending, ProcessReport, ProcessSpec};
use assignment::Assignment;
pub use assignment::BatchEvent;
use control_pipe::ControlPipe;
use guard_process::GuardProcess;
pub(crate) use orphans::reap_other_children;

/// The default time between SIGTERM and SIGKILL, the same as that of `docker stop --timeout`.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// The settings for the guards of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardSettings {
    /// The program that becomes a guard: its `main` must begin with
    /// [`become_guard`](crate::become_guard). Use [`own_executable`] for the calling program.
    pub executable: PathBuf,
    /// The run that the processes belong to. Each process has the run's id in its environment as
    /// `AUTOPROC_RUN_ID`.
    pub run: RunId,
    /// Environment variables for every process, in addition to the inherited ones and those of its
    /// [`ProcessSpec`].
    pub environment: Vec<(OsString, OsString)>,
    /// The time between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// The folder for the records of guards, by which a later run finds the leftover processes of a
    /// killed run. If `None`, no records are kept.
    pub records_dir: Option<PathBuf>,
    /// The limits on the output that is kept of each process.
    pub output: OutputLimits,
    /// If set, the temporary files of a failed process are kept, and the last line of its log names
    /// their folder. The list has the exit statuses that count as success, in addition to 0. A
    /// process that the run aborts, or whose guard is killed, does not count as failed. If `None`,
    /// all temporary files are removed.
    pub keep_tmp: Option<Vec<i32>>,
}

/// A pool of guards. A guard is started when a process needs one, and kept until
/// [`close`](Self::close). Idle guards are ended earlier if a process cannot start because the
/// system lacks resources.
///
/// Requires one tokio runtime with its I/O and time drivers enabled.
pub struct Guards {
    settings: GuardSettings,
    created_at: Instant,
    state: Mutex<State>,
}

/// A process of a batch.
pub struct BatchProcess {
    /// The process to run.
    pub spec: ProcessSpec,
    /// The file whose fingerprint is reported when the process starts.
    pub input: PathBuf,
    /// The stop signal, watched while the process runs.
    pub stop: Arc<dyn StopSignal>,
}

struct State {
    idle: Vec<GuardProcess>,
    controls: Vec<Weak<ControlPipe>>,
    started: u64,
    stopwatch: Stopwatch,
    deadline: Option<Duration>,
    is_closed: bool,
}

impl State {
    fn orders(&self) -> impl Iterator<Item = Control> {
        let pause = self.stopwatch.is_paused().then_some(Control::Pause);
        pause.into_iter().chain(self.deadline.map(Control::Deadline))
    }

    fn send_to_all(&self, control: &Control) {
        for pipe in self.controls.iter().filter_map(Weak::upgrade) {
            // Sending fails only if the guard was killed or does not read. Its assignment handles
            // both cases.
            let _ = pipe.send(control);
        }
    }
}

impl Guards {
    /// Creates a pool without starting a guard.
    #[must_use]
    pub fn new(settings: GuardSettings) -> Self {
        let created_at = Instant::now();
        let stopwatch = Stopwatch::start(created_at);
        let state =
            State { idle: Vec::new(), controls: Vec::new(), started: 0, stopwatch, deadline: None, is_closed: false };
        Self { settings, created_at, state: Mutex::new(state) }
    }

    /// Runs a process until it and all its descendants have ended.
    ///
    /// If `stop` rises to aborting, the process receives SIGTERM and, after the grace time,
    /// SIGKILL. If `stop` rises to killing, the process is killed immediately. If `stop` is already
    /// at one of these levels, the process does not start. Poll the future until it completes: if
    /// it is dropped, the process is ended, but nothing waits until the process has ended.
    ///
    /// # Errors
    /// If a descendant cannot be ended or its end cannot be observed, or if no guard can ever be
    /// started, for instance because its program is missing. A temporary failure to start a guard
    /// is reported as [`Ending::CannotStart`] instead.
    pub async fn run(&self, spec: ProcessSpec, stop: &dyn StopSignal) -> io::Result<ProcessReport> {
        match Assignment::new(self, vec![(spec, None)], Duration::MAX).next(stop).await {
            Some(BatchEvent::Ended(result)) => result,
            // These events do not occur: only a process with an input reports its start, and
            // `NotStarted` applies only to processes after the first.
            Some(BatchEvent::Started(_) | BatchEvent::NotStarted(_)) | None => {
                Ok(ProcessReport::new(Ending::Aborted, Duration::ZERO))
            }
        }
    }

    /// Runs processes one after another under a single guard. Each process runs as in
    /// [`run`](Self::run), but the guard does not wait for the run between two processes.
    ///
    /// The first process starts immediately. The waiting processes are reported as not started in
    /// these cases:
    ///
    /// - A process does not exit with status 0.
    /// - The stop signal of the running process rises.
    /// - The pool is paused.
    /// - `start_within` has passed.
    ///
    /// Events may arrive some hundredths of a second late. Poll the stream until it ends: if it is
    /// dropped, the running process is ended, but nothing waits until the process has ended.
    pub fn run_batch(&self, processes: Vec<BatchProcess>, start_within: Duration) -> BoxStream<'_, BatchEvent> {
        let parts = processes.into_iter().map(|BatchProcess { spec, input, stop }| ((spec, Some(input)), stop));
        let (specs, stops): (Vec<_>, Vec<_>) = parts.unzip();
        let state = (Assignment::new(self, specs, start_within), stops);
        let events = stream::unfold(state, |(mut assignment, stops)| async move {
            // After the last process has ended, `current` is out of range, but events may still be
            // queued.
            let stop: &Arc<dyn StopSignal> = stops.get(assignment.current()).or(stops.last())?;
            let event = assignment.next(&**stop).await?;
            Some((event, (assignment, stops)))
        });
        events.boxed()
    }

    /// Pauses all running processes and the clocks of their timeouts. Also pauses processes that
    /// start before [`resume`](Self::resume) is called. Does not wait until the processes have
    /// stopped. Can be called from any thread.
    pub fn pause(&self) {
        self.broadcast(true);
    }

    /// Continues all paused processes and the clocks of their timeouts. Can be called from any
    /// thread.
    pub fn resume(&self) {
        self.broadcast(false);
    }

    /// Moves the deadline of all guards to `since_boot`: a time since boot, including the time for
    /// which the machine was suspended (`CLOCK_BOOTTIME`). After the deadline, each guard kills its
    /// process and starts no other, even if the calling process has been stopped. Without a call,
    /// there is no deadline. Can be called from any thread.
    ///
    /// A run with a lease calls this whenever it renews the lease.
    pub fn extend_deadline(&self, since_boot: Duration) {
        let mut state = self.state();
        state.deadline = state.deadline.max(Some(since_boot));
        state.send_to_all(&Control::Deadline(since_boot));
    }

    /// Ends all idle guards and waits until they have exited. Busy guards end after their batch. No
    /// further guard is started.
    pub async fn close(&self) {
        shut_down_on_thread(self.take_all_and_close()).await;
    }

    fn request(&self, spec: &ProcessSpec, input: Option<&Path>) -> StartRequest {
        let GuardSettings { run, grace, output, keep_tmp, .. } = &self.settings;
        let (mut spec, input) = (spec.clone(), input.map(Path::to_owned));
        spec.environment.push((RUN_VARIABLE.into(), run.as_str().into()));
        StartRequest { spec, input, grace: *grace, output: *output, keep_tmp: keep_tmp.clone() }
    }

    fn assign(&self, message: &[u8]) -> io::Result<GuardProcess> {
        while let Some(guard) = self.take_idle() {
            // The guard may have been stopped while it was idle. The watchdog would resume it only
            // after the timeout of the process.
            if guard.is_stopped() {
                guard.resume();
            }
            match guard.control().send_encoded(message) {
                Ok(()) => return Ok(guard),
                // The guard was killed while it was idle, or does not read.
                Err(_) => guard.reap(),
            }
        }
        let guard = self.spawn_guard()?;
        let sent = guard.control().send_encoded(message);
        reap_unless_sent(guard, sent)
    }

    fn take_idle(&self) -> Option<GuardProcess> {
        self.state().idle.pop()
    }

    fn spawn_guard(&self) -> io::Result<GuardProcess> {
        refuse_recursion()?;
        let mut state = self.state();
        if state.is_closed {
            return Err(io::Error::other("the guards are closed"));
        }
        let guard = GuardProcess::spawn(&self.settings, state.started)?;
        state.started += 1;
        state.controls.retain(|control| control.strong_count() > 0);
        state.controls.push(Arc::downgrade(guard.control()));
        // The lock is held while sending, so that the `Resume` of a later call follows the `Pause`.
        let sent = state.orders().try_for_each(|order| guard.control().send(&order));
        drop(state);
        reap_unless_sent(guard, sent)
    }

    async fn release(&self, guard: GuardProcess) {
        if let Some(guard) = self.keep(guard) {
            shut_down_on_thread(vec![guard]).await;
        }
    }

    fn keep(&self, guard: GuardProcess) -> Option<GuardProcess> {
        let mut state = self.state();
        if state.is_closed {
            return Some(guard);
        }
        state.idle.push(guard);
        None
    }

    async fn dismiss(&self, guard: Option<GuardProcess>) {
        let mut guards = std::mem::take(&mut self.state().idle);
        guards.extend(guard);
        shut_down_on_thread(guards).await;
    }

    /// Reaps a killed guard and ends its processes. Returns the number of processes that began but
    /// were not reported as ended, if known.
    async fn reap(&self, guard: GuardProcess) -> io::Result<Option<u64>> {
        let (run, id) = (self.settings.run.clone(), guard.id());
        let reap = move || guard.reap_with(|| orphans::end_orphans(&run, id));
        tokio::task::spawn_blocking(reap).await.map_err(io::Error::other)?
    }

    fn time(&self) -> Duration {
        self.created_at.elapsed()
    }

    fn time_without_pauses(&self) -> Duration {
        self.state().stopwatch.elapsed(Instant::now())
    }

    fn broadcast(&self, is_paused: bool) {
        let mut state = self.state();
        let now = Instant::now();
        if is_paused {
            state.stopwatch.pause(now);
        } else {
            state.stopwatch.resume(now);
        }
        state.send_to_all(if is_paused { &Control::Pause } else { &Control::Resume });
    }

    fn take_all_and_close(&self) -> Vec<GuardProcess> {
        let mut state = self.state();
        state.is_closed = true;
        std::mem::take(&mut state.idle)
    }

    /// Locks the state. Ignores poisoning, because a panic leaves no partial update.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guards {
    fn drop(&mut self) {
        GuardProcess::shut_down_all(self.take_all_and_close());
    }
}

/// Ends idle guards on a separate thread, because suspended guards take long.
async fn shut_down_on_thread(guards: Vec<GuardProcess>) {
    // The task fails only if it panics.
    let _ = tokio::task::spawn_blocking(|| GuardProcess::shut_down_all(guards)).await;
}

fn reap_unless_sent(guard: GuardProcess, sent: io::Result<()>) -> io::Result<GuardProcess> {
    match sent {
        Ok(()) => Ok(guard),
        Err(error) => {
            guard.reap();
            Err(error)
        }
    }
}

/// Fails if this process is a guard. Otherwise, a program without
/// [`become_guard`](crate::become_guard) would start guards endlessly.
fn refuse_recursion() -> io::Result<()> {
    match std::env::args_os().nth(1) {
        Some(argument) if argument == GUARD_ARGUMENT => {
            let message = "this process was started as a guard: `main` must begin with become_guard";
            Err(io::Error::new(io::ErrorKind::InvalidInput, message))
        }
        _ => Ok(()),
    }
}

/// Returns the path of the calling program, for [`GuardSettings::executable`]. On Linux, the path
/// stays valid if the program's file is replaced.
///
/// # Errors
/// If the system does not provide the path.
pub fn own_executable() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}
