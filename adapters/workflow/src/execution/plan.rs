//! A workflow, prepared for execution.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::event::StepName;
use super::needs::Needs;
use super::shared::Place;
use super::state::{ExecutionState, Stage};
use super::used_names::{UsedNames, names_in_conditions, names_of};
use crate::definition::{CHECKPOINT_PASSED, Checkpoint, Located, Phase, ROLLBACK, Rerun, Resume, Step, Workflow};
use crate::expression::{Name, names_in_text};

/// A checked workflow, with tables for the lookups that executions repeat.
#[derive(Debug)]
pub struct Plan {
    workflow: Workflow,
    phases: HashMap<String, usize>,
    rollback: Option<Phase>,
    /// The ids of steps with a used standard output; may contain [`EVERY_STEP`].
    printed: BTreeSet<String>,
    used: BTreeSet<String>,
    used_names: Box<UsedNames>,
    needs: Box<Needs>,
    inputs: HashSet<String>,
}

impl Plan {
    /// Prepares a workflow that has passed its checks.
    #[must_use]
    pub fn new(workflow: Workflow) -> Self {
        let phases = workflow.phases.iter().enumerate().map(|(index, phase)| (phase.id.clone(), index)).collect();
        let names = names_used(&workflow);
        let printed = steps_whose_stdout_is_used(&names);
        let used = names.iter().map(|name| name.root().to_owned()).collect();
        let leads = workflow.transitions.iter().any(|transition| workflow.is_rollback(&transition.to.value));
        let empty = || leads.then(|| Phase::aside(ROLLBACK, Vec::new(), workflow.position));
        let rollback = workflow.rollback.clone().or_else(empty);
        let (used_names, needs) = (Box::new(UsedNames::of(&workflow)), Box::new(Needs::of(&workflow)));
        let inputs = workflow.inputs.iter().map(|input| input.name.clone()).collect();
        Self { workflow, phases, rollback, printed, used, used_names, needs, inputs }
    }

    /// Returns the workflow, unchanged.
    #[must_use]
    pub fn workflow(&self) -> &Workflow {
        &self.workflow
    }

    /// `elsewhere` is `None` if the latest attempt ran on this machine and in this project folder.
    pub(crate) fn is_resumable_from(&self, elsewhere: Option<&Place>) -> bool {
        elsewhere.is_none() || self.workflow.resume == Resume::Anywhere
    }

    pub(crate) fn steps_total(&self) -> usize {
        self.workflow.phases.iter().map(|phase| phase.steps.len()).sum()
    }

    pub(crate) fn phase(&self, id: &str) -> Option<&Phase> {
        self.workflow.phases.get(*self.phases.get(id)?)
    }

    pub(super) fn used_names(&self) -> &UsedNames {
        &self.used_names
    }

    pub(super) fn needs(&self) -> &Needs {
        &self.needs
    }

    pub(super) fn is_input(&self, name: &str) -> bool {
        self.inputs.contains(name)
    }

    pub(crate) fn rollback(&self) -> Option<&Phase> {
        self.rollback.as_ref()
    }

    pub(crate) fn step(&self, name: &StepName) -> Option<(&Phase, &Step)> {
        let phase = self.phase(&name.phase)?;
        Some((phase, phase.steps.iter().find(|step| step.id == name.step)?))
    }

    pub(crate) fn after(&self, id: &str) -> Option<&Phase> {
        self.workflow.phases.get(self.phases.get(id)? + 1)
    }

    pub(crate) fn is_stdout_used(&self, step: &Step) -> bool {
        self.printed.contains(&step.id) || self.printed.contains(EVERY_STEP)
    }

    pub(crate) fn uses(&self, name: &str) -> bool {
        self.used.contains(name)
    }

    /// Returns the meaning of a reserved name in expressions.
    pub(crate) fn meaning_of(&self, name: &str) -> Option<&'static str> {
        match name {
            "steps" => Some("the steps"),
            CHECKPOINT_PASSED => Some("the result of a checkpoint"),
            name => self.phases.contains_key(name).then_some("a phase"),
        }
    }

    /// Returns the finished steps to repeat when the execution is resumed, in order.
    pub(crate) fn to_rerun(&self, state: &ExecutionState) -> Vec<StepName> {
        match state.stage {
            Stage::Finished | Stage::RollingBack { .. } | Stage::RolledBack { .. } => return Vec::new(),
            Stage::Entering(_) | Stage::Within { .. } | Stage::Leaving { .. } => {}
        }
        let is_always = |name: &&StepName| self.step(name).is_some_and(|(_, step)| step.rerun == Rerun::Always);
        state.step_outputs.iter().map(|(name, _)| name).filter(is_always).cloned().collect()
    }
}

/// An entry of `Plan::printed` that stands for all steps.
const EVERY_STEP: &str = "";

fn steps_whose_stdout_is_used(names: &[Name]) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for name in names.iter().filter(|name| name.root() == "steps") {
        let mut rest = name.rest();
        match (rest.next(), rest.next()) {
            (Some(step), Some("stdout") | None) => used.insert(step.to_owned()),
            (Some(_), Some(_)) => false,
            (None, _) => used.insert(EVERY_STEP.to_owned()),
        };
    }
    used
}

/// Returns the names in a workflow's expressions, except in `activation` and input defaults.
pub(crate) fn names_used(workflow: &Workflow) -> Vec<Name> {
    let steps = workflow.steps().chain(workflow.error_steps());
    let locations = workflow.outputs.iter().filter_map(|output| output.location.as_ref());
    let in_locations = locations.filter_map(|location| names_in_text(&location.value).ok()).flatten();
    names_in_conditions(conditions_of(workflow)).chain(steps.flat_map(names_of)).chain(in_locations).collect()
}

pub(crate) fn conditions_of(workflow: &Workflow) -> impl Iterator<Item = &Located<String>> {
    let transitions = workflow.transitions.iter().filter_map(|transition| transition.condition.as_ref());
    let phases = workflow.phases.iter().filter_map(|phase| phase.condition.as_ref());
    let checkpoints = workflow.phases.iter().filter_map(|phase| phase.checkpoint.as_ref());
    let steps = workflow.steps().chain(workflow.error_steps()).filter_map(|step| step.condition.as_ref());
    transitions.chain(phases).chain(checkpoints.flat_map(Checkpoint::conditions)).chain(steps)
}
