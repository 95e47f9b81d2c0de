//! Placeholders in a string for the shell.
//!
//! # Theory of operation
//!
//! A path is never written into the string. Each placeholder becomes a reference to an environment variable that holds
//! what it stands for, and a shell does not parse what a variable expands to (POSIX, Shell Command Language, 2.6). That is
//! the safety, and nothing below can weaken it. The quotes around the reference keep the value one word: in double quotes
//! it stands bare, in single quotes these are closed and opened again around it, elsewhere it gets double quotes.
//!
//! [`Quoting`] follows the string closely enough for that. Where it errs (a here-document, a `case` pattern within a
//! substitution) the value may be split or the reference stay as text; it is still not code.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::command_line::InvalidCommand;
use crate::placeholder::Placeholder;

/// The variable that holds the path; every command has it in its environment.
pub(crate) const FILE_VARIABLE: &str = "AUTOPROC_FILE";

/// A string for `sh -c`, the same for every file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    text: OsString,
    used: Vec<Placeholder>,
}

impl Script {
    pub(crate) fn parse(string: &OsStr) -> Result<Self, InvalidCommand> {
        let (mut text, mut used) = (Vec::new(), Vec::new());
        let (mut rest, mut quoting) = (string.as_bytes(), Quoting::default());
        while !rest.is_empty() {
            let length = if let Some(placeholder) = Placeholder::at_start_of(rest) {
                text.extend(reference(placeholder, quoting.context()).into_bytes());
                used.push(placeholder);
                quoting.pass_word();
                placeholder.token().len()
            } else {
                let length = quoting.pass(rest);
                text.extend(&rest[..length]);
                length
            };
            rest = &rest[length..];
        }
        if used.is_empty() && !names_file(&text) {
            append(&mut text)?;
            used.push(Placeholder::Path);
        }
        Ok(Self { text: OsString::from_vec(text), used })
    }

    pub(crate) fn text(&self) -> &OsStr {
        &self.text
    }

    /// The variables the string refers to.
    pub(crate) fn environment(&self, path: &Path) -> Vec<(&'static str, OsString)> {
        self.used.iter().map(|placeholder| (variable(*placeholder), placeholder.of(path).to_owned())).collect()
    }
}

const fn variable(placeholder: Placeholder) -> &'static str {
    match placeholder {
        Placeholder::Path => FILE_VARIABLE,
        Placeholder::Basename => "AUTOPROC_FILE_BASENAME",
        Placeholder::Parent => "AUTOPROC_FILE_PARENT",
        Placeholder::WithoutExtension => "AUTOPROC_FILE_WITHOUT_EXTENSION",
        Placeholder::Stem => "AUTOPROC_FILE_STEM",
    }
}

fn reference(placeholder: Placeholder, context: Context) -> String {
    let name = variable(placeholder);
    match context {
        Context::Bare => format!("\"${{{name}}}\""),
        Context::Double => format!("${{{name}}}"),
        Context::Single => format!("'\"${{{name}}}\"'"),
    }
}

fn names_file(text: &[u8]) -> bool {
    text.windows(FILE_VARIABLE.len()).any(|window| window == FILE_VARIABLE.as_bytes())
}

/// After an operator the path would be a command or the target of a redirection; after a backslash, part of the blank.
fn append(text: &mut Vec<u8>) -> Result<(), InvalidCommand> {
    text.truncate(text.trim_ascii_end().len());
    match text.last() {
        Some(last) if b";&|(){}<>!\\".contains(last) => Err(InvalidCommand::NowhereToAppend(char::from(*last))),
        _ => {
            text.push(b' ');
            text.extend(reference(Placeholder::Path, Context::Bare).into_bytes());
            Ok(())
        }
    }
}

/// How the shell would read the next byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Context {
    Bare,
    Double,
    Single,
}

/// What is open at some place of a shell string, the innermost last.
#[derive(Debug, Default)]
struct Quoting {
    open: Vec<Open>,
    /// Whether the byte before belongs to a word, in which `#` begins no comment.
    in_word: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Single,
    Double,
    Parenthesis,
    Backquote,
}

impl Quoting {
    fn context(&self) -> Context {
        match self.open.last() {
            Some(Open::Single) => Context::Single,
            Some(Open::Double) => Context::Double,
            Some(Open::Parenthesis | Open::Backquote) | None => Context::Bare,
        }
    }

    fn pass_word(&mut self) {
        self.in_word = true;
    }

    /// Passes over what `text`, which is not empty, begins with; says how many bytes that was.
    fn pass(&mut self, text: &[u8]) -> usize {
        let length = match (self.context(), text[0]) {
            (Context::Bare | Context::Double, b'\\') => text.len().min(2),
            (Context::Bare, b'#') if !self.in_word => text.iter().take_while(|byte| **byte != b'\n').count(),
            (Context::Double, b'$') if text.get(1) == Some(&b'(') => {
                self.open.push(Open::Parenthesis);
                2
            }
            (context, byte) => {
                self.turn(context, byte);
                1
            }
        };
        self.in_word = !b" \t\n;&|()`".contains(&text[length - 1]);
        length
    }

    fn turn(&mut self, context: Context, byte: u8) {
        let innermost = self.open.last().copied();
        match (context, byte) {
            (Context::Single, b'\'') | (Context::Double, b'"') => self.close(),
            (Context::Bare, b'\'') => self.open.push(Open::Single),
            (Context::Bare, b'"') => self.open.push(Open::Double),
            (Context::Bare, b'(') => self.open.push(Open::Parenthesis),
            (Context::Bare, b')') if innermost == Some(Open::Parenthesis) => self.close(),
            (Context::Bare, b'`') if innermost == Some(Open::Backquote) => self.close(),
            (Context::Bare | Context::Double, b'`') => self.open.push(Open::Backquote),
            _ => {}
        }
    }

    fn close(&mut self) {
        self.open.pop();
    }
}
