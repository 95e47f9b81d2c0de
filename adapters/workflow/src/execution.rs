//! Workflows carried out: one execution a file, step by step, each a process.
//!
//! # Theory of operation
//!
//! What happens is a list of events; the state is their fold ([`ExecutionState`]), and [`decide()`] says from the workflow
//! and the state what comes next. Both are pure. Around them an attempt walks: it asks, records the event that is the
//! answer or runs the step that is, and asks again. Every event stands in the execution's journal before it counts, and a
//! step that has finished is durable before the next one begins; so a later attempt takes the execution up where the last
//! one left it, whatever ended that.
//!
//! Conditions and `${…}` are evaluated when their turn comes, against the values that inputs and steps have given by then.
//!
//! # Deliberately absent
//!
//! How a process is run, which is a [`StepRunner`]'s; retries of the file, which are the queue's; steps at the same time.

mod answers;
mod chronicle;
mod decide;
mod document;
mod engine;
mod error;
mod event;
mod folder;
mod inputs;
mod journal;
mod plan;
mod preview;
mod process;
mod program;
mod rendering;
mod runner;
mod scratch;
mod state;
mod values;
mod walk;

pub use chronicle::{OnTrouble, Places};
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
pub use runner::{StepEnd, StepProcess, StepRunner};
pub use state::{ExecutionState, ExecutionStatus, Stage, StepOutputs, StepRecord, StepStatus};
pub use values::{MAX_VALUES_BYTES, parse_object, parse_values};

pub(crate) use engine::Engine;
pub(crate) use inputs::file_scope;
