//! Computes recipes: hashes that identify how a run processes files.

use std::ffi::OsStr;

use autoproc_domain::Recipe;
use autoproc_subprocess::CommandLine;
use sha2::{Digest as _, Sha256};

use super::work::Work;
use crate::commands::workflow::choice::WorkflowChoice;
use crate::context::Context;
use crate::error::CliError;

/// Returns the recipe of a command or of a workflow.
///
/// # Errors
/// [`CliError`] if the workflow file cannot be found or read.
pub(super) fn of(work: &Work, stdout_to: Option<&OsStr>, context: &Context) -> Result<Recipe, CliError> {
    Ok(match (work, stdout_to) {
        (Work::Argv(words), None) => {
            hash("argv", CommandLine::with_file(words).into_iter().map(OsStr::as_encoded_bytes))
        }
        (Work::Argv(words), Some(pattern)) => {
            let words = CommandLine::with_file(words);
            hash("argv to", [pattern].into_iter().chain(words).map(OsStr::as_encoded_bytes))
        }
        (Work::Shell(line), None) => hash("shell", [line.as_encoded_bytes()]),
        (Work::Shell(line), Some(pattern)) => hash("shell to", [pattern, line].map(OsStr::as_encoded_bytes)),
        (Work::Workflow(choice), _) => of_workflow(choice, context)?,
    })
}

fn of_workflow(choice: &WorkflowChoice, context: &Context) -> Result<Recipe, CliError> {
    let file = choice.find(context)?;
    let mut inputs = choice.inputs.clone();
    inputs.sort();
    let inputs = inputs.iter().flat_map(|(name, text)| [name.as_bytes(), text.as_bytes()]);
    Ok(hash("workflow", [file.text.as_bytes()].into_iter().chain(inputs)))
}

/// Hashes the length of each part, then the part, so that different lists never yield the same
/// bytes.
fn hash<'a>(kind: &'a str, parts: impl IntoIterator<Item = &'a [u8]>) -> Recipe {
    let mut hasher = Sha256::new();
    for part in [kind.as_bytes()].into_iter().chain(parts) {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut recipe = [0; 8];
    recipe.copy_from_slice(&hasher.finalize()[..8]);
    Recipe::new(recipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_differ_if_any_word_does() {
        let argv = |words: &[&str]| hash("argv", words.iter().map(|word| word.as_bytes()));
        assert_eq!(argv(&["wc", "-l"]), argv(&["wc", "-l"]));
        assert_ne!(argv(&["wc", "-l"]), argv(&["wc-l"]));
        assert_ne!(argv(&["wc", "-l"]), argv(&["wc", "-", "l"]));
        assert_ne!(argv(&["wc"]), hash("shell", ["wc".as_bytes()]));
    }

    #[test]
    fn a_recipe_never_changes() {
        assert_eq!(hash("argv", ["wc".as_bytes(), "-l".as_bytes()]).to_string(), "460c2ac51dea14b8");
    }
}
