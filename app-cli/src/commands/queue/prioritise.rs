//! `queue prioritise`: changes the priority of an item.

use std::io::{self, Write};
use std::path::PathBuf;

use autoproc_domain::request::{Reprioritise, Selector};
use autoproc_domain::{Priority, QueueItem, Status};
use clap::Args;
use serde::Serialize;

use crate::completion::Candidates;
use crate::context::Context;
use crate::error::CliError;
use crate::view::View;
use crate::view::json::ItemJson;
use crate::view::screen::Screen;
use crate::{paths, priority, queued_below};

const LIVE: &[Status] = &[Status::Pending, Status::Processing];

/// The arguments of `queue prioritise`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  autoproc queue prioritise report.pdf 10")]
pub(crate) struct PrioritiseArgs {
    /// A pending or processing file
    #[arg(value_name = "FILE", add = Candidates::Files(LIVE))]
    file: PathBuf,
    /// The new priority: higher ones are processed first
    #[arg(value_name = "PRIORITY", allow_negative_numbers = true, value_parser = priority::parse)]
    priority: Priority,
}

pub(super) async fn prioritise(args: &PrioritiseArgs, context: &Context) -> Result<(), CliError> {
    context.require_queue()?;
    let path = paths::resolve(&context.cwd, &args.file)?;
    let which = Selector::Path(path.clone());
    if context.storage().find(which.clone()).await?.is_none()
        && let Some(error) = queued_below::one_needed(&path, context).await?
    {
        return Err(error);
    }
    let request = Reprioritise { which, priority: args.priority };
    context.show_change(&Reprioritised(context.storage().reprioritise(request, context.now()).await?))
}

struct Reprioritised(QueueItem);

impl View for Reprioritised {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        writeln!(out, "{} has priority {} now", out.path(&self.0.file_path), self.0.priority)
    }

    fn document(&self) -> impl Serialize {
        ItemJson::from(&self.0)
    }
}
