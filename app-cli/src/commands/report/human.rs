//! Prints the report as text.

use std::io::{self, Write};

use autoproc_domain::Status;
use autoproc_domain::ports::{EndedAttempt, PastAttempt};
use autoproc_domain::run_info::StoppedBy;
use serde::Serialize;

use super::json::ReportJson;
use super::{Report, reason};
use crate::escape::printable;
use crate::view::failure_group::{self, MAX_SINGLE};
use crate::view::past_run::{RunShown, continued, short_id};
use crate::view::screen::Screen;
use crate::view::time::{local, span};
use crate::view::{View, changed_while_processed, failure, files, held};

impl View for Report {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.summary.runs.is_empty() {
            return Ok(());
        }
        self.runs().try_for_each(|shown| run(&shown, out))?;
        if self.summary.runs.len() > 1 {
            let (runs, failed, retried) =
                (self.summary.runs.len(), self.sum(|run| run.failed), self.sum(|run| run.retried));
            let completed = self.sum(|run| run.completed);
            writeln!(out, "{runs} runs together: {completed} completed, {failed} failed, {retried} retried")?;
        }
        later(self, out)?;
        failures(self, out)?;
        changed(self, out)?;
        slowest(self, out)?;
        waiting(self, out)?;
        next(self, out)
    }

    fn document(&self) -> impl Serialize {
        ReportJson::from(self)
    }
}

fn run(shown: &RunShown<'_>, out: &mut Screen<'_>) -> io::Result<()> {
    let run = shown.run;
    let name = if out.is_terminal() { printable(&short_id(&run.id)) } else { printable(&run.id) };
    let began = run.started_at.map_or_else(|| "an unknown time".to_owned(), local);
    let until = match shown.ended_at() {
        Some(at) => format!(" to {}", local(at)),
        None => format!(", last event at {}", local(run.last_event_at)),
    };
    let elapsed = span(shown.elapsed());
    writeln!(out, "run {name}: from {began}{until} ({elapsed}), {}", shown.ending())?;
    writeln!(out, "  {} completed, {} failed, {} retried", run.completed, run.failed, run.retried)
}

fn later(report: &Report, out: &mut Screen<'_>) -> io::Result<()> {
    let Some(last) = report.later.last() else { return Ok(()) };
    let at = local(last.started_at.unwrap_or(last.last_event_at));
    match report.later.len() {
        1 => writeln!(out, "  1 later run, at {at}, had nothing to do"),
        count => writeln!(out, "  {count} later runs, the last at {at}, had nothing to do"),
    }
}

fn failures(report: &Report, out: &mut Screen<'_>) -> io::Result<()> {
    if report.summary.failed_files == 0 {
        return Ok(());
    }
    writeln!(out, "\nfailed:")?;
    if report.summary.failed_files > MAX_SINGLE {
        return failure_group::largest(&report.groups, report.summary.failed_files, out);
    }
    for (EndedAttempt { attempt: past, .. }, now) in report.failures() {
        let after = format!("  {}{}", failure::in_one_line(&reason(past)), since_then(now));
        writeln!(out, "{}", out.line("  ", &past.of.file_path, &after))?;
    }
    Ok(())
}

fn since_then(now: Option<Status>) -> &'static str {
    match now {
        Some(Status::Failed | Status::Timeout) => "",
        Some(Status::Completed) => " (completed since)",
        Some(Status::Pending) => " (pending again)",
        Some(Status::Processing) => " (being processed again)",
        None => " (no longer in the queue)",
    }
}

fn changed(report: &Report, out: &mut Screen<'_>) -> io::Result<()> {
    let count = report.summary.changed_files;
    let Some(line) = changed_while_processed(count, false) else { return Ok(()) };
    let first = report.summary.first_changed.as_ref().map(|file| format!(": {}", out.path(file)));
    let others = if count > 1 && first.is_some() { format!(" and {} more", count - 1) } else { String::new() };
    writeln!(out, "\n{line}{}{others}", first.unwrap_or_default())
}

fn slowest(report: &Report, out: &mut Screen<'_>) -> io::Result<()> {
    let slowest = &report.summary.slowest;
    if !slowest.is_empty() {
        writeln!(out, "\nslowest completed:")?;
    }
    slowest.iter().try_for_each(|EndedAttempt { attempt: past, .. }| {
        let took = past.elapsed.map(span).unwrap_or_default();
        let line = out.line("  ", &past.of.file_path, &format!("  {took}"));
        writeln!(out, "{line}")
    })
}

fn waiting(report: &Report, out: &mut Screen<'_>) -> io::Result<()> {
    let counts = report.counts;
    let (pending, held) = (files(counts.pending), held(counts.held));
    writeln!(out, "\nnow: {pending} pending{held}, {} processing", counts.processing)
}

fn next(report: &Report, out: &mut Screen<'_>) -> io::Result<()> {
    let option = &report.project_option;
    let is_failed = |now: Option<Status>| matches!(now, Some(Status::Failed | Status::Timeout));
    let argument = |past: &PastAttempt| out.argument(&past.of.file_path).unwrap_or_else(|| past.of.id.to_string());
    let failed = report.failures().find(|(_, now)| is_failed(*now));
    let mut commands: Vec<_> =
        failed.map(|(past, _)| format!("autoproc log{option} {}", argument(&past.attempt))).into_iter().collect();
    let failed_now = report.counts.failed + report.counts.timeout;
    if failed_now as u64 > MAX_SINGLE {
        commands.push(format!("autoproc failures{option}"));
    }
    if failed_now > report.missing.count() {
        commands.push(format!("autoproc retry-failed{option}"));
    }
    if report.live.is_empty() && report.counts.processing > 0 {
        commands.extend([format!("autoproc resume{option}"), format!("autoproc queue recover{option}")]);
    }
    if let Some(advice) = report.missing.advice(out, option) {
        writeln!(out, "{advice}")?;
    }
    match (was_interrupted(report), commands.is_empty()) {
        (true, _) => writeln!(out, "{}", continued(option))?,
        (false, false) => writeln!(out, "next:")?,
        (false, true) => {}
    }
    commands.iter().try_for_each(|command| writeln!(out, "  {command}"))
}

/// True if `autoproc resume` can continue the latest reported run.
pub(super) fn was_interrupted(report: &Report) -> bool {
    let end = report.summary.runs.last().and_then(|run| run.end);
    let is_stopped = end.is_some_and(|end| matches!(end.stopped_by, Some(StoppedBy::Request(_) | StoppedBy::Deadline)));
    is_stopped
        && report.command.is_some()
        && report.is_latest
        && report.live.is_empty()
        && report.counts.pending > report.counts.held
}
