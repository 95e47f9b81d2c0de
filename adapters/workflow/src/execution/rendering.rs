//! What a step executes, in words: for its process, and for whoever wants to see it before.

use std::ffi::OsString;

use autoproc_domain::FilePath;
use serde_json::Value;

use super::event::Values;
use super::program::{Command, Place, Program, Programs};
use crate::definition::{Action, Phase, Step, Workflow};
use crate::expression::{ExpressionError, Scope, ShellText, render_shell, render_text, render_value};

/// Renders the texts of steps with what is known at some moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rendering<'r> {
    pub(crate) workflow: &'r Workflow,
    pub(crate) programs: &'r Programs,
    pub(crate) file: &'r FilePath,
    pub(crate) scope: &'r Scope,
    pub(crate) unknown: Unknown,
}

/// What becomes of a text that cannot be rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// The step fails by it.
    Fails,
    /// It stays as it is written, for its values may come later.
    StaysAsWritten,
}

impl Rendering<'_> {
    /// What the step executes.
    ///
    /// # Errors
    /// Words, where its texts cannot be rendered or its runner is missing.
    pub(crate) fn program(&self, phase: &Phase, step: &Step, inputs: &Values) -> Result<Program, String> {
        match &step.action {
            Action::Run(words) => argv(words.iter().map(|word| self.text(&word.value))),
            Action::Shell(line) => self.shell(&line.value),
            Action::Command(_) | Action::Task(_) => self.runner(phase, step, inputs),
        }
    }

    fn runner(&self, phase: &Phase, step: &Step, inputs: &Values) -> Result<Program, String> {
        let place = Place { file: &self.file.text(), workflow: &self.workflow.id, phase: &phase.id };
        let Command { words, environment } = self.programs.of(step, place, inputs)?;
        Ok(Program { environment, ..argv(words.into_iter().map(|word| self.exact(word)))? })
    }

    fn shell(&self, line: &str) -> Result<Program, String> {
        let as_written = || ShellText { text: line.to_owned(), environment: Vec::new() };
        let shell = self.known(render_shell(line, self.scope), as_written)?;
        let exact = |(name, value): (String, String)| Ok((name.into(), self.exact(value)?));
        let environment = shell.environment.into_iter().map(exact).collect::<Result<_, String>>()?;
        Ok(Program { executable: "/bin/sh".into(), arguments: vec!["-c".into(), shell.text.into()], environment })
    }

    /// The inputs of a step.
    ///
    /// # Errors
    /// Words, where one cannot be rendered.
    pub(crate) fn step_inputs(&self, step: &Step) -> Result<Values, String> {
        let render = |value: &Value| self.known(render_value(value, self.scope), || value.clone());
        let inputs = step.inputs.iter().map(|input| {
            let value = render(&input.value).map_err(|error| format!("its input `{}`: {error}", input.name))?;
            Ok((input.name.clone(), value))
        });
        inputs.collect()
    }

    /// A text for a process.
    ///
    /// # Errors
    /// Words, where it cannot be rendered.
    pub(crate) fn text(&self, template: &str) -> Result<OsString, String> {
        self.exact(self.known(render_text(template, self.scope), || template.to_owned())?)
    }

    /// Expressions are text, and a path need not be. One that is none is given to a process byte for byte where it stands
    /// alone; within other words it would become another file's.
    ///
    /// # Errors
    /// Words, where it stands within others.
    pub(crate) fn exact(&self, text: String) -> Result<OsString, String> {
        exact(text, self.file)
    }

    fn known<T>(&self, rendered: Result<T, ExpressionError>, as_written: impl FnOnce() -> T) -> Result<T, String> {
        match self.unknown {
            Unknown::Fails => rendered.map_err(|error| error.to_string()),
            Unknown::StaysAsWritten => Ok(rendered.unwrap_or_else(|_| as_written())),
        }
    }
}

fn argv(mut words: impl Iterator<Item = Result<OsString, String>>) -> Result<Program, String> {
    let executable = words.next().unwrap_or_else(|| Err("it names no program".to_owned()))?;
    Ok(Program { executable, arguments: words.collect::<Result<_, _>>()?, environment: Vec::new() })
}

fn exact(text: String, file: &FilePath) -> Result<OsString, String> {
    if file.exact_hex().is_none() {
        return Ok(text.into());
    }
    let likeness = file.text();
    match text {
        text if text == likeness => Ok(file.as_os_str().to_owned()),
        text if text.contains(&*likeness) => {
            Err("the file's path is not UTF-8 and cannot stand within other words; use the variable AUTOPROC_FILE"
                .into())
        }
        text => Ok(text.into()),
    }
}
