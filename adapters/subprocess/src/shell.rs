//! Replaces placeholders in a shell command by shell variables.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use autoproc_shell_quoting::Quoting;

use crate::environment::{FILE_VARIABLE, ITEM_VARIABLE, RELATIVE_VARIABLE, SLOT_VARIABLE};
use crate::invalid_command::InvalidCommand;
use crate::placeholder::Placeholder;
use crate::subject::Subject;

/// A command for `sh -c`, the same for every file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    text: OsString,
    used: Vec<Placeholder>,
    /// The first command or expansion that may execute the file name as code.
    executor: Option<String>,
}

impl Script {
    pub(crate) fn parse(string: &OsStr) -> Result<Self, InvalidCommand> {
        let (mut text, mut used, mut executor) = (Vec::new(), Vec::new(), None);
        let (mut rest, mut quoting) = (string.as_bytes(), Quoting::default());
        while !rest.is_empty() {
            let is_literal = quoting.is_literal() || is_after_dollar(&text);
            let placeholder = if is_literal { None } else { Placeholder::at_start_of(rest) };
            let length = if let Some(placeholder) = placeholder {
                if placeholder.names_file() {
                    executor = executor.or_else(|| quoting.executor(&rest[placeholder.token().len()..]));
                }
                text.extend(quoting.reference(variable(placeholder)).into_bytes());
                if !used.contains(&placeholder) {
                    used.push(placeholder);
                }
                placeholder.token().len()
            } else {
                quoting.pass(&rest[..1]);
                text.push(rest[0]);
                1
            };
            rest = &rest[length..];
        }
        if !used.iter().any(|placeholder| placeholder.names_file()) && !names_file(&text) {
            append(&mut text)?;
            used.push(Placeholder::Path);
        }
        Ok(Self { text: OsString::from_vec(text), used, executor })
    }

    pub(crate) fn executor(&self) -> Option<&str> {
        self.executor.as_deref()
    }

    pub(crate) fn text(&self) -> &OsStr {
        &self.text
    }

    pub(crate) fn environment(&self, subject: Subject<'_>) -> Vec<(&'static str, OsString)> {
        let value = |placeholder: &Placeholder| (variable(*placeholder), placeholder.value(subject).into_owned());
        self.used.iter().map(value).collect()
    }
}

const fn variable(placeholder: Placeholder) -> &'static str {
    match placeholder {
        Placeholder::Path => FILE_VARIABLE,
        Placeholder::Basename => "AUTOPROC_FILE_BASENAME",
        Placeholder::Parent => "AUTOPROC_FILE_PARENT",
        Placeholder::WithoutExtension => "AUTOPROC_FILE_WITHOUT_EXTENSION",
        Placeholder::Stem => "AUTOPROC_FILE_STEM",
        Placeholder::Relative => RELATIVE_VARIABLE,
        Placeholder::Item => ITEM_VARIABLE,
        Placeholder::Slot => SLOT_VARIABLE,
    }
}

/// True if `text` ends in an odd number of `$`. The shell reads `$$` as its process number.
fn is_after_dollar(text: &[u8]) -> bool {
    text.iter().rev().take_while(|byte| **byte == b'$').count() % 2 == 1
}

fn names_file(text: &[u8]) -> bool {
    let names = |variable: &str| text.windows(variable.len()).any(|window| window == variable.as_bytes());
    names(FILE_VARIABLE) || names(RELATIVE_VARIABLE)
}

/// Appends a reference to the path. Fails if `text` ends in an operator or a backslash.
fn append(text: &mut Vec<u8>) -> Result<(), InvalidCommand> {
    text.truncate(text.trim_ascii_end().len());
    match text.last() {
        Some(last) if b";&|(){}<>!\\".contains(last) => Err(InvalidCommand::NowhereToAppend(char::from(*last))),
        _ => {
            text.push(b' ');
            text.extend(Quoting::default().reference(FILE_VARIABLE).into_bytes());
            Ok(())
        }
    }
}
