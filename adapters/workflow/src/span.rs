//! Spans of time as people type them: a bare number is seconds, anything else is jiff's friendly format.
//!
//! The command line takes the same forms: `app-cli/src/duration.rs` is to agree with this file.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};

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
    match Duration::try_from(parse_signed(word)?) {
        Err(_) | Ok(Duration::ZERO) => Err(InvalidSpan::NotPositive),
        Ok(span) if span > LONGEST => Err(InvalidSpan::TooLong),
        Ok(span) => Ok(span),
    }
}

fn parse_signed(word: &str) -> Result<SignedDuration, InvalidSpan> {
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(InvalidSpan::NoSpan);
    }
    let is_bare = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let friendly = if is_bare { format!("{word}s") } else { word.to_owned() };
    let span: Result<Span, _> = friendly.parse();
    // Months and years have no length, days as people mean them here have 24 hours.
    let span = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    // A bare number that jiff refuses has either too many digits or a misplaced point.
    let is_too_long = is_bare && !digits.contains('.');
    span.map_err(|_| if is_too_long { InvalidSpan::TooLong } else { InvalidSpan::NoSpan })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_on_the_command_line() {
        let millis = |word| parse_positive(word).map(|span| span.as_millis());
        for (word, expected) in [
            ("300", 300_000),
            ("2.5", 2_500),
            ("500ms", 500),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("8760h", 31_536_000_000),
            ("7d", 604_800_000),
            ("1d 12h", 129_600_000),
        ] {
            assert_eq!(millis(word), Ok(expected), "{word}");
        }
        for (word, reason) in [
            ("", InvalidSpan::NoSpan),
            ("soon", InvalidSpan::NoSpan),
            ("5 parsecs", InvalidSpan::NoSpan),
            ("P1D", InvalidSpan::NoSpan),
            ("1.2.3", InvalidSpan::NoSpan),
            ("inf", InvalidSpan::NoSpan),
            ("1mo", InvalidSpan::NoSpan),
            ("1y", InvalidSpan::NoSpan),
            ("0", InvalidSpan::NotPositive),
            ("0s", InvalidSpan::NotPositive),
            ("-5", InvalidSpan::NotPositive),
            ("-1h", InvalidSpan::NotPositive),
            ("8761h", InvalidSpan::TooLong),
            ("366d", InvalidSpan::TooLong),
            ("99999999999999999999999", InvalidSpan::TooLong),
        ] {
            assert_eq!(parse_positive(word), Err(reason), "{word:?}");
        }
    }
}
