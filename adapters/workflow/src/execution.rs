//! Workflows carried out: one execution a file, step by step, each a process.
//!
//! # Theory of operation
//!
//! What happens is a list of events; the state is their fold ([`ExecutionState`]), and [`decide()`] says from the workflow
//! and the state what comes next. Both are pure. The executor of an attempt asks, records the event or runs the step that
//! is the answer, and asks again. Every event stands in the journal of the execution before it is applied, and a finished
//! step is durable before the next one begins; so a later attempt resumes the execution where the last one ended, however
//! it ended.
//!
//! Conditions and `${…}` are evaluated when their turn comes, against the values that inputs and steps have given by then.
//!
//! # Deliberately absent
//!
//! How a process is run, which is a [`StepRunner`]'s; retries of the file, which are the queue's; steps at the same time.

mod answers;
mod begin;
mod decide;
mod document;
mod engine;
mod error;
mod event;
mod event_log;
mod executor;
mod folder;
mod inputs;
mod journal;
mod latest_state;
mod plan;
mod preview;
mod process;
mod program;
mod progress;
mod rendering;
mod runner;
mod scope;
mod scratch;
mod state;
mod values;

pub use decide::{Answers, Decision, Question, after_failed_step, decide};
pub use document::{Document, of as document_of};
pub use engine::{Equipment, WorkflowRun};
pub use error::ExecutionError;
pub use event::{Carrier, Event, EventKind, PhaseEnd, StepName, Subject, Then, Values};
pub use folder::Executions;
pub use inputs::{InputError, Inputs};
pub use plan::Plan;
pub use preview::{Foresight, PreviewedStep, preview, taken_up};
pub use program::Programs;
pub use progress::ProgressReport;
pub use runner::{StepEnd, StepProcess, StepRunner};
pub use state::{ExecutionState, ExecutionStatus, Stage, StepOutputs, StepRecord, StepStatus};
pub use values::{MAX_VALUES_BYTES, parse_object, parse_values};

pub(crate) use begin::begin;
pub(crate) use engine::Engine;
pub(crate) use scope::file_scope;
