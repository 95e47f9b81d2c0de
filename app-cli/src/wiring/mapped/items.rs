//! Translates the paths in items and selectors.

use autoproc_domain::FilePath;
use autoproc_domain::ports::StorageError;
use autoproc_domain::request::Selector;

use crate::path_map::PathMap;

/// Maps a stored path to the path on this machine, if possible.
pub(super) fn to_here(stored: FilePath, map: &PathMap) -> FilePath {
    map.to_here(&stored).unwrap_or(stored)
}

pub(super) fn named(here: &FilePath, map: &PathMap) -> Result<FilePath, StorageError> {
    map.to_stored(here).map_err(|error| StorageError::Failed {
        action: "the file cannot be named".to_owned(),
        source: Box::new(error),
    })
}

pub(super) fn selector(which: Selector, map: &PathMap) -> Result<Selector, StorageError> {
    match which {
        Selector::Path(path) => named(&path, map).map(Selector::Path),
        Selector::Id(id) => Ok(Selector::Id(id)),
    }
}

pub(super) fn selectors(which: Vec<Selector>, map: &PathMap) -> Result<Vec<Selector>, StorageError> {
    which.into_iter().map(|which| selector(which, map)).collect()
}
