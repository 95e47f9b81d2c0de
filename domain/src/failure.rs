//! Composes the error text of a failed attempt.
//!
//! Control characters are not escaped. The code that displays the text must escape them.

use std::fmt::Display;

/// The maximum length of an error text, in bytes: four to eight typical lines. The error texts of a
/// million failed items take at most half a gigabyte.
pub const MAX_TEXT_BYTES: usize = 500;

pub(crate) const ELLIPSIS: &str = "…";

/// The error text of an item that a user cancelled.
pub const CANCELLED: &str = "cancelled";

/// Returns the error text of an item whose run died during the item's last allowed attempt.
#[must_use]
pub fn run_died(attempts: u32) -> Box<str> {
    format!("the run died during attempt {attempts}, the last one allowed").into()
}

/// Words that suggest an error, in lower case.
const ERROR_WORDS: [&str; 22] = [
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
    "unrecogni",
    "illegal",
    "unsupported",
    "missing",
    "corrupt",
    "exception",
    "panic",
    "abort",
];

/// Lower-case prefixes of output lines that only repeat an earlier error.
const ECHOES: [&str; 13] = [
    "make: *** [",
    "tar: child returned",
    "tar: error is not recoverable",
    "tar: exiting with failure",
    "error: aborting due to",
    "error: could not compile",
    "error: compilation failed",
    "error: recipe",
    "conversion failed!",
    "npm err! a complete log",
    "convert: no images defined",
    "convert-im6.q16: no images defined",
    "magick: no images defined",
];

/// Joins the outcome of an attempt and the tail of its output into a text of at most
/// [`MAX_TEXT_BYTES`]. If the text is too long, the earliest output lines are omitted first. The
/// first line is cut only if it alone exceeds the limit.
#[must_use]
pub fn text(outcome: &impl Display, output_tail: &str) -> Box<str> {
    let mut lines: Vec<&str> = output_tail.lines().map(as_displayed).filter(|line| !line.is_empty()).collect();
    // `max_by_key` returns the last of several lines with equal relevance.
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

/// Rates how likely an output line names the cause, from 0 to 3.
fn relevance(line: &str) -> u8 {
    let lower = line.to_lowercase();
    if ECHOES.iter().any(|echo| lower.trim_start().starts_with(echo)) {
        return 0;
    }
    let has_word = ERROR_WORDS.iter().any(|word| lower.contains(word));
    match (has_word, lower.contains("--help")) {
        (false, refers_to_help) => u8::from(!refers_to_help),
        (true, _) => 2 + u8::from(line.contains(": ")),
    }
}

pub(crate) fn reads_like_error(line: &str) -> bool {
    relevance(line) > 1
}

/// Returns the first line of an error text: the outcome and the cause.
#[must_use]
pub fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

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
