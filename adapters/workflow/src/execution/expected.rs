//! Finds the values that later parts of a workflow expect from a phase.

use std::collections::HashMap;

use super::plan::Plan;
use super::used_names::{Reader, reader_of};
use crate::definition::{Checkpoint, Phase};
use crate::expression::names_in_condition;

/// A value that the steps of a phase should return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedValue {
    /// The name of the value.
    pub name: String,
    /// The parts of the workflow that read the value, without repetition. Each has one of the forms
    /// `PHASE` (the condition of the phase), `PHASE/STEP`, `checkpoint ID`, `transition to PHASE`
    /// and `output NAME`.
    pub readers: Vec<String>,
}

fn bare_names(condition: &str) -> impl Iterator<Item = String> {
    let names = names_in_condition(condition).unwrap_or_default().into_iter();
    names.filter(|name| name.rest().next().is_none()).map(|name| name.root().to_owned())
}

impl Plan {
    /// Returns the values that the steps of `phase` should return, because another part of the
    /// workflow reads them. Includes every `NAME` that is read as `PHASE.NAME` or `steps.ID.NAME`.
    /// Includes a name without a dot only if the checkpoint of `phase`, a transition from `phase`
    /// or a later part reads the name.
    #[must_use]
    pub fn expected_values(&self, phase: &Phase) -> Vec<ExpectedValue> {
        let mut values = Vec::<ExpectedValue>::new();
        let mut places = HashMap::new();
        for (name, reader) in self.reads_of(phase) {
            let place = *places.entry(name.clone()).or_insert(values.len());
            if place == values.len() {
                values.push(ExpectedValue { name, readers: Vec::new() });
            }
            let readers = &mut values[place].readers;
            if !readers.iter().any(|known| **known == *reader) {
                readers.push((*reader).to_owned());
            }
        }
        values
    }

    pub(crate) fn expected_of(&self, phase: &Phase) -> Vec<String> {
        self.expected_values(phase).into_iter().map(|value| value.name).collect()
    }

    fn reads_of(&self, phase: &Phase) -> impl Iterator<Item = (String, Reader)> {
        let used = self.used_names();
        let position = used.positions.get(&phase.id).copied();
        // The condition and the first step of a phase read only what earlier phases returned.
        let is_later = move |at: &(usize, usize)| position.is_some_and(|position| *at > (position, 0));
        let later = used.bare.iter().flat_map(move |(name, uses)| {
            let later = uses.iter().filter(move |(at, _)| is_later(at));
            later.map(move |(_, reader)| (name.clone(), reader.clone()))
        });
        let conditions = reads_in_checkpoint(phase).chain(self.reads_in_transitions(phase));
        let bare = conditions.chain(later).filter(|(name, _)| self.is_for_phases_to_return(name));
        let of_phase = used.of_phases.get(&phase.id).into_iter().flatten();
        let of_phase = of_phase.flat_map(|(name, readers)| readers.iter().map(|reader| (name.clone(), reader.clone())));
        required_by_checkpoint(phase).chain(bare).chain(of_phase)
    }

    fn reads_in_transitions(&self, phase: &Phase) -> impl Iterator<Item = (String, Reader)> {
        self.workflow().transitions_from(&phase.id).flat_map(|transition| {
            let reader = Reader::from(format!("transition to {}", transition.to.value));
            let names = transition.condition.iter().flat_map(|condition| bare_names(&condition.value));
            names.map(move |name| (name, reader.clone()))
        })
    }

    fn is_for_phases_to_return(&self, name: &str) -> bool {
        let is_given = ["file", "files"].contains(&name);
        !is_given && !self.is_input(name) && self.meaning_of(name).is_none()
    }
}

fn required_by_checkpoint(phase: &Phase) -> impl Iterator<Item = (String, Reader)> {
    phase.checkpoint.iter().flat_map(|checkpoint| {
        let reader = reader_of(checkpoint);
        checkpoint.names().map(move |name| (name.to_owned(), reader.clone()))
    })
}

fn reads_in_checkpoint(phase: &Phase) -> impl Iterator<Item = (String, Reader)> {
    phase.checkpoint.iter().flat_map(|checkpoint| {
        let reader = reader_of(checkpoint);
        let names = Checkpoint::conditions(checkpoint).flat_map(|text| bare_names(&text.value));
        names.map(move |name| (name, reader.clone()))
    })
}
