//! Explains why a run did not process all of its named files.

use autoproc_domain::request::Scope;
use autoproc_domain::{QueueItem, Recipe};

use crate::context::Context;
use crate::error::CliError;
use crate::view::files;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Unaccounted {
    pub(super) completed_by_others: usize,
    /// The number of files that were removed, even if they were added again.
    pub(super) removed: usize,
}

impl Unaccounted {
    /// Compares `named` with the queue. A file that was completed with another known recipe counts
    /// as completed by others.
    ///
    /// # Errors
    /// [`CliError`] if the queue cannot be read.
    pub(super) async fn count(named: &Scope, recipe: Option<Recipe>, context: &Context) -> Result<Self, CliError> {
        let Scope::Items(ids) = named else { return Ok(Self::default()) };
        let (mut own, mut others) = (0, 0);
        let add = |item: QueueItem| {
            let by = item.completion.as_ref().and_then(|completion| completion.recipe);
            match named.contains(item.id) {
                true if by.is_none() || by == recipe => own += 1,
                true => others += 1,
                false => {}
            }
        };
        context.each_item(&[], add).await?;
        Ok(Self { completed_by_others: others, removed: ids.len().saturating_sub(own + others) })
    }

    pub(super) fn total(self) -> usize {
        self.completed_by_others + self.removed
    }

    pub(super) fn lines(self) -> impl Iterator<Item = String> {
        let (others, removed) = (files(self.completed_by_others), files(self.removed));
        let them = if self.completed_by_others == 1 { "it" } else { "them" };
        let lines = [
            (
                self.completed_by_others,
                format!(
                    "{others} completed by another command meanwhile; run this command line again to process {them}"
                ),
            ),
            (self.removed, format!("{removed} removed from the queue or added again meanwhile")),
        ];
        lines.into_iter().filter(|(count, _)| *count > 0).map(|(_, line)| line)
    }
}
