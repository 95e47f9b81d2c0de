//! Prints the summary of a run.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use autoproc_domain::ports::StopCause;
use autoproc_domain::run::RunResources;
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::signature::FailureGroups;
use autoproc_domain::{ProcessingResult, RunId, Timestamp};
use serde::Serialize;

use super::failures::Failure;
use super::unaccounted::Unaccounted;
use crate::missing_files::MissingFiles;
use crate::view::bytes::memory;
use crate::view::failure;
use crate::view::failure_group::{self, GroupJson, MAX_SINGLE};
use crate::view::json::PathJson;
use crate::view::past_run::continued;
use crate::view::screen::Screen;
use crate::view::time::{Zone, span};
use crate::view::{View, changed_while_processed, files, held};

#[expect(clippy::struct_excessive_bools, reason = "the facts about a run are independent")]
pub(super) struct Summary {
    pub(super) run: RunId,
    pub(super) result: ProcessingResult,
    pub(super) unaccounted: Unaccounted,
    pub(super) elapsed: Duration,
    pub(super) until: Option<Timestamp>,
    pub(super) now: Timestamp,
    pub(super) resources: RunResources,
    pub(super) failures: Vec<Failure>,
    pub(super) groups: FailureGroups,
    /// The files in `failures` that do not exist now.
    pub(super) missing: MissingFiles,
    /// True if the user named the files of the run.
    pub(super) has_named_files: bool,
    pub(super) is_whole_queue: bool,
    pub(super) is_read_once: bool,
    pub(super) is_recorded: bool,
    /// Options that choose the queue in a suggested command, each after a space.
    pub(super) project_option: String,
}

impl Summary {
    pub(super) fn of_nothing(run: RunId) -> Self {
        let result = ProcessingResult::of_nothing(StoppedBy::QueueEmpty);
        Self {
            run,
            result,
            unaccounted: Unaccounted::default(),
            elapsed: Duration::ZERO,
            until: None,
            now: Timestamp::MIN,
            resources: RunResources::default(),
            failures: Vec::new(),
            groups: FailureGroups::default(),
            missing: MissingFiles::default(),
            has_named_files: false,
            is_whole_queue: false,
            is_read_once: false,
            is_recorded: false,
            project_option: String::new(),
        }
    }

    pub(super) fn reason(&self) -> String {
        let ProcessingResult { remaining, held: on_hold, processing, failed_in_scope, .. } = self.result;
        let Unaccounted { completed_by_others: others, removed } = self.unaccounted;
        let parts = [
            (remaining, format!("{remaining} pending{}", held(on_hold))),
            (processing, format!("{processing} being processed elsewhere")),
            (failed_in_scope, format!("{failed_in_scope} failed")),
            (others, format!("{others} completed by another command")),
            (removed, format!("{removed} removed or added again")),
        ];
        let parts: Vec<_> = parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect();
        if parts.is_empty() {
            return cause(self).into_owned();
        }
        let left = format!("not all files are completed: {}", parts.join(", "));
        match self.result.stopped_by {
            StoppedBy::QueueEmpty => left,
            _ => format!("{left}; {}", cause(self)),
        }
    }
}

impl View for Summary {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let result = &self.result;
        writeln!(
            out,
            "processed {}, failed {}, retried {}, {} pending{}; {}",
            result.processed,
            result.failed,
            result.retried,
            result.remaining,
            held(result.held),
            ending(self)
        )?;
        used(&self.resources, out)?;
        changed_while_processed(result.changed, self.has_named_files).map_or(Ok(()), |line| writeln!(out, "{line}"))?;
        self.unaccounted.lines().try_for_each(|line| writeln!(out, "{line}"))?;
        failed_elsewhere(result).map_or(Ok(()), |line| writeln!(out, "{line}"))?;
        failed(self, out)?;
        next(self, out)
    }

    fn document(&self) -> impl Serialize {
        SummaryJson {
            run_id: self.run.as_str(),
            processed: self.result.processed,
            failed: self.result.failed,
            retried: self.result.retried,
            changed_files: self.result.changed,
            remaining: self.result.remaining,
            held: self.result.held,
            processing: self.result.processing,
            failed_in_scope: self.result.failed_in_scope,
            completed_by_others: self.unaccounted.completed_by_others,
            removed: self.unaccounted.removed,
            stopped_by: self.result.stopped_by.word(),
            stop_level: self.result.stop_level.word(),
            until: self.until.map(|until| until.to_string()),
            elapsed_s: self.elapsed.as_secs_f64(),
            usage: UsageJson::of(&self.resources),
            failures: self.failures.iter().map(FailureJson::from).collect(),
            failure_groups: GroupJson::largest(&self.groups),
        }
    }
}

