//! `run`: what keeps it from starting something, and what ends it early.

use std::num::NonZeroU64;

use autoproc_domain::processor::Halt;
use clap::Args;

use crate::size;

/// The heading of these options.
const LIMITS: &str = "Limits";

/// What keeps a run from starting something, and what ends it early.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = LIMITS)]
pub(crate) struct LimitArgs {
    /// Start nothing new while less disk is free where the queue is; 0 starts all the same
    #[arg(long, value_name = "SIZE", default_value = "256MB", value_parser = size::parse)]
    pub(crate) min_free_disk: u64,
    /// Start nothing new while the machine's load, averaged over a minute, is above this
    #[arg(long, value_name = "LOAD", allow_negative_numbers = true, value_parser = load)]
    pub(crate) max_load: Option<f64>,
    /// End the run after so many failed files, or when so many of a hundred failed, of ten or more
    #[arg(long, value_name = "N|N%", value_parser = halt)]
    pub(crate) halt: Option<Halt>,
}

/// Why a word is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum InvalidLimit {
    /// It is no load.
    #[error("a load is a number from 0 on, as in 4 or 1.5")]
    Load,
    /// It is no number of failures.
    #[error("a number of failed files from 1 on, as in 3, or of a hundred, as in 10%")]
    Halt,
}

fn load(word: &str) -> Result<f64, InvalidLimit> {
    let load: f64 = word.parse().map_err(|_| InvalidLimit::Load)?;
    if load.is_finite() && load >= 0.0 { Ok(load) } else { Err(InvalidLimit::Load) }
}

fn halt(word: &str) -> Result<Halt, InvalidLimit> {
    let number = |digits: &str| digits.parse::<NonZeroU64>().map_err(|_| InvalidLimit::Halt);
    match word.strip_suffix('%') {
        None => number(word).map(Halt::Files),
        Some(digits) => match u8::try_from(number(digits)?.get()) {
            Ok(percent @ ..=100) => Ok(Halt::Percent(percent)),
            _ => Err(InvalidLimit::Halt),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_or_are_a_share() {
        assert_eq!(halt("3"), NonZeroU64::new(3).map(Halt::Files).ok_or(InvalidLimit::Halt));
        assert_eq!(halt("10%"), Ok(Halt::Percent(10)));
        assert_eq!(halt("100%"), Ok(Halt::Percent(100)));
        for nonsense in ["", "0", "0%", "101%", "%", "-1", "1.5", "many", "10 %", "300%"] {
            assert_eq!(halt(nonsense), Err(InvalidLimit::Halt), "{nonsense:?}");
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
