//! What one part of a workflow says of another, and of what is around it.
//!
//! # Theory of operation
//!
//! [`within`] looks at a workflow alone: ids, the ways between phases, the names in expressions, values that may become code,
//! words without a meaning.
//! [`around`] looks at what it needs of its project: runners and task files. What would fail whenever it is executed is
//! an error, what may be all right by then is a warning, what is kept and of no effect is a note. Nothing is passed over
//! in silence.
//!
//! The phases' order in time is the topological order of all the ways there may be between them, the order of the file
//! where it leaves a choice. A reference backwards in it is accepted although the phase may be on another branch: what it
//! returned is asked for when it is needed.

mod around;
mod code;
mod flow;
mod ids;
mod meaning;
mod names;

use crate::definition::Workflow;
use crate::problem::Problems;

pub(crate) use around::around;

/// Looks at a workflow alone.
pub(crate) fn within(workflow: &Workflow, problems: &mut Problems) {
    ids::check(workflow, problems);
    let order = flow::check(workflow, problems);
    names::check(workflow, &order, problems);
    code::check(workflow, problems);
    meaning::check(workflow, problems);
}
