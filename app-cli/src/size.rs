//! Parses sizes such as `10MB` or `4GiB`. The units are those of IEC 80000-13.

use bytesize::ByteSize;

/// The maximum size of a file (`off_t`, POSIX.1).
const LARGEST: u64 = i64::MAX.cast_unsigned();

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidSize {
    #[error("a size is a number of bytes, or has units: 64K, 256MB, 1.5GiB")]
    NoSize,
    #[error("the size is too large: it must be less than 8 EiB")]
    TooLarge,
}

/// Parses a number of bytes. Drops fractions of a byte.
pub(crate) fn parse(word: &str) -> Result<u64, InvalidSize> {
    if !word.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(InvalidSize::NoSize);
    }
    let ByteSize(bytes) = word.parse().map_err(|_| InvalidSize::NoSize)?;
    // The library saturates on overflow instead of failing.
    if bytes > LARGEST { Err(InvalidSize::TooLarge) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_read() {
        for (word, bytes) in [
            ("0", 0),
            ("500", 500),
            ("500B", 500),
            ("64K", 64_000),
            ("64k", 64_000),
            ("256MB", 256_000_000),
            ("256 MB", 256_000_000),
            ("16MiB", 16 << 20),
            ("1.5GiB", 3 << 29),
            ("2T", 2_000_000_000_000),
            ("9007199254740993", 9_007_199_254_740_993),
        ] {
            assert_eq!(parse(word), Ok(bytes), "{word:?}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_its_reason() {
        use InvalidSize::{NoSize, TooLarge};
        for (word, reason) in [
            ("", NoSize),
            ("much", NoSize),
            ("-5", NoSize),
            ("+5", NoSize),
            (".5M", NoSize),
            ("1.5", NoSize),
            ("1.2.3M", NoSize),
            ("5 parsecs", NoSize),
            ("1e3", NoSize),
            ("inf", NoSize),
            ("8EiB", TooLarge),
            ("99999999999999999999999", NoSize),
            ("99999999E", TooLarge),
        ] {
            assert_eq!(parse(word), Err(reason), "{word:?}");
        }
    }
}
