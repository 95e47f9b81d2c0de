use autoproc_domain::Priority;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidPriority {
    #[error("a priority is an integer, such as 5 or -5")]
    NoInteger,
    #[error("a priority lies between {} and {}", i32::MIN, i32::MAX)]
    OutOfRange,
}

pub(crate) fn parse(word: &str) -> Result<Priority, InvalidPriority> {
    if !is_integer(word) {
        return Err(InvalidPriority::NoInteger);
    }
    word.parse().map(Priority::new).map_err(|_| InvalidPriority::OutOfRange)
}

/// True for an integer of any size, with or without a sign.
pub(crate) fn is_integer(word: &str) -> bool {
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_32_bits_are_priorities() {
        assert_eq!(parse("+7"), Ok(Priority::new(7)));
        assert_eq!(parse("-2147483648"), Ok(Priority::new(i32::MIN)));
        assert_eq!(parse("2147483648"), Err(InvalidPriority::OutOfRange));
        assert_eq!(parse(&"9".repeat(400)), Err(InvalidPriority::OutOfRange));
    }

    #[test]
    fn anything_else_is_not() {
        for word in ["", "-", "--5", "5.0", "0x5", "five", " 5", "٣"] {
            assert_eq!(parse(word), Err(InvalidPriority::NoInteger), "{word:?}");
        }
    }
}
