//! Runs the commands of `--on-finish` and `--on-failure`.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use autoproc_domain::RunId;
use autoproc_domain::ports::StopSignal;
use autoproc_subprocess::{Guards, ProcessReport, ProcessSpec};

use super::Wiring;
use crate::error::CliError;

/// The time between SIGTERM and SIGKILL.
pub(crate) const HOOK_GRACE: Duration = Duration::from_secs(2);

/// The maximum length of a hook's kept output, in bytes.
const MAX_OUTPUT: usize = 16 << 10;

/// Merges both output streams. The command line is an argument, so line numbers in messages of the
/// shell are right.
const IN_ONE_STREAM: &str = "exec sh -c \"$1\" 2>&1";

/// Runs hook commands under separate guards. A pause of the run does not affect these guards.
pub(crate) struct HookProcesses {
    guards: Guards,
    project_dir: PathBuf,
}

pub(crate) struct HookCommand {
    /// The command line, which `sh -c` executes.
    pub(crate) line: OsString,
    pub(crate) input: Vec<u8>,
    /// Variables of this hook, in addition to those of every command of the run.
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) timeout: Duration,
}

impl Wiring {
    /// # Errors
    /// If the system does not report this program's path.
    pub(crate) fn hook_processes(&self, run: &RunId) -> Result<HookProcesses, CliError> {
        // The guards keep no records, because nothing must be recovered after a hook. If this
        // process dies, the guards end the command.
        let guards = Guards::new(self.guard_settings(run.clone(), HOOK_GRACE)?);
        Ok(HookProcesses { guards, project_dir: self.project.root().to_owned() })
    }
}

impl HookProcesses {
    pub(crate) fn project_dir(&self) -> &PathBuf {
        &self.project_dir
    }

    /// Runs a command until all its processes have ended. Keeps the first 16 KiB of the output.
    ///
    /// # Errors
    /// If the command cannot be observed to its end.
    pub(crate) async fn run(&self, command: HookCommand, stop: &dyn StopSignal) -> io::Result<ProcessReport> {
        let HookCommand { line, input, environment, timeout } = command;
        let spec = ProcessSpec {
            program: "sh".into(),
            arguments: vec!["-c".into(), IN_ONE_STREAM.into(), "sh".into(), line],
            environment,
            working_dir: None,
            stdin: input,
            timeout,
            log: None,
            append_log: false,
            log_heading: Vec::new(),
            capture: MAX_OUTPUT,
            stdout_to: None,
        };
        self.guards.run(spec, stop).await
    }

    pub(crate) async fn close(&self) {
        self.guards.close().await;
    }
}
