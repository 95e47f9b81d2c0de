//! The options of `run` that delay attempts or end the run.

use std::ffi::OsStr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use autoproc_domain::run::FailureLimit;
use autoproc_system::{DiskLimit, StartLimits};
use clap::builder::{TypedValueParser, ValueParser};
use clap::{Arg, Args, Command, ValueHint};

use super::until::{self, Until};
use crate::error::CliError;
use crate::escape::Shown;
use crate::{number, size};

const DEFAULT_MIN_FREE_DISK: u64 = 256_000_000;

const LIMITS: &str = "Limits";

/// The conditions under which no attempt starts, and those that end the run early.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = LIMITS)]
pub(crate) struct LimitArgs {
    /// Start no attempt while the disk of FOLDER has less free space than this; may be repeated.
    /// Without FOLDER, the disk of the queue is meant; 0 disables its check [default: 256MB]
    #[arg(long, hide_short_help = true, value_name = "SIZE[:FOLDER]", allow_negative_numbers = true)]
    #[arg(value_parser = ValueParser::new(MinFreeDiskParser))]
    pub(super) min_free_disk: Vec<MinFreeDisk>,
    /// Start no attempt while less memory than this is available
    #[arg(long, hide_short_help = true, value_name = "SIZE", allow_negative_numbers = true, value_parser = size::parse)]
    pub(super) min_free_memory: Option<u64>,
    /// Start no attempt while no file system is mounted on DIR; may be repeated
    #[arg(long, hide_short_help = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) require_mount: Vec<PathBuf>,
    /// Start no attempt while the 1-minute load average is above this
    #[arg(long, hide_short_help = true, value_name = "LOAD", allow_negative_numbers = true, value_parser = load)]
    pub(super) max_load: Option<f64>,
    /// Wait this long for the missing folder of a file, or for a missing COMMAND that worked
    /// before in this run; 0 disables the wait
    #[arg(long, hide_short_help = true, value_name = "TIME", allow_negative_numbers = true, default_value = "60", value_parser = autoproc_time_text::parse)]
    pub(super) program_wait: Duration,
    /// With a queue in a database: end the run if the database has not answered for this long (5s
    /// to 1d). Other runs may take the run's files only then, even if this machine crashes
    #[arg(long, hide_short_help = true, value_name = "TIME", allow_negative_numbers = true, default_value = "60", value_parser = unreachable_timeout)]
    pub(super) unreachable_timeout: Duration,
    /// Pause once N different files in a row have failed alike, and try one file at a time. One
    /// such failure of each file is not counted. A COMMAND that has never completed a file does not
    /// pause. 0 disables the pause
    #[arg(long, hide_short_help = true, value_name = "N", allow_negative_numbers = true, default_value = "5", value_parser = number::within::<u32>(number::COUNT))]
    pub(super) pause_on_same: u32,
    /// Wait this long before the first file is tried after a pause by --pause-on-same; doubled for
    /// each further one, up to 10m
    #[arg(long, hide_short_help = true, value_name = "TIME", allow_negative_numbers = true, default_value = "30", value_parser = autoproc_time_text::parse_positive)]
    pub(super) probe_after: Duration,
    /// Stop after N failed files, or once N% of at least 10 files have failed
    #[arg(long, hide_short_help = true, visible_alias = "halt", value_name = "N|N%", allow_negative_numbers = true, value_parser = max_fail)]
    pub(super) max_fail: Option<FailureLimit>,
    /// Start only files that will be done by this time: a time of day (06:00), a date and time, or
    /// a span (8h). Files without a forecast start until that time
    #[arg(long, hide_short_help = true, value_name = "TIME", allow_negative_numbers = true, value_parser = until::parse)]
    pub(super) until: Option<Until>,
}

fn unreachable_timeout(word: &str) -> Result<Duration, String> {
    let time = autoproc_time_text::parse(word).map_err(|error| error.to_string())?;
    // A shorter lease could be lost while the machine is busy; a longer one would keep the files of
    // a crashed machine from others for more than a day.
    let allowed = Duration::from_secs(5)..=Duration::from_secs(24 * 3600);
    if allowed.contains(&time) { Ok(time) } else { Err("expected a time from 5s to 1d".to_owned()) }
}

impl LimitArgs {
    pub(super) fn pause_on_same(&self) -> Option<NonZeroUsize> {
        usize::try_from(self.pause_on_same).ok().and_then(NonZeroUsize::new)
    }

