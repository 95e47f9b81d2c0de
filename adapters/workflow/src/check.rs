//! Checks a workflow, first alone and then against its project.
//!
//! Expressions may refer only to earlier phases. The transitions determine a topological order of
//! the phases. The order in the file breaks ties. An earlier phase may be on another branch and may
//! not run.

mod code;
mod flow;
mod ids;
mod ignored;
mod names;
mod project;

use crate::definition::Workflow;
use crate::problem::Problems;

pub(crate) use flow::{Successors, phase_order, successors_of};
pub(crate) use project::check_project;

pub(crate) fn check_workflow(workflow: &Workflow, problems: &mut Problems) {
    if !workflow.phases.is_empty() && workflow.phases.iter().all(|phase| phase.steps.is_empty()) {
        problems.error(workflow.position, "no phase has a step, so the workflow does nothing");
    }
    ids::check(workflow, problems);
    let order = flow::check(workflow, problems);
    names::check(workflow, &order, problems);
    code::check(workflow, problems);
    ignored::check(workflow, problems);
}
