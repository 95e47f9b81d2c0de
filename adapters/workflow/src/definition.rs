//! What a workflow file says, understood: plain values, in the order of the file.
//!
//! # Theory of operation
//!
//! These types say what is to be done and nothing about how the file spelt it: a phase with a single `task` has one step,
//! a step without an `id` has one made of its place. Texts that may hold `${…}` and conditions are kept as written, with
//! their place, and are evaluated when their turn comes.
//!
//! # Deliberately absent
//!
//! Any state of an execution, and any evaluation.

mod phase;
mod position;
mod step;
mod workflow;

pub use phase::{AfterFailure, CHECKPOINT_PASSED, Checkpoint, OnFail, Phase};
pub use position::{Located, Position};
pub use step::{Action, EnvironmentEntry, Rerun, Step, StepInput, StepOutput};
pub use workflow::{Input, InputType, OnError, Output, Transition, Workflow};
