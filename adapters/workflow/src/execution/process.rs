//! How a step becomes a process: its words, its environment, its folder.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use autoproc_domain::FilePath;
use autoproc_domain::ports::Attempt;
use serde_json::Value;

use super::event::Values;
use super::plan::Plan;
use super::program::{Command, Place, Program, Programs};
use super::runner::StepProcess;
use super::scratch::Scratch;
use super::values::MAX_VALUES_BYTES;
use crate::definition::{Action, Phase, Step, StepOutput};
use crate::expression::{Scope, render_shell, render_text, render_value, text_of};

/// The longest value that a variable of its own holds, in bytes. Linux allows 128 KiB for one (execve(2),
/// `MAX_ARG_STRLEN`) and a few MiB for all of them together; the file of inputs holds every value whole.
const MAX_VARIABLE_BYTES: usize = 32 << 10;

/// What the process of a step is made from.
pub(crate) struct Making<'m> {
    pub(crate) plan: &'m Plan,
    pub(crate) programs: &'m Programs,
    pub(crate) project_dir: &'m Path,
    pub(crate) attempt: &'m Attempt,
    pub(crate) inputs: &'m Values,
    pub(crate) scope: &'m Scope,
}

/// A step's process, and the files it is told of.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) process: StepProcess,
    pub(crate) output: PathBuf,
    pub(crate) inputs: Option<PathBuf>,
}

