//! Ids and names: given once, and such that they can be used.

use std::collections::HashMap;

use crate::definition::{Position, Workflow};
use crate::problem::{Problem, Problems};
use crate::read::is_name;

/// Longer ones would not fit into the names of files, together with what is added to them (`NAME_MAX` is 255).
const MAX_ID_CHARACTERS: usize = 128;

/// Words that expressions understand otherwise.
const RESERVED: [&str; 16] = [
    "steps",
    "null",
    "none",
    "true",
    "false",
    "None",
    "True",
    "False",
    "not",
    "and",
    "or",
    "in",
    "is",
    "if",
    "else",
    "checkpoint_passed",
];

/// Names that a phase cannot have, because they are set for every execution.
const SET: [&str; 2] = ["file", "files"];

pub(super) fn check(workflow: &Workflow, problems: &mut Problems) {
    plain(&workflow.id, "workflow", workflow.position, problems);
    let mut names = Seen::new("input");
    for input in &workflow.inputs {
        names.add(&input.name, input.position, problems);
        usable(&input.name, "an input", input.position, problems);
    }
    phases(workflow, problems);
    let mut steps = Seen::new("step");
    for step in workflow.phases.iter().flat_map(|phase| &phase.steps) {
        steps.add(&step.id, step.position, problems);
        if step.has_own_id {
            plain(&step.id, "step", step.position, problems);
        }
        step_inputs(step, problems);
    }
}

fn phases(workflow: &Workflow, problems: &mut Problems) {
    let mut seen = Seen::new("phase");
    let inputs: HashMap<_, _> = workflow.inputs.iter().map(|input| (input.name.as_str(), input.position)).collect();
    for phase in &workflow.phases {
        seen.add(&phase.id, phase.position, problems);
        plain(&phase.id, "phase", phase.position, problems);
        reserved(&phase.id, phase.position, problems);
        if let Some(input) = inputs.get(phase.id.as_str()) {
            problems.add({
                let message = format!("`{}` is a phase and also the input at line {}", phase.id, input.line);
                Problem::error(phase.position, message)
            });
        }
        if SET.contains(&phase.id.as_str()) {
            problems.add(Problem::error(phase.position, format!("`{}` stands for the file itself", phase.id)));
        }
    }
}

fn usable(name: &str, what: &str, position: Position, problems: &mut Problems) {
    reserved(name, position, problems);
    if !is_name(name) {
        problems.add({
            Problem::error(position, format!("`{name}` cannot be the name of {what}"))
                .expecting("a letter or `_`, then letters, digits and `_`")
        });
    }
}

fn reserved(name: &str, position: Position, problems: &mut Problems) {
    if RESERVED.contains(&name) {
        problems.add(Problem::error(position, format!("`{name}` means something else in expressions")));
    }
}

fn step_inputs(step: &crate::definition::Step, problems: &mut Problems) {
    for input in &step.inputs {
        if !is_name(&input.name) {
            problems.add({
                Problem::error(input.position, format!("`{}` cannot be the name of a step's input", input.name))
                    .expecting("a letter or `_`, then letters, digits and `_`")
            });
        }
    }
}

/// The ids of one kind, and where each was first.
struct Seen<'w> {
    kind: &'static str,
    first: HashMap<&'w str, Position>,
}

impl<'w> Seen<'w> {
    fn new(kind: &'static str) -> Self {
        Self { kind, first: HashMap::new() }
    }

    /// Notes an id, which must be the only one of its kind.
    fn add(&mut self, id: &'w str, position: Position, problems: &mut Problems) {
        let first = *self.first.entry(id).or_insert(position);
        if first != position {
            let message = format!("there are two {}s `{id}`; the first is at line {}", self.kind, first.line);
            problems.add(Problem::error(position, message));
        }
    }
}

/// An id must fit into messages, variables and the names of files.
fn plain(id: &str, kind: &str, position: Position, problems: &mut Problems) {
    let is_plain = |character: char| character.is_alphanumeric() || "_-.".contains(character);
    if id.starts_with('.') || !id.chars().all(is_plain) || id.chars().count() > MAX_ID_CHARACTERS {
        let problem = Problem::error(position, format!("`{id}` cannot be the id of a {kind}"));
        problems.add(problem.expecting(format!(
            "at most {MAX_ID_CHARACTERS} letters, digits, `_`, `-` and `.`, which does not come first"
        )));
    }
}
