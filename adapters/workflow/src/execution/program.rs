//! The programs behind steps that only name what they want done.

use std::ffi::OsString;

use crate::definition::{Action, Step};

/// A program, its arguments, and what its environment gains for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
}

/// The runners of a project.
#[derive(Debug, Clone, Default)]
pub struct Programs {}

impl Programs {
    pub(crate) fn of(&self, step: &Step) -> Result<Program, String> {
        match &step.action {
            Action::Command(name) | Action::Task(name) => Err(format!("there is no runner for {}", name.value)),
            Action::Run(_) | Action::Shell(_) => Err("it needs no runner".to_owned()),
        }
    }
}
