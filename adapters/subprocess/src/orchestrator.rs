//! One attempt from start to end.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, AttemptReport, Orchestrator, OrchestratorError, StopLevel, StopSignal, Unproven,
};
use rustix::io::Errno;
use tokio::process::Command;
use tokio::time::sleep;

use crate::attempt_logs::AttemptLogs;
use crate::child::ChildGroup;
use crate::command_line::{CommandLine, Invocation};
use crate::shell::FILE_VARIABLE;
use crate::sweep::Sweeper;

/// The time between asking a command to terminate and killing it, unless told otherwise: what Docker gives a container
/// (`docker stop`, `--timeout`).
pub const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// How commands are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long a command that is to end has before it is killed.
    pub grace: Duration,
    /// The folder for the output of attempts; made when it is needed.
    pub attempts_dir: PathBuf,
    /// The folder commands are started in; ours where `None`. A relative program path is relative to it.
    pub working_dir: Option<PathBuf>,
}

/// Carries out attempts by running one command on each file.
///
/// Needs a tokio runtime with its I/O and time drivers enabled. Starting a command blocks for as long as `posix_spawn`
/// does, about a millisecond; handing that to another thread would cost more than it saves.
pub struct CommandOrchestrator {
    command_line: CommandLine,
    grace: Duration,
    logs: AttemptLogs,
    working_dir: Option<PathBuf>,
    sweeper: Option<Sweeper>,
    on_notice: Arc<dyn Fn(&str) + Send + Sync>,
    has_noticed: AtomicBool,
}

impl CommandOrchestrator {
    /// Runs `command_line` on each file.
    #[must_use]
    pub fn new(command_line: CommandLine, settings: Settings) -> Self {
        let Settings { grace, attempts_dir, working_dir } = settings;
        let logs = AttemptLogs::new(attempts_dir);
        let on_notice = Arc::new(|_: &str| {});
        Self { command_line, grace, logs, working_dir, sweeper: None, on_notice, has_noticed: AtomicBool::new(false) }
    }

    /// Has what dead runs left ended by `sweeper`; by nobody without one.
    #[must_use]
    pub fn with_sweeper(mut self, sweeper: Sweeper) -> Self {
        self.sweeper = Some(sweeper);
        self
    }

    /// Has `on_notice` told, once, when the output of an attempt cannot be kept. The attempt runs all the same.
    #[must_use]
    pub fn with_notices(mut self, on_notice: Arc<dyn Fn(&str) + Send + Sync>) -> Self {
        self.on_notice = on_notice;
        self
    }

    fn command(&self, attempt: &Attempt, invocation: Invocation) -> Command {
        let (stdout, stderr) = self.output(attempt);
        let mut command = Command::new(invocation.program);
        command.args(invocation.arguments).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        command.env(FILE_VARIABLE, attempt.file_path.as_os_str()).envs(invocation.environment);
        command.envs(description(attempt));
        if let Some(dir) = &self.working_dir {
            command.current_dir(dir);
        }
        command
    }

    /// Both streams at the end of one file, so that their lines stand in the order in which they were written.
    fn output(&self, attempt: &Attempt) -> (Stdio, Stdio) {
        match self.logs.create(attempt).and_then(|file| Ok((file.try_clone()?, file))) {
            Ok((stdout, stderr)) => (stdout.into(), stderr.into()),
            Err(error) => {
                self.notice(attempt, &error);
                (Stdio::null(), Stdio::null())
            }
        }
    }

    fn notice(&self, attempt: &Attempt, error: &io::Error) {
        if !self.has_noticed.swap(true, Ordering::Relaxed) {
            let path = self.logs.path_of(attempt);
            (self.on_notice)(&format!("the output of commands is not kept: {}: {error}", path.display()));
        }
    }

    /// The system does not say whether it misses the program or the folder to start it in; we look.
    fn unstarted(&self, program: &str, error: &io::Error) -> AttemptOutcome {
        let missing_dir = self.working_dir.as_ref().filter(|dir| !dir.is_dir());
        let culprit = missing_dir.map_or(program.into(), |dir| dir.to_string_lossy());
        AttemptOutcome::CannotStart { reason: format!("{culprit}: {error}").into(), permanent: is_permanent(error) }
    }

