//! `retry-failed`: makes failed items pending again.

use std::io::{self, Write};
use std::path::PathBuf;

use autoproc_domain::FilePath;
use autoproc_domain::request::{Requeue, Selector};
use autoproc_domain::signature::SignatureId;
use autoproc_domain::view::PageRequest;
use clap::Args;
use serde::Serialize;

use crate::completion::Candidates;
use crate::context::Context;
use crate::error::CliError;
use crate::failure_groups::{self, FAILED, parse_signature};
use crate::missing_files::MissingFiles;
use crate::queued_below;
use crate::view::screen::Screen;
use crate::view::{View, files};

/// The arguments of `retry-failed`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc retry-failed               every file that failed or timed out
  autoproc retry-failed report.pdf
  autoproc retry-failed scans/        the failed files below this folder
  autoproc retry-failed --like 3fa2c19b    those that failed for one reason; see `autoproc failures`")]
pub(crate) struct RetryFailedArgs {
    /// Only these files, or the failed files below these folders
    #[arg(value_name = "FILE", add = Candidates::Files(FAILED))]
    files: Vec<PathBuf>,
    /// Only the files that failed for one reason: the signature that `autoproc failures` shows
    #[arg(long, value_name = "ID", conflicts_with = "files", add = Candidates::Signatures, value_parser = parse_signature)]
    like: Option<SignatureId>,
}

pub(super) async fn retry_failed(args: &RetryFailedArgs, context: &Context) -> Result<(), CliError> {
    context.require_queue()?;
    let requeue = match (&args.files[..], args.like) {
        (_, Some(like)) => {
            let alike = failure_groups::like(like, context).await?;
            Requeue::These(alike.files.into_iter().map(Selector::Path).collect())
        }
        ([], None) => Requeue::AllFailed,
        (these, None) => Requeue::These(queued_below::selectors(these, FAILED, context).await?),
    };
    let missing = MissingFiles::among(&requeued_files(&requeue, context).await?);
    let requeued = context.storage().requeue(requeue, context.now()).await?;
    context.show_change(&Requeued { requeued })?;
    if let Some(advice) = missing.advice(&context.console.err(), &context.project_option()) {
        context.console.warn(advice);
    }
    if requeued > 0 {
        let them = if requeued == 1 { "it" } else { "them" };
        context.remark(&format!("`autoproc run{} -- COMMAND` processes {them}", context.project_option()));
    }
    Ok(())
}

async fn requeued_files(requeue: &Requeue, context: &Context) -> Result<Vec<FilePath>, CliError> {
    let mut files = Vec::new();
    match requeue {
        Requeue::AllFailed => {
            let request = PageRequest { statuses: FAILED.to_vec(), after: None, limit: None };
            files.extend(context.storage().page(request).await?.items.into_iter().map(|item| item.file_path.clone()));
        }
        Requeue::These(these) => {
            for selector in these {
                let item = context.storage().find(selector.clone()).await?;
                files.extend(item.map(|item| item.file_path));
            }
        }
    }
    Ok(files)
}

#[derive(Serialize)]
struct Requeued {
    requeued: usize,
}

impl View for Requeued {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        writeln!(out, "{} requeued", files(self.requeued))
    }

    fn document(&self) -> impl Serialize {
        self
    }
}
