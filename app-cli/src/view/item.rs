//! Prints one item: as a table row, and in detail.

use std::io::{self, IsTerminal, Write};

use autoproc_domain::{QueueItem, Status, Timestamp};
use comfy_table::{Table, presets};

use crate::escape::printable;
use crate::view::failure::{self, SaidBefore};
use crate::view::time::{local, span};

/// A table on a terminal, otherwise tab-separated columns without a header.
pub(crate) fn table(items: &[QueueItem], now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    if !io::stdout().is_terminal() {
        return items.iter().try_for_each(|item| writeln!(out, "{}", columns(item, now).join("\t")));
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["ID", "STATUS", "PRIORITY", "ATTEMPTS", "FILE", "NOTE"]);
    table.add_rows(items.iter().map(|item| columns(item, now)));
    writeln!(out, "{}", table.trim_fmt())
}

fn columns(item: &QueueItem, now: Timestamp) -> [String; 6] {
    [
        item.id.to_string(),
        item.status.to_string(),
        item.priority.to_string(),
        item.attempts.to_string(),
        item.file_path.to_string(),
        note(item, now),
    ]
}

/// The reason for the item's status.
pub(crate) fn note(item: &QueueItem, now: Timestamp) -> String {
    let held = item.is_held.then(|| "held".to_owned());
    let due =
        item.not_before().filter(|due| *due > now).map(|due| format!("due in {}", span(due.saturating_since(now))));
    let error = item
        .last_error
        .as_deref()
        .filter(|_| item.status != Status::Completed)
        .map(|error| failure::in_one_line(error).to_string());
    held.into_iter().chain(due).chain(error).collect::<Vec<_>>().join("; ")
}

/// All fields of an item.
pub(crate) fn at_length(item: &QueueItem, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let mut line = |name: &str, value: String| writeln!(out, "{name:<13}{value}");
    line("file", item.file_path.to_string())?;
    line("id", item.id.to_string())?;
    line("status", format!("{}{}", item.status, if item.is_held { ", held" } else { "" }))?;
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