/// Names the failed files that are in the exit code, but not among the failed files of this run.
fn failed_elsewhere(result: &ProcessingResult) -> Option<String> {
    let own = usize::try_from(result.failed).unwrap_or(usize::MAX);
    let others = result.failed_in_scope.saturating_sub(own);
    (others > 0).then(|| format!("meanwhile, {} cancelled, or failed in another run", files(others)))
}

fn failed(view: &Summary, out: &mut Screen<'_>) -> io::Result<()> {
    if view.result.failed == 0 {
        return Ok(());
    }
    writeln!(out, "\nfailed:")?;
    let option = &view.project_option;
    if view.result.failed > MAX_SINGLE {
        failure_group::largest(&view.groups, view.result.failed, out)?;
    } else {
        one_by_one(view, out)?;
    }
    let missing = view.missing.advice(out, option);
    missing.iter().try_for_each(|advice| writeln!(out, "{advice}"))?;
    if view.result.failed == view.missing.count() as u64 {
        return Ok(());
    }
    if view.result.failed > MAX_SINGLE {
        writeln!(out, "`autoproc failures{option}` shows examples for each reason, and how to retry its files")?;
    }
    writeln!(
        out,
        "`autoproc log{option} FILE` shows the output, `autoproc retry-failed{option}` gives the failed files another round"
    )
}

fn one_by_one(view: &Summary, out: &mut Screen<'_>) -> io::Result<()> {
    for Failure { of, error, .. } in &view.failures {
        let line = out.line("  ", &of.file_path, &format!("  {}", failure::in_one_line(error)));
        writeln!(out, "{line}")?;
    }
    match view.result.failed.saturating_sub(view.failures.len() as u64) {
        0 => Ok(()),
        others => {
            writeln!(out, "  and {others} more: autoproc queue list{} --status failed,timeout", view.project_option)
        }
    }
}

fn next(view: &Summary, out: &mut Screen<'_>) -> io::Result<()> {
    let result = &view.result;
    let is_stopped = matches!(result.stopped_by, StoppedBy::Request(_) | StoppedBy::Deadline);
    if !is_stopped || result.remaining <= result.held {
        return Ok(());
    }
    if view.is_read_once {
        return writeln!(out, "next: run the same command without the list to continue; its files wait in the queue");
    }
    if view.is_recorded { writeln!(out, "{}", continued(&view.project_option)) } else { Ok(()) }
}

fn used(resources: &RunResources, out: &mut Screen<'_>) -> io::Result<()> {
    let RunResources { user, system, peak: Some(peak), .. } = resources else { return Ok(()) };
    let (most, file) = (memory(peak.memory), out.path(&peak.file_path));
    writeln!(out, "used {} of CPU; at most {most} of memory, by {file}", span(user.saturating_add(*system)))
}

fn ending(view: &Summary) -> String {
    let elapsed = span(view.elapsed);
    match view.result.stopped_by {
        StoppedBy::NothingDue => format!("ended after {elapsed}, because {} now (--no-wait)", cause(view)),
        StoppedBy::Deadline => {
            let (remaining, verb) = (view.result.remaining, if view.result.remaining == 1 { "waits" } else { "wait" });
            format!("ended after {elapsed}: {}; {} {verb}", cause(view), files(remaining))
        }
        _ => {
            let cause = cause(view);
            match cause.strip_prefix("stopped because") {
                Some(reason) => format!("stopped after {elapsed}, because{reason}"),
                None => format!("{cause} after {elapsed}"),
            }
        }
    }
}

