//! What went wrong with an attempt, short enough to keep with every item.
//!
//! The first line says how the attempt ended and, after a colon, the last line of its error output,
//! which is where programs say why. The lines before that one follow in their order. A reader with
//! room for one line shows the first.
//!
//! Nothing is escaped here: that depends on where the text is shown.

use std::fmt::Display;

/// The longest text, in bytes. A million failures take less than half a gigabyte, and four to eight
/// lines of usual length fit.
pub const MAX_TEXT_BYTES: usize = 500;

/// Marks that the first line was cut.
const ELLIPSIS: &str = "…";

/// The error of an item that a person cancelled.
pub const CANCELLED: &str = "cancelled";

/// The error of an item whose run died during this attempt, the last that the item had.
#[must_use]
pub fn run_died(attempts: u32) -> Box<str> {
    format!("its run died during attempt {attempts}, the last it had").into()
}

/// Joins an outcome with the end of the error output, in at most [`MAX_TEXT_BYTES`]. If that is too
/// little, the earliest lines are left out first; the first line is cut if it alone is too long.
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

/// The first line: how the attempt ended, and the last line of its error output.
#[must_use]
pub fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// A line as a terminal leaves it: text after a carriage return overwrites the text before it.
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
