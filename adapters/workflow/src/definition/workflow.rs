//! The whole of a workflow file.

use serde_json::Value;

use super::{Located, Phase, Position};

/// A workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// The id: the one the file gives, else the stem of the file's name.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The version its author gives it.
    pub version: Option<String>,
    /// Who orchestrates it in the author's mind; told, and of no effect.
    pub orchestrator: Option<Located<String>>,
    /// The inputs that are given from outside.
    pub inputs: Vec<Input>,
    /// The phases, in the order of the file.
    pub phases: Vec<Phase>,
    /// The ways from phase to phase that differ from the order of the file or have a condition.
    pub transitions: Vec<Transition>,
    /// What the workflow is said to make; told, and of no effect.
    pub outputs: Vec<Output>,
    /// What the file says of errors; told, and of no effect.
    pub on_error: Vec<OnError>,
    /// Where the workflow begins.
    pub position: Position,
}

impl Workflow {
    /// The phase of this id.
    #[must_use]
    pub fn phase(&self, id: &str) -> Option<&Phase> {
        self.phases.iter().find(|phase| phase.id == id)
    }

    /// The transitions that leave a phase, in the order of the file: the first whose condition holds is taken.
    pub fn transitions_from(&self, phase: &str) -> impl Iterator<Item = &Transition> {
        self.transitions.iter().filter(move |transition| transition.from.value == phase)
    }
}

/// An input that is given from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// What values it takes.
    pub kind: InputType,
    /// Whether the workflow may not begin without it.
    pub required: bool,
    /// What it is for.
    pub description: Option<String>,
    /// Its value where none is given; none itself where the file names none.
    pub default: Option<Value>,
    /// Where the input begins.
    pub position: Position,
}

/// What values an input takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum InputType {
    /// A text.
    #[default]
    String,
    /// The path of a file.
    File,
    /// A list: JSON, or words separated by commas.
    Array,
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// An object: JSON.
    Object,
    /// Any JSON.
    Json,
    /// A word without a meaning here: a check warns of it, and the value is a text.
    Other(String),
}

/// A way from one phase to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The id of the phase it leaves.
    pub from: Located<String>,
    /// The id of the phase it enters.
    pub to: Located<String>,
    /// What must hold for it to be taken; none where nothing must. Names the phase has not returned count as none.
    pub condition: Option<Located<String>>,
    /// Where the transition begins.
    pub position: Position,
}

/// Something a workflow is said to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// What kind of thing it is, as written.
    pub kind: Option<String>,
    /// Where it is to be found, as written.
    pub location: Option<Located<String>>,
    /// What it is.
    pub description: Option<String>,
    /// Where the output begins.
    pub position: Position,
}

/// One thing the file says of errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnError {
    /// The word it gives.
    pub action: String,
    /// Where it stands.
    pub position: Position,
}
