//! Writes files that the user names.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use autoproc_system::{Replacement, replace, replace_durably};

use crate::context::Context;
use crate::error::CliError;
use crate::escape::Shown;
use crate::exit_code::ExitCode;
use crate::paths::absolute;

pub(crate) struct FileKind {
    /// Every file of this kind begins with this text, which identifies the kind.
    pub(crate) beginning: &'static str,
    /// The name of the kind in an error, for instance `page of X`.
    pub(crate) name: &'static str,
}

/// A file that a command writes. An existing file is replaced atomically.
#[derive(Debug)]
pub(crate) struct TargetFile {
    path: PathBuf,
}

impl TargetFile {
    /// Checks that a command may write this kind of file to `path`.
    ///
    /// # Errors
    /// [`CliError`] if the path names one of autoproc's own files, or something that is neither a
    /// regular file nor a link; if its folder is missing; or if the path cannot be examined.
    /// Without `may_replace`, also if the path names a link, or a non-empty file of another kind.
    pub(crate) fn checked(
        path: &Path,
        kind: &FileKind,
        may_replace: bool,
        context: &Context,
    ) -> Result<Self, CliError> {
        let absolute = absolute(&context.cwd, path).map_err(|error| CliError::no_path(path, error))?;
        let (target, shown) = (Self { path: absolute.as_path().to_owned() }, Shown(path));
        let refused = |problem: &str| CliError::new(ExitCode::CannotWrite, format!("{shown} {problem}"));
        if context.project.is_own(&target.path) {
            return Err(refused("belongs to the queue").with_hint("name another file"));
        }
        match target.path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => target.with_folder(path),
            Err(error) => Err(CliError::cannot_write(path, &error)),
            Ok(found) if found.is_symlink() && !may_replace => {
                Err(refused("is a link").with_hint("name the file itself, or replace the link with --force"))
            }
            Ok(found) if !found.is_file() && !found.is_symlink() => {
                Err(refused("is not a file").with_hint("name a file, or `-` for standard output"))
            }
            Ok(found) if found.is_file() && found.len() > 0 && !may_replace && !target.is_of(kind) => {
                Err(refused(&format!("exists, and is not {}", kind.name))
                    .with_hint("name another file, or replace this one with --force"))
            }
            Ok(_) => Ok(target),
        }
    }

    fn with_folder(self, path: &Path) -> Result<Self, CliError> {
        match self.path.parent().map(Path::metadata) {
            Some(Ok(folder)) if folder.is_dir() && self.path.file_name().is_some() => Ok(self),
            _ => Err(CliError::new(ExitCode::CannotWrite, format!("the folder of {} does not exist", Shown(path)))
                .with_hint("create the folder first, or name another file")),
        }
    }

    fn is_of(&self, kind: &FileKind) -> bool {
        let (mut beginning, length) = (Vec::new(), kind.beginning.len() as u64);
        let read = File::open(&self.path).and_then(|file| file.take(length).read_to_end(&mut beginning));
        read.is_ok() && beginning == kind.beginning.as_bytes()
    }

    /// Writes the file. An existing file keeps its permissions.
    ///
    /// # Errors
    /// [`CliError`] if the file cannot be written. An existing file then stays unchanged.
    pub(crate) fn write(&self, content: &str) -> Result<(), CliError> {
        let written = match self.permissions() {
            Some(known) => replace_durably(&self.path, content.as_bytes(), Some(known)),
            None => replace(&self.path, content.as_bytes()),
        };
        written.map_err(|error| self.cannot_write(&error))
    }

    /// Writes the file with these permissions, regardless of the umask.
    ///
    /// # Errors
    /// The errors of [`TargetFile::write`].
    pub(crate) fn write_with(&self, content: &str, permissions: Permissions) -> Result<(), CliError> {
        let written = replace_durably(&self.path, content.as_bytes(), Some(permissions));
        written.map_err(|error| self.cannot_write(&error))
    }

    /// Begins a replacement of the file.
    ///
    /// # Errors
    /// [`CliError`] if no file can be created in the folder.
    pub(crate) fn begin(&self) -> Result<Replacement, CliError> {
        Replacement::begin(&self.path).map_err(|error| self.cannot_write(&error))
    }

    /// Completes a replacement of the file. An existing file keeps its permissions.
    ///
    /// # Errors
    /// [`CliError`] if the file cannot be replaced. An existing file then stays unchanged.
    pub(crate) fn finish(&self, content: Replacement) -> Result<(), CliError> {
        content.finish(self.permissions()).map_err(|error| self.cannot_write(&error))
    }

    fn permissions(&self) -> Option<Permissions> {
        let known = fs::symlink_metadata(&self.path).ok().filter(fs::Metadata::is_file);
        known.map(|known| known.permissions())
    }

    pub(crate) fn cannot_write(&self, error: &io::Error) -> CliError {
        CliError::new(ExitCode::CannotWrite, format!("cannot write to {}: {error}", Shown(&self.path)))
    }
}
