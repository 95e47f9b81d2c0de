//! What is said of the queue's files and of the place they are in.

use std::path::PathBuf;
use std::time::Duration;

use crate::exit_code::ExitCode;
use crate::wiring::{Damage, Examination, RepairPlan};

/// What a repair would find and could do.
#[derive(Debug)]
pub(crate) struct RepairPlans(pub(crate) Examination);

/// The queue was mended.
#[derive(Debug)]
pub(crate) struct Mended {
    /// What was damaged.
    pub(crate) damage: Vec<Damage>,
    /// What was kept and lost.
    pub(crate) plan: RepairPlan,
    /// Where the files are as they were.
    pub(crate) backup: PathBuf,
}

/// What the doctor found.
#[derive(Debug, Default)]
pub(crate) struct Diagnosis {
    /// One by one.
    pub(crate) findings: Vec<Finding>,
    /// The figures of the crash test, where there was one.
    pub(crate) tortured: Option<Tortured>,
}

/// One thing that was looked at.
#[derive(Debug)]
pub(crate) struct Finding {
    /// What was looked at, in a word.
    pub(crate) subject: &'static str,
    /// How bad it is.
    pub(crate) level: Level,
    /// How it is.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) advice: Option<String>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// As it should be.
    Well,
    /// It works, and somebody should know.
    Warning,
    /// It does not; the program ends so.
    Problem(ExitCode),
}

/// What a crash test came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tortured {
    /// How often the writers were killed and the queue opened again.
    pub(crate) cycles: u64,
    /// How many of them were killed.
    pub(crate) killed: u64,
    /// Additions that a writer was told of.
    pub(crate) acknowledged: u64,
    /// Those of them that were not there.
    pub(crate) lost: u64,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

impl Finding {
    /// Something that is as it should be.
    pub(crate) fn well(subject: &'static str, message: impl Into<String>) -> Self {
        Self { subject, level: Level::Well, message: message.into(), advice: None }
    }

    /// Something that somebody should know.
    pub(crate) fn warning(subject: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { subject, level: Level::Warning, message: message.into(), advice: Some(advice.into()) }
    }

    /// Something that does not work.
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
    /// How the program ends by it: damage first, then what keeps the queue from being read or relied upon, then the rest.
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
        let warned = Diagnosis { findings: vec![Finding::warning("x", "", "")], tortured: None };
        assert_eq!(warned.exit_code(), ExitCode::Success);
        let mut ill =
            Diagnosis { findings: vec![problem(ExitCode::CannotWrite), problem(ExitCode::Io)], tortured: None };
        assert_eq!(ill.exit_code(), ExitCode::Io);
        ill.findings.push(problem(ExitCode::Damaged));
        assert_eq!(ill.exit_code(), ExitCode::Damaged);
    }
}
