//! The values of names during an execution.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Serde, Value};

use super::names::Name;
use crate::definition::CHECKPOINT_PASSED;

/// The names for an expression, and their values.
///
/// The lookup order is: [set](Self::set) names, `steps`, phases, returned values. If several steps
/// have returned a name, the last value counts. Cloning a scope copies only a pointer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    names: Arc<Names>,
}

#[derive(Debug, Clone, Default)]
struct Names {
    set: BTreeMap<String, Value>,
    steps: Arc<Table>,
    phases: BTreeMap<String, Arc<Table>>,
    returned: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Default)]
struct Table(BTreeMap<String, Value>);

impl Scope {
    pub(crate) fn set(&mut self, name: &str, value: &serde_json::Value) {
        self.names_mut().set.insert(name.to_owned(), Value::from(Serde(value)));
    }

    pub(crate) fn enter_phase(&mut self, phase: &str) {
        self.names_mut().phases.entry(phase.to_owned()).or_default();
    }

    /// Adds each value of a step as `steps.ID.NAME`, `PHASE.NAME` and `NAME`.
    pub(crate) fn record_step(
        &mut self,
        phase: &str,
        step: &str,
        values: &serde_json::Map<String, serde_json::Value>,
        stdout: Option<&str>,
    ) {
        let values: Vec<_> = values.iter().map(|(name, value)| (name.clone(), Value::from(Serde(value)))).collect();
        let names = self.names_mut();
        let of_step = Table(values.iter().cloned().chain(stdout.map(stdout_entry)).collect());
        Arc::make_mut(&mut names.steps).0.insert(step.to_owned(), Value::from_object(of_step));
        Arc::make_mut(names.phases.entry(phase.to_owned()).or_default()).0.extend(values.iter().cloned());
        names.returned.extend(values);
    }

    pub(crate) fn has_returned(&self, phase: &str, name: &str) -> bool {
        self.names.phases.get(phase).and_then(|values| values.0.get(name)).is_some_and(Value::is_true)
    }

    pub(crate) fn has_value(&self, phase: &str, name: &str) -> bool {
        self.names.phases.get(phase).is_some_and(|values| values.0.contains_key(name))
    }

    pub(super) fn context(&self) -> Value {
        Value::from_dyn_object(self.names.clone())
    }

    /// Returns the context for transitions from `phase`. `checkpoint_passed` takes precedence over
    /// the values of the phase, and these values over all other names.
    pub(super) fn context_after(&self, phase: &str, checkpoint_passed: bool) -> Value {
        let phase = self.names.phases.get(phase).cloned().unwrap_or_default();
        let checkpoint_passed = Some(checkpoint_passed);
        Value::from_object(OfCondition { phase, checkpoint_passed, names: self.names.clone() })
    }

    pub(super) fn context_of_condition(&self) -> Value {
        let names = self.names.clone();
        Value::from_object(OfCondition { phase: Arc::default(), checkpoint_passed: None, names })
    }

    /// Returns the shortest prefix of `path` without a value, and all known names at its place.
    /// `None` if `path` has a value.
    pub(crate) fn first_unknown(&self, path: &Name) -> Option<(String, Vec<String>)> {
        let Some(mut value) = self.names.look_up(path.root()) else {
            return Some((path.root().to_owned(), self.all()));
        };
        let mut walked = path.root().to_owned();
        for name in path.rest() {
            let known = || value.try_iter().into_iter().flatten().map(|key| format!("{walked}.{key}")).collect();
            match value.get_attr(name) {
                Ok(next) if !next.is_undefined() => {
                    value = next;
                    walked = format!("{walked}.{name}");
                }
                _ => return Some((format!("{walked}.{name}"), known())),
            }
        }
        None
    }

    fn all(&self) -> Vec<String> {
        let names = &self.names;
        let phases = names.phases.keys();
        let steps = (!names.steps.0.is_empty()).then_some("steps").map(str::to_owned);
        names.set.keys().chain(phases).chain(names.returned.keys()).cloned().chain(steps).collect()
    }

    fn names_mut(&mut self) -> &mut Names {
        Arc::make_mut(&mut self.names)
    }
}

fn stdout_entry(stdout: &str) -> (String, Value) {
    ("stdout".to_owned(), Value::from(stdout))
}

impl Names {
    fn look_up(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.set.get(name) {
            return Some(value.clone());
        }
        if name == "steps" {
            return Some(Value::from_dyn_object(self.steps.clone()));
        }
        let phase = self.phases.get(name).map(|values| Value::from_dyn_object(values.clone()));
        phase.or_else(|| self.returned.get(name).cloned())
    }
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.look_up(key.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

impl Object for Table {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_str()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|key| Value::from(key.as_str())).collect())
    }
}

#[derive(Debug)]
struct OfCondition {
    /// The values of the phase before a transition; otherwise empty.
    phase: Arc<Table>,
    /// `None` for the conditions of phases and steps.
    checkpoint_passed: Option<bool>,
    names: Arc<Names>,
}

impl Object for OfCondition {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        if let Some(is_passed) = self.checkpoint_passed.filter(|_| name == CHECKPOINT_PASSED) {
            return Some(Value::from(is_passed));
        }
        self.phase.0.get(name).cloned().or_else(|| self.names.look_up(name))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}
