//! Follows the output of a file's latest attempt while it grows.

use std::time::{Duration, Instant};

use anstream::adapter::strip_str;
use autoproc_domain::request::Selector;
use autoproc_domain::{ItemId, QueueItem, Timestamp};
use autoproc_subprocess::{AttemptLog, LogEnd};

use super::snapshot::Snapshot;
use crate::attempt_output::without_partial_line;
use crate::commands::log::choice::latest;
use crate::context::Context;
use crate::escape::escaped;
use crate::overwritten_lines::LinePrinter;

const INTERVAL: Duration = Duration::from_millis(500);

const MAX_BYTES: u64 = 256 * 1024;

const TAB: &str = "    ";

const LEFT_OUT: &str = "(earlier output is not shown; `autoproc log` prints all of it)";

const EMPTY: &str = "(no output so far, or it was removed)";

const ELSEWHERE: &str = "(no output here: the latest attempt printed nothing, or it ran on another machine or in another project folder, which keeps its output)";

/// The round of a file, the number of its attempts, and the time of the last attempt. Only the
/// number of attempts is known for a processing file; the other values are then 0 and `None`.
type Progress = (u32, u32, Option<Timestamp>);

pub(super) struct FollowedOutput {
    pub(super) id: ItemId,
    looked_up: Option<Progress>,
    /// The output of the latest attempt. The output file may not exist.
    log: Option<AttemptLog>,
    has_begun: bool,
    /// The tail of the output, and the text to show if the output is empty; `None` before the first
    /// read.
    read: Option<(Option<LogEnd>, &'static str)>,
    due: Instant,
}

impl FollowedOutput {
    pub(super) fn new(id: ItemId) -> Self {
        Self { id, looked_up: None, log: None, has_begun: false, read: None, due: Instant::now() }
    }

    pub(super) fn see(&mut self, snapshot: &Snapshot, context: &Context) {
        if let Some(file) = snapshot.running.iter().find(|file| file.id == self.id) {
            self.looked_up = Some((0, file.attempt, None));
            self.log.clone_from(&file.log);
            self.has_begun = true;
        } else if let Some(item) = snapshot.next.iter().find(|item| item.id == self.id) {
            self.look_up(item, context);
        }
    }

    /// Waits until the output has changed, and returns its last lines, escaped.
    pub(super) async fn next(&mut self, context: &Context) -> Vec<String> {
        loop {
            tokio::time::sleep_until(self.due.into()).await;
            self.due = Instant::now() + INTERVAL;
            // `Storage::changed` does not report changes that this handle has already read. A read
            // here could hide changes from the reader of the view, so it is avoided if a snapshot
            // has shown the file.
            if self.looked_up.is_none()
                && let Ok(Some(item)) = context.storage().find(Selector::Id(self.id)).await
            {
                self.look_up(&item, context);
            }
            let end = self.log.as_ref().and_then(|log| log.last_bytes(MAX_BYTES).ok().flatten());
            let read = (end, self.if_empty(context));
            if self.read.as_ref() != Some(&read) {
                let lines = lines(read.0.as_ref(), read.1);
                self.read = Some(read);
                return lines;
            }
        }
    }

    fn look_up(&mut self, item: &QueueItem, context: &Context) {
        let progress = (item.round, item.attempts, item.last_attempt);
        if self.looked_up != Some(progress) {
            self.log = latest(item, &context.wiring.attempt_logs());
            self.has_begun = item.attempts > 0;
            self.looked_up = Some(progress);
        }
    }

    fn if_empty(&self, context: &Context) -> &'static str {
        let is_missing = self.log.as_ref().is_none_or(|log| !log.path.exists());
        if context.wiring.server().is_some() && self.has_begun && is_missing { ELSEWHERE } else { EMPTY }
    }
}

/// Returns the lines of an output, escaped and without colours.
fn lines(end: Option<&LogEnd>, if_empty: &str) -> Vec<String> {
    let Some(LogEnd { length, bytes }) = end.filter(|end| !end.bytes.is_empty()) else {
        return vec![if_empty.to_owned()];
    };
    let is_cut = (bytes.len() as u64) < *length;
    let mut printer = LinePrinter::plain();
    let mut last_versions = printer.take(if is_cut { without_partial_line(bytes) } else { bytes });
    last_versions.extend(printer.finish());
    let plain = strip_str(&String::from_utf8_lossy(&last_versions)).to_string().replace("\r\n", "\n");
    let text = escaped(plain.as_bytes());
    let shown = text.lines().map(|line| line.replace('\t', TAB));
    is_cut.then(|| LEFT_OUT.to_owned()).into_iter().chain(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(output: &[u8]) -> Vec<String> {
        let first = output.len().saturating_sub(usize::try_from(MAX_BYTES).expect("small"));
        lines(Some(&LogEnd { length: output.len() as u64, bytes: output[first..].to_vec() }), EMPTY)
    }

    #[test]
    fn lines_have_their_last_version() {
        assert_eq!(
            lines_of(b"a\tb\n 10%\r 20%\r\n\x1b[1mbold\x1b[0m\x1b[2J\x07\xff\n"),
            ["a    b", " 20%", "bold\u{fffd}"]
        );
        assert_eq!(lines_of("x\u{202e}y".as_bytes()), ["x\\u{202e}y"]);
        assert_eq!((lines_of(b""), lines(None, EMPTY)), (vec![EMPTY.to_owned()], vec![EMPTY.to_owned()]));
    }

    #[test]
    fn a_long_output_of_one_line_is_shown() {
        assert_eq!(lines_of("10%\r".repeat(70_000).as_bytes()), [LEFT_OUT, "10%"]);
        let whole = usize::try_from(MAX_BYTES).expect("small");
        assert_eq!(lines_of("x".repeat(300_000).as_bytes()).concat().len(), LEFT_OUT.len() + whole);
        assert_eq!(lines_of("x".repeat(whole).as_bytes()).concat().len(), whole, "nothing is left out");
    }

    #[test]
    fn a_long_output_says_so() {
        let lines = lines_of("0123456789\n".repeat(40_000).as_bytes());
        assert_eq!((lines[0].as_str(), lines[1].as_str()), (LEFT_OUT, "0123456789"));
    }
}
