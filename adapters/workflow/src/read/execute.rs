//! Reads the key `execute` of a step.

use std::collections::BTreeSet;

use super::Reader;
use super::fields::{Fields, OtherKeys, Part};
use crate::definition::{Action, Located, Step, StepInput};

/// The name of the parameter for `agent`, and of the default command.
const AGENT: &str = "agent";

impl Reader<'_> {
    /// Reads the key into `step`. `outside` holds the other entries of the step.
    pub(super) fn execute(&mut self, part: Part<'_>, outside: &Fields<'_>, step: &mut Step) {
        let Some(fields) = self.fields_and(OtherKeys::AreParameters, part, "`execute`") else { return };
        step.inputs = self.inputs_of(&fields);
        match (outside.get("inputs"), fields.get("inputs")) {
            (Some(inputs), Some(_)) => {
                let message = "the step has `inputs` both inside and outside `execute`";
                self.problems.error(inputs.node.position, message);
            }
            _ => step.inputs.extend(self.inputs_of(outside)),
        }
        step.params = self.parameters(&fields);
        let inner = self.value(fields.get("condition"), "a condition");
        step.condition = both(step.condition.take(), inner);
        let inner = self.value(fields.get("description"), "a string");
        step.description = step.description.take().or(inner);
        if let Some(action) = self.command_or_task(&fields) {
            step.action = action;
        }
    }

    fn parameters(&mut self, fields: &Fields<'_>) -> Vec<StepInput> {
        let mut seen = BTreeSet::new();
        for (key, _) in &fields.others {
            if !seen.insert(key.value.as_str()) {
                self.problems.error(key.position, format!("the key `{}` is given twice", key.value));
            }
        }
        let agent = fields.get("agent").map(|part| StepInput {
            name: AGENT.to_owned(),
            value: part.node.value.to_json(),
            position: part.node.position,
        });
        agent.into_iter().chain(fields.others.iter().copied().map(StepInput::of)).collect()
    }

    fn command_or_task(&mut self, fields: &Fields<'_>) -> Option<Action> {
        match (fields.get("command"), fields.get("task")) {
            (Some(_), None) => self.named_action(fields, "command"),
            (None, Some(_)) => self.named_action(fields, "task"),
            (Some(_), Some(task)) => {
                let message = "`execute` has both `command` and `task`";
                self.problems.error(task.node.position, message).expecting("one of them");
                None
            }
            (None, None) if fields.get("agent").is_some() => {
                Some(Action::Command(Located::new(AGENT.to_owned(), fields.position)))
            }
            (None, None) => {
                self.problems.error(fields.position, "`execute` has neither `command` nor `task`");
                None
            }
        }
    }

    pub(super) fn named_action(&mut self, fields: &Fields<'_>, key: &str) -> Option<Action> {
        if key == "task" {
            self.value(fields.get(key), "the name or the file of a task").map(Action::Task)
        } else {
            self.value(fields.get(key), "the name of a command").map(Action::Command)
        }
    }
}

fn both(outer: Option<Located<String>>, inner: Option<Located<String>>) -> Option<Located<String>> {
    match (outer, inner) {
        (Some(outer), Some(inner)) => {
            Some(Located::new(format!("({}) and ({})", outer.value, inner.value), outer.position))
        }
        (outer, inner) => outer.or(inner),
    }
}
