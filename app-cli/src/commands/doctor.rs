//! The command `doctor`: checks the queue, its folder and its runs.

pub(super) mod crash_test;
mod runs;

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::error::{CliError, in_one_line};
use crate::exit_code::ExitCode;
use crate::maintenance::{Finding, Level, Maintenance};
use crate::number;
use crate::view::View;
use crate::view::finding::{self, FindingJson};
use crate::view::screen::Screen;
use crate::view::time::span;
use crate::wiring::check_process_table;
use crash_test::CrashTest;

/// The arguments of `doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Exit status:
  0       no problems; there may be warnings
  65      the queue is damaged
  73, 74  the queue cannot be written, or its disk is unreliable
  75      the disk is full
  78      a newer version wrote the queue

Examples:
  autoproc doctor
  autoproc doctor --torture --seconds 30")]
pub(crate) struct DoctorArgs {
    /// Crash test: kill writers of a temporary queue next to yours, and check that no acknowledged
    /// change is lost
    #[arg(long)]
    torture: bool,
    /// Duration of the crash test, in seconds
    #[arg(long, value_name = "N", default_value = "5", requires = "torture", value_parser = number::within::<u64>(1..=3600))]
    seconds: u64,
}

pub(super) async fn doctor(args: &DoctorArgs, context: &Context) -> Result<ExitCode, CliError> {
    let mut diagnosis = Diagnosis { findings: context.wiring.maintenance().check(), crash_test: None };
    diagnosis.findings.extend(state_file(context));
    diagnosis.findings.push(processes());
    diagnosis.findings.extend(runs::findings(context).await);
    if args.torture {
        context.remark(&format!("crash test for {} s", args.seconds));
        let crash_test = crash_test::carry_out(Duration::from_secs(args.seconds), context).await?;
        diagnosis.findings.push(survival(&crash_test));
        diagnosis.crash_test = Some(crash_test);
    }
    context.show(&diagnosis)?;
    Ok(diagnosis.exit_code())
}

fn processes() -> Finding {
    const SUBJECT: &str = "processes";
    match check_process_table() {
        Ok(()) => Finding::well(SUBJECT, "processes can be supervised"),
        Err(error) => Finding::problem(SUBJECT, error.exit_code(), error.message(), error.hint().unwrap_or_default()),
    }
}

fn state_file(context: &Context) -> Option<Finding> {
    let error = context.wiring.processor_state().err()?;
    let advice = "remove AUTONOMOUS-STATE.json: the queue does not need it, and the next run creates it again";
    Some(Finding::warning("files", in_one_line(&error), advice))
}

fn survival(crash_test: &CrashTest) -> Finding {
    const SUBJECT: &str = "crash test";
    if crash_test.lost > 0 {
        let message = format!("{} acknowledged additions were lost", crash_test.lost);
        return Finding::problem(
            SUBJECT,
            ExitCode::Io,
            message,
            "do not keep a queue on this disk, and report the problem",
        );
    }
    if crash_test.acknowledged == 0 {
        return Finding::warning(SUBJECT, "nothing was written in the given time", "increase the time with --seconds");
    }
    Finding::well(SUBJECT, "no acknowledged change was lost; power cuts were not tested")
}

struct Diagnosis {
    findings: Vec<Finding>,
    /// The result of the crash test; `None` if it was not requested.
    crash_test: Option<CrashTest>,
}

impl Diagnosis {
    /// Returns the exit code of the most severe problem.
    fn exit_code(&self) -> ExitCode {
        let codes = [ExitCode::Damaged, ExitCode::Config, ExitCode::Io, ExitCode::CannotWrite, ExitCode::TryAgain];
        let is_found = |code: &ExitCode| self.findings.iter().any(|finding| finding.level == Level::Problem(*code));
        let other = self.findings.iter().find_map(|finding| match finding.level {
            Level::Problem(code) => Some(code),
            Level::Well | Level::Warning => None,
        });
        codes.into_iter().find(is_found).or(other).unwrap_or(ExitCode::Success)
    }
}

impl View for Diagnosis {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        self.findings.iter().try_for_each(|finding| finding::line(finding, out))?;
        match &self.crash_test {
            Some(crash_test) => figures(crash_test, out),
            None => Ok(()),
        }
    }

    fn document(&self) -> impl Serialize {
        DiagnosisJson {
            exit_code: self.exit_code() as u8,
            findings: self.findings.iter().map(FindingJson::from).collect(),
            torture: self.crash_test.as_ref().map(CrashTestJson::from),
        }
    }
}

fn figures(crash_test: &CrashTest, out: &mut dyn Write) -> io::Result<()> {
    let CrashTest { cycles, killed, acknowledged, lost, elapsed } = crash_test;
    writeln!(out, "crash test: {cycles} cycles in {}, {killed} processes killed", span(*elapsed))?;
    writeln!(out, "            {acknowledged} additions acknowledged, {lost} lost")
}

#[derive(Serialize)]
struct DiagnosisJson<'a> {
    exit_code: u8,
    findings: Vec<FindingJson<'a>>,
    torture: Option<CrashTestJson>,
}

#[derive(Serialize)]
struct CrashTestJson {
    acknowledged: u64,
    cycles: u64,
    elapsed_s: f64,
    killed: u64,
    lost: u64,
}

impl From<&CrashTest> for CrashTestJson {
    fn from(crash_test: &CrashTest) -> Self {
        let CrashTest { cycles, killed, acknowledged, lost, elapsed } = *crash_test;
        Self { acknowledged, cycles, elapsed_s: elapsed.as_secs_f64(), killed, lost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_comes_first_and_warnings_are_no_problem() {
        let problem = |code| Finding::problem("x", code, "", "");
        let warned = Diagnosis { findings: vec![Finding::warning("x", "", "")], crash_test: None };
        assert_eq!(warned.exit_code(), ExitCode::Success);
        let mut ill =
            Diagnosis { findings: vec![problem(ExitCode::CannotWrite), problem(ExitCode::Io)], crash_test: None };
        assert_eq!(ill.exit_code(), ExitCode::Io);
        ill.findings.push(problem(ExitCode::Damaged));
        assert_eq!(ill.exit_code(), ExitCode::Damaged);
    }
}