impl Making<'_> {
    /// The process of a step.
    ///
    /// # Errors
    /// Words, where its texts cannot be rendered, its runner is missing, or its files cannot be made.
    pub(crate) fn make(
        &self,
        phase: &Phase,
        step: &Step,
        timeout: Duration,
        scratch: &mut Scratch,
    ) -> Result<Made, String> {
        let step_inputs = self.step_inputs(step)?;
        let Program { executable: program, arguments, mut environment } = self.program(phase, step, &step_inputs)?;
        let file_error = |error: std::io::Error| format!("cannot make the files it is told of: {error}");
        let output = scratch.output_file().map_err(file_error)?;
        let inputs = inputs_file(step, &step_inputs, scratch).map_err(file_error)?;
        environment.extend(self.description(phase, step, &output, inputs.as_deref()));
        environment.extend(self.variables(&step_inputs)?);
        for entry in &step.env {
            environment.push((entry.name.clone().into(), self.text(&entry.value.value)?));
        }
        let process = StepProcess {
            attempt: self.attempt.clone(),
            is_first: scratch.is_first(),
            heading: format!("==> {}/{}", phase.id, step.id),
            program,
            arguments,
            environment,
            working_dir: Some(self.working_dir(step)?),
            timeout,
            capture: self.capture(step),
        };
        Ok(Made { process, output, inputs })
    }

    /// What the step executes, with nothing but words: for whoever wants to see it.
    pub(crate) fn program(&self, phase: &Phase, step: &Step, inputs: &Values) -> Result<Program, String> {
        match &step.action {
            Action::Run(words) => argv(words.iter().map(|word| self.text(&word.value))),
            Action::Shell(line) => self.shell(&line.value),
            Action::Command(_) | Action::Task(_) => self.runner(phase, step, inputs),
        }
    }

    fn runner(&self, phase: &Phase, step: &Step, inputs: &Values) -> Result<Program, String> {
        let file = self.attempt.file_path.text();
        let place = Place { file: &file, workflow: &self.plan.workflow().id, phase: &phase.id };
        let Command { words, environment } = self.programs.of(step, place, inputs)?;
        Ok(Program { environment, ..argv(words.into_iter().map(|word| self.exact(word)))? })
    }

    fn shell(&self, line: &str) -> Result<Program, String> {
        let shell = render_shell(line, self.scope).map_err(|error| error.to_string())?;
        let exact = |(name, value): (String, String)| Ok((name.into(), self.exact(value)?));
        let environment = shell.environment.into_iter().map(exact).collect::<Result<_, String>>()?;
        Ok(Program { executable: "/bin/sh".into(), arguments: vec!["-c".into(), shell.text.into()], environment })
    }

    /// The inputs of a step, rendered.
    pub(crate) fn step_inputs(&self, step: &Step) -> Result<Values, String> {
        let render = |value: &Value| render_value(value, self.scope);
        let inputs = step.inputs.iter().map(|input| {
            let value = render(&input.value).map_err(|error| format!("its input `{}`: {error}", input.name))?;
            Ok((input.name.clone(), value))
        });
        inputs.collect()
    }

    fn description(
        &self,
        phase: &Phase,
        step: &Step,
        output: &Path,
        inputs: Option<&Path>,
    ) -> Vec<(OsString, OsString)> {
        let attempt = self.attempt;
        let texts = [
            ("AUTOPROC_ITEM_ID", attempt.token.item.to_string()),
            ("AUTOPROC_RUN_ID", attempt.run.to_string()),
            ("AUTOPROC_ATTEMPT", attempt.number.to_string()),
            ("AUTOPROC_MAX_ATTEMPTS", attempt.max_attempts.to_string()),
            ("AUTOPROC_DEADLINE", attempt.deadline.to_string()),
            ("AUTOPROC_WORKFLOW", self.plan.workflow().id.clone()),
            ("AUTOPROC_PHASE", phase.id.clone()),
            ("AUTOPROC_STEP", step.id.clone()),
            ("AUTOPROC_EXPECTED", self.plan.expected_of(phase).join(" ")),
        ];
        let mut all: Vec<_> = texts.into_iter().map(|(name, text)| (name.into(), text.into())).collect();
        all.push(("AUTOPROC_FILE".into(), attempt.file_path.as_os_str().to_owned()));
        all.push(("AUTOPROC_OUTPUT".into(), output.into()));
        all.extend(inputs.map(|path| ("AUTOPROC_STEP_INPUTS".into(), path.into())));
        all
    }

    /// One variable an input: the workflow's, then the step's own, whose word counts. What has no words or is too long
    /// for a variable stands in the file alone.
    fn variables(&self, step_inputs: &Values) -> Result<Vec<(OsString, OsString)>, String> {
        let mut variables = Vec::new();
        for (name, value) in self.inputs.iter().chain(step_inputs) {
            let text = text_of(value).filter(|text| text.len() <= MAX_VARIABLE_BYTES && !text.contains('\0'));
            if let Some(text) = text {
                variables.push((variable_name(name).into(), self.exact(text)?));
            }
        }
        Ok(variables)
    }

    fn working_dir(&self, step: &Step) -> Result<PathBuf, String> {
        let Some(workdir) = &step.workdir else { return Ok(self.project_dir.to_owned()) };
        Ok(self.project_dir.join(self.text(&workdir.value)?))
    }

    fn capture(&self, step: &Step) -> usize {
        let is_used = step.output == StepOutput::Json || self.plan.is_stdout_used(step);
        if is_used { MAX_VALUES_BYTES } else { 0 }
    }

    fn text(&self, template: &str) -> Result<OsString, String> {
        self.exact(render_text(template, self.scope).map_err(|error| error.to_string())?)
    }

    /// Expressions are text, and a path need not be. One that is none is given to a process byte for byte where it stands
    /// alone; within other words it would become another file's.
    fn exact(&self, text: String) -> Result<OsString, String> {
        exact(text, &self.attempt.file_path)
    }
}

/// A step that a runner carries out always finds the file; one of our own only where it has inputs.
fn inputs_file(step: &Step, inputs: &Values, scratch: &mut Scratch) -> std::io::Result<Option<PathBuf>> {
    let has_runner = matches!(step.action, Action::Command(_) | Action::Task(_));
    if !has_runner && inputs.is_empty() {
        return Ok(None);
    }
    scratch.inputs_file(&serde_json::to_vec(inputs)?).map(Some)
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

fn variable_name(input: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
    format!("AUTOPROC_INPUT_{}", input.chars().map(letter).collect::<String>())
}
