//! The names in the expressions of a workflow.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::check::phase_order;
use crate::definition::{Action, Checkpoint, Located, ON_ERROR, Phase, ROLLBACK, Step, Workflow};
use crate::expression::{Name, names_in_condition, names_in_text, names_in_value};

/// The position of a phase, and the number of its ended steps.
type Moment = (usize, usize);

const AT_END: Moment = (usize::MAX, 0);

/// A part of a workflow, such as `PHASE/STEP` or `output NAME`.
pub(super) type Reader = Arc<str>;

#[derive(Debug, Default)]
pub(super) struct UsedNames {
    /// The names without a dot, in the order of first use. Excludes those in the conditions of
    /// checkpoints and transitions.
    pub(super) bare: Vec<(String, Vec<(Moment, Reader)>)>,
    /// By phase id: each `NAME` in `PHASE.NAME` or `steps.ID.NAME`.
    pub(super) of_phases: HashMap<String, Vec<(String, Vec<Reader>)>>,
    pub(super) positions: HashMap<String, usize>,
    phases_of_steps: HashMap<String, String>,
    places: Places,
}

#[derive(Debug, Default)]
struct Places {
    bare: HashMap<String, usize>,
    of_phases: HashMap<(String, String), usize>,
}

impl UsedNames {
    pub(super) fn of(workflow: &Workflow) -> Self {
        let order = phase_order(workflow);
        let mut used = Self::default();
        for (index, phase) in workflow.phases.iter().enumerate() {
            used.positions.insert(phase.id.clone(), order[index]);
            let steps = phase.steps.iter().map(|step| (step.id.clone(), phase.id.clone()));
            used.phases_of_steps.extend(steps);
        }
        for (index, phase) in workflow.phases.iter().enumerate() {
            used.add_phase(phase, order[index]);
        }
        for transition in &workflow.transitions {
            let reader = format!("transition to {}", transition.to.value);
            used.add_dotted(names_in_conditions(transition.condition.iter()), &reader.into());
        }
        for (id, aside) in [(ROLLBACK, &workflow.rollback), (ON_ERROR, &workflow.on_error)] {
            aside.iter().flat_map(|phase| &phase.steps).for_each(|step| used.add_step(id, step, AT_END));
        }
        for output in &workflow.outputs {
            let location = output.location.as_ref().and_then(|location| names_in_text(&location.value).ok());
            used.add(location.into_iter().flatten(), AT_END, &format!("output {}", output.name).into());
        }
        used.places = Places::default();
        used
    }

    fn add_phase(&mut self, phase: &Phase, position: usize) {
        self.add(names_in_conditions(phase.condition.iter()), (position, 0), &phase.id.as_str().into());
        for (number, step) in phase.steps.iter().enumerate() {
            self.add_step(&phase.id, step, (position, number));
        }
        if let Some(checkpoint) = &phase.checkpoint {
            self.add_dotted(names_in_conditions(checkpoint.conditions()), &reader_of(checkpoint));
        }
    }

    fn add_step(&mut self, phase: &str, step: &Step, at: Moment) {
        let names = names_in_conditions(step.condition.iter()).chain(names_of(step));
        self.add(names, at, &format!("{phase}/{}", step.id).into());
    }

    fn add(&mut self, names: impl Iterator<Item = Name>, at: Moment, reader: &Reader) {
        // A text may use a name several times.
        for name in names.collect::<BTreeSet<_>>() {
            if name.rest().next().is_some() {
                self.add_to_phase(&name, reader);
                continue;
            }
            let place = *self.places.bare.entry(name.root().to_owned()).or_insert(self.bare.len());
            if place == self.bare.len() {
                self.bare.push((name.root().to_owned(), Vec::new()));
            }
            self.bare[place].1.push((at, reader.clone()));
        }
    }

    fn add_dotted(&mut self, names: impl Iterator<Item = Name>, reader: &Reader) {
        names.collect::<BTreeSet<_>>().iter().for_each(|name| self.add_to_phase(name, reader));
    }

    fn add_to_phase(&mut self, name: &Name, reader: &Reader) {
        let Some((phase, value)) = self.phase_and_value(name) else { return };
        let of_phase = self.of_phases.entry(phase.clone()).or_default();
        let place = *self.places.of_phases.entry((phase, value.clone())).or_insert(of_phase.len());
        if place == of_phase.len() {
            of_phase.push((value, Vec::new()));
        }
        let readers = &mut of_phase[place].1;
        if readers.last() != Some(reader) {
            readers.push(reader.clone());
        }
    }

    /// Returns the phase id and the `VALUE` of `PHASE.VALUE` or `steps.ID.VALUE`.
    fn phase_and_value(&self, name: &Name) -> Option<(String, String)> {
        let mut rest = name.rest();
        if name.root() != "steps" {
            let phase = self.positions.contains_key(name.root()).then(|| name.root().to_owned())?;
            return Some((phase, rest.next()?.to_owned()));
        }
        let phase = self.phases_of_steps.get(rest.next()?)?.clone();
        let value = rest.next().filter(|value| *value != "stdout")?;
        Some((phase, value.to_owned()))
    }
}

pub(super) fn reader_of(checkpoint: &Checkpoint) -> Reader {
    format!("checkpoint {}", checkpoint.id).into()
}

pub(super) fn names_in_conditions<'c>(
    conditions: impl Iterator<Item = &'c Located<String>>,
) -> impl Iterator<Item = Name> {
    conditions.filter_map(|condition| names_in_condition(&condition.value).ok()).flatten()
}

pub(super) fn names_of(step: &Step) -> Vec<Name> {
    let in_texts = texts_of(step).filter_map(|text| names_in_text(&text.value).ok()).flatten();
    let in_inputs =
        step.inputs.iter().chain(&step.params).filter_map(|input| names_in_value(&input.value).ok()).flatten();
    in_texts.chain(in_inputs).collect()
}

/// Returns the texts of the arguments, environment and working directory of a step's process.
pub(super) fn texts_of(step: &Step) -> impl Iterator<Item = &Located<String>> {
    let words = match &step.action {
        Action::Run(words) => words.as_slice(),
        Action::Shell(line) => std::slice::from_ref(line),
        Action::Command(_) | Action::Task(_) => &[],
    };
    words.iter().chain(step.env.iter().map(|entry| &entry.value)).chain(&step.workdir)
}
