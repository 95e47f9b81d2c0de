//! Errors for users, with a hint and an exit code.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use autoproc_domain::path::InvalidPath;
use autoproc_domain::ports::{Cause, StopSignalError, StorageError};
use autoproc_domain::rejection::Rejection;
use autoproc_domain::run::ProcessorError;

use crate::escape::{Printable, Shown};
use crate::exit_code::ExitCode;
use crate::path_map::NoName;
use crate::view::quoting::quoted_path;

const OTHER_PLACE: &str =
    "check what is at this path, and its permissions, or choose another folder with --project-dir";

/// The hint if the disk of the queue has no reliable locks and syncs.
pub(crate) const LOCAL_PLACE: &str =
    "keep the queue on a local disk (--project-dir), or take the risk with --allow-network-fs";

const FREE_SPACE: &str = "free space on the disk, then try again";

const NO_CURRENT_FOLDER: &str = "the current folder no longer exists";

const MAX_SHOWN: usize = 80;

#[derive(Debug)]
pub(crate) struct CliError {
    code: ExitCode,
    message: String,
    hint: Option<String>,
}

impl CliError {
    pub(crate) fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, message)
    }

    /// Creates an error about an argument that is not a valid path.
    pub(crate) fn no_path(word: &Path, error: InvalidPath) -> Self {
        let text = word.to_string_lossy();
        let cut = text.char_indices().nth(MAX_SHOWN).map(|(end, _)| &text[..end]);
        match (cut, error) {
            (_, InvalidPath::Empty) => Self::usage(error.to_string()),
            // The path is still relative after it was resolved, so the current folder no longer
            // exists.
            (_, InvalidPath::Relative) => Self::usage(format!("{}: {NO_CURRENT_FOLDER}", Shown(word)))
                .with_hint("give the absolute path, or change to another folder"),
            (Some(beginning), _) => Self::usage(format!("{}…: {error}", Printable(beginning))),
            (None, _) => Self::usage(format!("{}: {error}", Shown(word))),
        }
    }

    /// Creates an error from an I/O error. `action` is, for instance, "cannot read a.txt".
    pub(crate) fn io(action: impl Into<String>, source: &io::Error) -> Self {
        Self::new(ExitCode::Io, format!("{}: {source}", action.into()))
    }

    pub(crate) fn cannot_write(place: &Path, source: &io::Error) -> Self {
        Self::new(ExitCode::CannotWrite, format!("cannot write to {}: {source}", Shown(place)))
            .with_hint_unless_full(OTHER_PLACE, source)
    }

    pub(crate) fn try_again(message: impl Into<String>) -> Self {
        Self::new(ExitCode::TryAgain, message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Internal, message)
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Config, message)
    }

    /// Creates an error about an unusable project folder. `said_by` is the option or variable that
    /// names the folder.
    pub(crate) fn no_project(folder: &Path, said_by: &str) -> Self {
        Self::new(ExitCode::CannotWrite, format!("{} is not a folder (given by {said_by})", Shown(folder)))
            .with_hint("create it first, or name another one")
    }

    /// Creates an error for a removed current folder, if no project folder is named.
    pub(crate) fn no_current_folder() -> Self {
        Self::new(ExitCode::CannotWrite, NO_CURRENT_FOLDER)
            .with_hint("name the project folder with --project-dir, or change to another folder")
    }

    /// Creates an error about a queue whose file or folder `part` is under another user's control.
    pub(crate) fn foreign_project(root: &Path, part: &Path, why: &str) -> Self {
        let error = format!("the queue of {} is refused: {} {why}", Shown(root), Shown(part));
        Self::new(ExitCode::CannotWrite, error).with_hint(format!(
            "use it with `--project-dir {}` if you trust these users, or use a queue of your own with `--project-dir FOLDER`",
            quoted_path(root)
        ))
    }

    /// Adds a hint, or the hint to free space if the disk or the quota is full.
    #[must_use]
    pub(crate) fn with_hint_unless_full(self, hint: &str, source: &io::Error) -> Self {
        let is_full = matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        self.with_hint(if is_full { FREE_SPACE } else { hint })
    }

    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// Joins an error and its sources in one line.
pub(crate) fn in_one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !line.contains(&text) {
            let _ = write!(line, ": {text}");
        }
        source = cause.source();
    }
    Printable(&line).to_string()
}

impl From<StorageError> for CliError {
    fn from(error: StorageError) -> Self {
        if let StorageError::Rejected(rejection) = error {
            return rejection.into();
        }
        let (code, hint) = storage_advice(&error);
        let reported = Self::new(code, in_one_line(&error));
        match hint {
            Some(hint) => reported.with_hint(hint),
            None => reported,
        }
    }
}

