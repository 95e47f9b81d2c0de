//! Finds misspelt placeholders in the arguments of `run`.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use autoproc_subprocess::{PLACEHOLDERS, unknown_placeholders};
use strsim::osa_distance;

use super::work::Work;
use crate::console::Console;
use crate::error::CliError;
use crate::escape::Shown;

/// Misspelt placeholders without braces, and the placeholders that users probably mean.
const WORDS: [(&str, &str); 12] = [
    ("file", "{}"),
    ("path", "{}"),
    ("input", "{}"),
    ("name", "{/}"),
    ("filename", "{/}"),
    ("basename", "{/}"),
    ("dir", "{//}"),
    ("dirname", "{//}"),
    ("parent", "{//}"),
    ("stem", "{/.}"),
    ("relative", "{rel}"),
    ("slot", "{%}"),
];

/// Warns about misspelt placeholders. Ignores other braces, because awk programs contain many.
pub(super) fn warn_of_unknown(work: &Work, console: &Console) {
    let words: &[OsString] = match work {
        Work::Argv(words) => words,
        Work::Shell(line) => std::slice::from_ref(line),
        Work::Workflow(_) => &[],
    };
    for unknown in words.iter().flat_map(|word| unknown_placeholders(word)) {
        if let Some(near) = misspelt(unknown) {
            console.warn(format_args!("{unknown} is not a placeholder and stays as it is; did you mean {near}?"));
        }
    }
}

/// Refuses any text in braces that is not a placeholder.
///
/// # Errors
/// A usage error that suggests the nearest placeholder.
pub(super) fn check_pattern(pattern: &OsStr) -> Result<(), CliError> {
    let Some(unknown) = unknown_placeholders(pattern).first().copied() else { return Ok(()) };
    let error = CliError::usage(format!("--stdout-to {}: {unknown} is not a placeholder", Shown(Path::new(pattern))));
    let word = inner(unknown).to_ascii_lowercase();
    let distance = |(known, _): &&(&str, _)| osa_distance(known, &word);
    let meant = WORDS.iter().filter(|known| distance(known) <= usize::from(word.len() > 2)).min_by_key(distance);
    let meant = meant.map(|(_, placeholder)| *placeholder);
    Err(match misspelt(unknown).or(meant) {
        Some(near) => error.with_hint(format!("did you mean {near}?")),
        None => error.with_hint(format!("the placeholders are {}", PLACEHOLDERS.join(" "))),
    })
}

fn misspelt(unknown: &str) -> Option<&'static str> {
    let word = inner(unknown).to_ascii_lowercase();
    let is_sign = |text: &str| text.chars().all(|character| "/.#%".contains(character));
    let near = |known: &&&str| {
        let known = inner(known);
        is_sign(known) == is_sign(&word) && osa_distance(known, &word) <= usize::from(word.len() > 1)
    };
    let key = |known: &&&str| (osa_distance(inner(known), &word), sorted(inner(known)) != sorted(&word));
    PLACEHOLDERS.iter().filter(near).min_by_key(key).copied().filter(|_| !word.is_empty())
}

fn sorted(word: &str) -> Vec<u8> {
    let mut bytes = word.as_bytes().to_vec();
    bytes.sort_unstable();
    bytes
}

fn inner(braced: &str) -> &str {
    braced.trim_matches(['{', '}']).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_placeholder_has_a_nearest_one() {
        for (unknown, near) in [
            ("{reel}", Some("{rel}")),
            ("{REL}", Some("{rel}")),
            ("{ rel }", Some("{rel}")),
            ("{rl}", Some("{rel}")),
            ("{..}", Some("{.}")),
            ("{./}", Some("{/.}")),
            ("{/..}", Some("{/.}")),
            ("{print}", None),
            ("{x}", None),
            ("{1}", None),
            ("{release}", None),
            ("{ }", None),
        ] {
            assert_eq!(misspelt(unknown), near, "{unknown}");
        }
    }

    #[test]
    fn a_pattern_with_an_unknown_placeholder_is_refused_with_advice() {
        let hint = |pattern: &str| {
            let refused = check_pattern(OsStr::new(pattern)).expect_err(pattern);
            refused.hint().expect("a hint").to_owned()
        };
        assert_eq!(hint("out/{reel}.txt"), "did you mean {rel}?");
        assert_eq!(hint("out/{Basename}"), "did you mean {/}?");
        assert_eq!(hint("out/{nam}"), "did you mean {/}?");
        assert!(hint("out/{x}{rel}").contains("{rel} {#} {%}"));
        assert!(check_pattern(OsStr::new("out/{rel}{a,b}")).is_ok());
    }
}
