//! Steps: each becomes one process.

use std::time::Duration;

use serde_json::Value;

use super::{Located, Position};

/// One step of a phase.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The id, no two in a workflow alike: the given one, else the phase's id, `_`, and the step's number from 1.
    pub id: String,
    /// Whether the file gives the id.
    pub has_own_id: bool,
    /// The step runs only where this condition holds; it is evaluated when the step's turn comes.
    pub condition: Option<Located<String>>,
    /// What becomes a process.
    pub action: Action,
    /// The named inputs, in the order of the file.
    pub inputs: Vec<StepInput>,
    /// How long the step may take; none where only the attempt is bounded. Never zero.
    pub timeout: Option<Duration>,
    /// How often a failed step is tried again within the attempt.
    pub retries: u32,
    /// Additions to the environment; the values may hold `${…}`.
    pub env: Vec<EnvironmentEntry>,
    /// The folder the process starts in; may hold `${…}`. A relative one is meant from the project folder.
    pub workdir: Option<Located<String>>,
    /// Where the values are that the step returns.
    pub output: StepOutput,
    /// Whether a finished step runs again when its file is retried.
    pub rerun: Rerun,
    /// Where the step begins.
    pub position: Position,
}

/// What a step executes. The texts may hold `${…}`, but for the names of commands and tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A program and its arguments, with no shell between; never empty.
    Run(Vec<Located<String>>),
    /// A string for `sh -c`. Values reach it quoted.
    Shell(Located<String>),
    /// The name of a command, which the project's table of runners turns into a program.
    Command(Located<String>),
    /// A task file (or a task's bare name), which the project's runner of tasks carries out.
    Task(Located<String>),
}

/// One named input of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepInput {
    /// Its name.
    pub name: String,
    /// Its value; every text in it, at any depth, may hold `${…}`.
    pub value: Value,
    /// Where the value stands.
    pub position: Position,
}

/// One addition to a step's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentEntry {
    /// The name of the variable: neither empty nor with `=` or NUL in it.
    pub name: String,
    /// Its value, which may hold `${…}`.
    pub value: Located<String>,
}

/// Where a step's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StepOutput {
    /// In the file named by `AUTOPROC_OUTPUT`.
    #[default]
    File,
    /// On its standard output, which is one JSON object; the file counts too.
    Json,
}

/// When a step that has finished runs again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rerun {
    /// Never in the same execution.
    #[default]
    Never,
    /// Whenever its file is tried again.
    Always,
}
