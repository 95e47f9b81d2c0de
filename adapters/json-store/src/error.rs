//! Converting system errors to errors that name the caller's next move.

use std::io;
use std::path::Path;

use autoproc_domain::ports::StorageError;

/// Converts an error of a call that writes. `place` is the name of the file.
pub(crate) fn classify(place: &str) -> impl FnOnce(io::Error) -> StorageError + '_ {
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StorageError::Full(source)
        }
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::AlreadyExists
        | io::ErrorKind::Unsupported => StorageError::NotWritable { place: place.to_owned(), source },
        _ if place.is_empty() => StorageError::Io { action: "cannot write".into(), source },
        _ => StorageError::Io { action: format!("cannot write {place}"), source },
    }
}

/// Converts an error of a call that reads.
pub(crate) fn unreadable(place: &str) -> impl FnOnce(io::Error) -> StorageError + '_ {
    move |source| StorageError::Io { action: format!("cannot read {place}"), source }
}

pub(crate) fn damaged(place: &str, detail: impl Into<String>) -> StorageError {
    StorageError::Damaged { place: place.to_owned(), detail: detail.into() }
}

/// The same error with the folder's name before the file's, which identifies the queue for a person.
pub(crate) fn in_folder(error: StorageError, folder: &Path) -> StorageError {
    let locate = |place: String| folder.join(place).display().to_string();
    match error {
        StorageError::NotWritable { place, source } => StorageError::NotWritable { place: locate(place), source },
        StorageError::Damaged { place, detail } => StorageError::Damaged { place: locate(place), detail },
        StorageError::Unsupported { place, found, known } => {
            StorageError::Unsupported { place: locate(place), found, known }
        }
        StorageError::Io { action, source } => {
            StorageError::Io { action: format!("{action} in {}", folder.display()), source }
        }
        other => other,
    }
}

/// A copy of an error, for each of the callers whose transactions shared one write.
pub(crate) fn replicate(error: &StorageError) -> StorageError {
    let again = |source: &io::Error| io::Error::new(source.kind(), source.to_string());
    match error {
        StorageError::Rejected(rejection) => StorageError::Rejected(rejection.clone()),
        StorageError::Busy { holder } => StorageError::Busy { holder: holder.clone() },
        StorageError::Full(source) => StorageError::Full(again(source)),
        StorageError::NotWritable { place, source } => {
            StorageError::NotWritable { place: place.clone(), source: again(source) }
        }
        StorageError::Damaged { place, detail } => damaged(place, detail.clone()),
        StorageError::Unsupported { place, found, known } => {
            StorageError::Unsupported { place: place.clone(), found: found.clone(), known: known.clone() }
        }
        StorageError::Io { action, source } => StorageError::Io { action: action.clone(), source: again(source) },
        _ => StorageError::Poisoned,
    }
}
