//! The time limit of an attempt: `run --timeout`.

use std::time::Duration;

/// The maximum for `--timeout auto` without a TIME. At one hour, several hanging files do not take
/// a whole night.
const DEFAULT_MAXIMUM: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeLimit {
    /// The time limit, or the maximum of the computed limits if `is_adapted` is true.
    pub(super) maximum: Duration,
    pub(super) is_adapted: bool,
}

pub(super) fn parse(word: &str) -> Result<TimeLimit, String> {
    let maximum = match word.strip_prefix("auto") {
        Some("") => Ok(DEFAULT_MAXIMUM),
        Some(rest) => autoproc_time_text::parse_positive(rest.strip_prefix(':').unwrap_or(word)),
        None => autoproc_time_text::parse_positive(word),
    };
    match maximum {
        Ok(maximum) => Ok(TimeLimit { maximum, is_adapted: word.starts_with("auto") }),
        Err(error) => Err(format!("{error}; `auto` and `auto:2h` are accepted too")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_fixed_or_adapted() {
        let limit = |seconds, is_adapted| Ok(TimeLimit { maximum: Duration::from_secs(seconds), is_adapted });
        assert_eq!(parse("90"), limit(90, false));
        assert_eq!(parse("auto"), limit(3600, true));
        assert_eq!(parse("auto:2h"), limit(7200, true));
        for word in ["auto:", "auto:0", "auto2h", "automatic", "0", "soon"] {
            let error = parse(word).expect_err(word);
            assert!(error.contains("`auto:2h`"), "{error}");
        }
    }
}
