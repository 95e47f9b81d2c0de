//! Checks the names in the conditions of checkpoints.

use std::collections::{BTreeSet, HashMap};

use super::{Checker, Known, Moment};
use crate::definition::{CHECKPOINT_PASSED, Checkpoint, Position, Workflow};
use crate::execution::names_used;
use crate::expression::{Name, names_in_condition};
use crate::nearest::nearest;
use crate::problem::Problems;

/// The names of the expected values, by the index of their phase.
type Mentioned = HashMap<usize, BTreeSet<String>>;

pub(super) fn check(workflow: &Workflow, known: &Known<'_>, problems: &mut Problems) {
    let (mentioned, none) = (mentioned(workflow, known), BTreeSet::new());
    for (index, phase) in workflow.phases.iter().enumerate() {
        let moment = Moment { phase: index, step: usize::MAX };
        let mut checker = Checker { known, moment, is_first: false, problems };
        for condition in phase.checkpoint.iter().flat_map(Checkpoint::conditions) {
            // The module `ignored` reports conditions that are not expressions.
            for name in names_in_condition(&condition.value).unwrap_or_default() {
                checker.checkpoint_name(&name, condition.position, mentioned.get(&index).unwrap_or(&none));
            }
        }
    }
}

fn mentioned(workflow: &Workflow, known: &Known<'_>) -> Mentioned {
    let mut mentioned = Mentioned::new();
    for (index, phase) in workflow.phases.iter().enumerate() {
        let names = phase.checkpoint.iter().flat_map(Checkpoint::names);
        mentioned.entry(index).or_default().extend(names.map(str::to_owned));
    }
    for name in names_used(workflow) {
        if let Some((phase, value)) = value_of(&name, known) {
            mentioned.entry(phase).or_default().insert(value.to_owned());
        }
    }
    mentioned
}

/// Splits `PHASE.VALUE` or `steps.ID.VALUE` into phase index and value name.
fn value_of<'n>(name: &'n Name, known: &Known<'_>) -> Option<(usize, &'n str)> {
    let mut rest = name.rest();
    let phase = match name.root() {
        "steps" => known.steps.get(rest.next()?)?.phase,
        root => *known.phases.get(root)?,
    };
    Some((phase, rest.next()?))
}

impl Checker<'_, '_> {
    /// Reports an unknown name only if it resembles a known name. A phase may return any value.
    fn checkpoint_name(&mut self, name: &Name, position: Position, mentioned: &BTreeSet<String>) {
        let (root, known) = (name.root(), self.known);
        if root == CHECKPOINT_PASSED || mentioned.contains(root) {
            return;
        }
        if root == "steps" || known.inputs.contains(root) || known.phases.contains_key(root) {
            self.condition_name(name, position);
        } else if self.is_within_step(name) {
            self.bare_step(root, position);
        } else {
            let values = mentioned.iter().map(String::as_str);
            let others = known.inputs.iter().chain(known.phases.keys()).copied();
            let Some(meant) = nearest(root, values.chain(others)) else { return };
            let message = format!(
                "`{root}` is neither an input nor a phase; it counts as false unless a step of this phase returns it"
            );
            self.problems.warning(position, message).strictly().meaning(Some(meant));
        }
    }
}
