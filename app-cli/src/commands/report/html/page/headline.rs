//! Writes the headline with the results of the runs.

use std::time::Duration;

use autoproc_domain::Timestamp;

use super::super::escape::{Text, cut_at_end};
use super::{Page, VERSION};
use crate::view::past_run::{RunShown, short_id};
use crate::view::time::span;
use crate::view::{changed_while_processed, counted, files};

const MAX_RUNS: usize = 20;

const MAX_COMMAND: usize = 300;

impl Page<'_> {
    pub(super) fn headline(&self) -> String {
        let (sentence, period) = (self.sentence(), self.period());
        let live = if self.is_live() { " A run is live." } else { "" };
        let refresh = if self.refresh_s.is_some() { " The page refreshes itself while a run is live." } else { "" };
        let tiles = if self.report.summary.runs.is_empty() { String::new() } else { self.tiles() };
        let facts = self.facts();
        format!(
            "<header>\n<h1>{}</h1>\n<p>{}{live}{refresh}</p>\n{facts}{tiles}</header>\n",
            Text(&sentence),
            Text(&period)
        )
    }

    pub(super) fn sentence(&self) -> String {
        let summary = &self.report.summary;
        if summary.runs.is_empty() {
            return "No run is recorded".to_owned();
        }
        let completed = self.report.sum(|run| run.completed);
        let took = span(self.ends().map_or(Duration::ZERO, |(from, to)| to.saturating_since(from)));
        format!("{} completed, {} failed, in {took}", files(completed), summary.failed_files)
    }

    /// Returns when the first run began and the last run ended. A live run ends now.
    fn ends(&self) -> Option<(Timestamp, Timestamp)> {
        let runs = || self.report.summary.runs.iter();
        let from = runs().map(|run| run.started_at.unwrap_or(run.last_event_at)).min()?;
        let to = runs().map(|run| run.end.map_or(run.last_event_at, |end| end.at)).max()?;
        Some((from, if self.is_live() { self.now.max(to) } else { to }))
    }

    fn is_live(&self) -> bool {
        self.report.runs().any(|shown| shown.is_live)
    }

    fn period(&self) -> String {
        let Some((from, to)) = self.ends() else { return String::new() };
        let (from, to) = (self.zone.date_and_time(from), self.zone.date_and_time(to));
        let later = match self.report.later.len() {
            0 => String::new(),
            1 => " 1 later run had nothing to do.".to_owned(),
            count => format!(" {count} later runs had nothing to do."),
        };
        match self.report.summary.runs.len() {
            1 => format!("From {from} to {to}.{later}"),
            runs => format!("{runs} runs, from {from} to {to}."),
        }
    }

    fn facts(&self) -> String {
        let runs = self.report.runs();
        let listed: String = runs.take(MAX_RUNS).map(|shown| self.run(&shown)).collect();
        let more = self.report.summary.runs.len().saturating_sub(MAX_RUNS);
        let more = if more == 0 {
            String::new()
        } else {
            let (command, more) = (self.command("runs", ""), counted(more as u64, "more run"));
            format!("<dt>more</dt><dd>and {more}; <code>{}</code> lists all</dd>\n", Text(&command))
        };
        let command = self.command.as_ref().map_or_else(String::new, |command| {
            format!("<dt>command</dt><dd><code>{}</code></dd>\n", Text(&cut_at_end(command, MAX_COMMAND)))
        });
        let project = cut_at_end(&self.project.to_string_lossy(), MAX_COMMAND);
        format!(
            "<dl>\n<dt>project</dt><dd><bdi>{}</bdi></dd>\n{command}{listed}{more}<dt>version</dt><dd>autoproc {VERSION}</dd>\n</dl>\n",
            Text(&project)
        )
    }

    fn run(&self, shown: &RunShown<'_>) -> String {
        let began = shown.run.started_at.map_or_else(|| "an unknown time".to_owned(), |at| self.zone.date_and_time(at));
        let (id, elapsed) = (cut_at_end(short_id(&shown.run.id), MAX_COMMAND), span(shown.elapsed()));
        format!(
            "<dt>run</dt><dd><code>{}</code> from {began} ({elapsed}), {}: {} completed, {} failed, {} retried</dd>\n",
            Text(&id),
            Text(&shown.ending()),
            shown.run.completed,
            shown.run.failed,
            shown.run.retried
        )
    }

    fn tiles(&self) -> String {
        let report = self.report;
        let tiles = [
            ("completed", report.sum(|run| run.completed)),
            ("failed", report.summary.failed_files),
            ("retried", report.sum(|run| run.retried)),
            ("completed after a failure", self.night.retries.saved),
            ("pending now", report.counts.pending as u64),
        ];
        let tile = |(name, count)| format!("<li><b>{count}</b>{name}</li>\n");
        let tiles: String = tiles.into_iter().map(tile).collect();
        format!("<ul class=\"tiles\">\n{tiles}</ul>\n{}", self.changed())
    }

    fn changed(&self) -> String {
        let summary = &self.report.summary;
        let Some(line) = changed_while_processed(summary.changed_files, false) else { return String::new() };
        let first = summary.first_changed.as_ref().map_or_else(String::new, |file| format!(": {}", self.path(file)));
        let others = if summary.changed_files > 1 && !first.is_empty() {
            format!(" and {} more", summary.changed_files - 1)
        } else {
            String::new()
        };
        format!("<p>{line}{first}{others}</p>\n")
    }
}
