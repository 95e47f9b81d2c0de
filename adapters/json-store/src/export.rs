//! The queue as it is now, as one document: for whoever wants to read the file while a run goes on.
//!
//! The document has the snapshot's format without its `store` section. That section names a journal and a generation,
//! which are true in one folder and at one moment only; without it the document opens in any folder, as one that a person
//! made. No lock is taken.

use std::io::{self, Write};

use autoproc_domain::ports::StorageError;

use crate::error::in_folder;
use crate::repair::{Site, engine};
use crate::snapshot;

/// Why the document is not there, or not all of it.
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

/// Writes the document; an empty queue where there is no store.
///
/// # Errors
/// [`ExportError`]; where the store cannot be read, nothing was written.
pub fn export(site: &Site, out: &mut dyn Write) -> Result<(), ExportError> {
    let mut engine = engine(site);
    let (queue, extra) = engine.view_whole().map_err(|error| ExportError::Store(in_folder(error, &site.state_dir)))?;
    snapshot::print(out, queue, extra).map_err(ExportError::Write)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repair::place::Place;

    #[test]
    fn an_export_is_the_queue_as_it_is_and_opens_elsewhere() {
        let place = Place::with_journal(5);
        let mut document = Vec::new();
        export(&place.site(), &mut document).expect("a store that can be read");
        let other = Place::new();
        other.write(crate::layout::SNAPSHOT, &document);
        assert_eq!(other.items(), place.items());
        let mut again = Vec::new();
        export(&other.site(), &mut again).expect("a store that can be read");
        assert_eq!(again, document);
    }

    #[test]
    fn a_queue_that_is_not_there_is_empty() {
        let mut document = Vec::new();
        let place = Place::new();
        export(&place.site(), &mut document).expect("nothing to read");
        let value: serde_json::Value = serde_json::from_slice(&document).expect("a document");
        assert_eq!(value, serde_json::json!({ "version": "1.0.0", "items": [] }));
        assert!(!place.site().state_dir.exists());
    }
}
