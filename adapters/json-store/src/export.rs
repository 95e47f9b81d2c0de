//! Exports the current queue as one document, without the lock.
//!
//! The document has no `store` section, because the section's journal and generation are valid only
//! in one folder. The document has no claims: files in progress are pending in it.

use std::io::{self, Write};

use autoproc_domain::ports::StorageError;

use crate::error::in_folder;
use crate::repair::{StateFolder, engine};
use crate::snapshot;

/// The reason why an export failed.
#[derive(Debug)]
pub enum ExportError {
    /// The store cannot be read.
    Store(StorageError),
    /// The document cannot be written.
    Write(io::Error),
}

impl std::fmt::Display for ExportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(_) => f.write_str("cannot read the queue"),
            Self::Write(_) => f.write_str("cannot write the document"),
        }
    }
}

impl std::error::Error for ExportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::Write(error) => Some(error),
        }
    }
}

/// Writes the document. Without a store, the document contains an empty queue.
///
/// # Errors
/// [`ExportError`]. If the store cannot be read, nothing was written.
pub fn export(folder: &StateFolder, out: &mut dyn Write) -> Result<(), ExportError> {
    let mut engine = engine(folder);
    let (queue, extra) =
        engine.view_with_extra().map_err(|error| ExportError::Store(in_folder(error, &folder.state_dir)))?;
    snapshot::write_export(out, queue, extra).map_err(ExportError::Write)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repair::temp_store::TempStore;

    #[test]
    fn an_export_is_the_queue_as_it_is_and_opens_elsewhere() {
        let temp = TempStore::with_journal(5);
        let mut document = Vec::new();
        export(&temp.folder(), &mut document).expect("a readable store");
        let other = TempStore::new();
        other.write(crate::layout::SNAPSHOT, &document);
        assert_eq!(other.items(), temp.items());
        let mut again = Vec::new();
        export(&other.folder(), &mut again).expect("a readable store");
        assert_eq!(again, document);
    }

    #[test]
    fn a_queue_that_is_not_there_is_empty() {
        let mut document = Vec::new();
        let temp = TempStore::new();
        export(&temp.folder(), &mut document).expect("nothing to read");
        let value: serde_json::Value = serde_json::from_slice(&document).expect("a document");
        assert_eq!(value, serde_json::json!({ "version": "1.0.0", "items": [] }));
        assert!(!temp.folder().state_dir.exists());
    }
}
