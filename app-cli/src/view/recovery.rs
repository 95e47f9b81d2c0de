//! Results about the files of dead runs.

use autoproc_domain::QueueItem;
use autoproc_domain::ports::Unproven;
use autoproc_domain::view::RecoveredItem;

/// The result of a recovery.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// Recovered files, as they are now.
    pub(crate) items: Vec<RecoveredItem>,
    /// Files that stay claimed.
    pub(crate) kept: Vec<QueueItem>,
    /// Runs that may still have processes, whether their files were recovered or not.
    pub(crate) unproven: Vec<Unproven>,
    /// True if proof was waived.
    pub(crate) forced: bool,
}

impl Recovered {
    /// The files that an unproven run still holds.
    pub(crate) fn kept_by(&self, left: &Unproven) -> impl Iterator<Item = &QueueItem> {
        self.kept.iter().filter(|item| item.claim.as_ref().is_some_and(|claim| claim.run == left.run))
    }
}
