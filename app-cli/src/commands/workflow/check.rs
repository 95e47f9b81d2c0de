//! `workflow check`

use crate::args::WorkflowFolderArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::view::{CheckedFile, WorkflowsChecked};
use crate::wiring::FindError;

pub(super) fn check(words: &[String], folder: &WorkflowFolderArgs, context: &Context) -> Result<ExitCode, CliError> {
    let catalogue = context.wiring.catalogue(folder.workflow_dir.as_deref());
    let mut files = Vec::new();
    for word in words {
        files.push(match catalogue.find(word, &context.cwd) {
            Ok(file) => CheckedFile::Read(Box::new(file)),
            Err(error @ FindError::Runners(_)) => return Err(error.into()),
            Err(error) => CheckedFile::Unreadable { word: word.clone(), error: error.to_string() },
        });
    }
    let checked = WorkflowsChecked { base: context.cwd.clone(), files };
    context.show(&checked)?;
    Ok(checked.exit_code())
}
