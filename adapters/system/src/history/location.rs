//! Finds the wanted runs in a log.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::ControlFlow;
use std::time::Duration;

use autoproc_domain::Timestamp;
use autoproc_domain::ports::RunFilter;
use memchr::{memchr, memmem, memrchr};

use super::line::{Head, MAX_LINE_BYTES};

/// Marks the lines that report the beginning of a run.
const START: &[u8] = b"\"event\":\"processor_started\"";

/// The size of the blocks in a backward search, in bytes.
const BLOCK_BYTES: u64 = 1 << 20;

/// The runs that match a filter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    These(HashSet<String>),
}

impl Wanted {
    pub(super) fn contains(&self, run: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(runs) => runs.contains(run),
        }
    }

    /// True if `found` contains all wanted runs. Always false for `All`. `found` must contain only
    /// wanted runs.
    pub(super) fn are(&self, found: &HashSet<String>) -> bool {
        matches!(self, Self::These(runs) if runs.len() == found.len())
    }
}

/// Returns the runs that match `filter`, and an offset in the log. None of these runs begins before
/// the offset.
pub(super) fn locate(log: &mut File, filter: RunFilter) -> io::Result<(u64, Wanted)> {
    match filter {
        RunFilter::All => Ok((0, Wanted::All)),
        RunFilter::Latest(count) => latest(log, count),
        RunFilter::Since(time) => since(log, time),
        RunFilter::Named(runs) => named(log, runs.iter().map(ToString::to_string).collect()),
    }
}

fn latest(log: &mut File, count: usize) -> io::Result<(u64, Wanted)> {
    let (mut found, mut offset) = (HashSet::new(), 0);
    if count > 0 {
        for_each_start_backward(log, |at, run| {
            offset = at;
            found.insert(run.to_owned());
            if found.len() < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
    }
    Ok((offset, Wanted::These(found)))
}

fn named(log: &mut File, wanted: HashSet<String>) -> io::Result<(u64, Wanted)> {
    let (mut missing, mut offset) = (wanted.clone(), 0);
    for_each_start_backward(log, |at, run| {
        if missing.remove(run) {
            offset = at;
        }
        if missing.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    // If the beginning of a run is missing, it may have been removed with the oldest part of the
    // log. The run's other lines may then be anywhere, so the whole log must be read.
    Ok((if missing.is_empty() { offset } else { 0 }, Wanted::These(wanted)))
}

/// How far before the wanted time a backward search goes. Lines are out of order if the clock was
/// set back. A day covers the correction of a wrong time zone.
const OUT_OF_ORDER: Duration = Duration::from_secs(24 * 3600);

/// Finds the runs that have an event at `time` or later.
fn since(log: &mut File, time: Timestamp) -> io::Result<(u64, Wanted)> {
    let long_before = Timestamp::from_micros(time.as_micros().saturating_sub_unsigned(micros(OUT_OF_ORDER)));
    let (since, long_before) = (time.to_string(), long_before.to_string());
    let mut found = HashSet::new();
    for_each_block_backward(log, |_, lines| {
        let mut is_long_before = false;
        for head in lines.split(|byte| *byte == b'\n').filter_map(|line| Head::of(str::from_utf8(line).ok()?)) {
            // `queue recover` also writes `file_recovered`, with a run id that belongs to no run.
            let is_of_run = head.event != "file_recovered";
            if is_of_run && head.timestamp >= since.as_str() && !found.contains(head.run) {
                found.insert(head.run.to_owned());
            }
            is_long_before |= head.timestamp < long_before.as_str();
        }
        if is_long_before { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    named(log, found)
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Finds the beginnings of runs, latest first. Passes the offset and run id to `take`, until `take`
/// returns `Break`.
fn for_each_start_backward(log: &mut File, mut take: impl FnMut(u64, &str) -> ControlFlow<()>) -> io::Result<()> {
    for_each_block_backward(log, |offset, lines| {
        let hits: Vec<_> = memmem::find_iter(lines, START).collect();
        for hit in hits.into_iter().rev() {
            let from = memrchr(b'\n', &lines[..hit]).map_or(0, |newline| newline + 1);
            let to = memchr(b'\n', &lines[hit..]).map_or(lines.len(), |newline| hit + newline);
            let line = str::from_utf8(&lines[from..to]).unwrap_or_default();
            if let Some(head) = Head::of(line).filter(|head| head.event == "processor_started") {
                take(offset + from as u64, head.run)?;
            }
        }
        ControlFlow::Continue(())
    })
}

/// Reads the log backwards in blocks of whole lines. Passes each block and its offset to `take`,
/// until `take` returns `Break`.
fn for_each_block_backward(log: &mut File, mut take: impl FnMut(u64, &[u8]) -> ControlFlow<()>) -> io::Result<()> {
    let mut end = log.seek(SeekFrom::End(0))?;
    // If a line crosses `end`, `rest` is its part after `end`, which was read with the previous
    // block.
    let mut rest = Vec::new();
    while end > 0 {
        let begin = end.saturating_sub(BLOCK_BYTES);
        let mut block = Vec::new();
        log.seek(SeekFrom::Start(begin))?;
        log.take(end - begin).read_to_end(&mut block)?;
        block.append(&mut rest);
        let first = if begin == 0 { 0 } else { memchr(b'\n', &block).map_or(block.len(), |newline| newline + 1) };
        if take(begin + first as u64, &block[first..]).is_break() {
            return Ok(());
        }
        end = begin;
        // The first `first` bytes continue a line from before this block. They are dropped if they
        // are too long for a valid line.
        if (first as u64) <= MAX_LINE_BYTES + BLOCK_BYTES {
            block.truncate(first);
            rest = block;
        }
    }
    Ok(())
}
