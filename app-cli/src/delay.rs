//! Finds running attempts that take longer than expected.

use std::collections::BTreeSet;
use std::time::Duration;

use autoproc_domain::ports::LiveRun;
use autoproc_domain::{FilePath, ItemId, ProcessorState, QueueItem, Timestamp};

use crate::forecasting::RecentAttempts;

/// Returns the items whose attempts in this run take longer than expected.
pub(in crate::commands) fn items(
    run: &LiveRun,
    processing: &[QueueItem],
    latest: Option<&ProcessorState>,
    recent: &RecentAttempts,
    now: Timestamp,
) -> BTreeSet<ItemId> {
    let id = &run.info.id;
    let latest = latest.filter(|latest| latest.run_id.as_ref() == Some(id));
    let has_started =
        |item: &QueueItem| latest.is_none_or(|latest| latest.current_files.iter().any(|current| current.id == item.id));
    let is_running = |item: &&QueueItem| item.claim.as_ref().is_some_and(|claim| claim.run == *id) && has_started(item);
    let running = processing.iter().filter(is_running);
    let attempts: Vec<_> = running.filter_map(|item| Some((item.id, attempt(item, now)?))).collect();
    if attempts.is_empty() {
        return BTreeSet::new();
    }
    let files: Vec<_> = attempts.iter().map(|(_, attempt)| *attempt).collect();
    recent.slow(&run.info, &files).into_iter().map(|at| attempts[at].0).collect()
}

fn attempt(item: &QueueItem, now: Timestamp) -> Option<(&FilePath, Duration)> {
    Some((&item.file_path, now.saturating_since(item.last_attempt?)))
}
