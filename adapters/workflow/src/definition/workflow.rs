use serde_json::Value;

use super::{Located, Phase, Position, ROLLBACK, Step};

#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// The id of the workflow. The default is the file name without its extension.
    pub id: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub version: Option<String>,
    /// The value of the obsolete key `orchestrator`. The key has no effect and causes a note.
    pub orchestrator: Option<Located<String>>,
    pub inputs: Vec<Input>,
    pub phases: Vec<Phase>,
    /// The transitions between phases. After a phase without transitions, the next phase in the
    /// file follows.
    pub transitions: Vec<Transition>,
    /// The outputs that the workflow declares. The execution looks for them after the last phase;
    /// see [`Output::location`].
    pub outputs: Vec<Output>,
    /// The condition under which a run uses the workflow; `None` means always.
    pub activation: Option<Activation>,
    /// The steps that undo the work after a failure, as a phase with the id `rollback`.
    pub rollback: Option<Phase>,
    /// The steps to run after a failed attempt that is not retried, as a phase with the id
    /// `on_error`.
    pub on_error: Option<Phase>,
    /// The machines and project folders where an execution may be resumed.
    pub resume: Resume,
    pub position: Position,
}

/// The machines and project folders where an attempt may resume the execution of an earlier
/// attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resume {
    /// Only the machine and project folder of the earlier attempt. Steps may leave files there.
    #[default]
    Here,
    /// All machines and project folders. The steps need no local files of earlier steps.
    Anywhere,
}

impl Workflow {
    /// Returns the transitions that leave a phase, in the order of the file. The execution takes
    /// the first transition that has no condition or whose condition holds.
    pub fn transitions_from(&self, phase: &str) -> impl Iterator<Item = &Transition> {
        self.transitions.iter().filter(move |transition| transition.from.value == phase)
    }

    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.phases.iter().chain(&self.rollback).flat_map(|phase| &phase.steps)
    }

    pub(crate) fn error_steps(&self) -> impl Iterator<Item = &Step> {
        self.on_error.iter().flat_map(|phase| &phase.steps)
    }

    /// True if a transition to `name` leads to the rollback. A phase `rollback` takes precedence.
    pub(crate) fn is_rollback(&self, name: &str) -> bool {
        name == ROLLBACK && !self.phases.iter().any(|phase| phase.id == ROLLBACK)
    }
}

/// A parameter of the workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    pub name: String,
    pub kind: InputType,
    pub required: bool,
    pub description: Option<String>,
    /// The values that an input of the type `enum` may have.
    pub values: Vec<Value>,
    pub default: Option<Value>,
    pub position: Position,
}

impl Input {
    /// True if the input may have this value. Null is always allowed.
    pub(crate) fn accepts(&self, value: &Value) -> bool {
        self.kind.accepts(value) && (value.is_null() || !self.is_closed() || self.values.contains(value))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.kind == InputType::Enum && !self.values.is_empty()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum InputType {
    #[default]
    String,
    /// One of the input's `values`; any value if there are none.
    Enum,
    /// The path of a file.
    File,
    /// The path of a folder.
    Directory,
    /// A list, as JSON or as comma-separated words.
    Array,
    Number,
    Integer,
    Boolean,
    Object,
    /// Any JSON value.
    Json,
    /// An unknown word; accepts every value.
    Other(String),
}

impl InputType {
    pub(crate) fn of(word: &str) -> Self {
        match word {
            "string" | "text" | "str" => Self::String,
            "enum" => Self::Enum,
            "file" | "path" => Self::File,
            "directory" | "folder" => Self::Directory,
            "array" | "list" => Self::Array,
            "number" | "float" => Self::Number,
            "integer" | "int" => Self::Integer,
            "boolean" | "bool" => Self::Boolean,
            "object" | "map" | "dict" => Self::Object,
            "json" => Self::Json,
            other => Self::Other(other.to_owned()),
        }
    }

    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::String => "string",
            Self::Enum => "enum",
            Self::Directory => "directory",
            Self::File => "file",
            Self::Array => "array",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Object => "object",
            Self::Json => "json",
            Self::Other(word) => word,
        }
    }

    /// True if `value` is null or has this type.
    pub(crate) fn accepts(&self, value: &Value) -> bool {
        value.is_null()
            || match self {
                Self::String | Self::File | Self::Directory => value.is_string(),
                Self::Array => value.is_array(),
                Self::Number => value.is_number(),
                Self::Integer => value.is_i64() || value.is_u64(),
                Self::Boolean => value.is_boolean(),
                Self::Object => value.is_object(),
                Self::Json | Self::Enum | Self::Other(_) => true,
            }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    pub from: Located<String>,
    pub to: Located<String>,
    /// The condition of the transition; `None` means always. An unknown name in the condition is
    /// null, not an error.
    pub condition: Option<Located<String>>,
    pub position: Position,
}

/// An output that a workflow declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub name: String,
    pub kind: Option<String>,
    /// The path of the output, absolute or relative to the project folder; may contain `${…}`. The
    /// execution does not look for an output without a path. It also does not look for an output
    /// with `{NAME}` (without `$`) in its path, because autoproc does not replace such a
    /// placeholder.
    pub location: Option<Located<String>>,
    /// True if the attempt fails when the execution looks for the output and does not find it.
    pub required: bool,
    pub description: Option<String>,
    pub position: Position,
}

/// The condition for using a workflow, and the workflow to use instead if the condition is false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// If this condition is false, the workflow is not used. The condition is evaluated once,
    /// before the run. If it depends on the file or cannot be evaluated, the workflow is used.
    pub condition: Option<Located<String>>,
    /// The id of the workflow to use instead. If `None`, the run is refused.
    pub fallback_workflow: Option<Located<String>>,
    pub position: Position,
}
