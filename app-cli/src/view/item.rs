//! Prints one item of the queue.

use std::io::{self, Write};

use autoproc_domain::{QueueItem, Status, Timestamp};
use comfy_table::{Table, presets};
use unicode_width::UnicodeWidthStr;

use crate::escape::printable;
use crate::view::failure::{self, SaidBefore};
use crate::view::layout::Layout;
use crate::view::screen::Screen;
use crate::view::style::{self, painted};
use crate::view::time::{local, span};

const FILE: usize = 4;
const NOTE: usize = 5;

/// The usual width of all columns except FILE and NOTE.
const OTHER_COLUMNS: usize = 46;

/// Prints a table on a terminal. Elsewhere, prints tab-separated columns without a header.
pub(crate) fn table(items: &[QueueItem], now: Timestamp, out: &mut Screen<'_>) -> io::Result<()> {
    let Some(width) = out.columns() else {
        return items.iter().try_for_each(|item| writeln!(out, "{}", columns(item, now, out).join("\t")));
    };
    let mut rows: Vec<_> = items.iter().map(|item| columns(item, now, out)).collect();
    fit(&mut rows, width.saturating_sub(OTHER_COLUMNS), out);
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["ID", "STATUS", "PRIORITY", "ATTEMPTS", "FILE", "NOTE"]);
    table.add_rows(rows);
    let text = table.trim_fmt();
    let (header, lines) = text.split_once('\n').unwrap_or((&text, ""));
    writeln!(out, "{header}")?;
    // The library counts colour codes as columns, so they are added afterwards.
    let at = header.find("STATUS").unwrap_or(0);
    lines.lines().zip(items).try_for_each(|(line, item)| {
        let (before, rest) = line.split_at(at);
        let (word, after) = rest.split_at(item.status.word().len());
        writeln!(out, "{before}{}{after}", painted(style::of(item.status), word))
    })
}

fn columns(item: &QueueItem, now: Timestamp, layout: &Layout) -> [String; 6] {
    [
        item.id.to_string(),
        item.status.to_string(),
        item.priority.to_string(),
        item.attempts.to_string(),
        layout.path(&item.file_path),
        note(item, now),
    ]
}

fn fit(rows: &mut [[String; 6]], columns: usize, layout: &Layout) {
    let widest = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let (files, notes) = (widest(FILE), widest(NOTE));
    let notes = notes.min(columns.saturating_sub(files).max(columns / 3));
    let files = columns.saturating_sub(notes);
    for row in rows {
        row[FILE] = layout.cut_in_middle(&row[FILE], files);
        row[NOTE] = layout.cut_at_end(&row[NOTE], notes);
    }
}

/// Returns the text for the column NOTE.
pub(crate) fn note(item: &QueueItem, now: Timestamp) -> String {
    let held = item.is_held.then(|| "held".to_owned());
    let due =
        item.not_before().filter(|due| *due > now).map(|due| format!("due in {}", span(due.saturating_since(now))));
    let error = item.last_error.as_deref().filter(|_| may_be_current(item));
    let error = error.map(|error| failure::in_one_line(error).to_string());
    held.into_iter().chain(due).chain(error).collect::<Vec<_>>().join("; ")
}

/// False if the last error is certainly from an earlier round, because no attempt of this round has
/// ended. An attempt whose run died has no error, so the last error may still be an earlier one.
fn may_be_current(item: &QueueItem) -> bool {
    match item.status {
        Status::Completed => false,
        Status::Failed | Status::Timeout => true,
        Status::Pending => item.attempts > 0,
        Status::Processing => item.attempts > 1,
    }
}

pub(crate) fn at_length(item: &QueueItem, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let mut line = |name: &str, value: String| writeln!(out, "{name:<13}{value}");
    line("file", item.file_path.to_string())?;
    line("id", item.id.to_string())?;
    let status = painted(style::of(item.status), item.status.word());
    line("status", format!("{status}{}", if item.is_held { ", held" } else { "" }))?;
    line("priority", item.priority.to_string())?;
    line("added", local(item.added_at))?;
    if item.round > 1 {
        line("round", item.round.to_string())?;
    }
    line("attempts", item.attempts.to_string())?;
    if let Some(at) = item.last_attempt {
        line("last attempt", local(at))?;
    }
    if let Some(due) = item.not_before().filter(|due| *due > now) {
        line("due", format!("{} (in {})", local(due), span(due.saturating_since(now))))?;
    }
    if let Some(error) = &item.last_error {
        line("last error", format!("{}{}", failure::in_one_line(error), SaidBefore(error)))?;
    }
    match &item.claim {
        Some(claim) => line("run", printable(&claim.run)),
        None => Ok(()),
    }
}
