//! Parses lines of the event log.

use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;
use std::time::Duration;

use autoproc_domain::item::{AttemptNumber, ClaimNumber};
use autoproc_domain::ports::{AttemptRef, PastEvent, ResourceUsage};
use autoproc_domain::{ItemId, Recipe, RunId, Timestamp};
use memchr::{memchr, memmem, memrchr};
use serde::Deserialize;

use crate::path_text::PathText;

/// The maximum length of a line, in bytes. This program writes only shorter lines.
pub(super) const MAX_LINE_BYTES: u64 = 1 << 20;

/// The initial size of a buffer, in bytes. Fits into a processor's cache.
const BLOCK_BYTES: usize = 256 * 1024;

/// Calls `take` for each line, until `take` returns `Break`. Skips long, incomplete and non-UTF-8
/// lines.
pub(super) fn for_each_line(mut log: impl BufRead, mut take: impl FnMut(&str) -> ControlFlow<()>) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let read = log.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)?;
        match str::from_utf8(&bytes) {
            _ if read == 0 => return Ok(()),
            _ if bytes.last() != Some(&b'\n') => drop(log.skip_until(b'\n')?),
            Ok(line) if take(line).is_break() => return Ok(()),
            Ok(_) | Err(_) => {}
        }
    }
}

/// Calls `take` for each line that contains `marker`, which must not be empty. For speed, splits
/// only the text near `marker` into lines.
pub(super) fn for_each_line_with(mut log: impl Read, marker: &[u8], mut take: impl FnMut(&str)) -> io::Result<()> {
    let finder = memmem::Finder::new(marker);
    // The buffer begins with the unfinished last line of the previous block.
    let (mut buffer, mut kept, mut is_skipping) = (vec![0; BLOCK_BYTES], 0, false);
    loop {
        let read = match log.read(&mut buffer[kept..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let end = kept + read;
        let whole = memrchr(b'\n', &buffer[..end]).map_or(0, |newline| newline + 1);
        // If the beginning of a line was dropped because the line is too long, drops the rest too,
        // up to the first newline.
        let first = if is_skipping { memchr(b'\n', &buffer[..whole]).map_or(whole, |newline| newline + 1) } else { 0 };
        is_skipping &= whole == 0;
        take_marked(&buffer[first..whole], &finder, &mut take);
        if read == 0 {
            return Ok(());
        }
        buffer.copy_within(whole..end, 0);
        kept = end - whole;
        if kept == buffer.len() {
            if kept as u64 >= MAX_LINE_BYTES {
                (kept, is_skipping) = (0, true);
            } else {
                buffer.resize(2 * kept, 0);
            }
        }
    }
}

/// Calls `take` for each line that contains the text of `finder`. All lines must be complete.
fn take_marked(mut lines: &[u8], finder: &memmem::Finder<'_>, take: &mut impl FnMut(&str)) {
    while let Some(at) = finder.find(lines) {
        let from = memrchr(b'\n', &lines[..at]).map_or(0, |newline| newline + 1);
        let to = memchr(b'\n', &lines[at..]).map_or(lines.len(), |newline| at + newline);
        let is_valid = ((to - from) as u64) < MAX_LINE_BYTES;
        if let Some(line) = str::from_utf8(&lines[from..to]).ok().filter(|_| is_valid) {
            take(line);
        }
        lines = &lines[to..];
    }
}

/// The values of the first three keys of a line. This program always writes these keys first and in
/// this order.
pub(super) struct Head<'t> {
    pub(super) timestamp: &'t str,
    pub(super) run: &'t str,
    pub(super) event: &'t str,
}

impl<'t> Head<'t> {
    /// Extracts the values without parsing the line as JSON.
    pub(super) fn of(line: &'t str) -> Option<Self> {
        let rest = line.strip_prefix("{\"timestamp\":\"")?;
        let (timestamp, rest) = rest.split_once('"')?;
        let (run, rest) = rest.strip_prefix(",\"run_id\":\"")?.split_once('"')?;
        let (event, _) = rest.strip_prefix(",\"event\":\"")?.split_once('"')?;
        Some(Self { timestamp, run, event })
    }

    pub(super) fn at(&self) -> Option<Timestamp> {
        self.timestamp.parse().ok()
    }
}

pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) run: RunId,
    pub(super) of: Option<AttemptRef>,
    text: LineText,
}

