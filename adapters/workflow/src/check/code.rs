//! Expressions where a shell, or a program that it starts, may take their values for code.

use crate::definition::{Action, Located, Workflow};
use crate::expression::{CodePlace, code_places, embedded};
use crate::problem::{Problem, Problems};

/// Programs that execute what stands behind `-c`.
const SHELLS: [&str; 6] = ["sh", "ash", "bash", "dash", "ksh", "zsh"];

pub(super) fn check(workflow: &Workflow, problems: &mut Problems) {
    for step in workflow.phases.iter().flat_map(|phase| &phase.steps) {
        match &step.action {
            Action::Shell(text) => of_string(text, problems),
            Action::Run(words) => {
                if let Some(script) = script_in(words) {
                    of_script(script, problems);
                }
            }
            Action::Command(_) | Action::Task(_) => {}
        }
    }
}

fn of_string(text: &Located<String>, problems: &mut Problems) {
    // What cannot be cut into expressions is told with the names in it.
    for (expression, place) in code_places(&text.value).unwrap_or_default() {
        problems.add(Problem::warning(text.position, told(expression, place)));
    }
}

/// The word that a shell would execute, where these start one.
fn script_in(words: &[Located<String>]) -> Option<&Located<String>> {
    let (program, arguments) = words.split_first()?;
    let name = program.value.rsplit('/').next()?;
    let is_script_next = |option: &Located<String>| !option.value.starts_with("--") && option.value.contains('c');
    let mut options = arguments.iter().take_while(|word| word.value.starts_with('-'));
    let at = options.position(is_script_next).filter(|_| SHELLS.contains(&name))?;
    arguments.get(at + 1)
}

fn of_script(script: &Located<String>, problems: &mut Problems) {
    // A script that is one expression as a whole is meant as one.
    let Some(expression) = embedded(&script.value) else { return };
    problems.add({
        let message =
            format!("`${{{expression}}}` is written into the script of a shell, which executes what the value holds");
        Problem::warning(script.position, message)
            .expecting("`shell` in place of `run`, where it is passed in a variable")
    });
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
