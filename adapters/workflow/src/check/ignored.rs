//! Reports keys and values without effect, and checks the defaults of inputs.

use crate::definition::{Input, InputType, OnFail, Phase, Workflow};
use crate::expression::{names_in_condition, placeholder};
use crate::problem::Problems;

pub(super) fn check(workflow: &Workflow, problems: &mut Problems) {
    check_ignored(workflow, problems);
    workflow.inputs.iter().for_each(|input| check_input(input, problems));
    workflow.phases.iter().for_each(|phase| check_phase(phase, problems));
}

fn check_ignored(workflow: &Workflow, problems: &mut Problems) {
    if let Some(orchestrator) = &workflow.orchestrator {
        problems.note(orchestrator.position, "`orchestrator` is ignored");
    }
    for location in workflow.outputs.iter().filter_map(|output| output.location.as_ref()) {
        if let Some(name) = placeholder(&location.value) {
            let message = format!(
                "`{{{name}}}` is no known placeholder, so nobody can tell which file this output is; it is not checked"
            );
            problems.note(location.position, message);
        }
    }
}

fn check_input(input: &Input, problems: &mut Problems) {
    if let InputType::Other(word) = &input.kind {
        let message =
            format!("unknown type `{word}`; `{}` accepts any value, and a given text stays a string", input.name);
        let problem = problems.warning(input.position, message);
        problem.expecting("string, enum, file, directory, array, number, integer, boolean, object or json");
    }
    check_values(input, problems);
    let Some(default) = &input.default else { return };
    if !input.kind.accepts(default) {
        let message = format!("the default of `{}` does not have the type `{}`", input.name, input.kind.word());
        problems.error(input.position, message);
    } else if !input.accepts(default) {
        problems.error(input.position, format!("the default of `{}` is not one of its `values`", input.name));
    }
    if input.required {
        let message = format!("`{}` is required, so its default is never used", input.name);
        problems.warning(input.position, message);
    }
}

fn check_values(input: &Input, problems: &mut Problems) {
    match (&input.kind, input.values.is_empty()) {
        (InputType::Enum, true) => {
            problems.warning(input.position, format!("`{}` has no `values`, so it accepts any value", input.name));
        }
        (InputType::Enum, false) | (_, true) => {}
        (_, false) => {
            let message = format!("the `values` of `{}` are ignored, because its type is not `enum`", input.name);
            problems.note(input.position, message);
        }
    }
}

fn check_phase(phase: &Phase, problems: &mut Problems) {
    if let OnFail::Other(word) = &phase.on_fail {
        let message =
            format!("unknown value `{}` for `on_fail`: a failed step fails the phase `{}`", word.value, phase.id);
        problems.warning(word.position, message).expecting("`fail`, `continue` or `skip`");
    }
    for name in phase.checkpoint.iter().flat_map(|checkpoint| &checkpoint.validation) {
        if let Err(error) = names_in_condition(&name.value) {
            problems.warning(name.position, format!("{error}; the checkpoint cannot be passed"));
        }
    }
    if let Some(checkpoint) = phase.checkpoint.as_ref().filter(|checkpoint| checkpoint.validation.is_empty()) {
        let message = format!(
            "checkpoint `{}` has no validation: it always passes when the steps of the phase have ended",
            checkpoint.id
        );
        problems.note(checkpoint.position, message);
    }
}