    /// Sees a started command to its end, and its group after it: what a command left behind there is no work of
    /// anybody's any more.
    async fn supervise(
        &self,
        child: &mut ChildGroup,
        time: Duration,
        stop: &dyn StopSignal,
    ) -> io::Result<AttemptReport> {
        let ended = await_end(child, time, stop).await?;
        let by_itself = child.elapsed();
        self.end(child, stop).await?;
        Ok(match ended {
            Ended::ByItself(status) => AttemptReport::new(outcome_of(status), by_itself),
            Ended::ByUs(outcome) => AttemptReport::new(outcome, child.elapsed()),
        })
    }

    /// At killing, the grace is over before it has begun.
    async fn end(&self, child: &mut ChildGroup, stop: &dyn StopSignal) -> io::Result<()> {
        let hurry = async {
            stop.raised_above(StopLevel::Aborting).await;
        };
        child.end(self.grace, hurry).await
    }
}

#[async_trait]
impl Orchestrator for CommandOrchestrator {
    async fn execute(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> Result<AttemptReport, OrchestratorError> {
        if stop.request().level > StopLevel::Draining {
            return Ok(AttemptReport::new(AttemptOutcome::Aborted, Duration::ZERO));
        }
        let invocation = self.command_line.for_file(attempt.file_path.as_path());
        let program = invocation.program.to_string_lossy().into_owned();
        match ChildGroup::spawn(&mut self.command(&attempt, invocation)) {
            Ok(mut child) => self
                .supervise(&mut child, attempt.timeout, &*stop)
                .await
                .map_err(|source| OrchestratorError { file_path: attempt.file_path, source }),
            Err(error) => Ok(AttemptReport::new(self.unstarted(&program, &error), Duration::ZERO)),
        }
    }

    async fn sweep(&self, dead: Vec<RunId>) -> Vec<Unproven> {
        match &self.sweeper {
            Some(sweeper) => sweeper.sweep_aside(dead).await,
            None => Vec::new(),
        }
    }
}

/// Why a command runs no longer, or is to run no longer.
enum Ended {
    ByItself(ExitStatus),
    ByUs(AttemptOutcome),
}

/// Waits for the first of: the command ends, its time is over, the stop level is at aborting.
async fn await_end(child: &mut ChildGroup, time: Duration, stop: &dyn StopSignal) -> io::Result<Ended> {
    let cut_short = tokio::select! {
        biased;
        status = child.wait() => return status.map(Ended::ByItself),
        _ = stop.raised_above(StopLevel::Draining) => AttemptOutcome::Aborted,
        () = sleep(time) => AttemptOutcome::TimedOut { after: time },
    };
    // It may have ended by itself in the moment before we would end it.
    Ok(child.try_wait()?.map_or(Ended::ByUs(cut_short), Ended::ByItself))
}

fn outcome_of(status: ExitStatus) -> AttemptOutcome {
    match (status.code(), status.signal()) {
        (Some(0), _) => AttemptOutcome::Succeeded,
        (Some(code), _) => AttemptOutcome::Exited { code },
        // A process that was reaped has either exited or been ended by a signal (wait(2)).
        (None, signal) => AttemptOutcome::Signalled { signal: signal.unwrap_or_default() },
    }
}

fn is_permanent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidInput
        || Errno::from_io_error(error).is_some_and(|errno| PERMANENT.contains(&errno))
}

/// The errors of execve(2) and chdir(2) that speak of the program, its arguments or its folder. The others speak of the
/// machine's state (no memory, no process numbers, no descriptors, the file open for writing), which passes.
const PERMANENT: [Errno; 11] = [
    Errno::NOENT,
    Errno::ACCESS,
    Errno::PERM,
    Errno::NOEXEC,
    Errno::TOOBIG,
    Errno::NOTDIR,
    Errno::ISDIR,
    Errno::LOOP,
    Errno::NAMETOOLONG,
    Errno::INVAL,
    Errno::LIBBAD,
];

/// The attempt, as its command's environment tells it.
fn description(attempt: &Attempt) -> [(&'static str, String); 5] {
    [
        ("AUTOPROC_ITEM_ID", attempt.token.item.to_string()),
        ("AUTOPROC_RUN_ID", attempt.run.to_string()),
        ("AUTOPROC_ATTEMPT", attempt.number.to_string()),
        ("AUTOPROC_MAX_ATTEMPTS", attempt.max_attempts.to_string()),
        ("AUTOPROC_DEADLINE", attempt.deadline.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_not_permanent() {
        for errno in [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE, Errno::TXTBSY, Errno::IO] {
            assert!(!is_permanent(&errno.into()), "{errno}");
        }
        for errno in PERMANENT {
            assert!(is_permanent(&errno.into()), "{errno}");
        }
    }
}
