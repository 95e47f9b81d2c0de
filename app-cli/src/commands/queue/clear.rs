//! `queue clear`: removes all items except processing ones.

use std::io::{self, Write};

use autoproc_domain::Status;
use autoproc_domain::request::{Clear, Scope};
use autoproc_domain::view::Counts;
use clap::Args;
use serde::Serialize;

use super::status_word::status_parser;
use crate::context::Context;
use crate::error::CliError;
use crate::view::json::CountsJson;
use crate::view::screen::Screen;
use crate::view::{View, files};

/// The arguments of `queue clear`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc queue clear
  autoproc queue clear --status completed")]
pub(crate) struct ClearArgs {
    /// Only files in this status; may be repeated
    #[arg(long = "status", value_name = "STATUS", value_parser = status_parser(), value_delimiter = ',')]
    statuses: Vec<Status>,
}

pub(super) async fn clear(args: ClearArgs, context: &Context) -> Result<(), CliError> {
    let statuses = if args.statuses.is_empty() { Status::ALL.to_vec() } else { args.statuses };
    let storage = context.storage();
    if !context.had_queue {
        // Returns early, because the store would create a missing queue in order to clear it.
        context.remark_on_missing_queue();
        return context.show_named(&Cleared { gone: Counts::default(), still_processing: 0 });
    }
    let gone = storage.clear(Clear(statuses), context.now()).await?;
    let still_processing = storage.counts(Scope::Queue).await?.processing;
    if still_processing > 0 {
        context.remark(&format!("files being processed are not removed: {still_processing}"));
    }
    context.show_change(&Cleared { gone, still_processing })
}

struct Cleared {
    gone: Counts,
    still_processing: usize,
}

#[derive(Serialize)]
struct ClearedJson {
    cleared: CountsJson,
    still_processing: usize,
}

impl View for Cleared {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let by_status = Status::ALL.into_iter().filter(|status| self.gone.of(*status) > 0);
        let parts: Vec<_> = by_status.map(|status| format!("{} {status}", self.gone.of(status))).collect();
        let detail = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
        writeln!(out, "{} cleared{detail}", files(self.gone.total()))
    }

    fn document(&self) -> impl Serialize {
        ClearedJson { cleared: self.gone.into(), still_processing: self.still_processing }
    }
}
