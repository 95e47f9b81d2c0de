//! Spans of time as people type them, the same forms as on the command line: a bare number is seconds, anything else is
//! jiff's friendly format.

use std::time::Duration;

use jiff::SignedDuration;

/// A longer span is a slip of the fingers, and sums with it could leave the range of the system's clocks.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Why a word is no span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidSpan {
    /// It is something else.
    #[error("a time is a number of seconds, or as in 500ms, 5m, 1h30m")]
    NoSpan,
    /// Zero or below.
    #[error("a time must be above 0")]
    NotPositive,
    /// Above [`LONGEST`].
    #[error("a time is at most 365 days (8760h)")]
    TooLong,
}

/// Reads a span of time above 0.
pub(crate) fn parse_positive(word: &str) -> Result<Duration, InvalidSpan> {
    let is_bare = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let friendly = if is_bare { format!("{word}s") } else { word.to_owned() };
    if !friendly.trim_start_matches(['-', '+']).starts_with(|first: char| first.is_ascii_digit()) {
        return Err(InvalidSpan::NoSpan);
    }
    let signed: SignedDuration = friendly.parse().map_err(|_| InvalidSpan::NoSpan)?;
    match Duration::try_from(signed) {
        Err(_) | Ok(Duration::ZERO) => Err(InvalidSpan::NotPositive),
        Ok(span) if span > LONGEST => Err(InvalidSpan::TooLong),
        Ok(span) => Ok(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_on_the_command_line() {
        let millis = |word| parse_positive(word).map(|span| span.as_millis());
        for (word, expected) in
            [("300", 300_000), ("2.5", 2_500), ("500ms", 500), ("5m", 300_000), ("1h30m", 5_400_000)]
        {
            assert_eq!(millis(word), Ok(expected), "{word}");
        }
        for (word, reason) in [
            ("", InvalidSpan::NoSpan),
            ("soon", InvalidSpan::NoSpan),
            ("P1D", InvalidSpan::NoSpan),
            ("1.2.3", InvalidSpan::NoSpan),
            ("0", InvalidSpan::NotPositive),
            ("-5s", InvalidSpan::NotPositive),
            ("8761h", InvalidSpan::TooLong),
        ] {
            assert_eq!(parse_positive(word), Err(reason), "{word:?}");
        }
    }
}
