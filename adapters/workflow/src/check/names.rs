//! The names in expressions, against what can be known when their turn comes.

use std::collections::{BTreeSet, HashMap};

use super::flow::Order;
use crate::definition::{Action, CHECKPOINT_PASSED, Located, Phase, Position, Step, Workflow};
use crate::execution::file_scope;
use crate::expression::{ExpressionError, NameUsed, names_in_condition, names_in_text, names_in_value, render_value};
use crate::nearest::{nearest, nearest_first};
use crate::problem::{Problem, Problems};

/// The names that every execution has.
const ALWAYS: [&str; 2] = ["file", "files"];

pub(super) fn check(workflow: &Workflow, order: &Order, problems: &mut Problems) {
    let known = Known::new(workflow, order);
    let first = order.iter().position(|place| *place == 0);
    for (index, phase) in workflow.phases.iter().enumerate() {
        let mut eyes =
            Eyes { known: &known, moment: Moment { phase: index, step: 0 }, is_first: first == Some(index), problems };
        eyes.condition(phase.condition.as_ref());
        for (number, step) in phase.steps.iter().enumerate() {
            eyes.moment.step = number;
            eyes.step(step);
        }
    }
    transitions(workflow, &known, problems);
    defaults(workflow, problems);
}

/// A default is evaluated before anything has run, and those of two files differ in the file's path alone: one that fails
/// for some file fails for every one.
fn defaults(workflow: &Workflow, problems: &mut Problems) {
    let scope = file_scope("/file");
    for input in &workflow.inputs {
        let default = input.default.as_ref().map(|default| render_value(default, &scope));
        if let Some(Err(error)) = default {
            problems.add(Problem::error(input.position, format!("the default of `{}`: {error}", input.name)));
        }
    }
}

fn transitions(workflow: &Workflow, known: &Known<'_>, problems: &mut Problems) {
    for transition in &workflow.transitions {
        let Some(condition) = &transition.condition else { continue };
        let Some(from) = known.phases.get(transition.from.value.as_str()) else { continue };
        let moment = Moment { phase: *from, step: usize::MAX };
        let mut eyes = Eyes { known, moment, is_first: false, problems };
        match names_in_condition(&condition.value) {
            Ok(names) => names.iter().for_each(|name| eyes.transition_name(name, condition.position)),
            Err(error) => eyes.unreadable(&error, condition.position),
        }
    }
}

/// Where in time an expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    /// The phase's index in the file.
    phase: usize,
    /// The step's index in the phase: those before it are over.
    step: usize,
}

/// What there is in a workflow, by name.
struct Known<'w> {
    inputs: BTreeSet<&'w str>,
    phases: HashMap<&'w str, usize>,
    steps: HashMap<&'w str, Moment>,
    order: &'w Order,
}

impl<'w> Known<'w> {
    fn new(workflow: &'w Workflow, order: &'w Order) -> Self {
        let phases = || workflow.phases.iter().enumerate();
        let of_phase = |(index, phase): (usize, &'w Phase)| {
            phase.steps.iter().enumerate().map(move |(step, it)| (it.id.as_str(), Moment { phase: index, step }))
        };
        Self {
            inputs: workflow.inputs.iter().map(|input| input.name.as_str()).chain(ALWAYS).collect(),
            phases: phases().map(|(index, phase)| (phase.id.as_str(), index)).collect(),
            steps: phases().flat_map(of_phase).collect(),
            order,
        }
    }

    /// Whether a step is over at a moment, or may be.
    fn is_over(&self, step: Moment, at: Moment) -> bool {
        if step.phase == at.phase { step.step < at.step } else { self.order[step.phase] < self.order[at.phase] }
    }
}

/// Looks at expressions at some moment.
struct Eyes<'k, 'p> {
    known: &'k Known<'k>,
    moment: Moment,
    /// Whether no phase comes before.
    is_first: bool,
    problems: &'p mut Problems,
}

impl Eyes<'_, '_> {
    fn step(&mut self, step: &Step) {
        self.condition(step.condition.as_ref());
        match &step.action {
            Action::Run(words) => words.iter().for_each(|word| self.text(word)),
            Action::Shell(text) => self.text(text),
            Action::Command(_) | Action::Task(_) => {}
        }
        for input in &step.inputs {
            self.names(names_in_value(&input.value), input.position);
        }
        step.env.iter().for_each(|entry| self.text(&entry.value));
        step.workdir.iter().for_each(|folder| self.text(folder));
    }

