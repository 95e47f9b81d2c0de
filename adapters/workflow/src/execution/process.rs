//! Builds the process of a step.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use autoproc_domain::Timestamp;
use autoproc_domain::ports::Attempt;
use serde_json::Value;

use super::build_error::BuildError;
use super::engine::WorkflowRun;
use super::event::{Failure, StepName, Values};
use super::rendering::{Given, Program, Rendering, Unknown};
use super::runner::StepProcess;
use super::scratch::Scratch;
use super::values::MAX_VALUES_BYTES;
use super::variables::{Variables, variable_name};
use crate::definition::{Phase, Step, StepOutput};
use crate::expression::{Scope, text_of};

/// The maximum length in bytes of a value in an environment variable. Linux allows 128 KiB for one
/// variable (execve(2), `MAX_ARG_STRLEN`) and a few MiB for all variables.
const MAX_VARIABLE_BYTES: usize = 32 << 10;

const MAX_ERROR_CHARS: usize = MAX_VARIABLE_BYTES / 4;

pub(super) struct ProcessBuilder<'b> {
    pub(super) run: &'b WorkflowRun,
    pub(super) attempt: &'b Attempt,
    pub(super) deadline: Timestamp,
    pub(super) inputs: &'b Values,
    pub(super) scope: &'b Scope,
    pub(super) failure: Option<&'b Failure>,
}

#[derive(Debug)]
pub(super) struct PreparedStep {
    pub(super) process: StepProcess,
    pub(super) output: PathBuf,
}

impl ProcessBuilder<'_> {
    /// Builds the process for one try of a step, and creates its files.
    ///
    /// # Errors
    /// [`BuildError`] if a text cannot be rendered, the runner is missing, or a file error occurs.
    pub(super) fn build(
        &self,
        phase: &Phase,
        step: &Step,
        timeout: Duration,
        scratch: &mut Scratch,
    ) -> Result<PreparedStep, BuildError> {
        let rendering = self.rendering();
        let given = rendering.given(step)?;
        let Program { executable: program, arguments, mut environment } = rendering.program(phase, step, &given)?;
        let output = scratch.output_file().map_err(no_files)?;
        let inputs = inputs_file(step, &given, scratch).map_err(no_files)?;
        environment.extend(self.description(phase, step, &output, inputs.as_deref()));
        environment.extend(self.variables("INPUT", self.inputs.iter().chain(&given.inputs))?);
        environment.extend(self.variables("PARAM", &given.params)?);
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
        Ok(PreparedStep { process, output })
    }

    fn rendering(&self) -> Rendering<'_> {
        Rendering {
            workflow: self.run.plan.workflow(),
            programs: &self.run.programs,
            file: &self.attempt.file_path,
            scope: self.scope,
            unknown: if self.failure.is_some() { Unknown::KeptForRunner } else { Unknown::Fails },
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
        let description = step.description.as_ref().filter(|text| is_for_variable(text));
        all.extend(description.map(|text| ("AUTOPROC_DESCRIPTION".into(), text.into())));
        all.extend(inputs.map(|path| ("AUTOPROC_STEP_INPUTS".into(), path.into())));
        all.extend(self.failure.into_iter().flat_map(variables_of));
        all
    }

    /// Returns variables for the values. A step's input replaces a workflow input of the same name.
    fn variables<'v>(
        &self,
        kind: &str,
        values: impl IntoIterator<Item = (&'v String, &'v Value)>,
    ) -> Result<Variables, String> {
        let last: BTreeMap<_, _> = values.into_iter().map(|(name, value)| (variable_name(name), value)).collect();
        let mut variables = Vec::new();
        for (name, value) in last {
            if let Some(text) = text_of(value).filter(|text| is_for_variable(text)) {
                variables.push((format!("AUTOPROC_{kind}_{name}").into(), self.rendering().exact(text)?));
            }
        }
        Ok(variables)
    }

    fn working_dir(&self, step: &Step) -> Result<PathBuf, String> {
        let Some(workdir) = &step.workdir else { return Ok(self.run.project_dir.clone()) };
        Ok(self.run.project_dir.join(self.rendering().text(&workdir.value)?))
    }
}

fn variables_of(failure: &Failure) -> Variables {
    let message: String = failure.error.chars().filter(|character| *character != '\0').take(MAX_ERROR_CHARS).collect();
    let step = failure.step.as_ref().map(|step| ("AUTOPROC_FAILED_STEP".into(), step.into()));
    let phase = ("AUTOPROC_FAILED_PHASE".into(), failure.phase.clone().into());
    [("AUTOPROC_ERROR".into(), message.into()), phase].into_iter().chain(step).collect()
}

fn no_files(error: io::Error) -> BuildError {
    BuildError::Io { message: "the files for its inputs and outputs cannot be created".to_owned(), source: error }
}

fn is_for_variable(text: &str) -> bool {
    text.len() <= MAX_VARIABLE_BYTES && !text.contains('\0')
}

fn inputs_file(step: &Step, given: &Given, scratch: &mut Scratch) -> io::Result<Option<PathBuf>> {
    if !step.needs_runner() && given.inputs.is_empty() {
        return Ok(None);
    }
    let mut document = given.inputs.clone();
    if !given.params.is_empty() {
        document.insert("params".to_owned(), Value::Object(given.params.clone()));
    }
    scratch.inputs_file(&serde_json::to_vec(&document)?).map(Some)
}
