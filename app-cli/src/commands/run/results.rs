//! Protects the result files that `--stdout-to` wrote in earlier runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use autoproc_domain::{QueueItem, Recipe, Status};
use autoproc_subprocess::{ResultOwners, StdoutPattern, StdoutTo, Subject, relative_path};

use crate::context::Context;
use crate::error::CliError;
use crate::escape::Shown;
use crate::paths::{FoundFile, Gathered, PathSource};

/// Returns the settings of `--stdout-to`. They include the result files of items that were
/// completed with the same recipe, because a run must not replace these files. They include none if
/// the pattern contains the slot.
///
/// # Errors
/// [`CliError`] if the queue cannot be read.
pub(super) async fn settings(
    pattern: StdoutPattern,
    ok_exits: Vec<i32>,
    recipe: Option<Recipe>,
    context: &Context,
) -> Result<StdoutTo, CliError> {
    let owners = Arc::new(ResultOwners::default());
    let settings = StdoutTo { pattern, folder: context.cwd.clone(), ok_exits, owners };
    // The slots of earlier attempts are not recorded, so their result files are unknown.
    if !settings.pattern.depends_on_slot() {
        record_completed(&settings, recipe, context).await?;
    }
    Ok(settings)
}

async fn record_completed(to: &StdoutTo, recipe: Option<Recipe>, context: &Context) -> Result<(), CliError> {
    let record = |item: QueueItem| {
        if item.completion.as_ref().is_some_and(|completion| completion.recipe == recipe) {
            let relative = relative_path(&item.file_path, item.depth, context.project.root());
            let subject = Subject { path: item.file_path.as_path(), relative, item: Some(item.id), slot: 1 };
            to.owners.record(&to.pattern.path_for(subject, &to.folder), &item.file_path);
        }
    };
    context.each_item(&[Status::Completed], record).await
}

/// Warns if the next run would process a result of this run.
pub(super) fn warn_of_new_inputs(to: &StdoutTo, source: &PathSource, gathered: &Gathered, context: &Context) {
    let results = gathered.files.iter().map(|file| result_of(file, to, context.project.root()));
    let is_input = |result: &PathBuf| {
        gathered.folders.iter().any(|folder| source.finds(folder.as_path(), result, &context.project))
    };
    if let Some(result) = results.into_iter().find(is_input) {
        context.console.warn(format_args!(
            "--stdout-to writes {} into a folder of this run, so the next run processes it; use another folder, or make the run ignore the results with --include or --exclude",
            Shown(&result)
        ));
    }
}

fn result_of(FoundFile { path, depth }: &FoundFile, to: &StdoutTo, project: &Path) -> PathBuf {
    let relative = relative_path(path, *depth, project);
    to.pattern.path_for(Subject { path: path.as_path(), relative, item: None, slot: 1 }, &to.folder)
}
