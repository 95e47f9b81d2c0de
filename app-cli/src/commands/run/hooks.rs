//! Runs the commands of `--on-finish` and `--on-failure`.
//!
//! # Theory of operation
//!
//! [`FailedFiles`] sends each failed file to a bounded channel. If the channel is full, the file is
//! dropped. A separate task reads the channel and executes the `--on-failure` command for one file
//! at a time. A slow command therefore does not delay the run.
//!
//! At the end of the run, [`Hooks::end`] waits for this task, but not longer than one command may
//! take. The task then skips the remaining files. Users are warned of dropped and skipped files.
//! Then `Hooks::end` executes the `--on-finish` command. Hooks never change the result of the run.

mod args;
mod cancellation;
mod command;
mod failed_file;
mod failed_files;
mod run_result;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ProcessingResult;
use autoproc_domain::ports::{Observer, StopLevel, StopSignal};
use autoproc_domain::run::RunConfig;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::view::files;
use crate::wiring::{AttemptListener, HOOK_GRACE};
use cancellation::{Cancellation, Cancelled};
use command::Hook;
use failed_file::FailedFile;
use failed_files::{FailedFiles, MAX_WAITING};
use run_result::RunResult;

pub(super) use args::HookArgs;

const ON_FINISH: &str = "--on-finish";

const ON_FAILURE: &str = "--on-failure";

const EXIT_CODE_VARIABLE: &str = "AUTOPROC_EXIT_CODE";

const LATE: Duration = Duration::from_secs(1);

pub(super) struct Hooks {
    hook: Arc<Hook>,
    on_finish: Option<OsString>,
    on_failure: Option<OnFailure>,
    result: Arc<RunResult>,
    cancellation: Arc<Cancellation>,
    tasks: Tasks,
}

struct OnFailure {
    line: OsString,
    max_attempts: u32,
    files: Arc<FailedFiles>,
    received: Option<Receiver<FailedFile>>,
}

#[derive(Default)]
struct Tasks {
    failures: Option<JoinHandle<Tally>>,
    watch: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    failed: u64,
    skipped: u64,
}

impl Hooks {
    /// Returns `None` if neither hook option is given.
    ///
    /// # Errors
    /// If the system does not report this program's path.
    pub(super) fn new(args: &HookArgs, config: &RunConfig, context: &Context) -> Result<Option<Self>, CliError> {
        if args.on_finish.is_none() && args.on_failure.is_none() {
            return Ok(None);
        }
        let processes = context.wiring.hook_processes(&config.run)?;
        let on_failure = args.on_failure.clone().map(|line| {
            let (files, received) = FailedFiles::new();
            let max_attempts = config.retry.max_attempts();
            OnFailure { line, max_attempts, files: Arc::new(files), received: Some(received) }
        });
        Ok(Some(Self {
            hook: Arc::new(Hook { processes, timeout: args.hook_timeout, console: context.console.clone() }),
            on_finish: args.on_finish.clone(),
            on_failure,
            result: Arc::default(),
            cancellation: Arc::default(),
            tasks: Tasks::default(),
        }))
    }

    pub(super) fn observers(&self) -> Vec<Arc<dyn Observer>> {
        let files = self.on_failure.iter().map(|on_failure| on_failure.files.clone() as Arc<dyn Observer>);
        files.chain([self.result.clone() as Arc<dyn Observer>]).collect()
    }

    pub(super) fn listeners(&self) -> Vec<Arc<dyn AttemptListener>> {
        self.on_failure.iter().map(|on_failure| on_failure.files.clone() as Arc<dyn AttemptListener>).collect()
    }

    pub(super) fn start(mut self, stop: Arc<dyn StopSignal>) -> Self {
        let cancellation = self.cancellation.clone();
        self.tasks.watch = Some(tokio::spawn(async move {
            stop.raised_above(StopLevel::Aborting).await;
            cancellation.raise(Cancelled::All);
        }));
        if let Some(OnFailure { line, max_attempts, received, .. }) = &mut self.on_failure
            && let Some(received) = received.take()
        {
            let signal = self.cancellation.signal(Cancelled::Failures);
            let report = report_failures(received, line.clone(), *max_attempts, self.hook.clone(), signal);
            self.tasks.failures = Some(tokio::spawn(report));
        }
        self
    }

