//! Finds the queued files below a folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use autoproc_domain::request::Selector;
use autoproc_domain::{FilePath, QueueItem, Status};

use crate::context::Context;
use crate::error::CliError;
use crate::escape::Shown;
use crate::paths::resolve;
use crate::view::files;

const MAX_LISTED: usize = 5;

/// Converts arguments to selectors. A folder selects the queued files below it that have one of
/// `statuses`. Any other path selects itself, even if it is not in the queue.
///
/// # Errors
/// [`CliError`] if an argument is not a valid path, if all queued files below a folder have other
/// statuses, or if the queue cannot be read.
pub(crate) async fn selectors(
    words: &[PathBuf],
    statuses: &[Status],
    context: &Context,
) -> Result<Vec<Selector>, CliError> {
    let mut paths = Vec::with_capacity(words.len());
    let mut unknown = Vec::new();
    for word in words {
        let path = resolve(&context.cwd, word)?;
        if context.storage().find(Selector::Path(path.clone())).await?.is_none() {
            unknown.push(path.clone());
        }
        paths.push(path);
    }
    let below = below(&unknown, context).await?;
    let mut selectors = Vec::new();
    for (word, path) in words.iter().zip(paths) {
        let Some(files) = below.get(path.as_path()).filter(|files| !files.is_empty()) else {
            selectors.push(Selector::Path(path));
            continue;
        };
        let before = selectors.len();
        let wanted = files.iter().filter(|(_, status)| statuses.contains(status));
        selectors.extend(wanted.map(|(file, _)| Selector::Path(file.clone())));
        if selectors.len() == before {
            return Err(none_of(word, files.len(), statuses));
        }
    }
    Ok(selectors)
}

/// Returns an error with advice if `path` is a folder with queued files.
///
/// # Errors
/// [`CliError`] if the queue cannot be read.
pub(crate) async fn one_needed(path: &FilePath, context: &Context) -> Result<Option<CliError>, CliError> {
    let mut below = below(std::slice::from_ref(path), context).await?;
    let below = below.remove(path.as_path()).unwrap_or_default();
    if below.is_empty() {
        return Ok(None);
    }
    let names = below.iter().take(MAX_LISTED).map(|(file, _)| context.console.err().path(file));
    let names = names.collect::<Vec<_>>().join(", ");
    let more = match below.len().saturating_sub(MAX_LISTED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let error =
        CliError::usage(format!("{path} is a folder with {} of the queue; name one of them", files(below.len())));
    Ok(Some(error.with_hint(names + &more)))
}

type Queued = (FilePath, Status);

async fn below<'f>(folders: &'f [FilePath], context: &Context) -> Result<HashMap<&'f Path, Vec<Queued>>, CliError> {
    let mut found: HashMap<_, _> = folders.iter().map(|folder| (folder.as_path(), Vec::new())).collect();
    if found.is_empty() {
        return Ok(found);
    }
    let add = |item: QueueItem| {
        for folder in item.file_path.as_path().ancestors() {
            if let Some(files) = found.get_mut(folder) {
                files.push((item.file_path.clone(), item.status));
            }
        }
    };
    context.each_item(&[], add).await?;
    Ok(found)
}

fn none_of(folder: &Path, count: usize, statuses: &[Status]) -> CliError {
    let words: Vec<_> = statuses.iter().map(|status| status.word()).collect();
    let which = words.join(" or ");
    CliError::usage(format!("the queue contains {} below {}, but none is {which}", files(count), Shown(folder)))
        .with_hint("`autoproc queue list` shows the status of each")
}
