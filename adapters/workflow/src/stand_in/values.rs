//! Chooses example values for trying a workflow.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::comparisons::{Comparison, comparisons};
use super::samples;
use super::simulation::{Examples, progress};
use crate::definition::{Checkpoint, InputType, Phase, Workflow};
use crate::execution::{Plan, Values, conditions_of, is_value_name, names_used};
use crate::expression::{Name, names_in_condition};

/// The maximum number of simulated executions. Hand-written workflows need only a few.
const MAX_SIMULATIONS: usize = 200;

/// Chooses example values for the phases and inputs of a workflow.
pub(super) fn of(plan: &Plan) -> Examples {
    let clues = Clues::of(plan.workflow());
    let of_phase = |phase: &Phase| (phase.id.clone(), values_of(plan, phase, &clues));
    let values = plan.workflow().phases.iter().map(of_phase).collect();
    let required = plan.workflow().inputs.iter().filter(|input| input.required && input.default.is_none());
    let mut examples = Examples { values, inputs: required.map(|input| input.name.clone()).collect() };
    improve(plan, &clues, &mut examples);
    examples
}

fn values_of(plan: &Plan, phase: &Phase, clues: &Clues) -> Values {
    let names = plan.expected_of(phase).into_iter().filter(|name| is_value_name(name));
    names.map(|name| (name.clone(), clues.value(&name))).collect()
}

/// Improves the examples one change at a time. Keeps a change only if the simulation gets further.
fn improve(plan: &Plan, clues: &Clues, examples: &mut Examples) {
    let (mut reached, mut simulations) = (progress(plan, examples), 1);
    for change in changes(plan, clues, examples) {
        if reached == usize::MAX || simulations == MAX_SIMULATIONS {
            return;
        }
        let Some(undo) = change.apply(examples) else { continue };
        let reached_now = progress(plan, examples);
        simulations += 1;
        if reached_now > reached {
            reached = reached_now;
        } else {
            undo.apply(examples);
        }
    }
}

enum Change {
    Give { input: String, is_given: bool },
    Set { phase: String, name: String, value: Value },
}

impl Change {
    /// Makes the change, and returns the opposite change. `None` if nothing changed.
    fn apply(self, examples: &mut Examples) -> Option<Self> {
        match self {
            Self::Give { input, is_given } => {
                let has_changed =
                    if is_given { examples.inputs.insert(input.clone()) } else { examples.inputs.remove(&input) };
                has_changed.then_some(Self::Give { input, is_given: !is_given })
            }
            Self::Set { phase, name, value } => {
                let former = examples.values.get_mut(&phase)?.insert(name.clone(), value)?;
                Some(Self::Set { phase, name, value: former })
            }
        }
    }
}

fn changes(plan: &Plan, clues: &Clues, examples: &Examples) -> Vec<Change> {
    let inputs = plan.workflow().inputs.iter().map(|input| Change::Give { input: input.name.clone(), is_given: true });
    let names = plan.workflow().phases.iter().flat_map(|phase| free_names(phase, &examples.values));
    let values = names.flat_map(|(phase, name)| {
        let literals = clues.comparisons.get(&name).into_iter().flatten().map(|compared| compared.literal.clone());
        let values = std::iter::once(Value::from(false)).chain(literals).collect::<Vec<_>>();
        values.into_iter().map(move |value| Change::Set { phase: phase.clone(), name: name.clone(), value })
    });
    // Inputs of type file come first, because the processed file can be given for them.
    let mut inputs: Vec<_> = inputs.collect();
    let is_file =
        |name: &str| plan.workflow().inputs.iter().any(|input| input.name == name && input.kind == InputType::File);
    inputs.sort_by_key(|change| !matches!(change, Change::Give { input, .. } if is_file(input)));
    inputs.into_iter().chain(values).collect()
}

fn free_names(phase: &Phase, values: &HashMap<String, Values>) -> Vec<(String, String)> {
    let required: HashSet<_> = phase.checkpoint.iter().flat_map(Checkpoint::names).collect();
    let names = values.get(&phase.id).into_iter().flat_map(Map::keys).filter(|name| !required.contains(name.as_str()));
    names.map(|name| (phase.id.clone(), name.clone())).collect()
}

/// Facts about the values that steps return, by value name.
#[derive(Default)]
struct Clues {
    comparisons: HashMap<String, Vec<Comparison>>,
    /// The member paths of each value, such as `senders` for `phase_1.register.senders`.
    members: HashMap<String, Vec<Vec<String>>>,
    /// The types of the declared outputs.
    types: HashMap<String, String>,
    /// The names that conditions and checkpoints use.
    in_conditions: HashSet<String>,
}

impl Clues {
    fn of(workflow: &Workflow) -> Self {
        let phases: HashSet<_> = workflow.phases.iter().map(|phase| phase.id.as_str()).collect();
        let mut clues = Self::default();
        for condition in conditions_of(workflow) {
            for comparison in comparisons(&condition.value) {
                let (name, path) = value_and_path(&phases, &comparison.name);
                if path.is_empty() {
                    clues.comparisons.entry(name).or_default().push(comparison);
                }
            }
            let names = names_in_condition(&condition.value).unwrap_or_default();
            clues.in_conditions.extend(names.iter().map(|name| value_and_path(&phases, name).0));
        }
        let checkpoints = workflow.phases.iter().filter_map(|phase| phase.checkpoint.as_ref());
        clues.in_conditions.extend(checkpoints.flat_map(Checkpoint::names).map(str::to_owned));
        for name in names_used(workflow) {
            let (name, path) = value_and_path(&phases, &name);
            if !path.is_empty() {
                clues.members.entry(name).or_default().push(path);
            }
        }
        let kinds = workflow.outputs.iter().filter_map(|output| Some((output.name.clone(), output.kind.clone()?)));
        clues.types = kinds.collect();
        clues
    }

    fn value(&self, name: &str) -> Value {
        if let Some(paths) = self.members.get(name) {
            return object(paths);
        }
        let compared: Vec<_> = self.comparisons.get(name).into_iter().flatten().collect();
        let of_type = || self.types.get(name).and_then(|kind| samples::of_type(kind, name));
        let default = || if self.in_conditions.contains(name) { Value::from(true) } else { Value::from(name) };
        samples::of_comparisons(&compared).or_else(of_type).unwrap_or_else(default)
    }
}

fn object(paths: &[Vec<String>]) -> Value {
    let mut object = Map::new();
    for path in paths {
        let mut at = &mut object;
        for (index, part) in path.iter().enumerate() {
            let is_last = index + 1 == path.len();
            let value = at.entry(part.clone()).or_insert_with(|| Value::from(part.as_str()));
            if !is_last && !value.is_object() {
                *value = Value::Object(Map::new());
            }
            match value {
                Value::Object(below) => at = below,
                _ => break,
            }
        }
    }
    Value::Object(object)
}

/// Splits `phase_1.register.senders` into the value `register` and the member path `senders`.
fn value_and_path(phases: &HashSet<&str>, name: &Name) -> (String, Vec<String>) {
    let skipped = match name.root() {
        "steps" => 2,
        root => usize::from(phases.contains(root)),
    };
    let mut parts = name.0.split('.').skip(skipped).map(str::to_owned);
    (parts.next().unwrap_or_default(), parts.collect())
}
