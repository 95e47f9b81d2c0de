//! Processes files with workflows. A workflow consists of phases, and a phase of steps.
//!
//! # Theory of operation
//!
//! A workflow file is YAML. The YAML is parsed into a tree, and the tree is read into the types of
//! [`definition`]. Then the workflow is checked, also against the project's runners and task files.
//! All problems are collected, with position and severity.
//!
//! A [`WorkflowOrchestrator`] executes a checked workflow on the files of a queue. A
//! [`TaskOrchestrator`] executes a workflow on one file. [`execution`] derives the next step from
//! the past events. If the events are in a journal, a later attempt can resume the execution. A
//! [`StepRunner`](execution::StepRunner) runs the processes.
//!
//! # Deliberately absent
//!
//! This crate does not implement the rules of the queue, and does not start processes.

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
