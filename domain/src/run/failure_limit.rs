//! The failure limit of a run.

use std::num::NonZeroU64;

/// The minimum number of ended files at which a percentage limit applies. With fewer files, a
/// single failure would weigh too much.
pub const MIN_ENDED_FOR_A_SHARE: u64 = 10;

/// The number or percentage of failed files that ends a run. Only files that ended as failed or
/// timeout in this run count; a failed attempt that is retried does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureLimit {
    /// The run ends after this many failed files.
    Files(NonZeroU64),
    /// The run ends if this percentage of at least [`MIN_ENDED_FOR_A_SHARE`] ended files failed.
    Percent(u8),
}

impl FailureLimit {
    /// True if a run with this many completed and failed files has reached the limit.
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
