//! Converts I/O errors to [`StorageError`]s.

use std::io;
use std::path::Path;

use autoproc_domain::ports::{Cause, StorageError};

/// Converts the error of a write. The `place` is a file name, or empty for the state folder.
pub(crate) fn classify(place: &str) -> impl FnOnce(io::Error) -> StorageError + '_ {
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StorageError::Full(source.into())
        }
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::AlreadyExists
        | io::ErrorKind::Unsupported => StorageError::NotWritable { place: place.to_owned(), source: source.into() },
        _ if place.is_empty() => failed("cannot write", source),
        _ => failed(format!("cannot write {place}"), source),
    }
}

pub(crate) fn unreadable(place: &str) -> impl FnOnce(io::Error) -> StorageError + '_ {
    move |source| failed(format!("cannot read {place}"), source)
}

pub(crate) fn failed(action: impl Into<String>, source: impl Into<Cause>) -> StorageError {
    StorageError::Failed { action: action.into(), source: source.into() }
}

pub(crate) fn poisoned() -> StorageError {
    failed("this process no longer changes the queue", "an earlier write failed and left the disk in an unknown state")
}

pub(crate) fn no_longer_there() -> StorageError {
    failed("the queue is no longer", "the folder was removed, renamed or replaced")
}

pub(crate) fn gone() -> StorageError {
    failed("this process can no longer use the queue", "an earlier call to the store panicked")
}

pub(crate) fn damaged(place: &str, detail: impl Into<String>) -> StorageError {
    StorageError::Damaged { place: place.to_owned(), detail: detail.into() }
}

/// Returns the text of a parse error without its position, for JSON that is only a part of a file
/// or differs from the text in the file.
pub(crate) fn without_position(error: &serde_json::Error) -> String {
    let (text, position) = (error.to_string(), format!(" at line {} column {}", error.line(), error.column()));
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}

/// Adds the path of the state folder to an error.
pub(crate) fn in_folder(error: StorageError, folder: &Path) -> StorageError {
    let locate = |place: String| folder.join(place).display().to_string();
    match error {
        StorageError::NotWritable { place, source } => StorageError::NotWritable { place: locate(place), source },
        StorageError::Damaged { place, detail } => StorageError::Damaged { place: locate(place), detail },
        StorageError::Unsupported { place, found, known } => {
            StorageError::Unsupported { place: locate(place), found, known }
        }
        StorageError::Failed { action, source } => failed(format!("{action} in {}", folder.display()), source),
        other => other,
    }
}

/// Copies the error of a failed write, once for each transaction in the write.
pub(crate) fn replicate(error: &StorageError) -> StorageError {
    match error {
        StorageError::Rejected(rejection) => StorageError::Rejected(rejection.clone()),
        StorageError::Busy { holder } => StorageError::Busy { holder: holder.clone() },
        StorageError::Full(source) => StorageError::Full(copy(source)),
        StorageError::NotWritable { place, source } => {
            StorageError::NotWritable { place: place.clone(), source: copy(source) }
        }
        StorageError::Damaged { place, detail } => damaged(place, detail.clone()),
        StorageError::Unsupported { place, found, known } => {
            StorageError::Unsupported { place: place.clone(), found: found.clone(), known: known.clone() }
        }
        StorageError::Failed { action, source } => failed(action.clone(), copy(source)),
        other => failed("the change failed", other.to_string()),
    }
}

/// Copies an error without the errors that caused it.
fn copy(source: &Cause) -> Cause {
    let text = source.to_string();
    match source.downcast_ref::<io::Error>() {
        Some(error) => io::Error::new(error.kind(), text).into(),
        None => text.into(),
    }
}
