//! The names of the values that the rest of a workflow expects from the steps of a phase.

use super::plan::Plan;
use crate::definition::{Checkpoint, Phase};
use crate::expression::names_in_condition;

fn bare_names(condition: &str) -> impl Iterator<Item = String> {
    let names = names_in_condition(condition).unwrap_or_default().into_iter();
    names.filter(|name| name.rest().next().is_none()).map(|name| name.root().to_owned())
}

impl Plan {
    /// Returns the names of the values that the steps of `phase` should return. A name is included
    /// if the checkpoint of `phase`, a transition from `phase`, or an expression in `phase` or a
    /// later phase uses it.
    pub(crate) fn expected_of(&self, phase: &Phase) -> Vec<String> {
        let checkpoint = phase.checkpoint.iter();
        let mut names: Vec<_> = checkpoint.clone().flat_map(Checkpoint::names).map(str::to_owned).collect();
        let in_validation = checkpoint.flat_map(Checkpoint::conditions).flat_map(|text| bare_names(&text.value));
        let in_transitions = in_validation.chain(self.bare_names_in_transitions(phase));
        let index = self.index_of(&phase.id);
        let used = self.used_names();
        let later = used.bare.iter().filter(|(_, last)| index.is_some_and(|index| *last >= index));
        let bare = in_transitions.chain(later.map(|(name, _)| name.clone()));
        let bare = bare.filter(|name| self.is_for_phases_to_return(name));
        let of_phase = used.of_phases.get(&phase.id).into_iter().flatten().cloned();
        for name in bare.chain(of_phase) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn bare_names_in_transitions(&self, phase: &Phase) -> Vec<String> {
        let transitions = self.workflow().transitions_from(&phase.id);
        let conditions = transitions.filter_map(|transition| transition.condition.as_ref());
        conditions.flat_map(|condition| bare_names(&condition.value)).collect()
    }

    fn is_for_phases_to_return(&self, name: &str) -> bool {
        let is_given = ["file", "files"].contains(&name);
        let is_input = self.workflow().inputs.iter().any(|input| input.name == name);
        !is_given && !is_input && self.meaning_of(name).is_none()
    }
}
