//! Checks that ids and names are valid and unique.

use std::collections::HashMap;

use crate::definition::{Position, Step, Workflow};
use crate::problem::Problems;
use crate::read::is_name;

/// The maximum length of an id. An id may be part of a file name of at most 255 bytes.
const MAX_ID_CHARACTERS: usize = 128;

#[rustfmt::skip]
const RESERVED: [&str; 16] = [
    "steps", "null", "none", "true", "false", "None", "True", "False",
    "not", "and", "or", "in", "is", "if", "else", "checkpoint_passed",
];

const NAME_FORM: &str = "a letter or `_`, then letters, digits and `_`";

pub(super) fn check(workflow: &Workflow, problems: &mut Problems) {
    check_id(&workflow.id, "workflow", workflow.position, problems);
    let mut names = Seen::new("input");
    for input in &workflow.inputs {
        names.add(&input.name, input.position, problems);
        check_reserved(&input.name, input.position, problems);
        if !is_name(&input.name) {
            let message = format!("`{}` cannot be the name of an input", input.name);
            problems.error(input.position, message).expecting(NAME_FORM);
        }
    }
    check_phases(workflow, problems);
    let mut steps = Seen::new("step");
    for step in workflow.steps().chain(workflow.error_steps()) {
        steps.add(&step.id, step.position, problems);
        if step.has_own_id {
            check_id(&step.id, "step", step.position, problems);
        }
        check_step_inputs(step, problems);
    }
}

fn check_phases(workflow: &Workflow, problems: &mut Problems) {
    let mut seen = Seen::new("phase");
    let inputs: HashMap<_, _> = workflow.inputs.iter().map(|input| (input.name.as_str(), input.position)).collect();
    for phase in &workflow.phases {
        let (id, position) = (phase.id.as_str(), phase.position);
        seen.add(id, position, problems);
        check_id(id, "phase", position, problems);
        check_reserved(id, position, problems);
        if let Some(input) = inputs.get(id) {
            problems.error(position, format!("`{id}` is a phase and also the input at line {}", input.line));
        }
        if ["file", "files"].contains(&id) {
            problems.error(position, format!("`{id}` is reserved for the file itself"));
        }
    }
}

fn check_reserved(name: &str, position: Position, problems: &mut Problems) {
    if RESERVED.contains(&name) {
        problems.error(position, format!("`{name}` is reserved in expressions"));
    }
}

fn check_step_inputs(step: &Step, problems: &mut Problems) {
    for input in step.inputs.iter().filter(|input| !is_name(&input.name)) {
        let message = format!("`{}` cannot be the name of a step's input", input.name);
        problems.error(input.position, message).expecting(NAME_FORM);
    }
}

struct Seen<'w> {
    kind: &'static str,
    first: HashMap<&'w str, Position>,
}

impl<'w> Seen<'w> {
    fn new(kind: &'static str) -> Self {
        Self { kind, first: HashMap::new() }
    }

    fn add(&mut self, id: &'w str, position: Position, problems: &mut Problems) {
        let first = *self.first.entry(id).or_insert(position);
        if first != position {
            let message = format!("there are two {}s `{id}`; the first is at line {}", self.kind, first.line);
            problems.error(position, message);
        }
    }
}

fn check_id(id: &str, kind: &str, position: Position, problems: &mut Problems) {
    let is_plain = |character: char| character.is_alphanumeric() || "_-.".contains(character);
    if id.starts_with('.') || !id.chars().all(is_plain) || id.chars().count() > MAX_ID_CHARACTERS {
        problems.error(position, format!("`{id}` cannot be the id of a {kind}")).expecting(format!(
            "at most {MAX_ID_CHARACTERS} letters, digits, `_`, `-` and `.`, not beginning with `.`"
        ));
    }
}
