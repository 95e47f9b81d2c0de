//! Words that have no meaning here, or less of one than they seem to have.

use serde_json::Value;

use crate::definition::{Input, InputType, OnFail, Phase, Workflow};
use crate::problem::{Problem, Problems};

pub(super) fn check(workflow: &Workflow, problems: &mut Problems) {
    told_only(workflow, problems);
    workflow.inputs.iter().for_each(|input| of_input(input, problems));
    workflow.phases.iter().for_each(|phase| of_phase(phase, problems));
}

/// What is kept and of no effect.
fn told_only(workflow: &Workflow, problems: &mut Problems) {
    if let Some(orchestrator) = &workflow.orchestrator {
        problems.add(Problem::note(orchestrator.position, "`orchestrator` is told and of no effect"));
    }
    for action in &workflow.on_error {
        problems.add({
            let message =
                format!("`{}` is not done on errors: a failed attempt is logged and tried again", action.action);
            Problem::warning(action.position, message)
        });
    }
    for location in workflow.outputs.iter().filter_map(|output| output.location.as_ref()) {
        problems.add({
            Problem::note(location.position, "`location` is told and of no effect; nothing is looked for there")
        });
    }
}

fn of_input(input: &Input, problems: &mut Problems) {
    if let InputType::Other(word) = &input.kind {
        problems.add({
            Problem::warning(input.position, format!("the type `{word}` has no meaning: `{}` is a text", input.name))
                .expecting("string, file, array, number, integer, boolean, object or json")
        });
    }
    if let Some(default) = &input.default {
        if !input.kind.takes(default) {
            problems.add({
                Problem::error(
                    input.position,
                    format!("the default of `{}` is of another type than `{}`", input.name, input.kind.word()),
                )
            });
        }
        if input.required {
            problems.add({
                let message = format!("`{}` is required, so that its default is never used", input.name);
                Problem::warning(input.position, message)
            });
        }
    }
}

fn of_phase(phase: &Phase, problems: &mut Problems) {
    if let OnFail::Other(word) = &phase.on_fail {
        problems.add({
            let message =
                format!("`{}` has no meaning for `on_fail`: a failed step fails the phase `{}`", word.value, phase.id);
            Problem::warning(word.position, message).expecting("`fail`, `continue` or `skip`")
        });
    }
    if let Some(checkpoint) = phase.checkpoint.as_ref().filter(|checkpoint| checkpoint.validation.is_empty()) {
        problems.add({
            let message =
                format!("`{}` asks for nothing: it is passed whenever the phase's steps succeed", checkpoint.id);
            Problem::note(checkpoint.position, message)
        });
    }
}

impl InputType {
    /// The word for it.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::String => "string",
            Self::File => "file",
            Self::Array => "array",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Object => "object",
            Self::Json => "json",
            Self::Other(word) => word,
        }
    }

    /// Whether a value is of this type. Null is of every one: no value.
    #[must_use]
    pub fn takes(&self, value: &Value) -> bool {
        value.is_null()
            || match self {
                Self::String | Self::File => value.is_string(),
                Self::Array => value.is_array(),
                Self::Number => value.is_number(),
                Self::Integer => value.is_i64() || value.is_u64(),
                Self::Boolean => value.is_boolean(),
                Self::Object => value.is_object(),
                Self::Json | Self::Other(_) => true,
            }
    }
}
