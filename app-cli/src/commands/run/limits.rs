//! `run`: the options that prevent new attempts or end the run early.

use std::num::NonZeroU64;
use std::time::Duration;

use autoproc_domain::run::FailureLimit;
use autoproc_system::StartLimits;
use clap::Args;

use crate::size;

/// The heading of the limits in the help of `run`.
const LIMITS: &str = "Limits";

/// The conditions under which no attempt starts, and those that end the run early.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = LIMITS)]
pub(crate) struct LimitArgs {
    /// Start no attempt while the queue's disk has less free space than this; 0 disables the check
    #[arg(long, hide_short_help = true, value_name = "SIZE", allow_negative_numbers = true, default_value = "256MB", value_parser = size::parse)]
    pub(super) min_free_disk: u64,
    /// Start no attempt while the 1-minute load average is above this
    #[arg(long, hide_short_help = true, value_name = "LOAD", allow_negative_numbers = true, value_parser = load)]
    pub(super) max_load: Option<f64>,
    /// Wait this long for COMMAND if it worked before in this run and is missing now; 0 disables the wait
    #[arg(long, hide_short_help = true, value_name = "TIME", allow_negative_numbers = true, default_value = "60", value_parser = autoproc_time_text::parse)]
    pub(super) program_wait: Duration,
    /// Stop after N failed files, or once N% of at least 10 files have failed
    #[arg(long, hide_short_help = true, visible_alias = "halt", value_name = "N|N%", allow_negative_numbers = true, value_parser = max_fail)]
    pub(super) max_fail: Option<FailureLimit>,
}

impl LimitArgs {
    /// Returns the limits that are checked before an attempt starts.
    pub(super) fn start_limits(self) -> StartLimits {
        StartLimits { min_free_disk: self.min_free_disk, max_load: self.max_load }
    }
}

/// The reason why a word is not a valid limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum InvalidLimit {
    /// The word is neither 0 nor a positive number.
    #[error("expected a load of 0 or more (4 or 1.5)")]
    Load,
    /// The word is neither a positive count nor a percentage from 1 to 100.
    #[error("expected a count (3) or a percentage (10%)")]
    MaxFail,
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