    pub(super) fn result(&self) -> Option<ProcessingResult> {
        self.result.get()
    }

    /// Waits for the `--on-failure` commands, but not longer than one command may take. Then
    /// executes the `--on-finish` command, unless `document` is `None` because the run did not
    /// start. A further stop request, such as Ctrl-C, ends these commands.
    pub(super) async fn end(mut self, document: Option<Vec<u8>>, code: ExitCode, stop: &dyn StopSignal) {
        let cancellation = self.cancellation.clone();
        let work = async {
            self.end_failures().await;
            self.cancellation.raise(Cancelled::Failures);
            if let Some(document) = document {
                self.finish(document, code).await;
            }
        };
        let mut work = Box::pin(work);
        let mut level = stop.request().level;
        loop {
            tokio::select! {
                biased;
                () = &mut work => break,
                request = stop.raised_above(level) => {
                    level = request.level;
                    cancellation.raise_further();
                }
            }
        }
        drop(work);
        self.tasks.watch.iter().for_each(JoinHandle::abort);
        self.hook.processes.close().await;
    }

    async fn end_failures(&mut self) {
        let (Some(on_failure), Some(mut task)) = (&self.on_failure, self.tasks.failures.take()) else { return };
        on_failure.files.close();
        let tally = async {
            tokio::select! {
                biased;
                tally = &mut task => tally,
                () = sleep(self.hook.timeout.saturating_add(HOOK_GRACE)) => {
                    self.cancellation.raise(Cancelled::Failures);
                    task.await
                }
            }
        };
        let tally = self.noticed(ON_FAILURE, tally).await;
        // Joining fails only if the task panicked. Its counts are then lost.
        let tally = tally.unwrap_or_default();
        self.warn_of_numbers(tally, on_failure.files.overflow());
    }

    fn warn_of_numbers(&self, Tally { failed, skipped }: Tally, overflow: u64) {
        let console = &self.hook.console;
        // `report_failures` has already warned about the first failure.
        if failed > 1 {
            console.warn(format_args!("{ON_FAILURE} failed for {}", files(failed)));
        }
        if skipped > 0 {
            console.warn(format_args!("{ON_FAILURE} was not executed for {}: the run has ended", files(skipped)));
        }
        if overflow > 0 {
            let count = files(overflow);
            console.warn(format_args!("{ON_FAILURE} was not executed for {count}: {MAX_WAITING} others were waiting"));
        }
    }

    async fn finish(&self, document: Vec<u8>, code: ExitCode) {
        let Some(line) = self.on_finish.clone() else { return };
        let environment = vec![(EXIT_CODE_VARIABLE.into(), (code as u8).to_string().into())];
        let signal = self.cancellation.signal(Cancelled::All);
        if signal.is_raised() {
            return self.hook.console.warn(format_args!("{ON_FINISH} was not executed, because of a signal"));
        }
        let execution = self.hook.execute(ON_FINISH, line, document, environment, &signal);
        if let Err(reason) = self.noticed(ON_FINISH, execution).await {
            self.hook.console.warn(format_args!("{ON_FINISH} failed: {reason}"));
        }
    }

    /// Awaits `work`. If this takes longer than [`LATE`], prints a notice on a terminal.
    async fn noticed<T>(&self, option: &str, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        tokio::select! {
            biased;
            done = &mut work => done,
            () = sleep(LATE), if io::stderr().is_terminal() => {
                self.hook.console.say(format_args!("waiting for {option}; Ctrl-C ends it"));
                work.await
            }
        }
    }
}

async fn report_failures(
    mut failed_files: Receiver<FailedFile>,
    line: OsString,
    max_attempts: u32,
    hook: Arc<Hook>,
    signal: cancellation::Signal,
) -> Tally {
    let mut tally = Tally::default();
    while let Some(file) = failed_files.recv().await {
        if signal.is_raised() {
            tally.skipped += 1;
            continue;
        }
        let environment = file.environment(max_attempts, hook.processes.project_dir());
        let ended = hook.execute(ON_FAILURE, line.clone(), file.document(), environment, &signal).await;
        if let Err(reason) = ended {
            if tally.failed == 0 {
                let path = hook.console.err().path(file.path());
                hook.console.warn(format_args!("{ON_FAILURE} failed for {path}: {reason}"));
            }
            tally.failed += 1;
        }
    }
    tally
}
