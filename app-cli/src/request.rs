//! Validated forms of the arguments, as far as validation is possible without the queue.

mod add;
mod item_word;
mod log;
mod run;
mod workflow;

use std::path::{Path, PathBuf};

use autoproc_domain::FilePath;
use autoproc_domain::request::{Requeue, Selector};

use crate::args::ChoiceWord;
use crate::error::CliError;
use crate::wiring::RepairMethod;

pub(crate) use add::AddRequest;
pub(crate) use item_word::ItemWord;
pub(crate) use log::LogRequest;
pub(crate) use run::{CommandTemplate, KeepOutput, Room, RunRequest};
pub(crate) use workflow::{SingleExecution, WorkflowChoice};

/// The method of repair of an argument.
pub(crate) fn repair_method(word: ChoiceWord) -> RepairMethod {
    match word {
        ChoiceWord::Truncate => RepairMethod::Truncate,
        ChoiceWord::Salvage => RepairMethod::Salvage,
        ChoiceWord::UseSnapshot => RepairMethod::UseSnapshot,
    }
}

/// The file that an argument names.
pub(crate) fn file(cwd: &Path, path: &Path) -> Result<FilePath, CliError> {
    FilePath::resolve(cwd, path).map_err(|error| CliError::no_path(path, error))
}

pub(crate) fn selectors(cwd: &Path, paths: &[PathBuf]) -> Result<Vec<Selector>, CliError> {
    paths.iter().map(|path| file(cwd, path).map(Selector::Path)).collect()
}

/// These files, or every failed file if none is named.
pub(crate) fn failed_files(cwd: &Path, paths: &[PathBuf]) -> Result<Requeue, CliError> {
    if paths.is_empty() { Ok(Requeue::AllFailed) } else { selectors(cwd, paths).map(Requeue::These) }
}
