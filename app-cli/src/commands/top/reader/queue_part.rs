//! Reads the queue for `autoproc top`.

use std::time::{Duration, Instant};

use autoproc_domain::request::Scope;
use autoproc_domain::signature::FailureGroup;
use autoproc_domain::view::{Counts, PageRequest};
use autoproc_domain::{QueueItem, Status};

use crate::commands::top::snapshot::Filter;
use crate::context::Context;
use crate::error::CliError;
use crate::failure_groups;

const MAX_NEXT: usize = 200;

const SEARCHED_AT_ONCE: usize = 50_000;

/// The maximum age of the failure groups before they are computed again.
const MAX_GROUPS_AGE: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(super) struct QueuePart {
    pub(super) counts: Counts,
    pub(super) processing: Vec<QueueItem>,
    /// The groups of failures, the largest first.
    pub(super) groups: Vec<FailureGroup>,
    /// The number of failed files and the time of the latest grouping.
    grouped: Option<(usize, Instant)>,
    pub(super) next: Vec<QueueItem>,
}

impl QueuePart {
    /// Reads the processing files and the counts. Returns true if either has changed.
    ///
    /// # Errors
    /// [`CliError`] if the queue cannot be read.
    pub(super) async fn read_processing(&mut self, context: &Context) -> Result<bool, CliError> {
        let processing = PageRequest { statuses: vec![Status::Processing], after: None, limit: None };
        let processing = context.storage().page(processing).await?.items;
        let counts = context.storage().counts(Scope::Queue).await?;
        let has_changed = (&processing, counts) != (&self.processing, self.counts);
        (self.processing, self.counts) = (processing, counts);
        // A run may have claimed files since the pending files were read.
        self.next.retain(|next| self.processing.iter().all(|item| item.id != next.id));
        Ok(has_changed)
    }

    /// Reads the counts, the pending files and the failure groups. The first call also reads the
    /// processing files, because forecasts need them.
    ///
    /// # Errors
    /// [`CliError`] if the queue cannot be read.
    pub(super) async fn read(&mut self, filter: &str, context: &Context) -> Result<(), CliError> {
        if self.grouped.is_none() {
            self.read_processing(context).await?;
        }
        self.counts = context.storage().counts(Scope::Queue).await?;
        self.next = next(filter, context).await?;
        let failed = self.counts.failed + self.counts.timeout;
        let is_current = |(count, at): (usize, Instant)| count == failed && at.elapsed() < MAX_GROUPS_AGE;
        if !self.grouped.is_some_and(is_current) {
            self.groups = groups(failed, context).await?;
            self.grouped = Some((failed, Instant::now()));
        }
        Ok(())
    }
}

async fn next(filter: &str, context: &Context) -> Result<Vec<QueueItem>, CliError> {
    let limit = if filter.is_empty() { MAX_NEXT } else { SEARCHED_AT_ONCE };
    let filter = Filter::new(filter);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let request = PageRequest { statuses: vec![Status::Pending], after, limit: Some(limit) };
        let page = context.storage().page(request).await?;
        let matching = page.items.into_iter().filter(|item| filter.matches(&item.file_path.text()));
        found.extend(matching.take(MAX_NEXT - found.len()));
        after = page.next;
        if after.is_none() || found.len() >= MAX_NEXT {
            return Ok(found);
        }
    }
}

async fn groups(failed: usize, context: &Context) -> Result<Vec<FailureGroup>, CliError> {
    if failed == 0 {
        return Ok(Vec::new());
    }
    let (_, groups) = failure_groups::of_first(context).await?;
    Ok(groups.largest_first().into_iter().cloned().collect())
}
