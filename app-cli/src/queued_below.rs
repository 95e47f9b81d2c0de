//! Resolves arguments that name a file of the queue, or a folder. A folder means all files of the
//! queue below it.

use std::path::{Path, PathBuf};

use autoproc_domain::request::Selector;
use autoproc_domain::view::PageRequest;
use autoproc_domain::{FilePath, Status};

use crate::context::Context;
use crate::error::CliError;
use crate::escape::Shown;
use crate::paths::resolve;
use crate::view::files;

/// The number of items that are read at once. A store may search the whole queue for each page.
const PAGE_ITEMS: usize = 50_000;

/// The maximum number of files that an error lists.
const MAX_LISTED: usize = 5;

/// Returns a selector for each file that the arguments name. If a path is not in the queue, it may
/// be a folder. The folder means the files of the queue below it that have one of the statuses. If
/// a path names no file at all, it is returned unchanged, and the queue will reject it.
///
/// # Errors
/// [`CliError`] if an argument is not a path, if all files below a folder have other statuses, or if
/// the queue cannot be read.
pub(crate) async fn selectors(
    words: &[PathBuf],
    statuses: &[Status],
    context: &Context,
) -> Result<Vec<Selector>, CliError> {
    let mut selectors = Vec::new();
    for word in words {
        let path = resolve(&context.cwd, word)?;
        let is_queued = context.storage().find(Selector::Path(path.clone())).await?.is_some();
        let below = if is_queued { Vec::new() } else { below(&path, context).await? };
        if below.is_empty() {
            selectors.push(Selector::Path(path));
            continue;
        }
        let wanted = below.iter().filter(|(_, status)| statuses.contains(status));
        let before = selectors.len();
        selectors.extend(wanted.map(|(file, _)| Selector::Path(file.clone())));
        if selectors.len() == before {
            return Err(none_of(word, below.len(), statuses));
        }
    }
    Ok(selectors)
}

/// Called if a command needs one file, and `path` is not in the queue. Returns an error if files of
/// the queue are below `path`, otherwise `None`.
///
/// # Errors
/// [`CliError`] if the queue cannot be read.
pub(crate) async fn one_needed(path: &FilePath, context: &Context) -> Result<Option<CliError>, CliError> {
    let below = below(path, context).await?;
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

/// Returns the files of the queue below a folder, with their statuses, in the order of the queue.
async fn below(folder: &FilePath, context: &Context) -> Result<Vec<(FilePath, Status)>, CliError> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let request = PageRequest { statuses: Vec::new(), after, limit: Some(PAGE_ITEMS) };
        let page = context.storage().page(request).await?;
        let below = page.items.into_iter().filter(|item| item.file_path.as_path().starts_with(folder.as_path()));
        found.extend(below.map(|item| (item.file_path.clone(), item.status)));
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

fn none_of(folder: &Path, count: usize, statuses: &[Status]) -> CliError {
    let words: Vec<_> = statuses.iter().map(|status| status.word()).collect();
    let which = words.join(" or ");
    CliError::usage(format!("the queue contains {} below {}, but none is {which}", files(count), Shown(folder)))
        .with_hint("`autoproc queue list` shows the status of each")
}
