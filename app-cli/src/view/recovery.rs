//! What is said of the files of runs that died.

use autoproc_domain::QueueItem;
use autoproc_domain::ports::Unproven;
use autoproc_domain::view::RecoveredItem;

/// Dead runs were looked for, and their files taken back.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// The files that were, as they are now.
    pub(crate) items: Vec<RecoveredItem>,
    /// The files that were not.
    pub(crate) kept: Vec<QueueItem>,
    /// The runs that may still be at work, whether their files were taken back or not.
    pub(crate) unproven: Vec<Unproven>,
    /// Whether files were to be taken back without proof.
    pub(crate) forced: bool,
}

impl Recovered {
    /// The files that an unproven run still holds.
    pub(crate) fn kept_by(&self, left: &Unproven) -> impl Iterator<Item = &QueueItem> {
        self.kept.iter().filter(|item| item.claim.as_ref().is_some_and(|claim| claim.run == left.run))
    }
}