fn storage_advice(error: &StorageError) -> (ExitCode, Option<&'static str>) {
    match error {
        StorageError::Rejected(_) => (ExitCode::Usage, None),
        StorageError::Busy { .. } => {
            (ExitCode::TryAgain, Some("try again once that process has ended, or wait longer with --lock-timeout"))
        }
        StorageError::Unreachable { .. } => {
            (ExitCode::TryAgain, Some("try again once the server accepts connections, and check the address"))
        }
        StorageError::LeaseLost { .. } => {
            (ExitCode::TryAgain, Some("start a new run; the files are pending, or another run has claimed them"))
        }
        StorageError::Full(_) => (ExitCode::TryAgain, Some(FREE_SPACE)),
        StorageError::NotWritable { source, .. } if has_kind(source, io::ErrorKind::Unsupported) => {
            (ExitCode::CannotWrite, Some(LOCAL_PLACE))
        }
        // An error of a database tells the user what to do next, so it needs no hint.
        StorageError::NotWritable { source, .. } if !source.is::<io::Error>() => (ExitCode::CannotWrite, None),
        StorageError::NotWritable { .. } => (ExitCode::CannotWrite, Some(OTHER_PLACE)),
        StorageError::Damaged { .. } => {
            (ExitCode::Damaged, Some("nothing was changed; `autoproc queue repair` lists the possible repairs"))
        }
        StorageError::Unsupported { .. } => {
            (ExitCode::Config, Some("nothing was changed; use the version of autoproc that wrote it"))
        }
        StorageError::Failed { source, .. } if source.is::<NoName>() => {
            (ExitCode::Usage, Some("name the file by its path on this machine, or change the rules of --map"))
        }
        StorageError::Failed { source, .. } if has_kind(source, io::ErrorKind::NotADirectory) => {
            (ExitCode::CannotWrite, Some(OTHER_PLACE))
        }
        StorageError::Failed { .. } => (ExitCode::Io, None),
        _ => (ExitCode::Internal, None),
    }
}

fn has_kind(cause: &Cause, kind: io::ErrorKind) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == kind)
}

impl From<Rejection> for CliError {
    fn from(rejection: Rejection) -> Self {
        let error = Self::usage(in_one_line(&rejection));
        match rejection {
            Rejection::NotQueued(_) => error.with_hint("`autoproc queue list` lists the files in the queue"),
            Rejection::Processing(_) => {
                error.with_hint("`autoproc stop --now` makes the file pending again; if its run has died, `autoproc queue recover` does so, or explains why not")
            }
            Rejection::NotFailed { .. } => {
                error.with_hint("`autoproc queue list --status failed,timeout` lists the failed files")
            }
            Rejection::Ended { .. } => error.with_hint("`autoproc queue add --again` queues it again"),
            _ => error,
        }
    }
}

impl From<ProcessorError> for CliError {
    fn from(error: ProcessorError) -> Self {
        match error {
            ProcessorError::StillStopping { .. } => Self::new(ExitCode::TryAgain, in_one_line(&error))
                .with_hint("try again when they have ended; `autoproc status` shows them"),
            ProcessorError::Storage(error) => error.into(),
            ProcessorError::StopSignal(error) => error.into(),
            ProcessorError::Orchestrator(_) => {
                Self::new(ExitCode::Io, in_one_line(&error)).with_hint("the next run recovers the file")
            }
            _ => Self::internal(in_one_line(&error)),
        }
    }
}

impl From<StopSignalError> for CliError {
    fn from(error: StopSignalError) -> Self {
        Self::new(ExitCode::CannotWrite, in_one_line(&error)).with_hint("remove the file STOP-AUTONOMOUS by hand")
    }
}

impl From<InvalidPath> for CliError {
    fn from(error: InvalidPath) -> Self {
        Self::usage(in_one_line(&error))
    }
}

#[cfg(test)]
mod tests {
    use autoproc_domain::RunId;

    use super::*;

    #[test]
    fn an_error_is_one_line_with_its_sources() {
        let source = io::Error::other("the disk\nis on fire");
        let error = CliError::from(StorageError::Failed { action: "cannot append".into(), source: source.into() });
        assert_eq!(error.message(), "cannot append: the disk\\nis on fire");
        assert_eq!(error.exit_code(), ExitCode::Io);
    }

    #[test]
    fn a_full_disk_is_not_a_matter_of_permissions() {
        let hint = |code| {
            let error = CliError::cannot_write(Path::new("x"), &io::Error::from_raw_os_error(code));
            error.hint().expect("a hint").to_owned()
        };
        assert_eq!([28, 122, 13].map(hint), [FREE_SPACE, FREE_SPACE, OTHER_PLACE]);
    }

    #[test]
    fn every_storage_error_has_its_exit_code() {
        let full = || Cause::from(io::Error::from(io::ErrorKind::StorageFull));
        let cases = [
            (StorageError::Busy { holder: "process 7".into() }, ExitCode::TryAgain),
            (StorageError::Full(full()), ExitCode::TryAgain),
            (StorageError::NotWritable { place: "x".into(), source: full() }, ExitCode::CannotWrite),
            (StorageError::Damaged { place: "x".into(), detail: "y".into() }, ExitCode::Damaged),
            (StorageError::Unsupported { place: "x".into(), found: "9".into(), known: "1".into() }, ExitCode::Config),
            (StorageError::Unreachable { place: "x".into(), source: full() }, ExitCode::TryAgain),
            (StorageError::LeaseLost { run: RunId::new("x") }, ExitCode::TryAgain),
            (StorageError::Failed { action: "x".into(), source: full() }, ExitCode::Io),
        ];
        for (error, code) in cases {
            assert_eq!(CliError::from(error).exit_code(), code);
        }
    }
}
