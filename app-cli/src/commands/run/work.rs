//! The work of a run: a command or a workflow.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use autoproc_subprocess::{CommandLine, InvalidCommand};
use autoproc_workflow::DEFAULT_WORKFLOW;

use crate::commands::workflow::choice::WorkflowChoice;
use crate::console::Console;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::{Printable, Shown};
use crate::view::quoting::quoted_template;
use crate::wiring::Task;

/// Shell operators that are a mistake as separate arguments.
const SHELL_OPERATORS: [&str; 7] = ["|", "||", "&&", ">", ">>", "<", "2>"];

/// A shell operator, but also an argument of `find -exec`.
const SEMICOLON: &str = ";";

/// The maximum length of a description, in characters: about three lines of a terminal.
const MAX_DESCRIPTION_CHARS: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Work {
    /// A program and its arguments; not empty.
    Argv(Vec<OsString>),
    Shell(OsString),
    Workflow(WorkflowChoice),
}

impl Work {
    /// Returns the command, or the workflow if no command is given.
    ///
    /// # Errors
    /// [`CliError`] if the command is blank, contains a shell operator, or conflicts with an
    /// option.
    pub(super) fn new(
        argv: Vec<OsString>,
        shell: Option<OsString>,
        workflow: WorkflowChoice,
    ) -> Result<Self, CliError> {
        let is_blank = |word: &OsString| word.as_encoded_bytes().trim_ascii().is_empty();
        if (!argv.is_empty() || shell.is_some()) && (!workflow.inputs.is_empty() || workflow.folder.is_some()) {
            return Err(CliError::usage("--input and --workflow-dir apply to workflows, but a command was given")
                .with_hint("give either a command or --workflow"));
        }
        if let Some(operator) = argv.iter().find(|word| is_operator(word, &argv)) {
            return Err(CliError::usage(format!("`{}` has a meaning only in a shell", Shown(Path::new(operator))))
                .with_hint("pass the whole line to a shell, as in: autoproc run --shell 'wc {} > out/{/}'"));
        }
        match (argv.first(), shell) {
            (None, Some(line)) if !is_blank(&line) => Ok(Self::Shell(line)),
            (Some(program), None) if !is_blank(program) => Ok(Self::Argv(argv)),
            (None, None) if !ends_in_dashes() => Ok(Self::Workflow(workflow)),
            _ => Err(CliError::usage("there is no command to run on the files")
                .with_hint("give one after two dashes, as in: autoproc run -- COMMAND {}")),
        }
    }

    /// Describes the command or workflow in at most [`MAX_DESCRIPTION_CHARS`] characters.
    pub(super) fn in_words(&self) -> String {
        let text = match self {
            Self::Argv(words) => {
                let words: Vec<_> = words.iter().map(|word| quoted_template(&word.to_string_lossy())).collect();
                words.join(" ")
            }
            Self::Shell(line) => format!("--shell {}", quoted_template(&line.to_string_lossy())),
            Self::Workflow(choice) => {
                format!("--workflow {}", quoted_template(choice.word.as_deref().unwrap_or(DEFAULT_WORKFLOW)))
            }
        };
        match text.char_indices().nth(MAX_DESCRIPTION_CHARS) {
            Some(_) => text.chars().take(MAX_DESCRIPTION_CHARS - 1).chain(['…']).collect(),
            None => text,
        }
    }

    pub(super) fn workflow_options(&self) -> Vec<OsString> {
        match self {
            Self::Workflow(choice) => choice.options(),
            Self::Argv(_) | Self::Shell(_) => Vec::new(),
        }
    }

    /// Warns if a program may execute the name of a file as code.
    pub(super) fn warn_of_code(&self, console: &Console) {
        let (line, advice) = match self {
            Self::Argv(words) => {
                (CommandLine::argv(words), "pass the name as an argument of the script: sh -c 'gzip \"$1\"' sh {}")
            }
            Self::Shell(line) => (
                CommandLine::shell(line),
                "write \"$AUTOPROC_FILE\" instead of a placeholder, as in sh -c 'gzip \"$AUTOPROC_FILE\"'",
            ),
            Self::Workflow(_) => return,
        };
        if let Some(executor) = line.ok().and_then(|line| line.executor()) {
            let advice = match executor.rsplit('/').next().unwrap_or_default() {
                "ssh" => "send the content instead: --shell 'ssh HOST wc < \"$AUTOPROC_FILE\"'",
                name if name.ends_with("awk") => "use ENVIRON[\"AUTOPROC_FILE\"] in the script",
                _ if executor.starts_with(['(', '$']) => "calculate with expr(1) instead",
                _ => advice,
            };
            let executor = Printable(&executor);
            console.warn(format_args!("`{executor}` may execute the name of a file as code; {advice}"));
        }
    }

    pub(super) fn task(&self, context: &Context) -> Result<Task, CliError> {
        match self {
            Self::Workflow(choice) => Ok(Task::Workflow(Box::new(choice.load(context)?))),
            Self::Argv(words) => command(CommandLine::argv(words)).map(Task::Command),
            Self::Shell(line) => command(CommandLine::shell(line)).map(Task::Command),
        }
    }

    /// Returns the parsed command; `None` for a workflow.
    pub(super) fn command_line(&self) -> Option<Result<CommandLine, CliError>> {
        match self {
            Self::Argv(words) => Some(command(CommandLine::argv(words))),
            Self::Shell(line) => Some(command(CommandLine::shell(line))),
            Self::Workflow(_) => None,
        }
    }
}

fn command(line: Result<CommandLine, InvalidCommand>) -> Result<CommandLine, CliError> {
    line.map_err(|error| CliError::usage(error.to_string()))
}

fn is_operator(word: &OsStr, argv: &[OsString]) -> bool {
    let is_find = argv.iter().any(|word| word == "find" || word == "-exec");
    SHELL_OPERATORS.iter().any(|operator| word == *operator) || (word == SEMICOLON && !is_find)
}

/// True if no command follows `--`, for instance because a shell variable is empty. Clap does not
/// report this case.
fn ends_in_dashes() -> bool {
    env::args_os().next_back().is_some_and(|word| word == "--")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> String {
        Work::Argv(words.iter().map(OsString::from).collect()).in_words()
    }

    #[test]
    fn work_is_described_in_a_bounded_text() {
        assert_eq!(words(&["wc", "-l", "it's {}"]), "wc -l 'it'\\''s {}'");
        assert_eq!(Work::Shell("wc {} > x".into()).in_words(), "--shell 'wc {} > x'");
        let long = words(&["é"; 300]);
        assert_eq!(long.chars().count(), MAX_DESCRIPTION_CHARS);
        assert!(long.ends_with('…'), "{long}");
    }
}
