//! The error text of a failed attempt, short enough to be stored with every item.
//!
//! The first line says how the attempt ended and, after a colon, repeats the last line of its error
//! output, because programs usually report the cause there. The other lines of the error output
//! follow in their order. A reader with room for one line shows the first.
//!
//! Nothing is escaped here, because escaping depends on the output.

use std::fmt::Display;

/// The maximum length of a text, in bytes. A million failures take less than half a gigabyte, and
/// four to eight lines of usual length fit.
pub const MAX_TEXT_BYTES: usize = 500;

/// Appended to a first line that was cut.
const ELLIPSIS: &str = "…";

/// The error of an item that a user cancelled.
pub const CANCELLED: &str = "cancelled";

/// Returns the error of an item whose run died during its last attempt.
#[must_use]
pub fn run_died(attempts: u32) -> Box<str> {
    format!("the run died during attempt {attempts}, the last one allowed").into()
}

/// Joins an outcome and the end of the error output to a text of at most [`MAX_TEXT_BYTES`]. If the
/// text is too long, the earliest lines of the output are omitted first; the first line is cut only
/// if it alone is too long.
#[must_use]
pub fn text(outcome: &impl Display, stderr_tail: &str) -> Box<str> {
    let mut latest_first = stderr_tail.lines().map(as_displayed).filter(|line| !line.is_empty()).rev();
    let head = latest_first.next().map_or_else(|| outcome.to_string(), |last| format!("{outcome}: {last}"));
    let head = shortened(head);
    let mut room = MAX_TEXT_BYTES - head.len();
    let mut lines: Vec<&str> = latest_first.take_while(|line| take(&mut room, line.len() + 1)).collect();
    lines.reverse();
    lines.insert(0, &head);
    lines.join("\n").into()
}

/// Returns the first line: the outcome, and the last line of the error output.
#[must_use]
pub fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Returns a line as a terminal displays it: text after a carriage return overwrites the text
/// before it.
fn as_displayed(line: &str) -> &str {
    let line = line.trim_end();
    line.rsplit('\r').next().unwrap_or(line).trim_end()
}

fn shortened(mut head: String) -> String {
    if head.len() > MAX_TEXT_BYTES {
        head.truncate(head.floor_char_boundary(MAX_TEXT_BYTES - ELLIPSIS.len()));
        head.push_str(ELLIPSIS);
    }
    head
}

fn take(room: &mut usize, length: usize) -> bool {
    room.checked_sub(length).inspect(|left| *room = *left).is_some()
}
