//! Prints results as text or as JSON.

pub(crate) mod bytes;
pub(crate) mod failure;
pub(crate) mod failure_group;
pub(crate) mod finding;
pub(crate) mod item;
pub(crate) mod json;
pub(crate) mod layout;
pub(crate) mod past_run;
pub(crate) mod quoting;
pub(crate) mod screen;
pub(crate) mod style;
pub(crate) mod time;

use std::fmt::Display;
use std::io;

use serde::Serialize;

use screen::Screen;

/// The result of a command, which can be printed as text or as JSON.
pub(crate) trait View {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()>;

    /// Returns the document that `--json` prints. Its keys are stable.
    fn document(&self) -> impl Serialize;
}

/// Formats a number of files: "1 file", "2 files".
pub(crate) fn files(count: impl TryInto<u64> + Display + Copy) -> String {
    let noun = if count.try_into().is_ok_and(|count: u64| count == 1) { "file" } else { "files" };
    format!("{count} {noun}")
}

/// Returns advice about completed files that changed while they were processed; `None` if `count`
/// is 0. `is_named` is true if the command line named its files: only such a command processes
/// completed files again.
pub(crate) fn changed_while_processed(count: u64, is_named: bool) -> Option<String> {
    let (were, them) = if count == 1 { ("it was", "it") } else { ("they were", "them") };
    let by = if is_named { "the same command".to_owned() } else { format!("a run that names {them}") };
    let changed =
        format!("{} changed while {were} processed; {by} processes {them} again (see --in-place)", files(count));
    (count > 0).then_some(changed)
}

pub(crate) fn held(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" ({count} held)") }
}

/// Formats a number with a noun: "1 byte", "2 bytes".
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
