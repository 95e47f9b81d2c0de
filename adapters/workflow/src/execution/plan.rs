//! A workflow, ready to be walked through.

use std::collections::{BTreeSet, HashMap};

use super::event::{StepName, Then};
use super::state::{ExecutionState, Stage};
use crate::definition::{AfterFailure, CHECKPOINT_PASSED, Phase, Rerun, Step, Transition, Workflow};
use crate::expression::{NameUsed, names_in_condition, names_in_text, names_in_value};

/// A workflow and what is looked up in it again and again.
#[derive(Debug)]
pub struct Plan {
    workflow: Workflow,
    phases: HashMap<String, usize>,
    transitions: HashMap<String, Vec<usize>>,
    printed: BTreeSet<String>,
    /// The first parts of all names that its expressions use.
    used: BTreeSet<String>,
    steps_total: usize,
}

impl Plan {
    /// The plan of a workflow that was checked.
    #[must_use]
    pub fn new(workflow: Workflow) -> Self {
        let phases = workflow.phases.iter().enumerate().map(|(index, phase)| (phase.id.clone(), index)).collect();
        let mut transitions: HashMap<_, Vec<_>> = HashMap::new();
        for (index, transition) in workflow.transitions.iter().enumerate() {
            transitions.entry(transition.from.value.clone()).or_default().push(index);
        }
        let steps_total = workflow.phases.iter().map(|phase| phase.steps.len()).sum();
        let names = names_used(&workflow);
        let printed = steps_whose_stdout_is_used(&names);
        let used = names.iter().map(|name| name.root().to_owned()).collect();
        Self { workflow, phases, transitions, printed, used, steps_total }
    }

    /// The workflow.
    #[must_use]
    pub fn workflow(&self) -> &Workflow {
        &self.workflow
    }

    /// How many steps it has in all.
    #[must_use]
    pub fn steps_total(&self) -> usize {
        self.steps_total
    }

    /// The phase it begins with.
    #[must_use]
    pub fn first(&self) -> Option<&Phase> {
        self.workflow.phases.first()
    }

    /// The phase of this id.
    #[must_use]
    pub fn phase(&self, id: &str) -> Option<&Phase> {
        self.workflow.phases.get(*self.phases.get(id)?)
    }

    /// The step of this name.
    #[must_use]
    pub fn step(&self, name: &StepName) -> Option<(&Phase, &Step)> {
        let phase = self.phase(&name.phase)?;
        Some((phase, phase.steps.iter().find(|step| step.id == name.step)?))
    }

    /// The phase that follows in the order of the file.
    #[must_use]
    pub fn after(&self, id: &str) -> Option<&Phase> {
        self.workflow.phases.get(self.phases.get(id)? + 1)
    }

    /// The transitions that leave a phase, in the order of the file.
    pub fn transitions_from(&self, id: &str) -> impl Iterator<Item = &Transition> {
        let indices = self.transitions.get(id).into_iter().flatten();
        indices.filter_map(|index| self.workflow.transitions.get(*index))
    }

    /// Whether something refers to what this step prints.
    #[must_use]
    pub fn is_stdout_used(&self, step: &Step) -> bool {
        self.printed.contains(&step.id) || self.printed.contains(EVERY_STEP)
    }

    /// Whether some expression of it uses this name.
    #[must_use]
    pub fn uses(&self, name: &str) -> bool {
        self.used.contains(name)
    }

    /// What a name means in its expressions whatever its inputs are; none where it is free.
    #[must_use]
    pub(crate) fn taken(&self, name: &str) -> Option<&'static str> {
        match name {
            "steps" => Some("the steps"),
            CHECKPOINT_PASSED => Some("whether a checkpoint was passed"),
            name => self.phases.contains_key(name).then_some("a phase"),
        }
    }

    /// The names a phase is asked for when it is over: by its checkpoint and by the transitions that leave it.
    #[must_use]
    pub fn expected_of(&self, phase: &Phase) -> Vec<String> {
        let validation = phase.checkpoint.iter().flat_map(|checkpoint| &checkpoint.validation);
        let mut names: Vec<_> = validation.map(|name| name.value.clone()).collect();
        let conditions = self.transitions_from(&phase.id).filter_map(|transition| transition.condition.as_ref());
        for used in conditions.filter_map(|condition| names_in_condition(&condition.value).ok()).flatten() {
            let is_ours = used.rest().next().is_none() && self.is_for_phases_to_return(used.root());
            if is_ours && !names.iter().any(|name| name == used.root()) {
                names.push(used.root().to_owned());
            }
        }
        names
    }

    fn is_for_phases_to_return(&self, name: &str) -> bool {
        let is_given = ["file", "files"].contains(&name);
        let is_input = self.workflow.inputs.iter().any(|input| input.name == name);
        !is_given && !is_input && self.taken(name).is_none()
    }

    /// The finished steps that run again when an execution is taken up, in the order in which they ended first. A step that
    /// failed when it ran again is still one of them: what the steps after it stand on has to be made once more. Where no
    /// step is left, none runs again.
    #[must_use]
    pub fn to_rerun(&self, state: &ExecutionState) -> Vec<StepName> {
        if state.stage == Stage::Through {
            return Vec::new();
        }
        let is_always = |name: &&StepName| self.step(name).is_some_and(|(_, step)| step.rerun == Rerun::Always);
        state.step_outputs.iter().map(|(name, _)| name).filter(is_always).cloned().collect()
    }
}

/// Stands for all steps, where an expression uses `steps` as a whole.
const EVERY_STEP: &str = "";

impl From<AfterFailure> for Then {
    fn from(after: AfterFailure) -> Self {
        match after {
            AfterFailure::Fail => Self::Fail,
            AfterFailure::NextStep => Self::NextStep,
            AfterFailure::NextPhase => Self::NextPhase,
        }
    }
}

/// Expressions that cannot be read use nothing: they fail when their turn comes.
fn steps_whose_stdout_is_used(names: &[NameUsed]) -> BTreeSet<String> {
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

fn names_used(workflow: &Workflow) -> Vec<NameUsed> {
    let transitions = workflow.transitions.iter().filter_map(|transition| transition.condition.as_ref());
    let phases = workflow.phases.iter().filter_map(|phase| phase.condition.as_ref());
    let steps = || workflow.phases.iter().flat_map(|phase| &phase.steps);
    let conditions = transitions.chain(phases).chain(steps().filter_map(|step| step.condition.as_ref()));
    let mut names: Vec<_> =
        conditions.filter_map(|condition| names_in_condition(&condition.value).ok()).flatten().collect();
    for step in steps() {
        names.extend(names_of(step));
    }
    names
}

fn names_of(step: &Step) -> Vec<NameUsed> {
    use crate::definition::Action;
    let words: Vec<_> = match &step.action {
        Action::Run(words) => words.iter().collect(),
        Action::Shell(line) => vec![line],
        Action::Command(_) | Action::Task(_) => Vec::new(),
    };
    let texts = words.into_iter().chain(step.env.iter().map(|entry| &entry.value)).chain(&step.workdir);
    let in_texts = texts.filter_map(|text| names_in_text(&text.value).ok()).flatten();
    let in_inputs = step.inputs.iter().filter_map(|input| names_in_value(&input.value).ok()).flatten();
    in_texts.chain(in_inputs).collect()
}
