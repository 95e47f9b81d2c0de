//! Computes the lines of the live view.

use autoproc_domain::Timestamp;
use unicode_width::UnicodeWidthStr;

use super::board::{Left, Picture, RunningFile};
use crate::escape::Printable;
use crate::forecasting::takes_longer;
use crate::view::layout::{Layout, Size};
use crate::view::time::{Zone, running_span};

/// The width of the time column, including two blanks at its end.
const TIME_COLUMNS: usize = 9;

const NARROW_INDENT: usize = 2;

const MIN_WIDE_COLUMNS: usize = 60;

/// The minimum and maximum width of the progress bar, without its brackets.
const BAR: (usize, usize) = (8, 30);

pub(super) struct Terminal<'a> {
    pub(super) layout: &'a Layout,
    pub(super) size: Size,
    pub(super) zone: &'a Zone,
    pub(super) now: Timestamp,
}

impl Terminal<'_> {
    /// Half of the terminal, so that messages above the live view remain readable.
    pub(super) fn running_rows(&self) -> usize {
        self.size.rows / 2
    }
}

pub(super) fn frame(picture: &Picture, terminal: &Terminal<'_>) -> Vec<String> {
    let mut lines: Vec<_> = picture.running.iter().map(|file| running(file, terminal)).collect();
    if picture.more_running > 0 {
        lines.push(format!("{:TIME_COLUMNS$}and {} more", "", picture.more_running));
    }
    lines.extend(flow(&totals(picture, terminal), terminal));
    if let Some(reason) = &picture.held {
        lines.push(format!("{:TIME_COLUMNS$}not starting new files: {}", "", Printable(reason)));
    }
    let excess = lines.len().saturating_sub(terminal.size.rows.saturating_sub(1).max(1));
    let fit = |line: String| terminal.layout.cut_at_end(&line, terminal.size.columns);
    lines.into_iter().skip(excess).map(fit).collect()
}

fn running(file: &RunningFile, terminal: &Terminal<'_>) -> String {
    let attempt = match file.attempt {
        1 => String::new(),
        attempt => format!(", attempt {attempt} of {}", file.max_attempts),
    };
    let step = file.step.as_ref().map(|step| format!(", {}", Printable(step))).unwrap_or_default();
    let (before, after) = (time(&running_span(file.elapsed)), attempt + &step);
    let columns = terminal.size.columns;
    let room = columns.saturating_sub(before.width() + after.width()).max(columns / 3);
    let name = terminal.layout.cut_in_middle(&terminal.layout.path(&file.file_path), room);
    before + &name + &after
}

fn time(text: &str) -> String {
    format!("{text:>width$}  ", width = TIME_COLUMNS - 2)
}

fn totals(picture: &Picture, terminal: &Terminal<'_>) -> Vec<String> {
    let head = format!(
        "{}[{}] {}/{} files",
        time(&running_span(picture.elapsed)),
        bar(picture, terminal),
        picture.ended,
        picture.total
    );
    let mut totals = vec![head];
    totals.extend((picture.failed > 0).then(|| format!("{} failed", picture.failed)));
    totals.extend(retries(picture, terminal));
    totals.extend(picture.rate.clone());
    totals.extend(left(picture, terminal));
    totals.extend(picture.is_stopping.then(|| "stopping".to_owned()));
    totals.extend(picture.is_paused.then(|| "paused".to_owned()));
    totals
}

fn left(picture: &Picture, terminal: &Terminal<'_>) -> Option<String> {
    let overdue = match &picture.left {
        Left::Unknown => return None,
        Left::Known(left) => return Some(left.clone()),
        Left::Overdue(files) => files,
    };
    let reason = match overdue.as_slice() {
        [file] => format!("{} takes longer than expected", terminal.layout.path(file)),
        files => takes_longer(files.len()),
    };
    let text = format!("time left unknown: {reason}");
    (text.width() + indent(terminal) < terminal.size.columns).then_some(text)
}

fn bar(picture: &Picture, terminal: &Terminal<'_>) -> String {
    let width = (terminal.size.columns / 4).clamp(BAR.0, BAR.1);
    let done = usize::try_from(picture.ended.saturating_mul(width as u64) / picture.total.max(1)).unwrap_or(width);
    let (done, tip) = if done < width { (done, ">") } else { (width, "") };
    format!("{:<width$}", "=".repeat(done) + tip)
}

fn retries(picture: &Picture, terminal: &Terminal<'_>) -> Vec<String> {
    let Some(first) = picture.first_retry else { return Vec::new() };
    let first = terminal.zone.time_after(terminal.now, first);
    match picture.retries {
        1 => vec![format!("1 waits for a retry until {first}")],
        retries => vec![format!("{retries} wait for a retry"), format!("the first until {first}")],
    }
}

fn indent(terminal: &Terminal<'_>) -> usize {
    if terminal.size.columns < MIN_WIDE_COLUMNS { NARROW_INDENT } else { TIME_COLUMNS }
}

/// Joins texts into lines, without splitting a text.
fn flow(texts: &[String], terminal: &Terminal<'_>) -> Vec<String> {
    let columns = terminal.size.columns;
    let indent = indent(terminal);
    let mut lines: Vec<String> = Vec::new();
    for (position, text) in texts.iter().enumerate() {
        let comma = usize::from(position + 1 < texts.len());
        match lines.last_mut() {
            Some(line) if line.width() + 1 + text.width() + comma <= columns => line.push(' '),
            _ => lines.push(" ".repeat(if position == 0 { 0 } else { indent })),
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(text);
            line.push_str(&",".repeat(comma));
        }
    }
    lines
}

#[cfg(test)]
mod tests;
