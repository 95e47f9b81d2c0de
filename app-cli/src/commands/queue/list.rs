//! `queue list`: lists the items of the queue.

use std::io;

use autoproc_domain::view::PageRequest;
use autoproc_domain::{QueueItem, Status, Timestamp};
use clap::Args;
use serde::{Serialize, Serializer};

use super::status_word::status_parser;
use crate::context::Context;
use crate::error::CliError;
use crate::number;
use crate::view::json::ItemJson;
use crate::view::screen::Screen;
use crate::view::{View, item};

/// The arguments of `queue list`.
#[derive(Debug, Args)]
#[command(after_help = "If standard output is not a terminal, the columns are separated by tabs:
number, status, priority, attempts, file, note.

Examples:
  autoproc queue list
  autoproc queue list --status failed --status timeout
  autoproc queue list -n 20 --json")]
pub(crate) struct ListArgs {
    /// Only files in this status; may be repeated
    #[arg(long = "status", value_name = "STATUS", value_parser = status_parser(), value_delimiter = ',')]
    statuses: Vec<Status>,
    /// Maximum number of files
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true, value_parser = number::within::<usize>(number::COUNT))]
    limit: Option<usize>,
}

pub(super) async fn list(args: ListArgs, context: &Context) -> Result<(), CliError> {
    let request = PageRequest { statuses: args.statuses, after: None, limit: args.limit };
    let page = context.storage().page(request).await?;
    let listed = Listed { now: context.now(), items: page.items, more: page.next.is_some() };
    if listed.items.is_empty() {
        context.remark_on_missing_queue();
        if context.had_queue {
            context.remark("nothing to list");
        }
    }
    context.show(&listed)?;
    if listed.more {
        context.remark("there are more files");
    }
    Ok(())
}

#[derive(Serialize)]
struct Listed {
    #[serde(skip)]
    now: Timestamp,
    #[serde(serialize_with = "items")]
    items: Vec<QueueItem>,
    /// True if more items match than the limit allows.
    more: bool,
}

/// Serialises the items one at a time, to save memory.
fn items<S: Serializer>(items: &[QueueItem], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().map(ItemJson::from))
}

impl View for Listed {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.items.is_empty() { Ok(()) } else { item::table(&self.items, self.now, out) }
    }

    fn document(&self) -> impl Serialize {
        self
    }
}
