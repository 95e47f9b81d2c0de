//! The state of an execution as a JSON document.

use autoproc_domain::Timestamp;
use autoproc_time_text::timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::progress::percent_of;
use super::state::{ExecutionState, StepRecord, StepStatus};

/// The format version of the Python program that autoproc replaces. autoproc only adds keys.
const VERSION: &str = "1.0.0";

#[derive(Serialize)]
pub(super) struct Document<'s> {
    version: &'static str,
    workflow_id: &'s str,
    workflow_hash: &'s str,
    item_id: u64,
    file_path: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_path_bytes: Option<&'s str>,
    run_id: &'s str,
    attempt: u32,
    status: &'static str,
    current_phase: Option<&'s str>,
    current_step: Option<&'s str>,
    percent: f64,
    #[serde(with = "timestamp::required")]
    started_at: Timestamp,
    #[serde(with = "timestamp::optional")]
    completed_at: Option<Timestamp>,
    #[serde(with = "timestamp::required")]
    updated_at: Timestamp,
    error: Option<&'s str>,
    inputs: &'s Map<String, Value>,
    phase_outputs: &'s Map<String, Value>,
    task_timings: Map<String, Value>,
    history: Vec<Entry<'s>>,
}

#[derive(Serialize)]
struct Entry<'s> {
    phase: &'s str,
    step: &'s str,
    status: StepStatus,
    #[serde(with = "timestamp::required")]
    at: Timestamp,
    duration_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'s str>,
}

pub(super) fn of(state: &ExecutionState) -> Document<'_> {
    Document {
        version: VERSION,
        workflow_id: &state.subject.workflow_id,
        workflow_hash: &state.subject.workflow_hash,
        item_id: state.subject.item_id,
        file_path: &state.subject.file_path,
        file_path_bytes: state.subject.file_path_bytes.as_deref(),
        run_id: &state.attempt_ids.run_id,
        attempt: state.attempt_ids.attempt,
        status: state.status.word(),
        current_phase: state.current_phase.as_deref(),
        current_step: state.current_step.as_deref(),
        percent: percent_of(state),
        started_at: state.started_at,
        completed_at: state.completed_at,
        updated_at: state.updated_at,
        error: state.error.as_deref(),
        inputs: &state.subject.inputs,
        phase_outputs: &state.phase_outputs,
        task_timings: state.history.iter().map(timing).collect(),
        history: state.history.iter().map(entry).collect(),
    }
}

fn timing(record: &StepRecord) -> (String, Value) {
    (record.name.to_string(), record.elapsed.as_secs_f64().into())
}

fn entry(record: &StepRecord) -> Entry<'_> {
    Entry {
        phase: &record.name.phase,
        step: &record.name.step,
        status: record.status,
        at: record.at,
        duration_s: record.elapsed.as_secs_f64(),
        error: record.error.as_deref(),
    }
}
