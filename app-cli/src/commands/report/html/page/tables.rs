//! Writes the sections after the failures, such as the slowest files.

use autoproc_domain::FilePath;
use autoproc_domain::forecast::FileForecast;

use super::super::night::{LongAttempt, SavedFile};
use super::{Page, list, section, to_paste};
use crate::forecasting::between;
use crate::view::bytes::{file_size, memory};
use crate::view::time::{rough_span, span};
use crate::view::{files, held};

impl Page<'_> {
    pub(super) fn slowest(&self) -> String {
        let rows: String = self.night.slowest.iter().map(|attempt| self.slow(attempt)).collect();
        if rows.is_empty() {
            return String::new();
        }
        let head = "<tr><th>file</th><th class=\"num\">size</th><th class=\"num\">took</th><th class=\"num\">expected</th></tr>\n";
        section("Slowest", &format!("<table>\n{head}{rows}</table>\n"))
    }

    fn slow(&self, attempt: &LongAttempt) -> String {
        let LongAttempt { file_path, elapsed, size_bytes, recipe } = attempt;
        let expected = size_bytes.and_then(|size| self.night.expectations.of_file(*recipe, file_path, size));
        let expected = expected.as_ref().map_or_else(|| "unknown".to_owned(), describe);
        let size = size_bytes.map_or_else(|| "unknown".to_owned(), file_size);
        format!(
            "<tr><td>{}</td><td class=\"num\">{size}</td><td class=\"num\">{}</td><td class=\"num\">{expected}</td></tr>\n",
            self.path(file_path),
            span(*elapsed)
        )
    }

    pub(super) fn retries(&self) -> String {
        let retries = &self.night.retries;
        if retries.failed_attempts == 0 {
            return String::new();
        }
        let took = span(retries.failed_time);
        let sentence = format!(
            "<p>{} completed after a failure. Failed attempts: {}, which took {took}.</p>\n",
            files(retries.saved),
            retries.failed_attempts
        );
        let file = |saved: &SavedFile| format!("{}, after {}", self.path(&saved.file_path), failures(saved.failures));
        let more = retries.saved.saturating_sub(retries.first.len() as u64);
        section("Retries", &(sentence + &list(retries.first.iter().map(file), more)))
    }

    pub(super) fn resources(&self) -> String {
        let resources = &self.night.resources;
        if resources.attempts == 0 {
            return String::new();
        }
        let by = |value: String, file: &FilePath| format!("{value} by {}", self.path(file));
        let most = resources.most_processor.as_ref().map(|(time, file)| by(span(*time), file));
        let peak = resources.most_memory.as_ref().map(|(bytes, file)| by(memory(*bytes), file));
        let rows = [
            ("all attempts", Some(format!("{} in sum", span(resources.busy)))),
            ("processor", Some(format!("{} in sum", span(resources.processor)))),
            ("most processor", most),
            ("most memory", peak),
        ];
        let row = |(name, value)| Some(format!("<dt>{name}</dt><dd>{}</dd>\n", value?));
        let rows: String = rows.into_iter().filter_map(row).collect();
        section("Memory and processor", &format!("<dl>\n{rows}</dl>\n"))
    }

    pub(super) fn queue(&self) -> String {
        let (report, counts) = (self.report, self.report.counts);
        let failed = counts.failed + counts.timeout;
        let line = format!(
            "<p>{} pending{}, {} processing, {failed} failed, {} completed</p>\n",
            files(counts.pending),
            held(counts.held),
            counts.processing,
            counts.completed
        );
        let mut commands = Vec::new();
        if failed > 0 {
            commands.extend([self.command("failures", ""), self.command("retry-failed", "")]);
        }
        if super::super::super::human::was_interrupted(report) {
            commands.push(self.command("resume", ""));
        }
        section("The queue now", &(line + &to_paste(&commands)))
    }
}

fn describe(file: &FileForecast) -> String {
    let range = file.range.as_ref().map_or_else(String::new, |range| between(*range.start(), *range.end()));
    format!("about {}{range}", rough_span(file.about))
}

fn failures(count: u32) -> String {
    if count == 1 { "1 failure".to_owned() } else { format!("{count} failures") }
}
