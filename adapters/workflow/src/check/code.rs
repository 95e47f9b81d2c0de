//! Expressions whose values a shell, or a program that it starts, may execute as code.

use crate::definition::{Action, Located, Workflow};
use crate::expression::{CodePlace, code_places, embedded};
use crate::problem::Problems;

/// Programs that execute the argument after `-c`.
const SHELLS: [&str; 6] = ["sh", "ash", "bash", "dash", "ksh", "zsh"];

pub(super) fn check(workflow: &Workflow, problems: &mut Problems) {
    for step in workflow.phases.iter().flat_map(|phase| &phase.steps) {
        match &step.action {
            Action::Shell(text) => {
                // A text that cannot be cut into expressions is reported by the check of names.
                for (expression, place) in code_places(&text.value).unwrap_or_default() {
                    problems.warning(text.position, message(expression, place));
                }
            }
            Action::Run(words) => check_script(words, problems),
            Action::Command(_) | Action::Task(_) => {}
        }
    }
}

/// A script that is one expression as a whole is intended as code.
fn check_script(words: &[Located<String>], problems: &mut Problems) {
    let Some(script) = script_in(words) else { return };
    let Some(expression) = embedded(&script.value) else { return };
    let message =
        format!("`${{{expression}}}` is written into the script of a shell, which executes what the value holds");
    problems.warning(script.position, message).expecting("`shell` in place of `run`, where it is passed in a variable");
}

/// The script of a shell, if the words start one.
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
