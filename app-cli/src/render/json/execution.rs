//! Executions as JSON.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::{PathJson, print};
use crate::view::{ExecutionOver, Executions, FileProgress, Preview};
use crate::wiring::{Forecast, PreviewedStep, ProgressReport};

#[derive(Serialize)]
struct ProgressJson<'a> {
    workflow_id: &'a str,
    status: &'static str,
    percent: f64,
    current_phase: Option<&'a str>,
    current_task: Option<&'a str>,
    steps_over: usize,
    steps_total: usize,
    elapsed_s: f64,
    estimate_s: Option<f64>,
}

impl<'a> From<&'a ProgressReport> for ProgressJson<'a> {
    fn from(report: &'a ProgressReport) -> Self {
        Self {
            workflow_id: &report.workflow_id,
            status: report.status.word(),
            percent: report.percent,
            current_phase: report.current_phase.as_deref(),
            current_task: report.current_task.as_deref(),
            steps_over: report.steps_over,
            steps_total: report.steps_total,
            elapsed_s: report.elapsed.as_secs_f64(),
            estimate_s: report.estimate.map(|left| left.as_secs_f64()),
        }
    }
}

#[derive(Serialize)]
struct ExecutionJson<'a> {
    item_id: u64,
    file_path: &'a str,
    error: Option<&'a str>,
    #[serde(flatten)]
    progress: ProgressJson<'a>,
}

impl<'a> From<&'a FileProgress> for ExecutionJson<'a> {
    fn from(execution: &'a FileProgress) -> Self {
        Self {
            item_id: execution.item.get(),
            file_path: &execution.file,
            error: execution.error.as_deref(),
            progress: (&execution.report).into(),
        }
    }
}

pub(in crate::render) fn executions(view: &Executions, out: &mut dyn Write) -> io::Result<()> {
    let executions: Vec<_> = view.0.iter().map(ExecutionJson::from).collect();
    print(out, &json!({ "executions": executions }))
}

#[derive(Serialize)]
struct OverJson<'a> {
    #[serde(flatten)]
    path: PathJson,
    outcome: &'static str,
    error: Option<String>,
    elapsed_s: f64,
    progress: Option<ProgressJson<'a>>,
}

pub(in crate::render) fn over(view: &ExecutionOver, out: &mut dyn Write) -> io::Result<()> {
    use autoproc_domain::ports::AttemptOutcome;
    let (outcome, error) = match view.report.outcome {
        AttemptOutcome::Succeeded => ("completed", None),
        AttemptOutcome::Aborted => ("aborted", None),
        _ => ("failed", Some(view.report.error().into_string())),
    };
    let document = OverJson {
        path: (&view.file).into(),
        outcome,
        error,
        elapsed_s: view.report.elapsed.as_secs_f64(),
        progress: view.progress.as_ref().map(ProgressJson::from),
    };
    print(out, &document)
}

pub(in crate::render) fn preview(view: &Preview, out: &mut dyn Write) -> io::Result<()> {
    match view {
        Preview::Nothing => print(out, &Value::Null),
        Preview::Command { file, words } => print(out, &json!({ "file_path": file.text(), "command": words })),
        Preview::Workflow { file, taken_up, steps } => {
            let steps: Vec<_> = steps.iter().map(step).collect();
            let taken_up = taken_up.as_ref().map(ProgressJson::from);
            print(out, &json!({ "file_path": file.text(), "taken_up": taken_up, "steps": steps }))
        }
    }
}

fn step(step: &PreviewedStep) -> Value {
    let (runs, conditions) = match &step.forecast {
        Forecast::Runs => ("yes", Vec::new()),
        Forecast::Skipped(condition) => ("no", vec![condition.clone()]),
        Forecast::Depends(conditions) => ("depends", conditions.clone()),
    };
    let environment: serde_json::Map<_, _> =
        step.variables.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    json!({
        "phase": step.phase,
        "step": step.step,
        "runs": runs,
        "conditions": conditions,
        "command": step.words,
        "environment": environment,
        "error": step.error,
    })
}
