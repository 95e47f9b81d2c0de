//! The content of a workflow file as plain values.
//!
//! Conditions and texts with `${…}` are not evaluated here.
#![allow(missing_docs, reason = "the JSON Schema describes the keys")]

mod phase;
mod position;
mod step;
mod workflow;

pub(crate) use phase::{AfterFailure, CHECKPOINT_PASSED, ON_ERROR, ROLLBACK, is_returnable};
pub use phase::{Checkpoint, OnFail, Phase};
pub use position::{Located, Position};
pub use step::{Action, EnvironmentEntry, Rerun, Step, StepInput, StepOutput};
pub use workflow::{Activation, Input, InputType, Output, Resume, Transition, Workflow};
