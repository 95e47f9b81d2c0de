//! What went wrong with an attempt, in words short enough to keep with every item.
//!
//! The first line says how the attempt ended and, after a colon, the last line of its error output, which is where
//! programs say why. Lines that came before follow in their order. Whoever has room for one line shows the first.
//!
//! Deliberately absent: escaping. The text is data until somebody shows it, and only they know where.

use crate::ports::AttemptOutcome;

/// The longest text, in bytes. A queue of a million failures then stays below half a gigabyte, and four to eight lines of
/// usual length fit in.
pub const MAX_TEXT: usize = 500;

/// What stands in the place of what was left out.
const ELLIPSIS: &str = "…";

/// Joins an outcome with the end of the error output. Not longer than [`MAX_TEXT`]: lines are left out from the earliest
/// on, and the first line is cut where it alone is too long.
#[must_use]
pub fn text(outcome: &AttemptOutcome, stderr_tail: &str) -> Box<str> {
    let mut said = stderr_tail.lines().map(shown).filter(|line| !line.is_empty()).rev();
    let head = said.next().map_or_else(|| outcome.to_string(), |last| format!("{outcome}: {last}"));
    let head = shortened(head);
    let mut room = MAX_TEXT - head.len();
    let mut lines: Vec<&str> = said.take_while(|line| take(&mut room, line.len() + 1)).collect();
    lines.reverse();
    lines.insert(0, &head);
    lines.join("\n").into()
}

/// The first line: how the attempt ended, and the last thing it said.
#[must_use]
pub fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// A line as a terminal would leave it: what follows a carriage return overwrites what was before it.
fn shown(line: &str) -> &str {
    let line = line.trim_end();
    line.rsplit('\r').next().unwrap_or(line).trim_end()
}

fn shortened(mut head: String) -> String {
    if head.len() > MAX_TEXT {
        head.truncate(head.floor_char_boundary(MAX_TEXT - ELLIPSIS.len()));
        head.push_str(ELLIPSIS);
    }
    head
}

fn take(room: &mut usize, length: usize) -> bool {
    room.checked_sub(length).inspect(|left| *room = *left).is_some()
}
