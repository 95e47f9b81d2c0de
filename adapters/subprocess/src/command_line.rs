//! Command lines with placeholders.

use autoproc_shell_quoting::code_arguments;

use crate::invalid_command::InvalidCommand;
use crate::placeholder::Template;
use crate::shell::Script;
use crate::subject::Subject;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// The command to run on each file.
///
/// The program and all arguments may contain these placeholders:
///
/// - `{}`: the file's path; `{.}`: the path without extension; `{rel}`: the path below the folder
///   that the file was added from
/// - `{/}`: the basename; `{/.}`: the basename without extension; `{//}`: the parent folder
/// - `{#}`: the file's item id; `{%}`: the number of the slot
///
/// If there is no placeholder, or only `{#}` and `{%}`, the path is appended as the last argument.
/// All other braces are kept. For shell commands, see [`shell`](Self::shell).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine(Form);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Argv(Vec<Template>),
    Shell(Script),
}

const FILE: &str = "{}";

/// The command line for one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The program, looked up in `PATH` unless it contains a slash.
    pub program: OsString,
    /// The arguments after the program's name, passed byte for byte.
    pub arguments: Vec<OsString>,
    /// Environment variables that are added to the inherited environment.
    pub environment: Vec<(&'static str, OsString)>,
}

impl CommandLine {
    /// Creates a command line from a program and its arguments, without a shell.
    ///
    /// # Errors
    /// [`InvalidCommand`] if there is no program, if the program is blank, or if a word contains a
    /// NUL byte.
    pub fn argv<I, S>(words: I) -> Result<Self, InvalidCommand>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let words: Vec<S> = words.into_iter().collect();
        validate(words.first().map_or(OsStr::new(""), AsRef::as_ref))?;
        let mut templates = words.iter().map(|word| template(word.as_ref())).collect::<Result<Vec<_>, _>>()?;
        if !templates.iter().any(Template::names_file) {
            templates.push(Template::parse(OsStr::new(FILE)));
        }
        Ok(Self(Form::Argv(templates)))
    }

    /// Returns the words of a command, followed by `{}` if no word has a placeholder for the file.
    #[must_use]
    pub fn with_file(words: &[OsString]) -> Vec<&OsStr> {
        let names_file = words.iter().any(|word| Template::parse(word).names_file());
        let file = (!names_file).then_some(OsStr::new(FILE));
        words.iter().map(OsString::as_os_str).chain(file).collect()
    }

    /// Creates a command line for `sh -c`.
    ///
    /// Each placeholder becomes a quoted reference to an environment variable, so the shell does
    /// not parse a path as code. A command or expansion around the placeholder may still execute
    /// the path; see [`executor`](Self::executor). `\{}` yields a literal `{}`. Braces after `$`
    /// are no placeholders, as in `${rel}`.
    ///
    /// Appends the path, unless the command contains a placeholder for the file (any but `{#}` and
    /// `{%}`), `AUTOPROC_FILE` or `AUTOPROC_REL`.
    ///
    /// # Errors
    /// [`InvalidCommand`] if the command is empty or contains a NUL byte, or if the path must be
    /// appended but the command ends in an operator or a backslash.
    pub fn shell(string: impl AsRef<OsStr>) -> Result<Self, InvalidCommand> {
        let string = string.as_ref();
        validate(string)?;
        Script::parse(string).map(|script| Self(Form::Shell(script)))
    }

    /// Returns the name of the first program, shell builtin or shell expansion that may run a
    /// file's name as code. Returns `None` if none is known. See
    /// [`Quoting::executor`](autoproc_shell_quoting::Quoting::executor).
    ///
    /// If the command runs without a shell, examines only the script of a shell, an interpreter or
    /// awk, and the arguments of `ssh`. Ignores a script that consists only of `{}`.
    #[must_use]
    pub fn executor(&self) -> Option<String> {
        match &self.0 {
            Form::Argv(templates) => {
                let texts: Vec<_> = templates.iter().map(Template::text).collect();
                let words: Vec<_> = texts.iter().map(Vec::as_slice).collect();
                let (program, code) = code_arguments(&words)?;
                let is_whole = words[code.clone()] == [FILE.as_bytes()];
                let is_code = templates[code].iter().any(Template::names_file) && !is_whole;
                is_code.then(|| String::from_utf8_lossy(words[program]).into_owned())
            }
            Form::Shell(script) => script.executor().map(str::to_owned),
        }
    }

    /// True if the program is the same for every file.
    #[must_use]
    pub fn has_fixed_program(&self) -> bool {
        match &self.0 {
            Form::Argv(templates) => !templates.first().is_some_and(Template::is_per_file),
            Form::Shell(_) => true,
        }
    }

    /// Fills in the placeholders for a file.
    #[must_use]
    pub fn for_file(&self, subject: Subject<'_>) -> Invocation {
        match &self.0 {
            Form::Argv(templates) => {
                let mut words = templates.iter().map(|template| template.fill(subject));
                Invocation {
                    program: words.next().unwrap_or_default(),
                    arguments: words.collect(),
                    environment: Vec::new(),
                }
            }
            Form::Shell(script) => Invocation {
                program: "sh".into(),
                arguments: vec!["-c".into(), script.text().into()],
                environment: script.environment(subject),
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

fn validate(text: &OsStr) -> Result<(), InvalidCommand> {
    if text.as_bytes().trim_ascii().is_empty() {
        return Err(InvalidCommand::Empty);
    }
    if text.as_bytes().contains(&0) {
        return Err(InvalidCommand::Nul);
    }
    Ok(())
}
