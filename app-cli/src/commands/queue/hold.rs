//! `queue hold` and `queue unhold`: hold and release pending files.

use std::io::{self, Write};
use std::path::PathBuf;

use autoproc_domain::request::{Hold, Selector};
use autoproc_domain::{FilePath, Status};
use clap::Args;
use serde::Serialize;

use crate::completion::Candidates;
use crate::context::Context;
use crate::error::CliError;
use crate::queued_below;
use crate::view::json::PathJson;
use crate::view::screen::Screen;
use crate::view::{View, files};

/// The arguments of `queue hold`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc queue hold report.pdf       no run takes it
  autoproc queue unhold report.pdf")]
pub(crate) struct HoldArgs {
    /// Pending files, or folders: all pending files below them. If a file is not pending, nothing
    /// changes
    #[arg(value_name = "FILE", required = true, add = Candidates::Files(&[Status::Pending]))]
    files: Vec<PathBuf>,
}

pub(super) async fn hold(args: &HoldArgs, is_held: bool, context: &Context) -> Result<(), CliError> {
    context.require_queue()?;
    let which = queued_below::selectors(&args.files, &[Status::Pending], context).await?;
    let already = already(&which, is_held, context).await?;
    let changed = context.storage().hold(Hold { which, is_held }, context.now()).await?;
    context.show_change(&HoldChange { changed, held: is_held, already })
}

/// Returns the selected files that need no change.
async fn already(which: &[Selector], is_held: bool, context: &Context) -> Result<Vec<FilePath>, CliError> {
    let mut already = Vec::new();
    for selector in which {
        let item = context.storage().find(selector.clone()).await?;
        already.extend(item.filter(|item| item.is_held == is_held).map(|item| item.file_path));
    }
    Ok(already)
}

struct HoldChange {
    changed: usize,
    held: bool,
    already: Vec<FilePath>,
}

#[derive(Serialize)]
struct HeldJson {
    changed: usize,
    held: bool,
    already: Vec<PathJson>,
}

impl View for HoldChange {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let (outcome, state) = if self.held { ("held", "already held") } else { ("released", "not held") };
        if self.changed > 0 || self.already.is_empty() {
            writeln!(out, "{} {outcome}", files(self.changed))?;
        }
        self.already.iter().try_for_each(|file| writeln!(out, "{state}: {}", out.path(file)))
    }

    fn document(&self) -> impl Serialize {
        let already = self.already.iter().map(PathJson::from).collect();
        HeldJson { changed: self.changed, held: self.held, already }
    }
}
