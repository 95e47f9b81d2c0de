//! Reports expressions whose values may be executed as code by a shell or by a program that the
//! shell starts.

use crate::definition::{Action, Located, Workflow};
use crate::expression::{CodePlace, code_places, embedded};
use crate::problem::Problems;

/// The names of programs that execute the argument after `-c` as a script.
const SHELLS: [&str; 6] = ["sh", "ash", "bash", "dash", "ksh", "zsh"];

pub(super) fn check(workflow: &Workflow, problems: &mut Problems) {
    for step in workflow.phases.iter().flat_map(|phase| &phase.steps) {
        match &step.action {
            Action::Shell(text) => {
                // If the text cannot be split into expressions, the module `names` reports the
                // error.
                for (expression, place) in code_places(&text.value).unwrap_or_default() {
                    problems.warning(text.position, message(expression, place));
                }
            }
            Action::Run(words) => check_script(words, problems),
            Action::Command(_) | Action::Task(_) => {}
        }
    }
}

/// Reports the first expression that becomes part of a script for a shell. A script that is exactly
/// one expression is accepted, because its author intends the value as code.
fn check_script(words: &[Located<String>], problems: &mut Problems) {
    let Some(script) = script_in(words) else { return };
    let Some(expression) = embedded(&script.value) else { return };
    let message = format!("`${{{expression}}}` becomes part of a shell script, which executes its value as code");
    problems
        .warning(script.position, message)
        .expecting("`shell` instead of `run`: `shell` passes the value in a variable");
}

/// Returns the script that the words pass to a shell with `-c`; `None` if the words do not start a
/// shell with `-c`.
fn script_in(words: &[Located<String>]) -> Option<&Located<String>> {
    let (program, arguments) = words.split_first()?;
    let name = program.value.rsplit('/').next()?;
    let is_script_next = |option: &Located<String>| !option.value.starts_with("--") && option.value.contains('c');
    let mut options = arguments.iter().take_while(|word| word.value.starts_with('-'));
    let at = options.position(is_script_next).filter(|_| SHELLS.contains(&name))?;
    arguments.get(at + 1)
}

fn message(expression: &str, place: CodePlace) -> String {
    match place {
        CodePlace::SingleQuotes => format!(
            "`${{{expression}}}` is in single quotes with other text: a program that runs this text as code, such as \
             `sh -c`, executes the value; pass it as an argument instead: sh -c 'echo \"$1\"' sh ${{{expression}}}"
        ),
        CodePlace::Arithmetic => format!(
            "`${{{expression}}}` is in `$((…))`: some shells refuse it there, others evaluate the value as code; \
             calculate within the expression instead: ${{n | int + 1}}"
        ),
    }
}
