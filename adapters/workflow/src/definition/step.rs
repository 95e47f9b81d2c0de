use std::time::Duration;

use serde_json::Value;

use super::{Located, Position};

/// A step of a phase: one process per try.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The id of the step, unique in the workflow. If the file contains none, it is derived from
    /// the phase's id and the step's number.
    pub id: String,
    pub has_own_id: bool,
    /// The condition of the step: if it does not hold, the step is skipped.
    pub condition: Option<Located<String>>,
    pub action: Action,
    pub inputs: Vec<StepInput>,
    /// The time limit of a try, never zero. If `None`, only the timeout of the attempt applies.
    pub timeout: Option<Duration>,
    /// The number of further tries within an attempt.
    pub retries: u32,
    pub env: Vec<EnvironmentEntry>,
    /// The working directory, relative to the project folder; may contain `${…}`.
    pub workdir: Option<Located<String>>,
    pub output: StepOutput,
    pub rerun: Rerun,
    pub position: Position,
}

/// The action of a step. The texts may contain `${…}`, except for the names of commands and tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A program and its arguments, without a shell; never empty.
    Run(Vec<Located<String>>),
    /// A command for `sh -c`, in which values are quoted.
    Shell(Located<String>),
    /// A command from the table of runners.
    Command(Located<String>),
    /// A task file, or the name of a task, for the runner of tasks.
    Task(Located<String>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct StepInput {
    pub name: String,
    /// The value of the input. Every text in it, at any depth, may contain `${…}`.
    pub value: Value,
    pub position: Position,
}

/// An environment variable of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentEntry {
    /// The name of the variable: not empty, without `=` and NUL.
    pub name: String,
    /// The value of the variable; may contain `${…}`.
    pub value: Located<String>,
}

/// The place in which a step returns its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StepOutput {
    /// In the file whose path is in the variable `AUTOPROC_OUTPUT`.
    #[default]
    File,
    /// On standard output, as one JSON object, and in the file.
    Json,
}

/// Whether a finished step runs again when its file is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rerun {
    #[default]
    Never,
    Always,
}
