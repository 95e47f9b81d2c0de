//! Parses durations such as `500ms` and `1h30m`.
//!
//! A bare number means seconds. A day has 24 hours. Months and years are refused, because their
//! length varies.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// The maximum duration. A longer duration is probably a typing error, and adding it to a time
/// could exceed the range of the clocks.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// The reason why a text is not a valid duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSpan {
    /// The text has an unknown format, or contains months or years.
    #[error("a time is a number of seconds, or has units, as in 500ms, 5m, 1h30m; months and years are not accepted")]
    NoSpan,
    /// The duration is negative.
    #[error("a time cannot be negative")]
    Negative,
    /// The duration is 0 but must be positive.
    #[error("a time must be greater than 0")]
    Zero,
    /// The duration is longer than 365 days.
    #[error("a time is at most 365 days (8760h)")]
    TooLong,
}

/// Parses a duration; 0 is allowed.
///
/// # Errors
/// Every variant of [`InvalidSpan`] except [`InvalidSpan::Zero`].
pub fn parse(word: &str) -> Result<Duration, InvalidSpan> {
    let signed = parse_signed(word)?;
    let span = Duration::try_from(signed).map_err(|_| InvalidSpan::Negative)?;
    if span > LONGEST { Err(InvalidSpan::TooLong) } else { Ok(span) }
}

/// Parses a duration greater than 0.
///
/// # Errors
/// Every variant of [`InvalidSpan`].
pub fn parse_positive(word: &str) -> Result<Duration, InvalidSpan> {
    match parse(word)? {
        Duration::ZERO => Err(InvalidSpan::Zero),
        span => Ok(span),
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
    let span = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    span.map_err(|_| if is_bare { too_many_digits(digits) } else { InvalidSpan::NoSpan })
}

fn too_many_digits(digits: &str) -> InvalidSpan {
    if digits.contains('.') { InvalidSpan::NoSpan } else { InvalidSpan::TooLong }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_read() {
        let millis = |word| parse(word).map(|span| span.as_millis());
        assert_eq!(millis("300"), Ok(300_000));
        assert_eq!(millis("0"), Ok(0));
        assert_eq!(millis("2.5"), Ok(2_500));
        assert_eq!(millis("500ms"), Ok(500));
        assert_eq!(millis("5m"), Ok(300_000));
        assert_eq!(millis("1h30m"), Ok(5_400_000));
        assert_eq!(millis("1h 30m"), Ok(5_400_000));
        assert_eq!(millis("8760h"), Ok(31_536_000_000));
        assert_eq!(millis("7d"), Ok(604_800_000));
        assert_eq!(millis("1d 12h"), Ok(129_600_000));
    }

    #[test]
    fn nonsense_is_refused_with_its_reason() {
        use InvalidSpan::{Negative, NoSpan, TooLong, Zero};
        for (word, reason) in [
            ("", NoSpan),
            ("soon", NoSpan),
            ("5 parsecs", NoSpan),
            ("P1D", NoSpan),
            ("1.2.3", NoSpan),
            ("inf", NoSpan),
            ("-5", Negative),
            ("-1h", Negative),
            ("1mo", NoSpan),
            ("1y", NoSpan),
            ("8761h", TooLong),
            ("366d", TooLong),
            ("99999999999999999999999", TooLong),
        ] {
            assert_eq!(parse(word), Err(reason), "{word:?}");
        }
        assert_eq!(parse_positive("0s"), Err(Zero));
        assert_eq!(parse_positive("1ms"), Ok(Duration::from_millis(1)));
    }
}
