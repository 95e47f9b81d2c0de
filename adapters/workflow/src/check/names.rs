//! Checks that the names in expressions are known.

mod checkpoints;

use std::collections::{BTreeSet, HashMap};

use super::flow::Order;
use crate::definition::{Action, CHECKPOINT_PASSED, Located, Position, Step, Workflow};
use crate::execution::file_scope;
use crate::expression::{ExpressionError, Name, names_in_condition, names_in_text, names_in_value, render_value};
use crate::nearest::{list_known, nearest, nearest_first};
use crate::problem::{Problem, Problems};

pub(super) fn check(workflow: &Workflow, order: &Order, problems: &mut Problems) {
    let known = Known::new(workflow, order);
    let first = order.iter().position(|position| *position == 0);
    for (index, phase) in workflow.phases.iter().enumerate() {
        let moment = Moment { phase: index, step: 0 };
        let mut checker = Checker { known: &known, moment, is_first: first == Some(index), problems };
        checker.condition(phase.condition.as_ref());
        for (number, step) in phase.steps.iter().enumerate() {
            checker.moment.step = number;
            checker.step(step);
        }
    }
    for step in workflow.rollback.iter().chain(&workflow.on_error).flat_map(|phase| &phase.steps) {
        Checker { known: &known, moment: Moment::END, is_first: false, problems }.step(step);
    }
    for location in workflow.outputs.iter().filter_map(|output| output.location.as_ref()) {
        let mut checker = Checker { known: &known, moment: Moment::END, is_first: false, problems };
        checker.each(names_in_text(&location.value), location.position, Checker::runner_name);
    }
    check_activation(workflow, problems);
    checkpoints::check(workflow, &known, problems);
    check_transitions(workflow, &known, problems);
    check_defaults(workflow, problems);
}

fn check_activation(workflow: &Workflow, problems: &mut Problems) {
    let condition = workflow.activation.as_ref().and_then(|activation| activation.condition.as_ref());
    if let Some(condition) = condition
        && let Err(error) = names_in_condition(&condition.value)
    {
        problems.warning(condition.position, format!("{error}; the workflow is always used"));
    }
}

/// Reports defaults that cannot be rendered. A default that fails for one path fails for every
/// path.
fn check_defaults(workflow: &Workflow, problems: &mut Problems) {
    let scope = file_scope("/file");
    for input in &workflow.inputs {
        let default = input.default.as_ref().map(|default| render_value(default, &scope));
        if let Some(Err(error)) = default {
            problems.error(input.position, format!("the default of `{}`: {error}", input.name));
        }
    }
}

fn check_transitions(workflow: &Workflow, known: &Known<'_>, problems: &mut Problems) {
    for transition in &workflow.transitions {
        let Some(condition) = &transition.condition else { continue };
        let Some(from) = known.phases.get(transition.from.value.as_str()) else { continue };
        let moment = Moment { phase: *from, step: usize::MAX };
        let mut checker = Checker { known, moment, is_first: false, problems };
        checker.each(names_in_condition(&condition.value), condition.position, Checker::transition_name);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    phase: usize,
    /// The index of a step in the phase; `usize::MAX` means the end.
    step: usize,
}

impl Moment {
    const END: Self = Self { phase: usize::MAX, step: usize::MAX };
}

struct Known<'w> {
    inputs: BTreeSet<&'w str>,
    phases: HashMap<&'w str, usize>,
    steps: HashMap<&'w str, Moment>,
    order: &'w Order,
}

impl<'w> Known<'w> {
    fn new(workflow: &'w Workflow, order: &'w Order) -> Self {
        let inputs = workflow.inputs.iter().map(|input| input.name.as_str());
        let (mut phases, mut steps) = (HashMap::new(), HashMap::new());
        for (index, phase) in workflow.phases.iter().enumerate() {
            phases.insert(phase.id.as_str(), index);
            for (number, step) in phase.steps.iter().enumerate() {
                steps.insert(step.id.as_str(), Moment { phase: index, step: number });
            }
        }
        Self { inputs: inputs.chain(["file", "files"]).collect(), phases, steps, order }
    }

