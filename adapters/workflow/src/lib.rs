//! Processes files with workflows, which consist of phases and steps.
//!
//! # Theory of operation
//!
//! A workflow file is YAML. It is parsed into a tree of nodes with positions, and the tree is read
//! into the types of [`definition`]. The resulting workflow is checked for consistency, then
//! against the project's runners and task files. Reading and checking collect all problems, with
//! position and severity. Reading ends at the first problem only if the file is too large, is not
//! valid YAML, or has no key `workflow`.
//!
//! A [`WorkflowOrchestrator`] executes a checked workflow on the files of a queue; a
//! [`TaskOrchestrator`] executes it on one file. [`execution`] derives the next step from the past
//! events and can journal every event, so that a later attempt resumes where an earlier one ended.
//! A [`StepRunner`](execution::StepRunner) runs the processes.
//!
//! # Deliberately absent
//!
//! This crate does not implement the rules of the queue, and does not start or supervise processes.

pub mod definition;
pub mod execution;
pub mod runners;

mod catalogue;
mod check;
mod expression;
mod nearest;
mod orchestrator;
mod problem;
mod read;
mod schema;
mod stand_in;
mod task;
mod tree;

#[cfg(test)]
mod tests;

pub use catalogue::{Catalogue, DEFAULT_WORKFLOW, FindError, Listed, WorkflowFile};
pub use execution::ProgressReport;
pub use orchestrator::{TaskOrchestrator, WorkflowOrchestrator};
pub use problem::{Problem, Severity};
pub use stand_in::{StandInError, StandIns, add_stand_ins};
