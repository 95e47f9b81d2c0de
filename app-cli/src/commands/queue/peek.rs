//! `queue peek`: shows the next file to process.

use std::io::{self, Write};

use autoproc_domain::view::PageRequest;
use autoproc_domain::{QueueItem, Status};
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::view::View;
use crate::view::json::ItemJson;
use crate::view::screen::Screen;
use crate::view::time::span;

pub(super) async fn peek(context: &Context) -> Result<(), CliError> {
    let due = context.storage().peek(context.now()).await?;
    context.remark_on_missing_queue();
    if due.is_none() && context.had_queue {
        let pending = PageRequest { statuses: vec![Status::Pending], ..PageRequest::default() };
        context.remark(&nothing_due(&context.storage().page(pending).await?.items, context));
    }
    context.show(&Peeked(due))
}

fn nothing_due(pending: &[QueueItem], context: &Context) -> String {
    let due = pending.iter().filter(|item| item.is_waiting()).filter_map(QueueItem::not_before).min();
    let due = due.map(|due| format!("the next file is due in {}", span(due.saturating_since(context.now()))));
    let held = match pending.iter().filter(|item| item.is_held).count() {
        0 => None,
        1 => Some("1 file is held".to_owned()),
        count => Some(format!("{count} files are held")),
    };
    let why: Vec<_> = due.into_iter().chain(held).collect();
    if why.is_empty() { "nothing waits".to_owned() } else { why.join("; ") }
}

struct Peeked(Option<QueueItem>);

impl View for Peeked {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |item| writeln!(out, "{}", out.path(&item.file_path)))
    }

    fn document(&self) -> impl Serialize {
        self.0.as_ref().map(ItemJson::from)
    }
}
