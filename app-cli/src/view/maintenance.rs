//! Results about the queue's files and their place.

use std::path::PathBuf;
use std::time::Duration;

use crate::exit_code::ExitCode;
use crate::wiring::{Damage, Examination, RepairPlan};

/// The damage and the possible repairs.
#[derive(Debug)]
pub(crate) struct RepairPlans(pub(crate) Examination);

/// The result of a repair.
#[derive(Debug)]
pub(crate) struct RepairDone {
    pub(crate) damage: Vec<Damage>,
    /// Items kept and lost.
    pub(crate) plan: RepairPlan,
    /// The folder with copies of the original files.
    pub(crate) backup: PathBuf,
}

/// The findings of `doctor`.
#[derive(Debug, Default)]
pub(crate) struct Diagnosis {
    pub(crate) findings: Vec<Finding>,
    /// Present if there was a crash test.
    pub(crate) crash_test: Option<CrashTest>,
}

/// The result of one check.
#[derive(Debug)]
pub(crate) struct Finding {
    /// The subject of the check, in a word.
    pub(crate) subject: &'static str,
    pub(crate) level: Level,
    pub(crate) message: String,
    pub(crate) advice: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Well,
    /// It works, with a risk.
    Warning,
    /// It does not work; the exit code.
    Problem(ExitCode),
}

/// The result of a crash test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CrashTest {
    /// Number of times that the writers were killed and the queue was reopened.
    pub(crate) cycles: u64,
    /// Number of killed writers.
    pub(crate) killed: u64,
    pub(crate) acknowledged: u64,
    /// Acknowledged additions that were missing.
    pub(crate) lost: u64,
    pub(crate) elapsed: Duration,
}

impl Finding {
    /// A check that passed.
    pub(crate) fn well(subject: &'static str, message: impl Into<String>) -> Self {
        Self { subject, level: Level::Well, message: message.into(), advice: None }
    }

    /// A check that found a risk.
    pub(crate) fn warning(subject: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { subject, level: Level::Warning, message: message.into(), advice: Some(advice.into()) }
    }

    /// A check that failed.
    pub(crate) fn problem(
        subject: &'static str,
        code: ExitCode,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { subject, level: Level::Problem(code), message: message.into(), advice: Some(advice.into()) }
    }
}

impl Diagnosis {
    /// The exit code of the most severe finding: damage, then a newer version, then I/O, then the rest.
    pub(crate) fn exit_code(&self) -> ExitCode {
        let codes = [ExitCode::Damaged, ExitCode::Config, ExitCode::Io, ExitCode::CannotWrite, ExitCode::TryAgain];
        let is_found = |code: &ExitCode| self.findings.iter().any(|finding| finding.level == Level::Problem(*code));
        let other = self.findings.iter().find_map(|finding| match finding.level {
            Level::Problem(code) => Some(code),
            Level::Well | Level::Warning => None,
        });
        codes.into_iter().find(is_found).or(other).unwrap_or(ExitCode::Success)
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
