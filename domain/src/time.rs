//! Points in time as the domain sees them: a number that somebody else read off a clock.
//!
//! There is deliberately no `now()` here, and no text form: reading clocks is the [`Clock`](crate::ports::Clock)
//! port's, writing dates belongs to whoever owns the format.

use std::time::Duration;

/// A point on the wall clock, in microseconds since 1970-01-01 00:00 UTC; negative before it.
///
/// Microseconds, because that is what state files of the original program carry, and rewriting one must not round it. The
/// span is that of four-digit years, so that every point can be written as RFC 3339 and read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest point: 0000-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_167_219_200_000_000);
    /// The latest point, "never" where a time is needed: 9999-12-30T22:00:00Z, which is in the year 9999 at every offset.
    pub const MAX: Self = Self(253_402_207_200_000_000);

    /// The point this many microseconds after the epoch; beyond the span the nearest point in it.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        if micros < Self::MIN.0 {
            Self::MIN
        } else if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Self(micros)
        }
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The point `span` later; [`Timestamp::MAX`] where that cannot be named.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.0.saturating_add(micros))
    }

    /// How long `self` lies after `earlier`; zero where it does not, as after a clock was set back.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        let micros = i128::from(self.0) - i128::from(earlier.0);
        Duration::from_micros(u64::try_from(micros.max(0)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let late = Timestamp::from_micros(Timestamp::MAX.as_micros() - 1);
        assert_eq!(late.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_micros(0).saturating_since(late), Duration::ZERO);
        assert_eq!(Timestamp::from_micros(i64::MIN), Timestamp::MIN);
        assert!(Timestamp::MAX.saturating_since(Timestamp::MIN) > Duration::from_secs(9000 * 365 * 86_400));
    }
}
