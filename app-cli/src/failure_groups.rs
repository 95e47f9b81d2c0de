//! Groups the failed files of the queue by failure.

use autoproc_domain::signature::{FailureGroups, Signature, SignatureId};
use autoproc_domain::view::PageRequest;
use autoproc_domain::{FilePath, QueueItem, Status, Timestamp};

use crate::context::Context;
use crate::error::CliError;
use crate::view::files;

pub(crate) const FAILED: &[Status] = &[Status::Failed, Status::Timeout];

/// The maximum number of failed files that [`of_first`] reads. Keeps `status` fast for a large
/// queue.
const MAX_FIRST: usize = 10_000;

const MAX_KNOWN: usize = 5;

pub(crate) fn parse_signature(word: &str) -> Result<SignatureId, String> {
    SignatureId::from_hex(word).ok_or_else(|| "expected the 8 hexadecimal digits that `autoproc failures` shows".into())
}

pub(crate) fn add(groups: &mut FailureGroups, item: &QueueItem) {
    groups.add(item.last_error.as_deref(), &item.file_path, item.last_attempt);
}

/// Groups the failed files whose latest attempt began at `since` or later. `None` selects all
/// failed files.
///
/// # Errors
/// [`CliError`] if the queue cannot be read.
pub(crate) async fn of_queue(since: Option<Timestamp>, context: &Context) -> Result<FailureGroups, CliError> {
    let mut groups = FailureGroups::default();
    let add = |item| {
        if began_since(&item, since) {
            add(&mut groups, &item);
        }
    };
    context.each_item(FAILED, add).await?;
    Ok(groups)
}

/// Reads the first failed files of the queue, and groups them.
///
/// # Errors
/// [`CliError`] if the queue cannot be read.
pub(crate) async fn of_first(context: &Context) -> Result<(Vec<QueueItem>, FailureGroups), CliError> {
    let request = PageRequest { statuses: FAILED.to_vec(), after: None, limit: Some(MAX_FIRST) };
    let failed = context.storage().page(request).await?.items;
    let mut groups = FailureGroups::default();
    for item in &failed {
        add(&mut groups, item);
    }
    Ok((failed, groups))
}

/// Returns the number of pending files whose next attempt is a retry after a failure. `since` is as
/// in [`of_queue`].
///
/// # Errors
/// [`CliError`] if the queue cannot be read.
pub(crate) async fn waiting(since: Option<Timestamp>, context: &Context) -> Result<u64, CliError> {
    let mut count = 0;
    let is_retry = |item: &QueueItem| item.attempts > 0 && item.last_error.is_some() && began_since(item, since);
    context.each_item(&[Status::Pending], |item| count += u64::from(is_retry(&item))).await?;
    Ok(count)
}

fn began_since(item: &QueueItem, since: Option<Timestamp>) -> bool {
    since.is_none_or(|since| item.last_attempt.is_some_and(|at| since <= at))
}

/// The failed files with one signature.
pub(crate) struct Alike {
    /// The files, in claim order.
    pub(crate) files: Vec<FilePath>,
    /// The item with the most recent attempt.
    pub(crate) latest: QueueItem,
}

/// Returns the failed files with this signature.
///
/// # Errors
/// [`CliError`] if there are no such files, or if the queue cannot be read.
pub(crate) async fn like(id: SignatureId, context: &Context) -> Result<Alike, CliError> {
    context.require_queue()?;
    let (mut files, mut latest, mut groups) = (Vec::new(), None::<QueueItem>, FailureGroups::default());
    let add = |item: QueueItem| {
        if Signature::of(item.last_error.as_deref(), &item.file_path).id() != id {
            return add(&mut groups, &item);
        }
        files.push(item.file_path.clone());
        if latest.as_ref().is_none_or(|latest| latest.last_attempt <= item.last_attempt) {
            latest = Some(item);
        }
    };
    context.each_item(FAILED, add).await?;
    latest.map(|latest| Alike { files, latest }).ok_or_else(|| unknown(id, &groups))
}

fn unknown(id: SignatureId, groups: &FailureGroups) -> CliError {
    let error = CliError::usage(format!("no failed file has the signature {id}"));
    let known = groups.largest_first();
    let listed = known.iter().take(MAX_KNOWN).map(|group| format!("{} ({})", group.signature.id(), files(group.count)));
    let listed = listed.collect::<Vec<_>>().join(", ");
    match known.len() {
        0 => error.with_hint("no file of the queue has failed"),
        1..=MAX_KNOWN => error.with_hint(format!("`autoproc failures` shows those that exist: {listed}")),
        _ => error.with_hint(format!("`autoproc failures` shows those that exist: {listed}, and others")),
    }
}