    fn text(&mut self, text: &Located<String>) {
        self.names(names_in_text(&text.value), text.position);
    }

    fn condition(&mut self, condition: Option<&Located<String>>) {
        if let Some(condition) = condition {
            self.names(names_in_condition(&condition.value), condition.position);
        }
    }

    fn names(&mut self, names: Result<Vec<NameUsed>, ExpressionError>, position: Position) {
        match names {
            Ok(names) => names.iter().for_each(|name| self.name(name, position)),
            Err(error) => self.unreadable(&error, position),
        }
    }

    fn unreadable(&mut self, error: &ExpressionError, position: Position) {
        self.problems.add(Problem::error(position, error.to_string()));
    }

    fn name(&mut self, name: &NameUsed, position: Position) {
        let root = name.root();
        if self.known.inputs.contains(root) {
            return;
        }
        if root == "steps" {
            self.step_name(name, position);
        } else if let Some(phase) = self.known.phases.get(root) {
            self.phase_name(root, *phase, position);
        } else if self.is_within_step(name) {
            self.bare_step(root, position);
        } else {
            self.other_name(root, position);
        }
    }

    /// Whether a name leads into a step by its id alone. Without more behind it, the id may also be the name of a value.
    fn is_within_step(&self, name: &NameUsed) -> bool {
        !self.known.inputs.contains(name.root())
            && self.known.steps.contains_key(name.root())
            && name.rest().next().is_some()
    }

    fn bare_step(&mut self, id: &str, position: Position) {
        self.problems.add({
            Problem::error(position, format!("the step `{id}` is known below `steps` alone"))
                .meaning(Some(format!("steps.{id}")))
        });
    }

    fn step_name(&mut self, name: &NameUsed, position: Position) {
        let Some(id) = name.rest().next() else { return };
        match self.known.steps.get(id) {
            Some(step) if self.known.is_over(*step, self.moment) => {}
            Some(_) => self.problems.add(Problem::error(position, format!("the step `{id}` comes later"))),
            None => {
                let known = &self.known.steps;
                self.problems.add({
                    Problem::error(position, format!("there is no step `{id}`"))
                        .meaning(nearest(id, known.keys().copied()))
                });
            }
        }
    }

    fn phase_name(&mut self, id: &str, phase: usize, position: Position) {
        let end = Moment { phase, step: 0 };
        if !self.known.is_over(end, self.moment) {
            let what = if phase == self.moment.phase { "has returned nothing yet" } else { "comes later" };
            self.problems.add(Problem::error(position, format!("the phase `{id}` {what}")));
        }
    }

    /// A name that only a step can give. Where none came before, nobody can; where it is nearly another one, it may be that
    /// one.
    fn other_name(&mut self, name: &str, position: Position) {
        let known = || self.known.inputs.iter().copied().chain(self.known.phases.keys().copied());
        let can_be_returned = !self.is_first || self.moment.step > 0;
        let of_step = self.known.steps.contains_key(name).then(|| format!("steps.{name}"));
        let problem = if can_be_returned {
            let message = format!("`{name}` is no input and no phase: an earlier step has to return it");
            Problem::warning(position, message)
        } else {
            let listed = nearest_first(name, known());
            Problem::error(position, format!("unknown name `{name}`; known are {}", listed.join(", ")))
        };
        self.problems.add(problem.meaning(of_step.or_else(|| nearest(name, known()))));
    }

    fn transition_name(&mut self, name: &NameUsed, position: Position) {
        let root = name.root();
        if root == CHECKPOINT_PASSED {
            return;
        }
        if root == "steps" || self.known.phases.contains_key(root) {
            self.name(name, position);
        } else if self.is_within_step(name) {
            self.bare_step(root, position);
        } else if let Some(meant) = nearest(root, [CHECKPOINT_PASSED]) {
            self.problems
                .add(Problem::warning(position, format!("the phase has to return `{root}`")).meaning(Some(meant)));
        }
    }
}
