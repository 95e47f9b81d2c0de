use std::time::Duration;

use serde_json::Value;

use super::{Located, Position};

/// A step of a phase. Each try of the step is one process.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The id of the step, unique in the workflow. The default is derived from the phase's id and
    /// the step's number.
    pub id: String,
    pub has_own_id: bool,
    pub name: Option<String>,
    pub description: Option<String>,
    /// If this condition does not hold, the step is skipped.
    pub condition: Option<Located<String>>,
    pub action: Action,
    pub inputs: Vec<StepInput>,
    /// The parameters for the runner: the key `agent` of the section `execute`, and all keys of
    /// this section that autoproc does not know.
    pub params: Vec<StepInput>,
    /// The time limit of a try, never zero. If `None`, only the timeout of the attempt applies.
    pub timeout: Option<Duration>,
    /// The maximum number of tries after the first one, within one attempt.
    pub retries: u32,
    pub env: Vec<EnvironmentEntry>,
    /// The working directory, absolute or relative to the project folder; may contain `${…}`. The
    /// default is the project folder.
    pub workdir: Option<Located<String>>,
    pub output: StepOutput,
    pub rerun: Rerun,
    pub position: Position,
}

impl Step {
    pub(crate) fn needs_runner(&self) -> bool {
        matches!(self.action, Action::Command(_) | Action::Task(_))
    }
}

/// The action of a step. `${…}` is evaluated in programs, arguments and shell commands, but not in
/// the names of commands and tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A program and its arguments, without a shell. Empty only if the step is invalid.
    Run(Vec<Located<String>>),
    /// A command for `sh -c`. Each `${…}` becomes a quoted reference to a variable.
    Shell(Located<String>),
    /// The name of a command in the project's table of runners.
    Command(Located<String>),
    /// The path of a task file, or the name of a task.
    Task(Located<String>),
}

/// An input or a parameter of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepInput {
    pub name: String,
    /// The value as written in the file. Texts at any depth may contain `${…}`.
    pub value: Value,
    pub position: Position,
}

/// An environment variable of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentEntry {
    /// The name of the variable. It is not empty and contains neither `=` nor NUL.
    pub name: String,
    /// The value of the variable; may contain `${…}`.
    pub value: Located<String>,
}

/// How a step returns its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StepOutput {
    /// The step writes its values to the file at `AUTOPROC_OUTPUT`.
    #[default]
    File,
    /// The step prints its values as one JSON object. Values in the file at `AUTOPROC_OUTPUT` take
    /// precedence.
    Json,
}

/// Whether a finished step runs again when a later attempt resumes the execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rerun {
    #[default]
    Never,
    Always,
}
