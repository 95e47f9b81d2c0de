//! Writes the HTML page of a report.

mod charts;
mod failures;
mod headline;
mod tables;

use std::path::Path;

use autoproc_domain::{FilePath, Timestamp};

use super::super::Report;
use super::escape::{Text, cut_in_middle};
use super::night::Night;
use crate::view::time::Zone;

/// Every page begins with this, which identifies a file that `report --html` wrote.
pub(super) const BEGINNING: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"generator\" content=\"autoproc report\">\n";

/// Prevents the browser from loading or running anything.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

const MAX_PATH: usize = 100;

pub(super) struct Page<'a> {
    pub(super) report: &'a Report,
    pub(super) night: &'a Night,
    pub(super) project: &'a Path,
    /// The command line of the latest reported run; `None` if it is unknown.
    pub(super) command: Option<String>,
    pub(super) now: Timestamp,
    pub(super) zone: &'a Zone,
    /// The interval between reloads of the page, in seconds.
    pub(super) refresh_s: Option<u64>,
}

impl Page<'_> {
    /// Returns the page as one HTML document, which refers to no other file.
    pub(super) fn document(&self) -> String {
        let sections = [
            self.headline(),
            self.failures(),
            self.timeline(),
            self.durations(),
            self.slowest(),
            self.retries(),
            self.resources(),
            self.queue(),
        ];
        let written = self.zone.date_and_time(self.now);
        let footer = format!("<footer class=\"soft\"><p>Written at {written} by autoproc {VERSION}.</p></footer>\n");
        format!("{}<body>\n{}{footer}</body>\n</html>\n", self.head(), sections.concat())
    }

    fn head(&self) -> String {
        let refresh = self
            .refresh_s
            .map_or_else(String::new, |seconds| format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">\n"));
        format!(
            "{BEGINNING}<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n{refresh}\
             <title>{}</title>\n<style>\n{}</style>\n</head>\n",
            Text(&self.sentence()),
            include_str!("style.css")
        )
    }

    fn path(&self, file: &FilePath) -> String {
        let below = file.as_path().strip_prefix(self.project).ok();
        let text = below.unwrap_or(file.as_path()).to_string_lossy();
        // `bdi` isolates a name that is written from right to left.
        format!("<bdi>{}</bdi>", Text(&cut_in_middle(&text, MAX_PATH)))
    }

    fn command(&self, name: &str, arguments: &str) -> String {
        format!("autoproc {name}{}{arguments}", self.report.project_option)
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn section(heading: &'static str, body: &str) -> String {
    format!("<section>\n<h2>{heading}</h2>\n{body}</section>\n")
}

fn to_paste(commands: &[String]) -> String {
    let lines: Vec<_> = commands.iter().map(|command| Text(command).to_string()).collect();
    if lines.is_empty() { String::new() } else { format!("<pre>{}</pre>\n", lines.join("\n")) }
}

fn list(entries: impl Iterator<Item = String>, more: u64) -> String {
    let more = (more > 0).then(|| format!("and {more} more"));
    let entries: Vec<_> = entries.chain(more).collect();
    if entries.is_empty() { String::new() } else { format!("<ul>\n<li>{}</li>\n</ul>\n", entries.join("</li>\n<li>")) }
}
