//! Renders the texts of a step.

use std::ffi::OsString;

use autoproc_domain::FilePath;
use serde_json::Value;

use super::build_error::BuildError;
use super::event::Values;
use super::program::Programs;
use super::variables::Variables;
use crate::definition::{Action, Phase, Step, StepInput, Workflow};
use crate::expression::{
    ExpressionError, Scope, ShellText, render_shell, render_text, render_value, render_value_or_null,
};

#[derive(Debug, Clone, Copy)]
pub(super) struct Rendering<'r> {
    pub(super) workflow: &'r Workflow,
    pub(super) programs: &'r Programs,
    pub(super) file: &'r FilePath,
    pub(super) scope: &'r Scope,
    pub(super) unknown: Unknown,
}

/// What happens to a text that cannot be rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    Fails,
    /// A runner's input or parameter is kept, or becomes null. Any other text fails the step. The
    /// runners of the rollback and of `on_error` must run even if a value is missing.
    KeptForRunner,
    Kept,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Given {
    pub(super) inputs: Values,
    pub(super) params: Values,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) executable: OsString,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Variables,
}

impl Rendering<'_> {
    pub(super) fn program(&self, phase: &Phase, step: &Step, given: &Given) -> Result<Program, BuildError> {
        match &step.action {
            Action::Run(words) => Ok(argv(words.iter().map(|word| self.text(&word.value)))?),
            Action::Shell(line) => Ok(self.shell(&line.value)?),
            Action::Command(_) | Action::Task(_) => {
                let (words, environment) = self.programs.of(self.workflow, self.file, phase, step, given)?;
                Ok(Program { environment, ..argv(words.into_iter().map(|word| self.exact(word)))? })
            }
        }
    }

    fn shell(&self, line: &str) -> Result<Program, String> {
        let as_written = || ShellText { text: line.to_owned(), environment: Vec::new() };
        let shell = self.known(render_shell(line, self.scope), as_written)?;
        let exact = |(name, value): (String, String)| Ok((name.into(), self.exact(value)?));
        let environment = shell.environment.into_iter().map(exact).collect::<Result<_, String>>()?;
        Ok(Program { executable: "/bin/sh".into(), arguments: vec!["-c".into(), shell.text.into()], environment })
    }

    pub(super) fn given(&self, step: &Step) -> Result<Given, String> {
        let values = |named: &[StepInput], noun: &str| {
            let one = |input: &StepInput| {
                let value = self.value(step, &input.value);
                Ok((input.name.clone(), value.map_err(|error| format!("its {noun} `{}`: {error}", input.name))?))
            };
            named.iter().map(one).collect::<Result<Values, String>>()
        };
        Ok(Given { inputs: values(&step.inputs, "input")?, params: values(&step.params, "parameter")? })
    }

    /// Renders an input or a parameter. If a text is exactly one `${…}` without a value, a runner
    /// gets null, and a preview keeps the text.
    fn value(&self, step: &Step, value: &Value) -> Result<Value, String> {
        match (self.unknown, step.needs_runner()) {
            (Unknown::Fails, true) => self.known(render_value_or_null(value, self.scope), || value.clone()),
            (Unknown::KeptForRunner, true) => {
                Ok(render_value_or_null(value, self.scope).unwrap_or_else(|_| value.clone()))
            }
            _ => self.known(render_value(value, self.scope), || value.clone()),
        }
    }

    pub(super) fn text(&self, template: &str) -> Result<OsString, String> {
        self.exact(self.known(render_text(template, self.scope), || template.to_owned())?)
    }

    /// Returns the text as the process receives it. If the text equals the path of the file,
    /// returns the exact bytes of the path.
    ///
    /// # Errors
    /// A message, if the path is not UTF-8 and is only a part of the text.
    pub(super) fn exact(&self, text: String) -> Result<OsString, String> {
        if self.file.exact_hex().is_none() {
            return Ok(text.into());
        }
        let path = self.file.text();
        if text == path {
            return Ok(self.file.as_os_str().to_owned());
        }
        if text.contains(&*path) {
            let advice = "use the variable AUTOPROC_FILE";
            return Err(format!("the file's path is not UTF-8 and cannot be part of a longer text; {advice}"));
        }
        Ok(text.into())
    }

    fn known<T>(&self, rendered: Result<T, ExpressionError>, as_written: impl FnOnce() -> T) -> Result<T, String> {
        match self.unknown {
            Unknown::Fails | Unknown::KeptForRunner => rendered.map_err(|error| error.to_string()),
            Unknown::Kept => Ok(rendered.unwrap_or_else(|_| as_written())),
        }
    }
}

fn argv(mut words: impl Iterator<Item = Result<OsString, String>>) -> Result<Program, String> {
    let executable = words.next().unwrap_or_else(|| Err("the step names no program".to_owned()))?;
    Ok(Program { executable, arguments: words.collect::<Result<_, _>>()?, environment: Vec::new() })
}
