//! `queue list`, `queue size`, `queue peek` and `queue show`.

use autoproc_domain::ports::{HistoryQuery, PastAttempt};
use autoproc_domain::view::PageRequest;
use autoproc_domain::{ItemId, QueueItem, Status};

use crate::context::Context;
use crate::error::CliError;
use crate::render::span;
use crate::request::ItemWord;
use crate::view::{Listed, Peeked, Shown, Size};

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
    let due = context.storage().peek(context.now()).await?;
    if due.is_none() {
        let pending = PageRequest { statuses: vec![Status::Pending], ..PageRequest::default() };
        context.remark(&nothing_due(&context.storage().page(pending).await?.items, context));
    }
    context.show(&Peeked(due))
}

fn nothing_due(pending: &[QueueItem], context: &Context) -> String {
    let due = pending.iter().filter(|item| item.is_waiting()).filter_map(QueueItem::not_before).min();
    let due = due.map(|due| format!("nothing is due before {}", span(due.saturating_since(context.now()))));
    let held = match pending.iter().filter(|item| item.is_held).count() {
        0 => None,
        1 => Some("1 file is held".to_owned()),
        count => Some(format!("{count} files are held")),
    };
    let why: Vec<_> = due.into_iter().chain(held).collect();
    if why.is_empty() { "nothing waits".to_owned() } else { why.join("; ") }
}

pub(super) async fn show(word: &ItemWord, context: &Context) -> Result<(), CliError> {
    let item = word.find(&*context.storage()).await?.ok_or_else(|| word.unknown())?;
    let mut history = history_of(item.id, context).await;
    // A log that outlived its queue has other files under the same ids.
    history.retain(|past| past.of.file_path == item.file_path);
    context.show(&Shown { now: context.now(), item, history })
}

/// The past attempts on an item. The event log is a record, not the truth: if it cannot be read, the
/// item is shown without it.
pub(super) async fn history_of(item: ItemId, context: &Context) -> Vec<PastAttempt> {
    context.wiring.history().attempts(HistoryQuery::of_item(item)).await.unwrap_or_else(|error| {
        context.console.warn(format_args!("cannot read the event log: {}", error.source));
        Vec::new()
    })
}
