//! The maintenance operations of a queue.

use std::io::{self, Write};
use std::path::PathBuf;

use autoproc_domain::ports::StorageError;
use autoproc_domain::view::Counts;
use clap::ValueEnum;
use serde::Serialize;

use crate::error::CliError;
use crate::exit_code::ExitCode;

/// The maintenance operations that a store offers in addition to the ports.
pub(crate) trait Maintenance {
    /// Checks the stored data, and the folder or server with the data.
    fn check(&self) -> Vec<Finding>;

    /// Writes the whole queue as one document.
    ///
    /// # Errors
    /// [`ExportError`]. After [`ExportError::Read`], nothing was written.
    fn export(&self, out: &mut dyn Write) -> Result<(), ExportError>;

    /// Lists the damage and the possible repairs.
    ///
    /// # Errors
    /// [`CliError`] if the data cannot be read or is from a later version, if a run is alive, or if
    /// another process holds the lock of the queue.
    fn examine(&self) -> Result<Examined, CliError>;

    /// Repairs the queue.
    ///
    /// # Errors
    /// The errors of [`Maintenance::examine`]. Also fails if `method` cannot repair the damage. A
    /// failed repair changes nothing.
    fn repair(&self, method: RepairMethod) -> Result<Repair, CliError>;
}

#[derive(Debug)]
pub(crate) enum ExportError {
    Read(StorageError),
    Write(io::Error),
}

#[derive(Debug)]
pub(crate) struct Finding {
    /// The subject of the check, such as `locks` or `file system`.
    pub(crate) subject: &'static str,
    pub(crate) level: Level,
    pub(crate) message: String,
    pub(crate) advice: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Well,
    Warning,
    Problem(ExitCode),
}

impl Finding {
    pub(crate) fn well(subject: &'static str, message: impl Into<String>) -> Self {
        Self { subject, level: Level::Well, message: message.into(), advice: None }
    }

    pub(crate) fn warning(subject: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { subject, level: Level::Warning, message: message.into(), advice: Some(advice.into()) }
    }

    pub(crate) fn problem(
        subject: &'static str,
        code: ExitCode,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { subject, level: Level::Problem(code), message: message.into(), advice: Some(advice.into()) }
    }
}

/// A way to repair the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RepairMethod {
    /// Keep the journal up to the damage
    Truncate,
    /// Also keep the valid lines after the damage, and every readable line of a damaged
    /// QUEUE-STATE.json
    Salvage,
    /// Keep only QUEUE-STATE.json, and set the journal aside
    UseSnapshot,
    /// Restore the queue from QUEUE-STATE.rescued-*.json, which a run wrote when it noticed the
    /// damage
    UseRescued,
}

impl RepairMethod {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Truncate => "truncate",
            Self::Salvage => "salvage",
            Self::UseSnapshot => "use-snapshot",
            Self::UseRescued => "use-rescued",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) damage: Vec<Damage>,
    /// The possible repairs.
    pub(crate) plans: Vec<RepairPlan>,
    /// The length of an unfinished last line, in bytes. The next change removes such a line.
    pub(crate) half_written_bytes: u64,
    /// Messages about anomalies that are not damage.
    pub(crate) notices: Vec<String>,
    /// The names of files and folders that were set aside for the user.
    pub(crate) kept_aside: Vec<String>,
}

impl Examined {
    pub(crate) fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

#[derive(Debug)]
pub(crate) enum Repair {
    NotNeeded(Examined),
    Done(Repaired),
}

#[derive(Debug)]
pub(crate) struct Repaired {
    pub(crate) damage: Vec<Damage>,
    pub(crate) plan: RepairPlan,
    /// The folder with copies of the original files.
    pub(crate) backup: PathBuf,
}

#[derive(Debug, Serialize)]
pub(crate) struct Damage {
    pub(crate) detail: String,
    /// The name of the damaged file.
    pub(crate) place: String,
}

/// What a repair with one method would keep and lose.
#[derive(Debug)]
pub(crate) struct RepairPlan {
    pub(crate) method: RepairMethod,
    pub(crate) counts: Counts,
    /// The number of readable changes after the damage that would be kept, by kind.
    pub(crate) keeps: ChangeCounts,
    /// The number of readable changes that would be lost, by kind.
    pub(crate) loses: ChangeCounts,
    /// The number of unreadable bytes that would be lost.
    pub(crate) unreadable_bytes: u64,
    /// The least number of acknowledged changes after the last readable one.
    pub(crate) missing_changes: u64,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct ChangeCounts {
    pub(crate) additions: usize,
    pub(crate) others: usize,
    /// The number of ended attempts, successful or not.
    pub(crate) results: usize,
}

impl ChangeCounts {
    pub(crate) fn total(self) -> usize {
        self.additions + self.results + self.others
    }
}
