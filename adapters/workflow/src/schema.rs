//! The JSON Schema of workflow files, for editors that complete and check while somebody writes.
//!
//! These types say how a file is written; [`crate::definition`] says what it means. A test compares the keys and words
//! here with those the reader knows, and the schema with the one that is committed.
//!
//! # Deliberately absent
//!
//! What a schema cannot say: that ids are unique, that names are known, that ways lead somewhere.

#![expect(dead_code, reason = "the types are only ever described, never made")]

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, schema_for};
use serde_json::Value;

/// The schema of a workflow file.
#[must_use]
pub fn schema() -> Schema {
    schema_for!(File)
}

/// A workflow of autoproc: what is done with a file, in phases and steps.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "autoproc workflow")]
struct File {
    /// The workflow.
    workflow: Workflow,
}

/// A workflow.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Workflow {
    /// The id by which it is found; the stem of the file's name where none is given.
    id: Option<Id>,
    /// What people call it.
    name: Option<Scalar>,
    /// What it is for.
    description: Option<String>,
    /// The version its author gives it.
    version: Option<Scalar>,
    /// Who orchestrates it; told, and of no effect.
    orchestrator: Option<String>,
    /// What is given from outside.
    inputs: Option<Vec<Input>>,
    /// What is done, in this order unless transitions say otherwise.
    #[schemars(length(min = 1))]
    phases: Vec<Phase>,
    /// Ways from phase to phase.
    transitions: Option<Vec<Transition>>,
    /// What it is said to make; told, and of no effect.
    outputs: Option<Vec<Output>>,
    /// What its author wants on errors; told, and of no effect.
    on_error: Option<Vec<OnError>>,
}

/// Letters, digits, `_`, `-` and `.`.
#[derive(JsonSchema)]
struct Id(#[schemars(length(min = 1, max = 128))] String);

/// A letter or `_`, then letters, digits and `_`.
#[derive(JsonSchema)]
struct Name(#[schemars(regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"))] String);

/// A text, a number or a truth value.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Scalar {
    Text(String),
    Number(f64),
    Flag(bool),
}

/// An expression: `source_file != null`, `kind == 'pdf' and not draft`.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Condition {
    Expression(String),
    Flag(bool),
}

/// An input, given by `--input NAME=VALUE`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Input {
    /// Its name in expressions. `file` and `files` are always given.
    name: Name,
    /// string (the default), file, array, number, integer, boolean, object or json.
    r#type: Option<String>,
    /// Whether the workflow may not begin without it; false by default.
    required: Option<bool>,
    /// What it is for.
    description: Option<String>,
    /// Its value where none is given.
    default: Option<Value>,
}

/// Steps that belong together, or a single task.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Phase {
    /// Its id, by which expressions and transitions call it.
    id: Id,
    /// What people call it.
    name: Option<Scalar>,
    /// What it is for.
    description: Option<String>,
    /// It is entered only where this holds.
    condition: Option<Condition>,
    /// What is done, in this order.
    steps: Option<Vec<Step>>,
    /// In place of steps: one task, by its file or its name.
    task: Option<String>,
    /// Whether its failure fails the workflow; true by default.
    blocking: Option<bool>,
    /// What a failed step means: the phase fails (the default), the next step follows, the rest is skipped. Other words
    /// are read as `fail`, with a warning.
    on_fail: Option<String>,
    /// What must hold at its end.
    checkpoint: Option<Checkpoint>,
}

/// What must hold at the end of a phase.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Checkpoint {
    /// Its id; the phase's where none is given.
    id: Option<Id>,
    /// Whether the phase fails where it is not passed; true by default.
    blocking: Option<bool>,
    /// Names that the phase's steps must return with values that count as true.
    validation: Option<Vec<String>>,
}

/// One process.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Step {
    /// Its id, by which expressions call it; the phase's id, `_` and its number where none is given.
    id: Option<Id>,
    /// It runs only where this holds.
    condition: Option<Condition>,
    /// A command or a task, for which the project's table names a program.
    execute: Option<Execute>,
    /// A program and its arguments, with no shell between; `${…}` is replaced.
    #[schemars(length(min = 1))]
    run: Option<Vec<Scalar>>,
    /// A string for `sh -c`; `${…}` is replaced, and quoted.
    shell: Option<String>,
    /// What the process is given by name.
    inputs: Option<BTreeMap<Name, Value>>,
    /// How long it may take: a number of seconds, or as in 500ms, 5m, 1h30m.
    timeout: Option<Scalar>,
    /// How often it is tried again within the attempt; 0 by default.
    retries: Option<u32>,
    /// Additions to its environment; `${…}` is replaced.
    env: Option<BTreeMap<String, Option<Scalar>>>,
    /// The folder it starts in; the project folder by default.
    workdir: Option<String>,
    /// Where its values are: in the file named by `AUTOPROC_OUTPUT` (the default), or also on its standard output as JSON.
    output: Option<OutputWord>,
    /// Whether it runs again when its file is tried again although it has finished; never by default.
    rerun: Option<RerunWord>,
}

/// A command or a task.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Execute {
    /// The name of a command in `[runners.commands]` of autoproc.toml.
    command: Option<String>,
    /// A task, by its file or its name.
    task: Option<String>,
    /// What the process is given by name.
    inputs: Option<BTreeMap<Name, Value>>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum OutputWord {
    /// In the file named by `AUTOPROC_OUTPUT`.
    File,
    /// Also on standard output, as one JSON object.
    Json,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum RerunWord {
    /// It does not run again.
    Never,
    /// It runs again.
    Always,
}

/// A way from one phase to another.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Transition {
    /// The id of the phase it leaves.
    from: Id,
    /// The id of the phase it enters.
    to: Id,
    /// What must hold: `checkpoint_passed`, or names the phase has returned.
    condition: Option<Condition>,
}

/// Something a workflow is said to make.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Output {
    /// Its name.
    name: String,
    /// What kind of thing it is.
    r#type: Option<String>,
    /// Where it is to be found.
    location: Option<String>,
    /// What it is.
    description: Option<String>,
}

/// Something a workflow's author wants on errors.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum OnError {
    Word(String),
    Action(OnErrorAction),
}

/// Something a workflow's author wants on errors.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct OnErrorAction {
    /// A word for it.
    action: String,
}
