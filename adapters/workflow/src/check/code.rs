//! Expressions in strings for the shell, where a program may take their values for code.

use crate::definition::{Action, Located, Workflow};
use crate::expression::{CodePlace, code_places};
use crate::problem::{Problem, Problems};

pub(super) fn check(workflow: &Workflow, problems: &mut Problems) {
    for step in workflow.phases.iter().flat_map(|phase| &phase.steps) {
        if let Action::Shell(text) = &step.action {
            of_string(text, problems);
        }
    }
}

fn of_string(text: &Located<String>, problems: &mut Problems) {
    // What cannot be cut into expressions is told with the names in it.
    for (expression, place) in code_places(&text.value).unwrap_or_default() {
        problems.add(Problem::warning(text.position, told(expression, place)));
    }
}

fn told(expression: &str, place: CodePlace) -> String {
    match place {
        CodePlace::SingleQuotes => format!(
            "`${{{expression}}}` stands in single quotes with other text: a program that takes this for code, as `sh -c` \
             does, executes what the value holds; hand it over as an argument, as in: sh -c 'echo \"$1\"' sh \
             ${{{expression}}}"
        ),
        CodePlace::Arithmetic => format!(
            "`${{{expression}}}` stands in `$((…))`: one shell refuses it there, another evaluates what the value holds; \
             count within the expression, as in: ${{n | int + 1}}"
        ),
    }
}
