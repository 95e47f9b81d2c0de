//! Validated forms of what was typed: whatever is in them makes sense, as far as can be known without touching the queue.

mod add;
mod item_word;
mod log;
mod run;
mod workflow;

use std::path::{Path, PathBuf};

use autoproc_domain::FilePath;
use autoproc_domain::request::{Selection, Selector};

use crate::args::ChoiceWord;
use crate::error::CliError;
use crate::wiring::Choice;

pub(crate) use add::AddRequest;
pub(crate) use item_word::ItemWord;
pub(crate) use log::LogRequest;
pub(crate) use run::{CommandTemplate, KeepOutput, Room, RunRequest};
pub(crate) use workflow::{SingleExecution, WorkflowChoice};

/// The way to mend the queue that a person names.
pub(crate) fn choice(word: ChoiceWord) -> Choice {
    match word {
        ChoiceWord::Truncate => Choice::Truncate,
        ChoiceWord::Salvage => Choice::Salvage,
        ChoiceWord::UseSnapshot => Choice::UseSnapshot,
    }
}

/// The file a person names.
pub(crate) fn file(cwd: &Path, path: &Path) -> Result<FilePath, CliError> {
    FilePath::resolve(cwd, path).map_err(|error| CliError::no_path(path, error))
}

/// The files a person names.
pub(crate) fn selectors(cwd: &Path, paths: &[PathBuf]) -> Result<Vec<Selector>, CliError> {
    paths.iter().map(|path| file(cwd, path).map(Selector::Path)).collect()
}

/// The files a person names; every failed one where none is named.
pub(crate) fn failed_files(cwd: &Path, paths: &[PathBuf]) -> Result<Selection, CliError> {
    if paths.is_empty() { Ok(Selection::AllFailed) } else { selectors(cwd, paths).map(Selection::These) }
}