    fn is_over(&self, step: Moment, at: Moment) -> bool {
        if at == Moment::END {
            return true;
        }
        if step.phase == at.phase { step.step < at.step } else { self.order[step.phase] < self.order[at.phase] }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WithoutValue {
    Fails,
    IsFalse,
    /// In an input or a parameter for a runner, a text of exactly one `${NAME}` without a value
    /// becomes null. In an output, the name makes the output count as missing.
    IsNull,
}

struct Checker<'k, 'p> {
    known: &'k Known<'k>,
    moment: Moment,
    is_first: bool,
    problems: &'p mut Problems,
}

impl Checker<'_, '_> {
    fn step(&mut self, step: &Step) {
        self.condition(step.condition.as_ref());
        match &step.action {
            Action::Run(words) => words.iter().for_each(|word| self.text(word)),
            Action::Shell(text) => self.text(text),
            Action::Command(_) | Action::Task(_) => {}
        }
        // In an input for a runner, a missing value is not an error: `${NAME}` becomes null, or the
        // user may give the value by `--input`.
        let check = if step.needs_runner() { Self::runner_name } else { Self::name };
        for input in step.inputs.iter().chain(&step.params) {
            self.each(names_in_value(&input.value), input.position, check);
        }
        step.env.iter().for_each(|entry| self.text(&entry.value));
        step.workdir.iter().for_each(|folder| self.text(folder));
    }

    fn text(&mut self, text: &Located<String>) {
        self.each(names_in_text(&text.value), text.position, Self::name);
    }

    fn condition(&mut self, condition: Option<&Located<String>>) {
        if let Some(condition) = condition {
            self.each(names_in_condition(&condition.value), condition.position, Self::condition_name);
        }
    }

    fn each(
        &mut self,
        names: Result<Vec<Name>, ExpressionError>,
        position: Position,
        check: fn(&mut Self, &Name, Position),
    ) {
        match names {
            Ok(names) => names.iter().for_each(|name| check(self, name, position)),
            Err(error) => {
                self.problems.error(position, error.to_string());
            }
        }
    }

    fn name(&mut self, name: &Name, position: Position) {
        self.check_name(name, position, WithoutValue::Fails);
    }

    fn condition_name(&mut self, name: &Name, position: Position) {
        self.check_name(name, position, WithoutValue::IsFalse);
    }

    fn runner_name(&mut self, name: &Name, position: Position) {
        self.check_name(name, position, WithoutValue::IsNull);
    }

    fn check_name(&mut self, name: &Name, position: Position, without_value: WithoutValue) {
        let root = name.root();
        if self.known.inputs.contains(root) {
            return;
        }
        if root == "steps" {
            self.step_name(name, position);
        } else if let Some(phase) = self.known.phases.get(root) {
            self.phase_name(root, *phase, position, without_value);
        } else if self.is_within_step(name) {
            self.bare_step(root, position);
        } else {
            self.other_name(root, position, without_value);
        }
    }

    /// True if the name is `ID.NAME` with the id of a step. An `ID` alone may be a value of this
    /// name.
    fn is_within_step(&self, name: &Name) -> bool {
        !self.known.inputs.contains(name.root())
            && self.known.steps.contains_key(name.root())
            && name.rest().next().is_some()
    }

    fn bare_step(&mut self, id: &str, position: Position) {
        let problem = self.problems.error(position, format!("`{id}` is a step, which needs the prefix `steps`"));
        problem.meaning(Some(format!("steps.{id}")));
    }

    fn step_name(&mut self, name: &Name, position: Position) {
        let Some(id) = name.rest().next() else { return };
        match self.known.steps.get(id) {
            Some(step) if self.known.is_over(*step, self.moment) => {}
            Some(_) => {
                self.problems.error(position, format!("the step `{id}` comes later"));
            }
            None => {
                let meant = nearest(id, self.known.steps.keys().copied());
                self.problems.error(position, format!("there is no step `{id}`")).meaning(meant);
            }
        }
    }

    fn phase_name(&mut self, id: &str, phase: usize, position: Position, without_value: WithoutValue) {
        let end = Moment { phase, step: 0 };
        if !self.known.is_over(end, self.moment) {
            let what = if phase == self.moment.phase { "has returned nothing yet" } else { "comes later" };
            self.unknown(without_value, position, format!("the phase `{id}` {what}"));
        }
    }

    /// Reports an unknown name; only a warning if an earlier step may return its value.
    fn other_name(&mut self, name: &str, position: Position, without_value: WithoutValue) {
        let known = self.known;
        let all = || known.inputs.iter().copied().chain(known.phases.keys().copied());
        let can_be_returned = !self.is_first || self.moment.step > 0;
        let of_step = known.steps.contains_key(name).then(|| format!("steps.{name}"));
        let problem = if !can_be_returned {
            let known = list_known("names", &nearest_first(name, all()));
            self.unknown(without_value, position, format!("unknown name `{name}`; {known}"))
        } else if without_value == WithoutValue::IsFalse {
            let message = format!("`{name}` is not an input or a phase; it is false unless an earlier step returns it");
            self.problems.warning(position, message).strictly()
        } else {
            let message =
                format!("`{name}` is not an input or a phase; it has a value only if an earlier step returns it");
            self.problems.warning(position, message)
        };
        problem.meaning(of_step.or_else(|| nearest(name, all())));
    }

    fn unknown(&mut self, without_value: WithoutValue, position: Position, message: String) -> &mut Problem {
        match without_value {
            WithoutValue::Fails => self.problems.error(position, message),
            WithoutValue::IsFalse => {
                self.problems.warning(position, message + "; here, this reference counts as false").strictly()
            }
            WithoutValue::IsNull => self.problems.warning(position, message).strictly(),
        }
    }

    fn transition_name(&mut self, name: &Name, position: Position) {
        let root = name.root();
        if root == CHECKPOINT_PASSED {
            return;
        }
        if root == "steps" || self.known.phases.contains_key(root) {
            self.condition_name(name, position);
        } else if self.is_within_step(name) {
            self.bare_step(root, position);
        } else if let Some(meant) = nearest(root, [CHECKPOINT_PASSED]) {
            let problem = self.problems.warning(position, format!("`{root}` has no value unless a step returns it"));
            problem.meaning(Some(meant));
        }
    }
}
