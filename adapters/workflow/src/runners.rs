//! The project's table of runners: which program carries out the commands and tasks that workflows name.
//!
//! # Theory of operation
//!
//! The table stands in `autoproc.toml` in the project folder:
//!
//! ```toml
//! [runners]
//! task = ["./run-task", "{task}"]
//!
//! [runners.commands]
//! generate_tag = ["./tag.sh", "{input.source_code}", "{file}"]
//! ```
//!
//! A runner is a program and its arguments; no shell stands between. In each argument, [`PLACEHOLDERS`] and `{input.NAME}`
//! are replaced; everything else in braces stays as it is. Every section and key is known, or an error with its place.

mod placeholders;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::definition::{Action, Position, Step};

pub use placeholders::{Fill, MissingInput, PLACEHOLDERS};

/// The name of the file, in the project folder.
pub const FILE_NAME: &str = "autoproc.toml";

/// The largest file: a table of ten thousand commands is a tenth of it.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Which program carries out what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Runners {
    task: Option<Runner>,
    commands: BTreeMap<String, Runner>,
}

/// A program and its arguments, with placeholders.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Runner(Vec<String>);

/// Why the table cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnersError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{}:{position}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where.
        position: Position,
        /// What is wrong.
        message: String,
    },
}

/// No runner fits a step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no runner for {what} of the step `{step}`; add to {FILE_NAME}: {}", lines.join(" / "))]
pub struct MissingRunner {
    /// The step's id.
    pub step: String,
    /// "the command `generate_tag`", "the task `tasks/a.md`".
    pub what: String,
    /// The lines that would make one fit, to be changed to taste.
    pub lines: [String; 2],
}

impl Runners {
    /// Reads the table of a project; it is empty where the project has no such file.
    ///
    /// # Errors
    /// [`RunnersError`] where the file is there and cannot be read or understood.
    pub fn read(project: &Path) -> Result<Self, RunnersError> {
        let path = project.join(FILE_NAME);
        let text = fs::metadata(&path).and_then(|file| match file.len() {
            0..=MAX_FILE_BYTES => fs::read_to_string(&path),
            _ => Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than 4 MiB")),
        });
        match text {
            Ok(text) => Self::parse(&text, &path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(RunnersError::Io { path, source }),
        }
    }

    /// Reads a table from the text of its file.
    ///
    /// # Errors
    /// [`RunnersError::Invalid`] with the first fault.
    pub fn parse(text: &str, path: &Path) -> Result<Self, RunnersError> {
        let document: Document = toml::from_str(text).map_err(|error| invalid(text, path, &error))?;
        Ok(Self { task: document.runners.task, commands: document.runners.commands })
    }

    /// The runner of a step; none where the step says itself what to run.
    ///
    /// # Errors
    /// [`MissingRunner`] where the table has none for it.
    pub fn for_step(&self, step: &Step) -> Result<Option<&Runner>, MissingRunner> {
        match &step.action {
            Action::Run(_) | Action::Shell(_) => Ok(None),
            Action::Command(name) => {
                self.commands.get(&name.value).map(Some).ok_or_else(|| no_command(step, &name.value))
            }
            Action::Task(task) => self.task.as_ref().map(Some).ok_or_else(|| no_task(step, &task.value)),
        }
    }
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    runners: RunnersSection,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunnersSection {
    task: Option<Runner>,
    #[serde(default)]
    commands: BTreeMap<String, Runner>,
}

impl TryFrom<Vec<String>> for Runner {
    type Error = &'static str;

    fn try_from(words: Vec<String>) -> Result<Self, &'static str> {
        if words.first().is_none_or(String::is_empty) {
            return Err("a runner is a list: a program and its arguments");
        }
        if words.iter().any(|word| word.contains('\0')) {
            return Err("a runner holds a NUL character, which no process can be given");
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
    let key = if name.chars().all(|character| character.is_ascii_alphanumeric() || "_-".contains(character)) {
        name.to_owned()
    } else {
        toml::Value::from(name).to_string()
    };
    let lines = ["[runners.commands]".to_owned(), format!("{key} = [\"PROGRAM\", \"{{file}}\"]")];
    MissingRunner { step: step.id.clone(), what: format!("the command `{name}`"), lines }
}

fn no_task(step: &Step, task: &str) -> MissingRunner {
    let lines = ["[runners]".to_owned(), "task = [\"PROGRAM\", \"{task}\"]".to_owned()];
    MissingRunner { step: step.id.clone(), what: format!("the task `{task}`"), lines }
}
