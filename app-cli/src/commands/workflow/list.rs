//! `workflow list`

use crate::args::WorkflowFolderArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::view::WorkflowsListed;

pub(super) fn list(folder: &WorkflowFolderArgs, context: &Context) -> Result<(), CliError> {
    let catalogue = context.wiring.catalogue(folder.workflow_dir.as_deref());
    let listed = WorkflowsListed { base: context.cwd.clone(), workflows: catalogue.list()? };
    if listed.workflows.is_empty() {
        context.remark("there are no workflows in core/workflows and engine/workflows; see --workflow-dir");
    }
    context.show(&listed)
}