#[derive(Deserialize)]
struct LineText {
    timestamp: String,
    run_id: String,
    event: Box<str>,
    item_id: Option<u64>,
    attempt: Option<u32>,
    round: Option<u32>,
    claim: Option<u64>,
    #[serde(flatten)]
    path: Option<PathText>,
    duration_s: Option<f64>,
    user_s: Option<f64>,
    system_s: Option<f64>,
    peak_memory_bytes: Option<u64>,
    size_bytes: Option<u64>,
    recipe: Option<String>,
    input_changed: Option<bool>,
    error: Option<Box<str>>,
    reason: Option<Box<str>>,
    dead_run: Option<String>,
}

impl Line {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text: LineText = serde_json::from_str(text).ok()?;
        let (at, run) = (text.timestamp.parse().ok()?, RunId::new(text.run_id.as_str()));
        let of = text.item_id.map(|id| text.attempt_of(ItemId::new(id)));
        // A line that names an item but no valid path or attempt is damaged.
        let of = of.map_or(Some(None), |of| of.map(Some))?;
        Some(Self { at, run, of, text })
    }

    pub(super) fn item(&self) -> Option<ItemId> {
        self.of.as_ref().map(|of| of.id)
    }

    pub(super) fn event(&self) -> &str {
        &self.text.event
    }

    /// Returns the run that made the attempt. For a recovery, this is the dead run.
    pub(super) fn attempt_run(&self) -> RunId {
        self.text.dead_run.as_deref().map_or_else(|| self.run.clone(), RunId::new)
    }

    pub(super) fn into_event(self) -> PastEvent {
        let Self { at, run, of, text } = self;
        PastEvent { at, run, name: text.event, of, reason: text.reason.or(text.error) }
    }

    pub(super) fn elapsed(&self) -> Option<Duration> {
        self.text.duration_s.and_then(seconds)
    }

    pub(super) fn usage(&self) -> Option<ResourceUsage> {
        let (user, system) = (self.text.user_s.and_then(seconds)?, self.text.system_s.and_then(seconds)?);
        Some(ResourceUsage { user, system, peak_memory: self.text.peak_memory_bytes? })
    }

    pub(super) fn error(&self) -> Option<Box<str>> {
        self.text.error.clone()
    }

    pub(super) fn size_bytes(&self) -> Option<u64> {
        self.text.size_bytes
    }

    pub(super) fn input_changed(&self) -> bool {
        self.text.input_changed.unwrap_or_default()
    }

    pub(super) fn recipe(&self) -> Option<Recipe> {
        Recipe::from_hex(self.text.recipe.as_deref()?)
    }
}

impl LineText {
    fn attempt_of(&self, id: ItemId) -> Option<AttemptRef> {
        let (file_path, attempt) = (self.path.as_ref()?.path()?, AttemptNumber::new(self.attempt?)?);
        let claim = self.claim.map(ClaimNumber::new);
        Some(AttemptRef { id, file_path, round: self.round.unwrap_or(1), attempt, claim })
    }
}

fn seconds(count: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(count).ok()
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(self.1);
            self.0.read(&mut buffer[..length])
        }
    }

    fn lines_with(log: &[u8], step: usize) -> Vec<String> {
        let mut found = Vec::new();
        for_each_line_with(Slow(log, step), b"ab", |line| found.push(line.to_owned())).expect("memory");
        found
    }

    fn expected(log: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        let take = |line: &str| {
            found.extend(line.contains("ab").then(|| line.trim_end_matches('\n').to_owned()));
            ControlFlow::Continue(())
        };
        for_each_line(BufReader::new(log), take).expect("memory");
        found
    }

    proptest! {
        #[test]
        fn the_marked_lines_are_those_that_contain_the_marker(
            parts in vec(proptest::sample::select(vec![&b"a"[..], b"b", b"\n", b"ab", b"\xff"]), 0..40),
            step in 1_usize..9,
        ) {
            let log = parts.concat();
            prop_assert_eq!(lines_with(&log, step), expected(&log));
        }
    }

    #[test]
    fn long_lines_are_read_up_to_the_limit() {
        for length in [BLOCK_BYTES - 3, BLOCK_BYTES, 3 * BLOCK_BYTES, 1 << 20, 2 << 20, 9 << 20] {
            let log = ["ab\n", &"x".repeat(length), "ab\nab\n"].concat();
            let (found, expected) = (lines_with(log.as_bytes(), BLOCK_BYTES), expected(log.as_bytes()));
            assert!(found == expected, "{length}: {} of {} lines", found.len(), expected.len());
        }
    }
}