fn cause(view: &Summary) -> Cow<'static, str> {
    let result = &view.result;
    let cause = match result.stopped_by {
        StoppedBy::Deadline => return deadline(view, &Zone::current()).into(),
        StoppedBy::QueueEmpty if result.processing > 0 => "only files that other runs have claimed are left",
        StoppedBy::QueueEmpty if result.held > 0 && result.held == result.remaining => "only held files are left",
        StoppedBy::QueueEmpty if view.unaccounted.total() > 0 => "no other files are pending",
        StoppedBy::QueueEmpty if view.is_whole_queue => "no files are left",
        StoppedBy::QueueEmpty => "done",
        StoppedBy::NothingDue => "nothing is due",
        StoppedBy::Request(StopCause::StopFile | StopCause::Command) => "stopped by a stop request",
        StoppedBy::Request(StopCause::Interrupt) => "stopped by Ctrl-C",
        StoppedBy::Request(StopCause::Terminate) => "stopped by SIGTERM",
        StoppedBy::Request(StopCause::HangUp) => "stopped by SIGHUP",
        StoppedBy::TooManyFailed => "stopped because too many files failed (--max-fail)",
        StoppedBy::StorageFull => "stopped because the store is full",
        StoppedBy::InputMissing => "stopped because a folder stayed missing",
        StoppedBy::FailingAlike => "stopped because files in a row failed alike (--no-wait)",
        StoppedBy::ProgramMissing => "stopped because a program stayed missing",
        StoppedBy::Error => "stopped by an error",
    };
    cause.into()
}

/// Says why a run with `--until` ended.
fn deadline(view: &Summary, zone: &Zone) -> String {
    let until = view.until.unwrap_or(view.now);
    let time = zone.time_after(view.now, until);
    let time = time.strip_suffix(":00").unwrap_or(&time);
    if until <= view.now {
        format!("no file was started after {time} (--until)")
    } else {
        format!("the next files would not be done by {time} (--until)")
    }
}

#[derive(Serialize)]
struct SummaryJson<'a> {
    run_id: &'a str,
    processed: u64,
    failed: u64,
    retried: u64,
    changed_files: u64,
    remaining: usize,
    held: usize,
    processing: usize,
    failed_in_scope: usize,
    completed_by_others: usize,
    removed: usize,
    stopped_by: &'static str,
    stop_level: &'static str,
    until: Option<String>,
    elapsed_s: f64,
    usage: Option<UsageJson>,
    failures: Vec<FailureJson<'a>>,
    failure_groups: Vec<GroupJson>,
}

#[derive(Serialize)]
pub(super) struct FailureJson<'a> {
    item_id: u64,
    #[serde(flatten)]
    path: PathJson,
    attempts: u32,
    status: &'static str,
    error: &'a str,
}

impl<'a> From<&'a Failure> for FailureJson<'a> {
    fn from(Failure { of, status, error }: &'a Failure) -> Self {
        let (item_id, attempts) = (of.id.get(), of.attempt.get());
        Self { item_id, path: (&of.file_path).into(), attempts, status: status.word(), error }
    }
}

#[derive(Serialize)]
struct UsageJson {
    attempts: u64,
    user_s: f64,
    system_s: f64,
    peak_memory_bytes: u64,
    peak_memory_of: PathJson,
}

impl UsageJson {
    fn of(resources: &RunResources) -> Option<Self> {
        let peak = resources.peak.as_ref()?;
        Some(Self {
            attempts: resources.attempts,
            user_s: resources.user.as_secs_f64(),
            system_s: resources.system.as_secs_f64(),
            peak_memory_bytes: peak.memory,
            peak_memory_of: (&peak.file_path).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_by_a_time_names_the_time_and_what_waits() {
        let until = Timestamp::from_micros(6 * 3_600_000_000);
        let of_nothing = Summary::of_nothing(RunId::new("r"));
        let result = ProcessingResult { remaining: 12, stopped_by: StoppedBy::Deadline, ..of_nothing.result };
        let at = |now| {
            let view = Summary { until: Some(until), now, result, ..Summary::of_nothing(RunId::new("r")) };
            deadline(&view, &Zone::utc())
        };
        assert_eq!(at(until), "no file was started after 06:00 (--until)");
        let early = Timestamp::from_micros(5 * 3_600_000_000);
        assert_eq!(at(early), "the next files would not be done by 06:00 (--until)");
        let view = Summary { until: Some(until), now: until, result, ..of_nothing };
        assert!(ending(&view).ends_with(" (--until); 12 files wait"), "{}", ending(&view));
    }
}
