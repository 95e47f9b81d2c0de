//! A command line as a person gave it, and as it is for one file.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::placeholder::Template;
use crate::shell::Script;

/// The command to run on each file.
///
/// `{}` stands for the file's path, `{/}` for its basename, `{//}` for its parent folder, `{.}` for the path without
/// extension, `{/.}` for the basename without extension; any number of them in any argument, the program included. Where
/// there is none, the path is appended as the last argument. Other braces stand as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine(Form);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Argv(Vec<Template>),
    Shell(Script),
}

/// Why no command could come of what was given; tell the person who gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCommand {
    /// Nothing was given.
    #[error("the command is empty")]
    Empty,
    /// No program can be given it: the byte ends every argument.
    #[error("the command holds a NUL byte")]
    Nul,
    /// A shell string without a placeholder, to whose end a path would be more than an argument.
    #[error("the shell command names no file, and a path cannot be appended to {0:?}: say where it goes with {{}}")]
    NowhereToAppend(char),
}

/// A command line for one file: what is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The program: looked up in `PATH` where it has no slash.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// What its environment gains.
    pub environment: Vec<(&'static str, OsString)>,
}

impl CommandLine {
    /// A program and its arguments; no shell comes near them.
    ///
    /// # Errors
    /// [`InvalidCommand`] where there is no program, or a NUL byte.
    pub fn argv<I, S>(words: I) -> Result<Self, InvalidCommand>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let words: Vec<S> = words.into_iter().collect();
        check(words.first().map_or(OsStr::new(""), AsRef::as_ref))?;
        let mut templates = words.iter().map(|word| template(word.as_ref())).collect::<Result<Vec<_>, _>>()?;
        if !templates.iter().any(Template::has_placeholder) {
            templates.push(Template::parse(OsStr::new("{}")));
        }
        Ok(Self(Form::Argv(templates)))
    }

    /// A string for `sh -c`.
    ///
    /// A placeholder becomes a quoted reference to a variable of the environment, so that the shell never reads a path as
    /// code, whatever the path holds and wherever in the string the placeholder stands. `\{}` is `{}` itself. A string
    /// that has no placeholder but names `AUTOPROC_FILE` gets nothing appended.
    ///
    /// # Errors
    /// [`InvalidCommand`] where the string is empty, holds a NUL byte, or needs a path appended and ends in an operator.
    pub fn shell(string: impl AsRef<OsStr>) -> Result<Self, InvalidCommand> {
        let string = string.as_ref();
        check(string)?;
        Script::parse(string).map(|script| Self(Form::Shell(script)))
    }

    /// The command line for the file at `path`.
    #[must_use]
    pub fn for_file(&self, path: &Path) -> Invocation {
        match &self.0 {
            Form::Argv(templates) => {
                let mut words = templates.iter().map(|template| template.fill(path));
                Invocation {
                    program: words.next().unwrap_or_default(),
                    arguments: words.collect(),
                    environment: Vec::new(),
                }
            }
            Form::Shell(script) => Invocation {
                program: "sh".into(),
                arguments: vec!["-c".into(), script.text().into()],
                environment: script.environment(path),
            },
        }
    }
}

fn template(word: &OsStr) -> Result<Template, InvalidCommand> {
    if word.as_bytes().contains(&0) {
        return Err(InvalidCommand::Nul);
    }
    Ok(Template::parse(word))
}

fn check(text: &OsStr) -> Result<(), InvalidCommand> {
    if text.as_bytes().trim_ascii().is_empty() {
        return Err(InvalidCommand::Empty);
    }
    if text.as_bytes().contains(&0) {
        return Err(InvalidCommand::Nul);
    }
    Ok(())
}
