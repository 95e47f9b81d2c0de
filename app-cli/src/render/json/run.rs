//! The answers of `run`, `stop`, `status` and `log`.

use std::io::{self, Write};

use autoproc_domain::ProcessorState;
use autoproc_domain::ports::{LiveRun, Unproven};
use autoproc_domain::run::{CurrentFile, RunResources};
use serde::Serialize;
use serde_json::json;

use super::{CountsJson, ItemJson, PathJson, print};
use crate::view::{Attempts, RunOver, Status, Stopping};

#[derive(Serialize)]
struct RunOverJson<'a> {
    run_id: &'a str,
    processed: u64,
    failed: u64,
    retried: u64,
    remaining: usize,
    held: usize,
    stopped_by: &'static str,
    stop_level: &'static str,
    elapsed_s: f64,
    usage: Option<UsageJson>,
}

/// Resource usage of the attempts that reported it.
#[derive(Serialize)]
struct UsageJson {
    attempts: u64,
    user_s: f64,
    system_s: f64,
    peak_memory_bytes: u64,
    peak_memory_of: PathJson,
}

impl UsageJson {
    fn of(resources: &RunResources) -> Option<Self> {
        let peak = resources.peak.as_ref()?;
        Some(Self {
            attempts: resources.attempts,
            user_s: resources.user.as_secs_f64(),
            system_s: resources.system.as_secs_f64(),
            peak_memory_bytes: peak.memory,
            peak_memory_of: (&peak.file_path).into(),
        })
    }
}

pub(in crate::render) fn run_over(view: &RunOver, out: &mut dyn Write) -> io::Result<()> {
    let document = RunOverJson {
        run_id: view.run.as_str(),
        processed: view.result.processed,
        failed: view.result.failed,
        retried: view.result.retried,
        remaining: view.result.remaining,
        held: view.result.held,
        stopped_by: view.result.stopped_by.word(),
        stop_level: view.result.stop_level.word(),
        elapsed_s: view.elapsed.as_secs_f64(),
        usage: UsageJson::of(&view.resources),
    };
    print(out, &document)
}

#[derive(Serialize)]
struct LiveRunJson {
    run_id: String,
    owner: String,
    started_at: String,
    jobs: usize,
    max_attempts: u32,
    timeout_s: f64,
}

impl From<&LiveRun> for LiveRunJson {
    fn from(run: &LiveRun) -> Self {
        Self {
            run_id: run.info.id.to_string(),
            owner: run.info.location.to_string(),
            started_at: run.info.started_at.to_string(),
            jobs: run.info.jobs,
            max_attempts: run.info.max_attempts,
            timeout_s: run.info.timeout.as_secs_f64(),
        }
    }
}

#[derive(Serialize)]
struct StoppingJson {
    stop_file: String,
    level: &'static str,
    live_runs: Vec<LiveRunJson>,
}

pub(in crate::render) fn stopping(view: &Stopping, out: &mut dyn Write) -> io::Result<()> {
    let document = StoppingJson {
        stop_file: view.stop_file.to_string_lossy().into_owned(),
        level: view.level.word(),
        live_runs: view.live_runs.iter().map(LiveRunJson::from).collect(),
    };
    print(out, &document)
}

#[derive(Serialize)]
struct StateJson {
    status: &'static str,
    run_id: Option<String>,
    started_at: Option<String>,
    stopped_at: Option<String>,
    updated_at: Option<String>,
    files_processed: u64,
    files_failed: u64,
    current_files: Vec<CurrentJson>,
    held: Option<String>,
    withheld: Vec<WithheldJson>,
}

#[derive(Serialize)]
struct WithheldJson {
    run_id: String,
    reason: String,
}

impl From<&Unproven> for WithheldJson {
    fn from(left: &Unproven) -> Self {
        Self { run_id: left.run.to_string(), reason: left.reason.to_string() }
    }
}

#[derive(Serialize)]
struct CurrentJson {
    item_id: u64,
    #[serde(flatten)]
    path: PathJson,
    since: String,
}

impl From<&CurrentFile> for CurrentJson {
    fn from(file: &CurrentFile) -> Self {
        Self { item_id: file.id.get(), path: (&file.file_path).into(), since: file.since.to_string() }
    }
}

impl From<&ProcessorState> for StateJson {
    fn from(state: &ProcessorState) -> Self {
        Self {
            status: state.status.word(),
            run_id: state.run_id.as_ref().map(ToString::to_string),
            started_at: state.started_at.map(|at| at.to_string()),
            stopped_at: state.stopped_at.map(|at| at.to_string()),
            updated_at: state.updated_at.map(|at| at.to_string()),
            files_processed: state.files_processed,
            files_failed: state.files_failed,
            current_files: state.current_files.iter().map(CurrentJson::from).collect(),
            held: state.pressure.as_deref().map(str::to_owned),
            withheld: state.withheld.iter().map(WithheldJson::from).collect(),
        }
    }
}

#[derive(Serialize)]
struct StatusJson {
    counts: CountsJson,
    live_runs: Vec<LiveRunJson>,
    files_per_second: Option<f64>,
    processing: Vec<ItemJson>,
    waiting: Vec<ItemJson>,
    latest_run: Option<StateJson>,
}

pub(in crate::render) fn status(view: &Status, out: &mut dyn Write) -> io::Result<()> {
    let document = StatusJson {
        counts: view.counts.into(),
        live_runs: view.live_runs.iter().map(LiveRunJson::from).collect(),
        files_per_second: view.files_per_second(),
        processing: view.processing.iter().map(ItemJson::from).collect(),
        waiting: view.waiting.iter().map(ItemJson::from).collect(),
        latest_run: view.latest.as_ref().map(StateJson::from),
    };
    print(out, &document)
}

pub(in crate::render) fn attempts(view: &Attempts, out: &mut dyn Write) -> io::Result<()> {
    let files = view.files.iter().map(|file| {
        let path = file.path.to_string_lossy();
        json!({ "round": file.round, "attempt": file.attempt.get(), "claim": file.claim.get(), "output_path": path })
    });
    print(out, &json!({ "item_id": view.item.get(), "attempts": files.collect::<Vec<_>>() }))
}
