//! The options of `run` for the output of attempts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use autoproc_subprocess::{InvalidPattern, Retention, StdoutPattern};
use autoproc_time_text::InvalidSpan;
use clap::builder::{PathBufValueParser, TypedValueParser as _};
use clap::{Args, ValueHint};

use super::placeholders::check_pattern;
use super::work::Work;
use crate::error::CliError;
use crate::escape::Shown;
use crate::size::{self, InvalidSize};

const ALL: &str = "all";

const OUTPUT: &str = "Output of attempts";

/// The options for the output of attempts.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = OUTPUT)]
pub(crate) struct OutputArgs {
    /// Write the standard output of COMMAND to this file, which appears when the attempt succeeds.
    /// PATTERN may contain the placeholders of COMMAND, as in 'text/{rel}.txt'
    #[arg(long, hide_short_help = true, value_name = "PATTERN", value_hint = ValueHint::FilePath)]
    #[arg(value_parser = PathBufValueParser::new().map(PathBuf::into_os_string))]
    pub(super) stdout_to: Option<OsString>,
    /// Maximum disk space for the output of one attempt; longer output keeps its beginning (half of
    /// SIZE) and its end (a quarter of SIZE)
    #[arg(long, hide_short_help = true, value_name = "SIZE", allow_negative_numbers = true, default_value = "16MiB", value_parser = size::parse)]
    pub(super) max_output: u64,
    /// Remove output older than this, before and after the run and once an hour; `all` keeps
    /// everything
    #[arg(long, hide_short_help = true, value_name = "TIME|all", allow_negative_numbers = true, default_value = "30d", value_parser = age)]
    keep_output: MaxAge,
    /// Remove the oldest output while the total is above this; `all` keeps everything
    #[arg(long, hide_short_help = true, value_name = "SIZE|all", allow_negative_numbers = true, default_value = "1GiB", value_parser = total)]
    keep_output_size: MaxTotal,
    /// Keep the last SIZE of the output of each attempt in the database of the queue, at most 1MiB,
    /// for `log` on other machines; 0 keeps nothing. A queue in a folder ignores this
    #[arg(long, hide_short_help = true, value_name = "SIZE", allow_negative_numbers = true, default_value = "64KiB", value_parser = stored)]
    pub(super) store_output: u64,
    /// After a failed attempt, keep what it left in TMPDIR; the last line of its output names the
    /// folder. Nothing removes it later
    #[arg(long, hide_short_help = true)]
    pub(super) keep_tmp: bool,
}

impl OutputArgs {
    pub(super) fn retention(&self) -> Retention {
        Retention { max_age: self.keep_output.0, max_total: self.keep_output_size.0 }
    }

    pub(super) fn stdout_pattern(&self, work: &Work) -> Result<Option<StdoutPattern>, CliError> {
        let Some(text) = &self.stdout_to else { return Ok(None) };
        if let Work::Workflow(_) = work {
            return Err(CliError::usage("--stdout-to applies to a command, and there is none")
                .with_hint("give one after two dashes, as in: autoproc run --stdout-to out/{rel} -- COMMAND {}"));
        }
        check_pattern(text)?;
        let invalid =
            |error: InvalidPattern| CliError::usage(format!("--stdout-to {}: {error}", Shown(Path::new(text))));
        let hint = "name a file for each input, as in 'out/{rel}.txt'";
        StdoutPattern::parse(text).map(Some).map_err(|error| invalid(error).with_hint(hint))
    }
}

/// `None` means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MaxAge(Option<Duration>);

/// In bytes; `None` means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MaxTotal(Option<u64>);

fn age(word: &str) -> Result<MaxAge, InvalidSpan> {
    if word == ALL { Ok(MaxAge(None)) } else { autoproc_time_text::parse(word).map(|age| MaxAge(Some(age))) }
}

fn total(word: &str) -> Result<MaxTotal, InvalidSize> {
    if word == ALL { Ok(MaxTotal(None)) } else { size::parse(word).map(|bytes| MaxTotal(Some(bytes))) }
}

/// The maximum of `--store-output`, in bytes. One transaction writes up to 16 outputs, and the
/// server may hold all of them in memory.
const MAX_STORED: u64 = 1 << 20;

fn stored(word: &str) -> Result<u64, String> {
    let bytes = size::parse(word).map_err(|error| error.to_string())?;
    if bytes > MAX_STORED { Err("at most 1MiB of an output is kept in a database".to_owned()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_keeps_a_mebibyte_at_most() {
        assert_eq!(["0", "64KiB", "1MiB"].map(stored), [Ok(0), Ok(65_536), Ok(1 << 20)]);
        assert_eq!(stored("1048577").err().as_deref(), Some("at most 1MiB of an output is kept in a database"));
    }

    #[test]
    fn all_is_no_limit_and_0_keeps_nothing() {
        assert_eq!(age("all"), Ok(MaxAge(None)));
        assert_eq!(age("0"), Ok(MaxAge(Some(Duration::ZERO))));
        assert_eq!(age("30d"), Ok(MaxAge(Some(Duration::from_secs(30 * 24 * 3600)))));
        assert_eq!(age("ALL").ok(), None);
        assert_eq!(total("all"), Ok(MaxTotal(None)));
        assert_eq!(total("0"), Ok(MaxTotal(Some(0))));
        assert_eq!(total("1GiB"), Ok(MaxTotal(Some(1 << 30))));
        assert_eq!(total("al").ok(), None);
    }
}
