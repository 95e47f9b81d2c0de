//! The names of the values that the rest of a workflow expects from the steps of a phase.

use super::plan::{Plan, names_in_conditions, names_of};
use crate::definition::Phase;
use crate::expression::{Name, names_in_condition};

impl Plan {
    /// Returns the names of the outputs that the checkpoint of the phase, the transitions from the
    /// phase, and the expressions of this and later phases use.
    pub(crate) fn expected_of(&self, phase: &Phase) -> Vec<String> {
        let validation = phase.checkpoint.iter().flat_map(|checkpoint| &checkpoint.validation);
        let mut names: Vec<_> = validation.map(|name| name.value.clone()).collect();
        let in_transitions = self.used_in_transitions(phase).filter(|name| name.rest().next().is_none());
        let bare = in_transitions.map(|name| name.root().to_owned()).filter(|name| self.is_for_phases_to_return(name));
        let later = self.used_from(phase);
        for name in bare.chain(later.iter().filter_map(|name| self.returned_by(phase, name))) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn used_in_transitions(&self, phase: &Phase) -> impl Iterator<Item = Name> {
        let transitions = self.workflow().transitions_from(&phase.id);
        let conditions = transitions.filter_map(|transition| transition.condition.as_ref());
        conditions.filter_map(|condition| names_in_condition(&condition.value).ok()).flatten()
    }

    /// Returns the names that the phase and the phases after it in the file use in conditions of
    /// phases and steps and in texts.
    fn used_from(&self, phase: &Phase) -> Vec<Name> {
        let phases = self.workflow().phases.iter().skip_while(|other| other.id != phase.id);
        let of_phase = |phase: &Phase| {
            let steps = phase.steps.iter().flat_map(|step| {
                let in_condition = names_in_conditions(step.condition.iter()).collect::<Vec<_>>();
                in_condition.into_iter().chain(names_of(step))
            });
            names_in_conditions(phase.condition.iter()).chain(steps).collect::<Vec<_>>()
        };
        phases.flat_map(of_phase).collect()
    }

    /// Returns the output of the phase that a name stands for: `PHASE.NAME`, or a bare `NAME` that
    /// is neither an input nor a phase.
    fn returned_by(&self, phase: &Phase, name: &Name) -> Option<String> {
        match (name.root(), name.rest().next()) {
            (root, Some(output)) if root == phase.id => Some(output.to_owned()),
            (root, None) if self.is_for_phases_to_return(root) => Some(root.to_owned()),
            _ => None,
        }
    }

    fn is_for_phases_to_return(&self, name: &str) -> bool {
        let is_given = ["file", "files"].contains(&name);
        let is_input = self.workflow().inputs.iter().any(|input| input.name == name);
        !is_given && !is_input && self.meaning_of(name).is_none()
    }
}
