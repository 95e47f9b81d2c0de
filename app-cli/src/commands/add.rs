//! `queue add`, and the files given to `run`.

use autoproc_domain::command::NewItem;
use autoproc_domain::{FilePath, Priority};

use crate::context::Context;
use crate::error::CliError;
use crate::paths::PathSource;
use crate::request::AddRequest;
use crate::view::Added;

/// Of more missing files than this only the sum is told.
const MOST_WARNINGS: usize = 20;

pub(super) async fn add(request: &AddRequest, context: &Context) -> Result<(), CliError> {
    let added = offer(&request.source, request.priority, context).await?;
    if added.files.is_empty() {
        context.remark("no files found there");
    }
    context.show(&added)
}

/// Puts the files meant on the queue, in one transaction.
pub(super) async fn offer(source: &PathSource, priority: Priority, context: &Context) -> Result<Added, CliError> {
    let gathered = source.gather(&context.cwd, &context.project)?;
    warn_of(&gathered.missing, context);
    let batch = gathered.files.iter().map(|path| NewItem { file_path: path.clone(), priority }).collect::<Vec<_>>();
    let outcomes = if batch.is_empty() { Vec::new() } else { context.storage().enqueue(batch, context.now()).await? };
    let files = gathered.files.into_iter().zip(outcomes).collect();
    Ok(Added { files, priority, missing: gathered.missing.len() })
}

fn warn_of(missing: &[FilePath], context: &Context) {
    for path in missing.iter().take(MOST_WARNINGS) {
        context.console.warn(format_args!("{path} does not exist (yet)"));
    }
    if let Some(more) = missing.len().checked_sub(MOST_WARNINGS).filter(|more| *more > 0) {
        context.console.warn(format_args!("{more} more files do not exist (yet)"));
    }
}
