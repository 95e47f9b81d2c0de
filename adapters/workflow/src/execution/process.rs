//! Builds the process of a step: its environment, working directory and files.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use autoproc_domain::Timestamp;
use autoproc_domain::ports::Attempt;

use super::engine::WorkflowRun;
use super::event::{StepName, Values};
use super::rendering::{Program, Rendering, Unknown};
use super::runner::StepProcess;
use super::scratch::Scratch;
use super::values::MAX_VALUES_BYTES;
use super::variables::{Variables, variable_name};
use crate::definition::{Action, Phase, Step, StepOutput};
use crate::expression::{Scope, text_of};

/// The maximum length in bytes of an input that is passed in a variable. Linux allows 128 KiB for
/// one variable (execve(2), `MAX_ARG_STRLEN`) and a few MiB for all variables. The file of inputs
/// contains every input of the step, of any length.
const MAX_VARIABLE_BYTES: usize = 32 << 10;

/// Prepares the processes of an attempt.
pub(super) struct ProcessBuilder<'b> {
    pub(super) run: &'b WorkflowRun,
    pub(super) attempt: &'b Attempt,
    pub(super) deadline: Timestamp,
    pub(super) inputs: &'b Values,
    pub(super) scope: &'b Scope,
}

/// A process and the files whose paths it receives.
#[derive(Debug)]
pub(super) struct PreparedStep {
    pub(super) process: StepProcess,
    pub(super) output: PathBuf,
    pub(super) inputs: Option<PathBuf>,
}

impl ProcessBuilder<'_> {
    /// Builds the process for one try of a step, and creates the files for its inputs and outputs.
    ///
    /// # Errors
    /// A message, if a text cannot be rendered, the runner is missing, or a file cannot be created.
    pub(super) fn build(
        &self,
        phase: &Phase,
        step: &Step,
        timeout: Duration,
        scratch: &mut Scratch,
    ) -> Result<PreparedStep, String> {
        let rendering = self.rendering();
        let step_inputs = rendering.step_inputs(step)?;
        let Program { executable: program, arguments, mut environment } =
            rendering.program(phase, step, &step_inputs)?;
        let file_error = |error: io::Error| format!("cannot create the files whose paths the step receives: {error}");
        let output = scratch.output_file().map_err(file_error)?;
        let inputs = inputs_file(step, &step_inputs, scratch).map_err(file_error)?;
        environment.extend(self.description(phase, step, &output, inputs.as_deref()));
        environment.extend(self.variables(&step_inputs)?);
        for entry in &step.env {
            environment.push((entry.name.clone().into(), rendering.text(&entry.value.value)?));
        }
        let captures_stdout = step.output == StepOutput::Json || self.run.plan.is_stdout_used(step);
        let process = StepProcess {
            attempt: self.attempt.clone(),
            deadline: self.deadline,
            is_first: scratch.is_first(),
            heading: format!("==> {}", StepName::of(phase, step)),
            program,
            arguments,
            environment,
            working_dir: Some(self.working_dir(step)?),
            timeout,
            capture: if captures_stdout { MAX_VALUES_BYTES } else { 0 },
        };
        Ok(PreparedStep { process, output, inputs })
    }

    fn rendering(&self) -> Rendering<'_> {
        Rendering {
            workflow: self.run.plan.workflow(),
            programs: &self.run.programs,
            file: &self.attempt.file_path,
            scope: self.scope,
            unknown: Unknown::Fails,
        }
    }

    fn description(&self, phase: &Phase, step: &Step, output: &Path, inputs: Option<&Path>) -> Variables {
        let texts = [
            ("AUTOPROC_WORKFLOW", self.run.plan.workflow().id.clone()),
            ("AUTOPROC_PHASE", phase.id.clone()),
            ("AUTOPROC_STEP", step.id.clone()),
            ("AUTOPROC_EXPECTED", self.run.plan.expected_of(phase).join(" ")),
        ];
        let mut all: Vec<_> = texts.into_iter().map(|(name, text)| (name.into(), text.into())).collect();
        all.push(("AUTOPROC_OUTPUT".into(), output.into()));
        all.extend(inputs.map(|path| ("AUTOPROC_STEP_INPUTS".into(), path.into())));
        all
    }

    /// Returns one variable for each input of the workflow and of the step. If both have an input
    /// of the same name, the input of the step comes last and takes precedence. An input gets no
    /// variable if its value is null, is too long or contains NUL.
    fn variables(&self, step_inputs: &Values) -> Result<Variables, String> {
        let mut variables = Vec::new();
        for (name, value) in self.inputs.iter().chain(step_inputs) {
            let text = text_of(value).filter(|text| text.len() <= MAX_VARIABLE_BYTES && !text.contains('\0'));
            if let Some(text) = text {
                let name = format!("AUTOPROC_INPUT_{}", variable_name(name));
                variables.push((name.into(), self.rendering().exact(text)?));
            }
        }
        Ok(variables)
    }

    fn working_dir(&self, step: &Step) -> Result<PathBuf, String> {
        let Some(workdir) = &step.workdir else { return Ok(self.run.project_dir.clone()) };
        Ok(self.run.project_dir.join(self.rendering().text(&workdir.value)?))
    }
}

/// Writes the file of inputs for a step that has inputs or a runner; returns `None` for other
/// steps.
fn inputs_file(step: &Step, inputs: &Values, scratch: &mut Scratch) -> io::Result<Option<PathBuf>> {
    let has_runner = matches!(step.action, Action::Command(_) | Action::Task(_));
    if !has_runner && inputs.is_empty() {
        return Ok(None);
    }
    scratch.inputs_file(&serde_json::to_vec(inputs)?).map(Some)
}
