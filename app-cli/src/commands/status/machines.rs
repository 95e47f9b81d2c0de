//! The table of live runs, for a queue in a database.

use std::io::{self, Write};
use std::time::Duration;

use autoproc_domain::ports::LiveRun;
use autoproc_domain::{FilePath, QueueItem, Timestamp};
use comfy_table::{Table, presets};
use serde::Serialize;

use super::Status;
use crate::escape::printable;
use crate::view::json::PathJson;
use crate::view::past_run::short_id;
use crate::view::screen::Screen;
use crate::view::time::span;

const UNKNOWN: &str = "-";

const COLUMN_GAP: u16 = 2;

const PATH_COLUMNS: usize = 30;

pub(super) fn table(view: &Status, out: &mut Screen<'_>) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["HOST", "RUN", "JOBS", "DONE", "FAILED", "RATE", "NOW", "HEARD OF"]);
    table.add_rows(view.live_runs.iter().map(|run| columns(view, run, out)));
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, COLUMN_GAP));
    });
    writeln!(out, "{}", table.trim_fmt())
}

fn columns(view: &Status, run: &LiveRun, out: &Screen<'_>) -> [String; 8] {
    let (info, figures) = (&run.info, view.figures_of(run));
    let figure = |value: Option<u64>| value.map_or_else(|| UNKNOWN.to_owned(), |value| value.to_string());
    let rate = rate(view, run).map_or_else(|| UNKNOWN.to_owned(), |rate| format!("{rate:.2}/s"));
    [
        printable(&info.location.host),
        if out.is_terminal() { printable(&short_id(&info.id)) } else { printable(&info.id) },
        info.jobs.to_string(),
        figure(figures.as_ref().map(|figures| figures.completed)),
        figure(figures.as_ref().map(|figures| figures.failed)),
        rate,
        current(view, run, out),
        heard_of(run.heard_of),
    ]
}

pub(super) fn rate(view: &Status, run: &LiveRun) -> Option<f64> {
    let figures = view.figures_of(run)?;
    files_per_second(figures.completed.saturating_add(figures.failed), run.info.started_at, view.now)
}

/// Returns `None` if no time has passed since `began`.
pub(super) fn files_per_second(files: u64, began: Timestamp, now: Timestamp) -> Option<f64> {
    let elapsed = now.saturating_since(began).as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a queue never has 2^53 files")]
    let files = files as f64;
    (elapsed > 0.0).then_some(files / elapsed)
}

/// Returns the items that a run has claimed, in claim order.
pub(super) fn claimed_by<'v>(view: &'v Status, run: &LiveRun) -> impl Iterator<Item = &'v QueueItem> {
    let id = run.info.id.clone();
    view.processing.iter().filter(move |item| item.claim.as_ref().is_some_and(|claim| claim.run == id))
}

fn current(view: &Status, run: &LiveRun, out: &Screen<'_>) -> String {
    let mut claimed = claimed_by(view, run);
    let Some(first) = claimed.next() else { return UNKNOWN.to_owned() };
    let others = claimed.count();
    let more = if others == 0 { String::new() } else { format!(" +{others}") };
    path(&first.file_path, out) + &more
}

fn path(path: &FilePath, out: &Screen<'_>) -> String {
    let shown = out.path(path);
    if out.is_terminal() { out.cut_in_middle(&shown, PATH_COLUMNS) } else { shown }
}

fn heard_of(silent: Option<Duration>) -> String {
    match silent {
        Some(silent) if silent >= Duration::from_secs(1) => format!("{} ago", span(silent)),
        _ => "now".to_owned(),
    }
}

#[derive(Serialize)]
pub(super) struct AtWorkJson {
    files_per_second: Option<f64>,
    current_files: Vec<PathJson>,
    heard_of_s: Option<f64>,
}

impl AtWorkJson {
    pub(super) fn new(view: &Status, run: &LiveRun) -> Self {
        Self {
            files_per_second: rate(view, run),
            current_files: claimed_by(view, run).map(|item| PathJson::from(&item.file_path)).collect(),
            heard_of_s: run.heard_of.map(|silent| silent.as_secs_f64()),
        }
    }
}
