//! Finds the values that later steps certainly need.
//!
//! A step needs a value if the step contains `${PHASE.NAME}` or `${steps.ID.NAME}`. The need is
//! certain if every successful execution runs the step. The need is uncertain if the step or its
//! phase has a condition, or if a transition leads past the step. The need is also uncertain if the
//! workflow continues after a failed step.
//!
//! A bare `${NAME}` is ignored, because another phase may return the value. A runner's input or
//! parameter of exactly one `${…}` is ignored, because it may be null.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::used_names::texts_of;
use crate::check::{Successors, phase_order, successors_of};
use crate::definition::{AfterFailure, Phase, Step, Workflow};
use crate::expression::{Name, required_in_text, required_in_value};

/// A workflow with more phases than this is not analysed. The time grows with the square of this
/// number.
const MAX_PHASES: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) name: String,
    /// The step that needs the value, as `PHASE/STEP`.
    pub(crate) reader: String,
}

#[derive(Debug, Default)]
pub(super) struct Needs {
    /// By step id: the values from the step itself.
    of_steps: HashMap<String, Vec<Need>>,
    /// By step id: the values from the step and earlier steps of its phase.
    until_steps: HashMap<String, Vec<Need>>,
    /// By phase id: the values from any step of the phase.
    of_phases: HashMap<String, Vec<Need>>,
}

impl Needs {
    pub(super) fn of(workflow: &Workflow) -> Self {
        let mut needs = Self::default();
        if workflow.phases.len() > MAX_PHASES {
            return needs;
        }
        let (paths, places, mut seen) = (Paths::of(workflow), Places::of(workflow), HashSet::new());
        for (index, phase) in workflow.phases.iter().enumerate().filter(|(_, phase)| fails_with_a_step(phase)) {
            let is_certain_from = &paths.leading_to(workflow, index);
            for (number, step) in phase.steps.iter().enumerate().filter(|(_, step)| step.condition.is_none()) {
                let reader = Reader { phase, index, step, number, is_certain_from };
                for name in required_names(step) {
                    let Some((provider, value)) = places.provider(&name, &reader) else { continue };
                    if seen.insert((provider, value.to_owned())) {
                        needs.add(provider, value, &reader);
                    }
                }
            }
        }
        needs
    }

    pub(super) fn of_step(&self, step: &str) -> &[Need] {
        self.of_steps.get(step).map_or(&[], Vec::as_slice)
    }

    pub(super) fn until_step(&self, step: &str) -> &[Need] {
        self.until_steps.get(step).map_or(&[], Vec::as_slice)
    }

    pub(super) fn of_phase(&self, phase: &str) -> &[Need] {
        self.of_phases.get(phase).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, provider: Provider<'_>, value: &str, reader: &Reader<'_>) {
        let (needs, place) = match provider {
            Provider::Step(id) => (&mut self.of_steps, id),
            Provider::UntilStep(id) => (&mut self.until_steps, id),
            Provider::Phase(id) => (&mut self.of_phases, id),
        };
        let reader = format!("{}/{}", reader.phase.id, reader.step.id);
        needs.entry(place.to_owned()).or_default().push(Need { name: value.to_owned(), reader });
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Provider<'w> {
    Step(&'w str),
    UntilStep(&'w str),
    Phase(&'w str),
}

struct Reader<'w> {
    phase: &'w Phase,
    index: usize,
    step: &'w Step,
    number: usize,
    /// For each phase index: true if `phase` certainly runs later.
    is_certain_from: &'w [bool],
}

struct Places<'w> {
    workflow: &'w Workflow,
    phases: HashMap<&'w str, usize>,
    steps: HashMap<&'w str, (usize, usize)>,
}

impl<'w> Places<'w> {
    fn of(workflow: &'w Workflow) -> Self {
        let (mut phases, mut steps) = (HashMap::new(), HashMap::new());
        for (index, phase) in workflow.phases.iter().enumerate() {
            phases.insert(phase.id.as_str(), index);
            steps.extend(phase.steps.iter().enumerate().map(|(number, step)| (step.id.as_str(), (index, number))));
        }
        Self { workflow, phases, steps }
    }

    /// Returns the provider and the name of a value, if `reader` certainly needs the value.
    fn provider<'n>(&self, name: &'n Name, reader: &Reader<'_>) -> Option<(Provider<'w>, &'n str)> {
        let mut rest = name.rest();
        if name.root() == "steps" {
            let (id, &(from, number)) = self.steps.get_key_value(rest.next()?)?;
            let value = rest.next().filter(|value| *value != "stdout")?;
            let is_earlier = from == reader.index && number < reader.number;
            return (is_earlier || self.leads(from, reader)).then_some((Provider::Step(id), value));
        }
        let (id, &from) = self.phases.get_key_value(name.root())?;
        let value = rest.next()?;
        if from != reader.index {
            return self.leads(from, reader).then_some((Provider::Phase(id), value));
        }
        let before = reader.phase.steps.get(reader.number.checked_sub(1)?)?;
        let (before, _) = self.steps.get_key_value(before.id.as_str())?;
        Some((Provider::UntilStep(before), value))
    }

    fn leads(&self, from: usize, reader: &Reader<'_>) -> bool {
        from != reader.index && fails_with_a_step(&self.workflow.phases[from]) && reader.is_certain_from[from]
    }
}

fn fails_with_a_step(phase: &Phase) -> bool {
    phase.after_failed_step() == AfterFailure::Fail
}

/// Returns the names without which the step's process cannot be built.
pub(super) fn required_names(step: &Step) -> Vec<Name> {
    let in_texts = texts_of(step).flat_map(|text| required_in_text(&text.value));
    let is_null_allowed = step.needs_runner();
    let inputs = step.inputs.iter().chain(&step.params);
    in_texts.chain(inputs.flat_map(|input| required_in_value(&input.value, is_null_allowed))).collect()
}

struct Paths {
    successors: Successors,
    backwards: Vec<usize>,
    may_end: Vec<bool>,
}

impl Paths {
    fn of(workflow: &Workflow) -> Self {
        let (successors, order) = (successors_of(workflow), phase_order(workflow));
        let mut backwards: Vec<_> = (0..workflow.phases.len()).collect();
        backwards.sort_by_key(|index| Reverse(order[*index]));
        let leads_to_rollback = |phase: &Phase| {
            workflow.transitions_from(&phase.id).any(|transition| workflow.is_rollback(&transition.to.value))
        };
        let may_end = |(phase, next): (&Phase, &Vec<usize>)| next.is_empty() || leads_to_rollback(phase);
        let may_end = workflow.phases.iter().zip(&successors).map(may_end).collect();
        Self { successors, backwards, may_end }
    }

    /// For each phase: true if the phase `target` certainly runs later.
    fn leading_to(&self, workflow: &Workflow, target: usize) -> Vec<bool> {
        if workflow.phases[target].condition.is_some() {
            return vec![false; self.successors.len()];
        }
        let mut leads = vec![false; self.successors.len()];
        for index in &self.backwards {
            let is_certain = |next: &usize| *next == target || leads[*next];
            leads[*index] = !self.may_end[*index] && self.successors[*index].iter().all(is_certain);
        }
        leads
    }
}
