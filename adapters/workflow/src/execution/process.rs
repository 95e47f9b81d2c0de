//! How a step becomes a process: its environment, its folder, and the files it is told of.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use autoproc_domain::Timestamp;
use autoproc_domain::ports::Attempt;

use super::event::Values;
use super::plan::Plan;
use super::program::{Program, Programs};
use super::rendering::{Rendering, Unknown};
use super::runner::StepProcess;
use super::scratch::Scratch;
use super::values::MAX_VALUES_BYTES;
use crate::definition::{Action, Phase, Step, StepOutput};
use crate::expression::{Scope, text_of};

/// The longest value that a variable of its own holds, in bytes. Linux allows 128 KiB for one (execve(2),
/// `MAX_ARG_STRLEN`) and a few MiB for all of them together; the file of inputs holds every value whole.
const MAX_VARIABLE_BYTES: usize = 32 << 10;

/// What the process of a step is made from.
pub(crate) struct Making<'m> {
    pub(crate) plan: &'m Plan,
    pub(crate) programs: &'m Programs,
    pub(crate) project_dir: &'m Path,
    pub(crate) attempt: &'m Attempt,
    pub(crate) deadline: Timestamp,
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
        let rendering = self.rendering();
        let step_inputs = rendering.step_inputs(step)?;
        let Program { executable: program, arguments, mut environment } =
            rendering.program(phase, step, &step_inputs)?;
        let file_error = |error: std::io::Error| format!("cannot make the files it is told of: {error}");
        let output = scratch.output_file().map_err(file_error)?;
        let inputs = inputs_file(step, &step_inputs, scratch).map_err(file_error)?;
        environment.extend(self.description(phase, step, &output, inputs.as_deref()));
        environment.extend(self.variables(&step_inputs)?);
        for entry in &step.env {
            environment.push((entry.name.clone().into(), rendering.text(&entry.value.value)?));
        }
        let process = StepProcess {
            attempt: self.attempt.clone(),
            deadline: self.deadline,
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

    fn rendering(&self) -> Rendering<'_> {
        Rendering {
            workflow: self.plan.workflow(),
            programs: self.programs,
            file: &self.attempt.file_path,
            scope: self.scope,
            unknown: Unknown::Fails,
        }
    }

    fn description(
        &self,
        phase: &Phase,
        step: &Step,
        output: &Path,
        inputs: Option<&Path>,
    ) -> Vec<(OsString, OsString)> {
        let texts = [
            ("AUTOPROC_WORKFLOW", self.plan.workflow().id.clone()),
            ("AUTOPROC_PHASE", phase.id.clone()),
            ("AUTOPROC_STEP", step.id.clone()),
            ("AUTOPROC_EXPECTED", self.plan.expected_of(phase).join(" ")),
        ];
        let mut all: Vec<_> = texts.into_iter().map(|(name, text)| (name.into(), text.into())).collect();
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
                variables.push((variable_name(name).into(), self.rendering().exact(text)?));
            }
        }
        Ok(variables)
    }

    fn working_dir(&self, step: &Step) -> Result<PathBuf, String> {
        let Some(workdir) = &step.workdir else { return Ok(self.project_dir.to_owned()) };
        Ok(self.project_dir.join(self.rendering().text(&workdir.value)?))
    }

    fn capture(&self, step: &Step) -> usize {
        let is_used = step.output == StepOutput::Json || self.plan.is_stdout_used(step);
        if is_used { MAX_VALUES_BYTES } else { 0 }
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

fn variable_name(input: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
    format!("AUTOPROC_INPUT_{}", input.chars().map(letter).collect::<String>())
}
