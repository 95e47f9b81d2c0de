//! The names that the expressions of a workflow use.

use std::collections::{HashMap, HashSet};

use crate::definition::{Action, Located, Phase, Step, Workflow};
use crate::expression::{Name, names_in_condition, names_in_text, names_in_value};

/// The names that the conditions and texts of phases and steps use.
#[derive(Debug, Default)]
pub(super) struct UsedNames {
    /// The names that consist of one part, in the order of their first use. Each name has the index
    /// of the last phase that uses it.
    pub(super) bare: Vec<(String, usize)>,
    /// For each phase id `PHASE`, the `NAME` of every `PHASE.NAME` in an expression of that phase
    /// or a later phase, in the order of first use.
    pub(super) of_phases: HashMap<String, Vec<String>>,
}

impl UsedNames {
    pub(super) fn of(workflow: &Workflow) -> Self {
        let (mut used, mut places, mut seen) = (Self::default(), HashMap::new(), HashSet::new());
        let phases: HashMap<_, _> =
            workflow.phases.iter().enumerate().map(|(index, phase)| (phase.id.as_str(), index)).collect();
        for (index, phase) in workflow.phases.iter().enumerate() {
            for name in names_used_in(phase) {
                let (root, output) = (name.root().to_owned(), name.rest().next().map(str::to_owned));
                let Some(output) = output else {
                    let place = *places.entry(root.clone()).or_insert(used.bare.len());
                    if place == used.bare.len() {
                        used.bare.push((root, index));
                    }
                    used.bare[place].1 = index;
                    continue;
                };
                let is_earlier = phases.get(root.as_str()).is_some_and(|phase| *phase <= index);
                if is_earlier && seen.insert((root.clone(), output.clone())) {
                    used.of_phases.entry(root).or_default().push(output);
                }
            }
        }
        used
    }
}

fn names_used_in(phase: &Phase) -> Vec<Name> {
    let conditions = phase.condition.iter().chain(phase.steps.iter().filter_map(|step| step.condition.as_ref()));
    names_in_conditions(conditions).chain(phase.steps.iter().flat_map(names_of)).collect()
}

pub(super) fn names_in_conditions<'c>(
    conditions: impl Iterator<Item = &'c Located<String>>,
) -> impl Iterator<Item = Name> {
    conditions.filter_map(|condition| names_in_condition(&condition.value).ok()).flatten()
}

/// Returns the names that the texts of a step use.
pub(super) fn names_of(step: &Step) -> Vec<Name> {
    let words: Vec<_> = match &step.action {
        Action::Run(words) => words.iter().collect(),
        Action::Shell(line) => vec![line],
        Action::Command(_) | Action::Task(_) => Vec::new(),
    };
    let texts = words.into_iter().chain(step.env.iter().map(|entry| &entry.value)).chain(&step.workdir);
    let in_texts = texts.filter_map(|text| names_in_text(&text.value).ok()).flatten();
    let in_inputs =
        step.inputs.iter().chain(&step.params).filter_map(|input| names_in_value(&input.value).ok()).flatten();
    in_texts.chain(in_inputs).collect()
}
