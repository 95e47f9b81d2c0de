//! The events of a trace in the Trace Event Format of Chrome. See `docs/formats.md`.

use autoproc_domain::Timestamp;
use autoproc_domain::item::ClaimNumber;
use autoproc_domain::ports::{PastAttempt, PastEnd};
use serde::Serialize;

use crate::view::json::PathJson;

/// The number of a run in a trace, from 1.
pub(super) type ProcessNumber = usize;

/// An event with the name of a run or row.
#[derive(Serialize)]
pub(super) struct NameEvent {
    name: &'static str,
    ph: &'static str,
    pid: ProcessNumber,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<usize>,
    args: NameArgs,
}

#[derive(Serialize)]
struct NameArgs {
    name: String,
}

impl NameEvent {
    pub(super) fn of_run(pid: ProcessNumber, name: String) -> Self {
        Self { name: "process_name", ph: "M", pid, tid: None, args: NameArgs { name } }
    }

    /// Names a row; `row` counts from 0.
    pub(super) fn of_row(pid: ProcessNumber, row: usize) -> Self {
        let name = format!("row {}", row + 1);
        Self { name: "thread_name", ph: "M", pid, tid: Some(row + 1), args: NameArgs { name } }
    }
}

/// An attempt. `ts` and `dur` are in microseconds.
#[derive(Serialize)]
pub(super) struct AttemptEvent<'a> {
    name: String,
    cat: &'static str,
    ph: &'static str,
    ts: i64,
    dur: i64,
    pid: ProcessNumber,
    tid: usize,
    args: AttemptArgs<'a>,
}

#[derive(Serialize)]
struct AttemptArgs<'a> {
    #[serde(flatten)]
    path: PathJson,
    item_id: u64,
    round: u32,
    attempt: u32,
    claim: Option<u64>,
    run_id: &'a str,
    end: Option<&'static str>,
    duration_s: Option<f64>,
    size_bytes: Option<u64>,
    input_changed: bool,
    error: Option<&'a str>,
}

impl<'a> AttemptEvent<'a> {
    /// `category` says how the attempt ended. `row` counts from 0.
    pub(super) fn new(
        attempt: &'a PastAttempt,
        category: &'static str,
        (from, to): (Timestamp, Timestamp),
        (pid, row): (ProcessNumber, usize),
    ) -> Self {
        let path = &attempt.of.file_path;
        let name = path.as_path().file_name().unwrap_or(path.as_os_str());
        Self {
            name: name.to_string_lossy().into_owned(),
            cat: category,
            ph: "X",
            ts: from.as_micros(),
            dur: to.as_micros().saturating_sub(from.as_micros()).max(0),
            pid,
            tid: row + 1,
            args: AttemptArgs {
                path: path.into(),
                item_id: attempt.of.id.get(),
                round: attempt.of.round,
                attempt: attempt.of.attempt.get(),
                claim: attempt.of.claim.map(ClaimNumber::get),
                run_id: attempt.run.as_str(),
                end: attempt.end.map(PastEnd::word),
                duration_s: attempt.elapsed.map(|elapsed| elapsed.as_secs_f64()),
                size_bytes: attempt.size_bytes,
                input_changed: attempt.input_changed,
                error: attempt.error.as_deref(),
            },
        }
    }
}
