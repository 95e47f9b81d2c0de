//! The project's table of runners: the programs for commands and tasks.
//!
//! The table is in `autoproc.toml` in the project folder:
//!
//! ```toml
//! [runners]
//! task = ["./run-task", "{task}"]
//! command = ["./run-command", "{name}"]
//!
//! [runners.tasks]
//! "tasks/translate.md" = ["./translate", "{file}"]
//!
//! [runners.commands]
//! generate_tag = ["./tag.sh", "{input.source_code}", "{file}"]
//! ```
//!
//! The runners `task` and `command` are for all unlisted tasks and commands.
//!
//! A runner is a program with arguments, without a shell. In the program and its arguments, these
//! placeholders are replaced: `{file}`, `{task}`, `{name}`, `{workflow}`, `{phase}`, `{step}`,
//! `{input.NAME}` and `{param.NAME}`. Other text in braces is kept. An unknown section or key is an
//! error.

mod additions;
mod placeholders;
mod store;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::definition::{Action, Position, Step};
use crate::read::small_file;

pub(crate) use placeholders::Fill;
pub use store::{StoreSection, store_section};

pub(crate) const FILE_NAME: &str = "autoproc.toml";

/// The programs for commands and tasks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runners {
    task: Option<Runner>,
    command: Option<Runner>,
    #[serde(default)]
    tasks: BTreeMap<String, Runner>,
    #[serde(default)]
    commands: BTreeMap<String, Runner>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct Runner(Vec<String>);

/// The reason why the table of runners cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages explain the fields")]
pub enum RunnersError {
    #[error("cannot read {}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}:{position}: {message}", path.display())]
    Invalid { path: PathBuf, position: Position, message: String },
}

/// The error of a step whose runner is not in the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no runner for {needed} of the step `{step}`; add to {FILE_NAME}: {}", lines.join(" / "))]
pub struct MissingRunner {
    step: String,
    pub(crate) needed: Needed,
    /// The section header and the entry to add to `autoproc.toml`.
    pub(crate) lines: [String; 2],
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Needed {
    #[error("the task `{0}`")]
    Task(String),
    #[error("the command `{0}`")]
    Command(String),
}

impl MissingRunner {
    pub(crate) fn key(&self) -> String {
        let (Needed::Task(name) | Needed::Command(name)) = &self.needed;
        key_of(name)
    }
}

impl Runner {
    pub(crate) fn program(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }
}

impl Runners {
    /// Reads the table of runners of a project. If the project has no `autoproc.toml`, the table is
    /// empty.
    ///
    /// # Errors
    /// [`RunnersError`] if the file exists but cannot be read or is invalid.
    pub fn read(project: &Path) -> Result<Self, RunnersError> {
        let path = project.join(FILE_NAME);
        match small_file(&path) {
            Ok(text) => Self::parse(&text, &path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(RunnersError::Io { path, source }),
        }
    }

    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, RunnersError> {
        let document: Document = toml::from_str(text).map_err(|error| invalid(text, path, &error))?;
        Ok(document.runners)
    }

    /// Returns the runner of a step, if the step needs a runner.
    ///
    /// # Errors
    /// [`MissingRunner`] if the table has no runner for the step.
    pub(crate) fn for_step(&self, step: &Step) -> Result<Option<&Runner>, MissingRunner> {
        match &step.action {
            Action::Run(_) | Action::Shell(_) => Ok(None),
            Action::Command(name) => {
                let runner = self.commands.get(&name.value).or(self.command.as_ref());
                runner.map(Some).ok_or_else(|| no_command(step, &name.value))
            }
            Action::Task(task) => {
                let runner = self.tasks.get(&task.value).or(self.task.as_ref());
                runner.map(Some).ok_or_else(|| no_task(step, &task.value))
            }
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    runners: Runners,
    /// For [`store_section`] only. Without this field, the section would be an error.
    #[serde(default, rename = "store")]
    _store: IgnoredAny,
}

impl TryFrom<Vec<String>> for Runner {
    type Error = &'static str;

    fn try_from(words: Vec<String>) -> Result<Self, &'static str> {
        if words.first().is_none_or(String::is_empty) {
            return Err("a runner is a list: a program and its arguments");
        }
        if words.iter().any(|word| word.contains('\0')) {
            return Err("a runner contains a NUL character, which cannot be passed to a process");
        }
        Ok(Self(words))
    }
}

fn invalid(text: &str, path: &Path, error: &toml::de::Error) -> RunnersError {
    let start = error.span().map_or(0, |span| span.start);
    let message = error.message().lines().collect::<Vec<_>>().join("; ");
    RunnersError::Invalid { path: path.to_owned(), position: position(text, start), message }
}

fn position(text: &str, byte: usize) -> Position {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let count = |number: usize| u32::try_from(number + 1).unwrap_or(u32::MAX);
    Position { line: count(before.matches('\n').count()), column: count(before[line_start..].chars().count()) }
}

fn no_command(step: &Step, name: &str) -> MissingRunner {
    let lines = ["[runners.commands]".to_owned(), format!("{} = [\"PROGRAM\", \"{{file}}\"]", key_of(name))];
    let needed = Needed::Command(name.to_owned());
    MissingRunner { step: step.id.clone(), needed, lines }
}

/// Returns a name as a TOML key. A JSON string is a TOML string, unless it contains DEL.
fn key_of(name: &str) -> String {
    let is_bare = name.chars().all(|character| character.is_ascii_alphanumeric() || "_-".contains(character));
    if is_bare && !name.is_empty() {
        return name.to_owned();
    }
    serde_json::Value::from(name).to_string().replace('\u{7f}', "\\u007F")
}

fn no_task(step: &Step, task: &str) -> MissingRunner {
    let lines = ["[runners]".to_owned(), "task = [\"PROGRAM\", \"{task}\"]".to_owned()];
    let needed = Needed::Task(task.to_owned());
    MissingRunner { step: step.id.clone(), needed, lines }
}
