//! Checks a workflow for consistency, alone and with its project.
//!
//! [`check_workflow`] checks a workflow alone; [`check_project`] checks the runners and task files
//! that it needs. A problem is an error if it fails every execution, a warning if it may be
//! resolved when the workflow runs, and a note if something is ignored.
//!
//! The phases are ordered topologically by all possible transitions; ties are broken by the order
//! in the file. A reference to an earlier phase is accepted even if that phase may be on another
//! branch.

mod code;
mod flow;
mod ids;
mod ignored;
mod names;
mod project;

use crate::definition::Workflow;
use crate::problem::Problems;

pub(crate) use project::check_project;

pub(crate) fn check_workflow(workflow: &Workflow, problems: &mut Problems) {
    ids::check(workflow, problems);
    let order = flow::check(workflow, problems);
    names::check(workflow, &order, problems);
    code::check(workflow, problems);
    ignored::check(workflow, problems);
}
