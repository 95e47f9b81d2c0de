//! Writes the text format of Prometheus, version 0.0.4. See `docs/formats.md`.

use std::fmt::{Display, Write as _};

use autoproc_domain::Status;
use autoproc_domain::Timestamp;

use super::figures::Figures;

/// Every text begins with this, which identifies a file that `metrics` wrote.
pub(super) const BEGINNING: &str = "# HELP autoproc_build_info ";

pub(super) fn of(figures: &Figures, queue: &str) -> String {
    let mut text = Text { text: String::new(), queue: escaped(queue) };
    text.single(
        "autoproc_build_info",
        "The version of autoproc that wrote these figures; the value is always 1.",
        &[("version", env!("CARGO_PKG_VERSION"))],
        1,
    );
    queue_figures(figures, &mut text);
    run_figures(figures, &mut text);
    latest_run(figures, &mut text);
    text.text
}

fn queue_figures(figures: &Figures, text: &mut Text) {
    let counts = figures.counts;
    text.family("autoproc_files", "Files of the queue by status; pending files include held ones.");
    for status in Status::ALL {
        text.sample("autoproc_files", &[("status", status.word())], counts.of(status));
    }
    text.gauge("autoproc_files_held", "Pending files that a user holds.", counts.held);
    text.gauge("autoproc_files_waiting", "Pending files that are not held; they may be in backoff.", counts.waiting());
    text.gauge("autoproc_work_due", "1 if at least one pending file is due, otherwise 0.", u8::from(figures.is_due));
    text.gauge("autoproc_files_abandoned", "Processing files whose run is dead.", figures.abandoned);
    text.gauge(
        "autoproc_oldest_processing_seconds",
        "Time since the earliest claim of a processing file; 0 without such a file.",
        figures.oldest_processing.as_secs_f64(),
    );
}

fn run_figures(figures: &Figures, text: &mut Text) {
    text.gauge("autoproc_live_runs", "Runs that are alive.", figures.live_runs);
    text.gauge("autoproc_paused_runs", "Live runs of this machine that are paused.", figures.paused_runs);
    text.gauge("autoproc_slots", "Maximum number of concurrent attempts of the live runs.", figures.slots);
    text.gauge(
        "autoproc_stop_requested",
        "1 if a stop of all live runs is requested by file, otherwise 0.",
        u8::from(figures.is_stop_requested),
    );
    text.gauge(
        "autoproc_starts_held",
        "1 if the latest run of this folder is live and starts no new files for now, otherwise 0.",
        u8::from(figures.are_starts_held),
    );
    if let Some(left) = figures.time_left {
        text.gauge("autoproc_time_left_seconds", "Forecast time left of the only live run.", left.as_secs_f64());
    }
}

/// Writes the figures of the latest run. Each run starts them at 0, so they are gauges.
fn latest_run(figures: &Figures, text: &mut Text) {
    let Some(state) = &figures.latest else { return };
    text.family("autoproc_latest_run_files", "Files that ended in the latest run of this folder, by result.");
    for (result, count) in [("completed", state.files_processed), ("failed", state.files_failed)] {
        text.sample("autoproc_latest_run_files", &[("result", result)], count);
    }
    let mut time = |name, help, at: Option<Timestamp>| {
        if let Some(at) = at {
            text.gauge(name, help, seconds(at));
        }
    };
    time("autoproc_latest_run_start_time_seconds", "When the latest run of this folder began.", state.started_at);
    time("autoproc_latest_run_end_time_seconds", "When the latest run of this folder ended.", state.stopped_at);
}

/// Returns the seconds since the Unix epoch.
#[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 have less than 53 bits until 2255")]
fn seconds(at: Timestamp) -> f64 {
    at.as_micros() as f64 / 1e6
}

struct Text {
    text: String,
    queue: String,
}

impl Text {
    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.single(name, help, &[], value);
    }

    fn single(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: impl Display) {
        self.family(name, help);
        self.sample(name, labels, value);
    }

    /// Writes the head of a gauge. `help` must contain no backslash and no line end.
    fn family(&mut self, name: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge");
    }

    /// Writes one sample of a gauge. Label values are not escaped.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.text, "{name}{{queue=\"{}\"", self.queue);
        for (label, value) in labels {
            let _ = write!(self.text, ",{label}=\"{value}\"");
        }
        let _ = writeln!(self.text, "}} {value}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_labels_are_escaped() {
        assert_eq!(escaped("/a\\b\"c\nd"), "/a\\\\b\\\"c\\nd");
    }

    #[test]
    fn times_are_in_seconds() {
        assert_eq!(seconds(Timestamp::from_micros(1_790_000_000_250_000)).to_string(), "1790000000.25");
    }
}
