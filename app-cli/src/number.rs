//! Parses numbers.

use std::ops::RangeInclusive;

pub(crate) fn within<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |word| {
        let number = word.parse().ok().filter(|number| range.contains(number));
        let expected = || format!("expected a number from {} to {}", range.start(), range.end());
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(expected)
    }
}

pub(crate) const ORDINAL: RangeInclusive<u64> = 1..=u32::MAX as u64;

pub(crate) const COUNT: RangeInclusive<u64> = 0..=u32::MAX as u64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_is_expected() {
        assert_eq!(within::<u8>(1..=255)("7"), Ok(7));
        for word in ["0", "256", "-1", "x", "", "1.5", "99999999999999999999"] {
            assert_eq!(within::<u8>(1..=255)(word), Err("expected a number from 1 to 255".to_owned()), "{word:?}");
        }
        assert_eq!(within::<u32>(COUNT)("x"), Err("expected a number from 0 to 4294967295".to_owned()));
        assert_eq!(within::<u32>(ORDINAL)("4294967296"), Err("expected a number from 1 to 4294967295".to_owned()));
    }
}
