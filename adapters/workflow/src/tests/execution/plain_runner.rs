use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::execution::{StepEnd, StepProcess, StepRunner};
use async_trait::async_trait;
use autoproc_domain::ports::{AttemptOutcome, StartFault, StopLevel, StopSignal};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

#[derive(Debug, Default)]
pub(crate) struct PlainRunner;

#[async_trait]
impl StepRunner for PlainRunner {
    async fn run(&self, process: StepProcess, stop: &dyn StopSignal) -> io::Result<StepEnd> {
        let began = Instant::now();
        let mut command = Command::new(&process.program);
        command.args(&process.arguments).envs(process.environment).stdin(Stdio::null()).kill_on_drop(true);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.current_dir(process.working_dir.unwrap());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                let outcome =
                    AttemptOutcome::CannotStart { reason: error.to_string().into(), fault: StartFault::Missing };
                return Ok(step_end(outcome, began.elapsed()));
            }
        };
        let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let ended = async {
            let (mut stdout, mut stderr) = (Vec::new(), String::new());
            let (_, _, status) =
                tokio::join!(out.read_to_end(&mut stdout), err.read_to_string(&mut stderr), child.wait());
            status.map(|status| (status, stdout, stderr))
        };
        let (status, mut stdout, stderr) = tokio::select! {
            ended = ended => ended?,
            _ = stop.raised_above(StopLevel::Draining) => {
                return Ok(step_end(AttemptOutcome::Aborted, began.elapsed()));
            }
            () = tokio::time::sleep(process.timeout) => {
                let outcome = AttemptOutcome::TimedOut { after: process.timeout };
                return Ok(step_end(outcome, began.elapsed()));
            }
        };
        let outcome = match (status.code(), status.signal()) {
            (Some(0), _) => AttemptOutcome::Succeeded,
            (Some(code), _) => AttemptOutcome::Exited { code },
            (None, signal) => AttemptOutcome::Signalled { signal: signal.unwrap() },
        };
        let stdout_bytes = stdout.len() as u64;
        stdout.truncate(process.capture);
        let end = step_end(outcome, began.elapsed());
        Ok(StepEnd { output_tail: stderr.trim_end().into(), stdout, stdout_bytes, ..end })
    }
}

pub(crate) fn step_end(outcome: AttemptOutcome, elapsed: Duration) -> StepEnd {
    StepEnd { outcome, elapsed, usage: None, output_tail: Box::default(), stdout: Vec::new(), stdout_bytes: 0 }
}
