//! `queue list`, `queue size`, `queue peek` and `queue show`: the commands that only look.

use autoproc_domain::view::PageRequest;
use autoproc_domain::{QueueItem, Status};

use crate::context::Context;
use crate::error::CliError;
use crate::render::span;
use crate::request::ItemWord;
use crate::view::{Listed, Peeked, Shown, Size};

/// How far `queue peek` looks before it asks for all that wait: mostly the first one is due.
const FIRST_LOOK: usize = 32;

pub(super) async fn list(statuses: Vec<Status>, limit: Option<usize>, context: &Context) -> Result<(), CliError> {
    let page = context.storage().page(PageRequest { statuses, after: None, limit }).await?;
    let listed = Listed { now: context.now(), items: page.items, more: page.next.is_some() };
    if listed.items.is_empty() {
        context.remark("nothing to list");
    }
    context.show(&listed)?;
    if listed.more {
        context.remark("there are more");
    }
    Ok(())
}

pub(super) async fn size(context: &Context) -> Result<(), CliError> {
    let counts = context.storage().counts().await?;
    context.show(&Size(counts.pending))
}

pub(super) async fn peek(context: &Context) -> Result<(), CliError> {
    let first = pending(Some(FIRST_LOOK), context).await?;
    let now = context.now();
    let is_due = |item: &QueueItem| item.is_due(now);
    let due = match first.iter().find(|item| is_due(item)) {
        Some(item) => Some(item.clone()),
        None if first.len() < FIRST_LOOK => None,
        None => pending(None, context).await?.into_iter().find(is_due),
    };
    if due.is_none() {
        context.remark(&nothing_due(&first, context));
    }
    context.show(&Peeked(due))
}

async fn pending(limit: Option<usize>, context: &Context) -> Result<Vec<QueueItem>, CliError> {
    let request = PageRequest { statuses: vec![Status::Pending], after: None, limit };
    Ok(context.storage().page(request).await?.items)
}

fn nothing_due(waiting: &[QueueItem], context: &Context) -> String {
    match waiting.iter().filter_map(|item| item.not_before).min() {
        Some(due) => format!("nothing is due before {}", span(due.saturating_since(context.now()))),
        None => "nothing waits".to_owned(),
    }
}

pub(super) async fn show(word: &ItemWord, context: &Context) -> Result<(), CliError> {
    let item = word.find(&*context.storage()).await?.ok_or_else(|| word.unknown())?;
    // The log is the story and not the truth: one that cannot be read hides nothing else.
    let history = context.wiring.history(&item).unwrap_or_else(|error| {
        context.console.warn(format_args!("cannot read the event log: {error}"));
        Vec::new()
    });
    context.show(&Shown { now: context.now(), item, history })
}
