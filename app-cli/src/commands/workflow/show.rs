//! `workflow show`

use crate::args::WorkflowFolderArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Shown;
use crate::view::WorkflowShown;

pub(super) fn show(word: &str, folder: &WorkflowFolderArgs, context: &Context) -> Result<(), CliError> {
    let catalogue = context.wiring.catalogue(folder.workflow_dir.as_deref());
    let file = catalogue.find(word, &context.cwd)?;
    let has_errors = file.has_errors();
    match file.workflow {
        Some(workflow) if !has_errors => {
            context.show(&WorkflowShown { base: context.cwd.clone(), path: file.path, workflow })
        }
        _ => {
            let path = file.path.strip_prefix(&context.cwd).unwrap_or(&file.path);
            Err(CliError::config(format!("{} has errors", Shown(path)))
                .with_hint(format!("`autoproc workflow check {}` tells them", Shown(path))))
        }
    }
}
