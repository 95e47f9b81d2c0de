//! Copies the journals of a folder to and from another store.

use std::fs;
use std::io;
use std::time::{Duration, SystemTime};

use autoproc_domain::item::ClaimNumber;
use autoproc_domain::{ItemId, RunId, Timestamp};
use autoproc_regular_file::{self as regular_file, Links, folder_of};

use super::error::ExecutionError;
use super::folder::Executions;
use super::journal::{self, Journal};

/// The journal of an item's execution, in the form in which it is copied between stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedJournal {
    /// The item of the execution.
    pub item: ItemId,
    /// The claim of the latest attempt.
    pub claim: ClaimNumber,
    /// The run of the latest attempt.
    pub run: RunId,
    /// When the execution completed; `None` if it is unfinished.
    pub completed_at: Option<Timestamp>,
    /// The events as JSON texts, oldest first.
    pub events: Vec<String>,
}

impl Executions {
    /// Returns the ids of the items with an execution, unfinished or completed, in ascending order.
    ///
    /// # Errors
    /// If the folder exists and cannot be read.
    pub fn items(&self) -> io::Result<Vec<ItemId>> {
        let mut items = [self.under_way()?, self.completed()?].concat();
        items.sort_unstable();
        items.dedup();
        Ok(items)
    }

    /// Returns the journal of an item; `None` if there is no journal or the journal has no events.
    ///
    /// # Errors
    /// [`ExecutionError`] if the journal cannot be read.
    pub fn journal(&self, item: ItemId) -> Result<Option<CopiedJournal>, ExecutionError> {
        for (path, is_completed) in [(self.path(item), false), (self.completed_path(item), true)] {
            let Some((state, valid_bytes)) = journal::read(&path)? else { continue };
            let Some(state) = state else { return Ok(None) };
            let io = |source| ExecutionError::Io { place: path.clone(), source };
            let mut bytes = regular_file::read(Links::Refuse, &path).map_err(io)?;
            bytes.truncate(usize::try_from(valid_bytes).unwrap_or(usize::MAX));
            let text = String::from_utf8(bytes).map_err(|error| io(io::Error::other(error)))?;
            return Ok(Some(CopiedJournal {
                item,
                claim: ClaimNumber::new(state.attempt_ids.claim),
                run: RunId::new(state.run_id()),
                completed_at: is_completed.then(|| state.completed_at.unwrap_or(state.updated_at)),
                events: text.lines().map(str::to_owned).collect(),
            }));
        }
        Ok(None)
    }

    /// Adds a journal and syncs it. The file of a completed journal gets the time of its
    /// completion, so that the oldest journals are removed first.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub fn add(&self, copied: &CopiedJournal) -> io::Result<()> {
        let path = match copied.completed_at {
            Some(_) => self.completed_path(copied.item),
            None => self.path(copied.item),
        };
        regular_file::create_folders(folder_of(&path), 0o777)?;
        let mut journal = Journal::create(path.clone())?;
        copied.events.iter().try_for_each(|event| journal.append(event))?;
        journal.sync().map_or(Ok(()), |sync| sync())?;
        copied.completed_at.map_or(Ok(()), |at| fs::File::options().append(true).open(&path)?.set_modified(time(at)))
    }
}

fn time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(at.as_micros()).unwrap_or(0))
}
