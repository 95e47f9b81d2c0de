//! What stands in braces in a runner's arguments.

use serde_json::{Map, Value};

use super::Runner;
use crate::expression::text_of;

/// What is replaced in the arguments of a runner, apart from `{input.NAME}`: the file; the task's file, or its name where
/// it has none; the name of the task or the command; the ids of workflow, phase and step.
pub const PLACEHOLDERS: [&str; 6] = ["file", "task", "name", "workflow", "phase", "step"];

/// What begins the placeholder of an input.
const INPUT: &str = "input.";

/// What the placeholders stand for.
#[derive(Debug, Clone, Copy)]
pub struct Fill<'a> {
    /// The file that is processed.
    pub file: &'a str,
    /// The task's file, or its name; empty for a command.
    pub task: &'a str,
    /// The name of the task or the command.
    pub name: &'a str,
    /// The workflow's id.
    pub workflow: &'a str,
    /// The phase's id.
    pub phase: &'a str,
    /// The step's id.
    pub step: &'a str,
    /// The step's inputs, rendered.
    pub inputs: &'a Map<String, Value>,
}

/// A runner asks for an input that the step does not have, or that has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the runner of the step `{step}` asks for its input `{input}`, which {}", if *.is_given { "has no value" } else { "it does not have" })]
pub struct MissingInput {
    /// The step's id.
    pub step: String,
    /// The input's name.
    pub input: String,
    /// Whether the step has an input of this name.
    pub is_given: bool,
}

impl Runner {
    /// The program and its arguments for a step. An input that is no text is said as JSON.
    ///
    /// # Errors
    /// [`MissingInput`] for the first `{input.NAME}` that stands for nothing.
    pub fn fill(&self, fill: &Fill<'_>) -> Result<Vec<String>, MissingInput> {
        self.0.iter().map(|word| fill.word(word)).collect()
    }
}

impl Fill<'_> {
    fn word(&self, word: &str) -> Result<String, MissingInput> {
        let (mut filled, mut rest) = (String::new(), word);
        while let Some(start) = rest.find('{') {
            filled.push_str(&rest[..start]);
            rest = &rest[start..];
            let placeholder = rest.find('}').map(|end| &rest[1..end]);
            match placeholder.map(|name| (name, self.value(name))) {
                Some((name, Some(value))) => {
                    filled.push_str(&value?);
                    rest = &rest[name.len() + 2..];
                }
                _ => {
                    filled.push('{');
                    rest = &rest[1..];
                }
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// What a placeholder stands for; none where it is none.
    fn value(&self, name: &str) -> Option<Result<String, MissingInput>> {
        let plain = match name {
            "file" => self.file,
            "task" => self.task,
            "name" => self.name,
            "workflow" => self.workflow,
            "phase" => self.phase,
            "step" => self.step,
            _ => {
                return name
                    .strip_prefix(INPUT)
                    .filter(|input| crate::read::is_name(input))
                    .map(|input| self.input(input));
            }
        };
        Some(Ok(plain.to_owned()))
    }

    fn input(&self, name: &str) -> Result<String, MissingInput> {
        let value = self.inputs.get(name);
        value.and_then(text_of).ok_or_else(|| MissingInput {
            step: self.step.to_owned(),
            input: name.to_owned(),
            is_given: value.is_some(),
        })
    }
}
