//! What went wrong with an attempt, short enough to keep with every item.
//!
//! The first line says how the attempt ended and, after a colon, the line of its output that says why: the
//! last one that reads like an error, otherwise the last one. The other lines follow in their order.
//! A reader with room for one line shows the first.
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

/// Words of lines that say why a program failed, in lower case.
const ERROR_WORDS: [&str; 20] = [
    "error",
    "fail",
    "fatal",
    "invalid",
    "cannot",
    "can't",
    "could not",
    "unable",
    "no such",
    "not found",
    "denied",
    "refused",
    "unknown",
    "unexpected",
    "unsupported",
    "missing",
    "corrupt",
    "exception",
    "panic",
    "abort",
];

/// Joins an outcome with the end of the output, in at most [`MAX_TEXT_BYTES`]. If that is too little, the
/// earliest lines are left out first; the first line is cut if it alone is too long.
#[must_use]
pub fn text(outcome: &impl Display, output_tail: &str) -> Box<str> {
    let mut lines: Vec<&str> = output_tail.lines().map(as_displayed).filter(|line| !line.is_empty()).collect();
    // Of equal lines, the last one is the maximum.
    let reason = (0..lines.len()).max_by_key(|index| relevance(lines[*index])).map(|index| lines.remove(index));
    let head = reason.map_or_else(|| outcome.to_string(), |reason| format!("{outcome}: {reason}"));
    let head = shortened(head);
    let mut room = MAX_TEXT_BYTES - head.len();
    let latest_first = lines.into_iter().rev();
    let mut lines: Vec<&str> = latest_first.take_while(|line| take(&mut room, line.len() + 1)).collect();
    lines.reverse();
    lines.insert(0, &head);
    lines.join("\n").into()
}

/// How likely a line says why a program failed: most with a word of error and the thing after a colon, as in
/// `wc: /in/a: No such file`.
fn relevance(line: &str) -> u8 {
    let lower = line.to_lowercase();
    let has_word = ERROR_WORDS.iter().any(|word| lower.contains(word));
    u8::from(has_word) + u8::from(has_word && line.contains(": "))
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
