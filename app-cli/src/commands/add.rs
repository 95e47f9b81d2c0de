//! `queue add`, and the files given to `run`.

use autoproc_domain::Priority;
use autoproc_domain::request::{AnswerNeeded, Enqueue, NewItem, Repeat};

use crate::context::Context;
use crate::error::CliError;
use crate::paths::{Missing, PathSource};
use crate::request::AddRequest;
use crate::view::Added;

pub(super) async fn add(request: &AddRequest, context: &Context) -> Result<(), CliError> {
    let added = offer(&request.source, request.priority, AnswerNeeded::Later, context).await?;
    if added.files.is_empty() {
        context.remark("no files found there");
    }
    context.show(&added)
}

/// Adds the files in one transaction.
pub(super) async fn offer(
    source: &PathSource,
    priority: Priority,
    answer: AnswerNeeded,
    context: &Context,
) -> Result<Added, CliError> {
    let gathered = source.gather(&context.cwd, &context.project)?;
    warn_of(&gathered.missing, context);
    let items: Vec<_> = gathered.files.iter().map(|path| NewItem::new(path.clone()).with_priority(priority)).collect();
    let request = Enqueue { items, repeat: Repeat::Always, answer };
    let enqueued =
        if request.items.is_empty() { Vec::new() } else { context.storage().enqueue(request, context.now()).await? };
    let outcomes = enqueued.into_iter().map(|file| file.outcome.into()).collect();
    Ok(Added { files: gathered.files, outcomes, priority, missing: gathered.missing.count })
}

fn warn_of(missing: &Missing, context: &Context) {
    for path in &missing.first {
        context.console.warn(format_args!("{path} does not exist (yet)"));
    }
    let more = missing.count - missing.first.len();
    if more > 0 {
        context.console.warn(format_args!("{more} more files do not exist (yet)"));
    }
}
