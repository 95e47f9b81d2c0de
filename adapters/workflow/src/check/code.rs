//! Reports expressions with values that a shell, or a program that it starts, may execute as code.

use autoproc_shell_quoting::script_argument;

use crate::definition::{Action, Located, Workflow};
use crate::expression::{CodePlace, code_places, embedded};
use crate::problem::Problems;

pub(super) fn check(workflow: &Workflow, problems: &mut Problems) {
    for step in workflow.steps().chain(workflow.error_steps()) {
        match &step.action {
            Action::Shell(text) => {
                // The module `names` reports a text that cannot be split into expressions.
                for (expression, place) in code_places(&text.value).unwrap_or_default() {
                    problems.warning(text.position, message(expression, &place));
                }
            }
            Action::Run(words) => check_script(words, problems),
            Action::Command(_) | Action::Task(_) => {}
        }
    }
}

/// Reports the first expression within the script of a shell or an interpreter, as in
/// `sh -c SCRIPT`. A script that is exactly one expression is accepted, because its author intends
/// the value as code.
fn check_script(words: &[Located<String>], problems: &mut Problems) {
    let texts: Vec<_> = words.iter().map(|word| word.value.as_bytes()).collect();
    let Some(script) = script_argument(&texts).map(|(_, script)| &words[script]) else { return };
    let Some(expression) = embedded(&script.value) else { return };
    let message = format!("`${{{expression}}}` is inserted into a shell script, which may execute the value as code");
    problems
        .warning(script.position, message)
        .expecting("`shell` instead of `run`: `shell` passes the value in a variable");
}

fn message(expression: &str, place: &CodePlace) -> String {
    match place {
        CodePlace::Executor(name) => format!(
            "`${{{expression}}}` is an argument of `{name}`, which may execute the value as code; use another command, or \
             pass the value in a variable"
        ),
        CodePlace::SingleQuotes => format!(
            "`${{{expression}}}` is a part of a text in single quotes: a program that runs this text as code, such as \
             `sh -c`, executes the value; pass it as an argument instead: sh -c 'echo \"$1\"' sh ${{{expression}}}"
        ),
        CodePlace::Arithmetic => format!(
            "`${{{expression}}}` is in `$((…))`: some shells refuse it there, others evaluate the value as code; \
             calculate inside `${{…}}` instead, as in: ${{n | int + 1}}"
        ),
    }
}
