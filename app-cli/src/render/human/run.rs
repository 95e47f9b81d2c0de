//! The answers of `run`, `stop`, `status` and `log`.

use std::io::{self, Write};

use autoproc_domain::ports::{LiveRun, StopCause, StopLevel};
use autoproc_domain::run::{ProcessorState, RunResources};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::{ProcessingResult, QueueItem};

use super::{files, item};
use crate::escape::{Printable, Shown, printable};
use crate::render::bytes::memory;
use crate::render::time::{local, span};
use crate::render::{View, json};
use crate::view::{Attempts, RunOver, Status, Stopping};

impl View for RunOver {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let result = &self.result;
        writeln!(
            out,
            "processed {}, failed {}, retried {}, {} waiting{}; {} after {}",
            result.processed,
            result.failed,
            result.retried,
            result.remaining,
            held(result.held),
            cause(result),
            span(self.elapsed)
        )?;
        used(&self.resources, out)?;
        if result.failed > 0 {
            writeln!(out, "`autoproc queue list --status failed,timeout` shows what failed, `autoproc log FILE` why")?;
        }
        Ok(())
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::run::run_over(self, out)
    }
}

/// Prints nothing if no usage is known.
fn used(resources: &RunResources, out: &mut dyn Write) -> io::Result<()> {
    let RunResources { user, system, peak: Some(peak), .. } = resources else { return Ok(()) };
    let (most, file) = (memory(peak.memory), &peak.file_path);
    writeln!(out, "used {} of CPU; at most {most} of memory, by {file}", span(user.saturating_add(*system)))
}

fn cause(result: &ProcessingResult) -> &'static str {
    match result.stopped_by {
        StoppedBy::QueueEmpty if result.held > 0 && result.held == result.remaining => "all that is left is held",
        StoppedBy::QueueEmpty => "the queue is empty",
        StoppedBy::NothingDue => "nothing is due",
        StoppedBy::Request(StopCause::StopFile) => "stopped by the stop file",
        StoppedBy::Request(StopCause::Interrupt) => "stopped by Ctrl-C",
        StoppedBy::Request(StopCause::Terminate) => "stopped by SIGTERM",
        StoppedBy::Request(StopCause::HangUp) => "stopped by SIGHUP",
        StoppedBy::TooManyFailed => "stopped because too many files failed",
        StoppedBy::StorageFull => "stopped because the disk is full",
        StoppedBy::Error => "stopped by an error",
    }
}

impl View for Stopping {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.live_runs.is_empty() {
            return writeln!(out, "no run is live: the next one will discard this request");
        }
        let how =
            if self.level == StopLevel::Draining { "finish its current files" } else { "end its current attempts" };
        self.live_runs.iter().try_for_each(|run| writeln!(out, "{} will {how} and stop", printable(&run.info.location)))
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::run::stopping(self, out)
    }
}

/// Number of processing files shown: short ones are claimed by the dozen.
const MAX_PROCESSING: usize = 16;

impl View for Status {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.live_runs.is_empty() {
            not_running(self, out)?;
        }
        self.live_runs.iter().try_for_each(|run| running(self, run, out))?;
        totals(self, out)?;
        let processing =
            self.processing.iter().take(MAX_PROCESSING).map(|item| current(self, item)).collect::<Vec<_>>();
        named("processing now:", &processing, self.processing.len(), out)?;
        let waiting = self.waiting.iter().map(|item| waiting(self, item)).collect::<Vec<_>>();
        named("waiting:", &waiting, self.counts.pending, out)
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::run::status(self, out)
    }
}

/// Files under a heading, and the number of files not shown; nothing if there are none.
fn named(heading: &str, files: &[String], total: usize, out: &mut dyn Write) -> io::Result<()> {
    if total > 0 {
        writeln!(out, "\n{heading}")?;
    }
    files.iter().try_for_each(|file| writeln!(out, "  {file}"))?;
    match total.saturating_sub(files.len()) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more"),
    }
}

fn not_running(view: &Status, out: &mut dyn Write) -> io::Result<()> {
    let Some(latest) = &view.latest else { return writeln!(out, "no run is live, and none has been") };
    writeln!(out, "no run is live; the latest {}", ending(latest))?;
    writeln!(out, "{} processed, {} failed in it", latest.files_processed, latest.files_failed)
}

/// A state file that still says running was left by a dead run.
fn ending(latest: &ProcessorState) -> String {
    match (latest.stopped_at, latest.started_at) {
        (Some(at), _) => format!("{} at {}", latest.status.word(), local(at)),
        (None, Some(at)) => format!("began at {} and did not end in order", local(at)),
        (None, None) => latest.status.word().to_owned(),
    }
}

fn running(view: &Status, run: &LiveRun, out: &mut dyn Write) -> io::Result<()> {
    let info = &run.info;
    let elapsed = span(view.now.saturating_since(info.started_at));
    writeln!(
        out,
        "running since {} ({elapsed}), {} at a time, by {}",
        local(info.started_at),
        info.jobs,
        printable(&info.location)
    )?;
    let Some(latest) = view.latest.as_ref().filter(|latest| latest.run_id.as_ref() == Some(&info.id)) else {
        return Ok(());
    };
    let rate = view.files_per_second().map_or(String::new(), |rate| format!(", {rate:.2} files/s"));
    writeln!(out, "{} processed, {} failed in this run{rate}", latest.files_processed, latest.files_failed)?;
    match &latest.pressure {
        Some(reason) => writeln!(out, "nothing new is started for now: {}", Printable(reason)),
        None => Ok(()),
    }
}

fn totals(view: &Status, out: &mut dyn Write) -> io::Result<()> {
    let counts = view.counts;
    writeln!(
        out,
        "{}: {} pending{}, {} processing, {} completed, {} failed, {} timeout",
        files(counts.total()),
        counts.pending,
        held(counts.held),
        counts.processing,
        counts.completed,
        counts.failed,
        counts.timeout
    )
}

/// How many of the pending files are held; nothing if none is.
fn held(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" ({count} held)") }
}

fn current(view: &Status, item: &QueueItem) -> String {
    let since = item.last_attempt.map_or(String::new(), |at| format!(", for {}", span(view.now.saturating_since(at))));
    match view.run_of(item) {
        Some(run) => format!("{}  attempt {} of {}{since}", item.file_path, item.attempts, run.info.max_attempts),
        None => format!("{}  attempt {}; {}", item.file_path, item.attempts, whose(view, item)),
    }
}

/// What happens to an item whose run is dead.
fn whose(view: &Status, item: &QueueItem) -> String {
    match view.doubt_about(item) {
        Some(left) => format!(
            "its run is dead, and it is not proven that nothing of it is at work: {}; \
             `autoproc queue recover --force` returns it to pending",
            Printable(&left.reason)
        ),
        None => "its run died; the next run recovers it".to_owned(),
    }
}

fn waiting(view: &Status, item: &QueueItem) -> String {
    let mut why = vec![format!("priority {}", item.priority)];
    if item.attempts > 0 {
        let of = view.max_attempts().map_or(String::new(), |max| format!(" of {}", max.saturating_sub(1)));
        why.push(format!("retry {}{of}", item.attempts));
    }
    let note = item::note(item, view.now);
    why.extend((!note.is_empty()).then_some(note));
    format!("{}  {}", item.file_path, why.join(", "))
}

impl View for Attempts {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        self.files.iter().try_for_each(|file| writeln!(out, "{}\t{}", file.attempt, Shown(&file.path)))
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::run::attempts(self, out)
    }
}
