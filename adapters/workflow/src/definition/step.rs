use std::time::Duration;

use serde_json::Value;

use super::{Located, Position};

/// One step of a phase: one process per try.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Unique in the workflow. Derived from the phase's id and the step's number unless given.
    pub id: String,
    pub has_own_id: bool,
    /// The step is skipped unless this holds.
    pub condition: Option<Located<String>>,
    pub action: Action,
    pub inputs: Vec<StepInput>,
    /// Never zero. If `None`, only the timeout of the attempt applies.
    pub timeout: Option<Duration>,
    /// The number of further tries within an attempt.
    pub retries: u32,
    pub env: Vec<EnvironmentEntry>,
    /// The working directory, relative to the project folder; may hold `${…}`.
    pub workdir: Option<Located<String>>,
    pub output: StepOutput,
    pub rerun: Rerun,
    pub position: Position,
}

/// What a step executes. The texts may hold `${…}`, except for the names of commands and tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A program and its arguments, without a shell; never empty.
    Run(Vec<Located<String>>),
    /// A string for `sh -c`, in which values are quoted.
    Shell(Located<String>),
    /// A command from the table of runners.
    Command(Located<String>),
    /// A task file or a task's bare name, for the runner of tasks.
    Task(Located<String>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct StepInput {
    pub name: String,
    /// Every text in it, at any depth, may hold `${…}`.
    pub value: Value,
    pub position: Position,
}

/// An environment variable of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentEntry {
    /// Not empty, without `=` and NUL.
    pub name: String,
    /// May hold `${…}`.
    pub value: Located<String>,
}

/// Where a step returns its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StepOutput {
    /// In the file that `AUTOPROC_OUTPUT` names.
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