    /// Returns the limits that the run checks before each attempt.
    ///
    /// # Errors
    /// A usage error if a `--min-free-disk` folder does not exist.
    pub(super) fn start_limits(&self, state_dir: &Path, cwd: &Path) -> Result<StartLimits, CliError> {
        let mut queue = DEFAULT_MIN_FREE_DISK;
        let mut disks = Vec::new();
        for MinFreeDisk { min_free, folder } in &self.min_free_disk {
            match folder {
                None => queue = *min_free,
                Some(folder) => {
                    disks.push(DiskLimit { folder: found(folder, cwd)?, min_free: *min_free, is_named: true });
                }
            }
        }
        disks.insert(0, DiskLimit { folder: state_dir.to_owned(), min_free: queue, is_named: false });
        Ok(StartLimits {
            disks,
            min_free_memory: self.min_free_memory.unwrap_or(0),
            max_load: self.max_load,
            mounts: self.require_mount.iter().map(|folder| cwd.join(folder)).collect(),
        })
    }
}

fn found(folder: &Path, cwd: &Path) -> Result<PathBuf, CliError> {
    let path = cwd.join(folder);
    if path.is_dir() {
        return Ok(path);
    }
    let error = CliError::usage(format!("--min-free-disk: there is no folder {}", Shown(folder)));
    Err(error.with_hint("check its spelling, and whether its disk is mounted"))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MinFreeDisk {
    /// In bytes.
    min_free: u64,
    /// A folder on the disk; `None` for the disk of the queue.
    folder: Option<PathBuf>,
}

/// Parses `SIZE` or `SIZE:FOLDER`. The folder need not be UTF-8.
#[derive(Debug, Clone, Copy)]
struct MinFreeDiskParser;

impl TypedValueParser for MinFreeDiskParser {
    type Value = MinFreeDisk;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, word: &OsStr) -> Result<MinFreeDisk, clap::Error> {
        let bytes = word.as_bytes();
        let colon = bytes.iter().position(|byte| *byte == b':');
        let (size, folder) = match colon {
            Some(colon) => (&bytes[..colon], Some(Path::new(OsStr::from_bytes(&bytes[colon + 1..])))),
            None => (bytes, None),
        };
        if folder == Some(Path::new("")) {
            return TypedValueParser::parse_ref(&without_folder, command, argument, word);
        }
        let size = OsStr::from_bytes(size);
        let min_free = TypedValueParser::parse_ref(&size::parse, command, argument, size)?;
        Ok(MinFreeDisk { min_free, folder: folder.map(Path::to_owned) })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum InvalidLimit {
    #[error("expected a load of 0 or more (4 or 1.5)")]
    Load,
    #[error("expected a count (3) or a percentage (10%), above 0")]
    MaxFail,
    #[error("expected a folder after the colon (5GB:/data)")]
    NoFolder,
}

fn without_folder(_: &str) -> Result<MinFreeDisk, InvalidLimit> {
    Err(InvalidLimit::NoFolder)
}

fn load(word: &str) -> Result<f64, InvalidLimit> {
    let load: f64 = word.parse().map_err(|_| InvalidLimit::Load)?;
    if load.is_finite() && load >= 0.0 { Ok(load) } else { Err(InvalidLimit::Load) }
}

fn max_fail(word: &str) -> Result<FailureLimit, InvalidLimit> {
    let number = |digits: &str| digits.parse::<NonZeroU64>().map_err(|_| InvalidLimit::MaxFail);
    match word.strip_suffix('%') {
        None => number(word).map(FailureLimit::Files),
        Some(digits) => match u8::try_from(number(digits)?.get()) {
            Ok(percent @ ..=100) => Ok(FailureLimit::Percent(percent)),
            _ => Err(InvalidLimit::MaxFail),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_or_are_a_share() {
        assert_eq!(max_fail("3"), NonZeroU64::new(3).map(FailureLimit::Files).ok_or(InvalidLimit::MaxFail));
        assert_eq!(max_fail("10%"), Ok(FailureLimit::Percent(10)));
        assert_eq!(max_fail("100%"), Ok(FailureLimit::Percent(100)));
        for nonsense in ["", "0", "0%", "101%", "%", "-1", "1.5", "many", "10 %", "300%"] {
            assert_eq!(max_fail(nonsense), Err(InvalidLimit::MaxFail), "{nonsense:?}");
        }
    }

    #[test]
    fn a_load_is_a_number_that_can_be_exceeded() {
        assert_eq!(load("1.5"), Ok(1.5));
        assert_eq!(load("0"), Ok(0.0));
        for nonsense in ["", "-1", "inf", "NaN", "high"] {
            assert_eq!(load(nonsense), Err(InvalidLimit::Load), "{nonsense:?}");
        }
    }
}
