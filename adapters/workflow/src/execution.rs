//! Executes workflows, one execution per file.
//!
//! # Theory of operation
//!
//! An execution is a list of events. Its state, [`ExecutionState`], is computed from the events.
//! The function `decide` computes the next event or step from the workflow and the state. The
//! executor of an attempt calls `decide`, records the event or runs the step, and repeats.
//!
//! A journal stores the events. A finished step is durable before the next step of a phase or of
//! the rollback begins. So a later attempt can resume the execution, even after a crash. A journal
//! is a file. If several machines share the queue, it is in a shared store instead
//! ([`SharedJournals`]).
//!
//! # Deliberately absent
//!
//! This module does not run processes; [`StepRunner`] does. It does not retry files; the queue
//! does. The steps of an execution never run concurrently.

mod activation;
mod aftermath;
mod begin;
mod build_error;
mod copying;
mod decide;
mod document;
mod engine;
mod error;
mod event;
mod event_log;
mod executor;
mod expected;
mod folder;
mod inputs;
mod journal;
mod latest_state;
mod missing_values;
mod needs;
mod outputs;
mod plan;
mod preview;
mod process;
mod program;
mod progress;
mod recording;
mod rendering;
mod resumption;
mod runner;
mod scope;
mod scratch;
mod shared;
mod state;
mod used_names;
mod values;
mod variables;

pub use activation::ActivationVerdict;
pub use copying::CopiedJournal;
pub use engine::{Equipment, WorkflowRun};
pub use error::ExecutionError;
pub use expected::ExpectedValue;
pub use folder::Executions;
pub use inputs::{InputError, Inputs};
pub use outputs::LocatedOutput;
pub use plan::Plan;
pub use preview::{Forecast, PreviewedStep, StoredExecution, preview, resumable};
pub use program::Programs;
pub use progress::ProgressReport;
pub use runner::{StepEnd, StepProcess, StepRunner};
pub use shared::{Place, SharedJournal, SharedJournals};
pub use state::{ExecutionState, ExecutionStatus};

pub(crate) use begin::begin;
pub(crate) use decide::{Decision, decide};
pub(crate) use engine::Engine;
pub(crate) use event::{AttemptIds, Event, EventKind, StepName, Subject, Values};
pub(crate) use plan::{conditions_of, names_used};
pub(crate) use scope::{extend, file_scope};
pub(crate) use values::is_value_name;

#[cfg(test)]
pub(crate) use {
    decide::{Answers, Question},
    event::Failure,
    state::{StepRecord, StepStatus},
    values::parse_values,
};
