//! How many failed files a run bears.

use std::num::NonZeroU64;

/// A share of failed files says nothing before this many files have ended: the first one alone would be all or none.
pub const MIN_ENDED_FOR_A_SHARE: u64 = 10;

/// When a run ends because of failed files. Only files count that ended in this run, as failed or as timeout; an attempt
/// that failed and is tried again does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// When so many files failed.
    Files(NonZeroU64),
    /// When so many of a hundred ended files failed, as soon as [`MIN_ENDED_FOR_A_SHARE`] have ended.
    Percent(u8),
}

impl Halt {
    /// Whether a run with this many files processed and failed has to end.
    #[must_use]
    pub fn is_reached(self, processed: u64, failed: u64) -> bool {
        let ended = processed.saturating_add(failed);
        match self {
            Self::Files(limit) => failed >= limit.get(),
            Self::Percent(share) => {
                ended >= MIN_ENDED_FOR_A_SHARE && u128::from(failed) * 100 >= u128::from(ended) * u128::from(share)
            }
        }
    }
}
