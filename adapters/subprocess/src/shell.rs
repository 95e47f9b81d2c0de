//! Replaces the placeholders in a shell command by references to variables, quoted for their
//! context.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use autoproc_shell_quoting::Quoting;

use crate::environment::FILE_VARIABLE;
use crate::invalid_command::InvalidCommand;
use crate::placeholder::Placeholder;

/// A command for `sh -c`, the same for every file.
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
            let placeholder = if quoting.is_literal() { None } else { Placeholder::at_start_of(rest) };
            let length = if let Some(placeholder) = placeholder {
                text.extend(quoting.reference(variable(placeholder)).into_bytes());
                used.push(placeholder);
                placeholder.token().len()
            } else {
                quoting.pass(&rest[..1]);
                text.push(rest[0]);
                1
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

    /// Returns the variables that the command refers to.
    pub(crate) fn environment(&self, path: &Path) -> Vec<(&'static str, OsString)> {
        self.used.iter().map(|placeholder| (variable(*placeholder), placeholder.value(path).to_owned())).collect()
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

fn names_file(text: &[u8]) -> bool {
    text.windows(FILE_VARIABLE.len()).any(|window| window == FILE_VARIABLE.as_bytes())
}

/// Appends a reference to the path. Fails after an operator, because the path would be a command or
/// the target of a redirection. Also fails after a backslash, which would quote the blank.
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
