//! Workflows: what is to be done with a file, in phases and steps.
//!
//! # Theory of operation
//!
//! A workflow file is YAML. It is read into a tree whose every node knows its place, the tree into the types of
//! [`definition`], and these are checked against what else is known: the other parts of the file, the runners of the
//! project, the task files. Each stage collects what is wrong instead of stopping at the first fault, and says it as
//! data: a place, a severity, words.
//!
//! What passed is executed by a [`WorkflowOrchestrator`] on the files of a queue, or by a [`TaskOrchestrator`] on one file.
//! [`execution`] decides from what has happened which step comes next, and writes down what happens, so that a later attempt
//! goes on where an earlier one ended; its [`StepRunner`](execution::StepRunner) is the seam to whatever runs a process.
//!
//! # Deliberately absent
//!
//! Rules of the queue, and how a process is started and watched.

pub mod catalogue;
pub mod definition;
pub mod execution;
pub mod expression;
pub mod runners;
pub mod task;

mod check;
mod nearest;
mod orchestrator;
mod problem;
mod read;
mod schema;
mod tree;

pub use catalogue::{Catalogue, DEFAULT_WORKFLOW, FindError, Listed, WorkflowFile};
pub use execution::ProgressReport;
pub use orchestrator::{TaskOrchestrator, WorkflowOrchestrator};
pub use problem::{Problem, Severity};
pub use read::{MAX_FILE_BYTES, Reading, read};
