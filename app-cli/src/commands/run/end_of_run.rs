//! Prints the summary of a run and determines the exit code.

use std::sync::Arc;
use std::time::Instant;

use autoproc_domain::ports::{StopCause, StopSignal};
use autoproc_domain::request::Scope;
use autoproc_domain::run::ProcessorError;
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::{ProcessingResult, Recipe, RunId, Timestamp};

use super::RunArgs;
use super::failures::Failures;
use super::hooks::Hooks;
use super::printing::Printing;
use super::resources::ResourceTally;
use super::summary::Summary;
use super::unaccounted::Unaccounted;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;

pub(super) struct EndOfRun {
    pub(super) run: RunId,
    pub(super) scope: Scope,
    /// The files named by the user, or else the whole queue.
    pub(super) named: Scope,
    /// True if a list of files came from standard input or a pipe. `autoproc resume` cannot read
    /// the list again.
    pub(super) is_read_once: bool,
    /// True if the command line of the run was recorded for `autoproc resume`.
    pub(super) is_recorded: bool,
    pub(super) recipe: Option<Recipe>,
    /// The time of `--until`, after which the run starts no files.
    pub(super) until: Option<Timestamp>,
    pub(super) began: Instant,
    pub(super) stop: Arc<dyn StopSignal>,
    pub(super) printing: Arc<Printing>,
    pub(super) resources: Arc<ResourceTally>,
    pub(super) failures: Arc<Failures>,
    pub(super) hooks: Option<Hooks>,
}

struct Report {
    text: Vec<u8>,
    document: Option<Vec<u8>>,
    code: Result<ExitCode, CliError>,
}

impl EndOfRun {
    /// Prints the summary, executes the remaining hooks, and returns the exit code.
    pub(super) async fn report(
        mut self,
        result: Result<ProcessingResult, ProcessorError>,
        args: &RunArgs,
        context: &Context,
    ) -> Result<ExitCode, CliError> {
        context.console.detach();
        let was_stopped = !result.as_ref().is_ok_and(|result| ended_by_itself(result.stopped_by));
        let Report { text, document, code } = match result {
            Ok(result) => self.of_result(result, args, context).await,
            Err(error) => self.of_error(error.into(), context),
        };
        let hooks = self.hooks.take();
        let code_for_hooks = code.as_ref().map_or_else(CliError::exit_code, |code| *code);
        let hooks = async {
            if let Some(hooks) = hooks {
                hooks.end(document, code_for_hooks, &*self.stop).await;
            }
        };
        let (printed, ()) = tokio::join!(self.printing.end(text, was_stopped, &*self.stop), hooks);
        context.console.end_thread();
        context.console.end_times();
        let code = code?;
        printed?;
        Ok(code)
    }

    async fn of_result(&self, result: ProcessingResult, args: &RunArgs, context: &Context) -> Report {
        let (unaccounted, counted) = match self.unaccounted(&result, context).await {
            Ok(unaccounted) => (unaccounted, Ok(())),
            Err(error) => (Unaccounted::default(), Err(error)),
        };
        let summary = self.summary(result, unaccounted, context);
        let document = self.document(&summary, context);
        match text(&summary, args, context) {
            Ok(text) => Report { text, document, code: counted.map(|()| summary.exit_code()) },
            Err(error) => Report { text: Vec::new(), document, code: Err(error) },
        }
    }

    fn of_error(&self, error: CliError, context: &Context) -> Report {
        let result = self.hooks.as_ref().and_then(Hooks::result);
        let summary = result.map(|result| self.summary(result, Unaccounted::default(), context));
        let document = summary.and_then(|summary| self.document(&summary, context));
        Report { text: Vec::new(), document, code: Err(error) }
    }

    fn document(&self, summary: &Summary, context: &Context) -> Option<Vec<u8>> {
        // Encoding cannot fail, because the document contains only numbers and texts.
        self.hooks.as_ref().and_then(|_| context.named_document(summary).ok())
    }

    /// Counts the named files that others completed, removed or added again.
    async fn unaccounted(&self, result: &ProcessingResult, context: &Context) -> Result<Unaccounted, CliError> {
        let none = Unaccounted::default();
        match exit_code(result, none, self.is_whole_queue()) {
            ExitCode::Success | ExitCode::FilesFailed => Unaccounted::count(&self.named, self.recipe, context).await,
            _ => Ok(none),
        }
    }

    fn summary(&self, result: ProcessingResult, unaccounted: Unaccounted, context: &Context) -> Summary {
        Summary {
            run: self.run.clone(),
            result,
            unaccounted,
            elapsed: self.began.elapsed(),
            until: self.until,
            now: context.now(),
            resources: self.resources.total(),
            missing: self.failures.missing(),
            failures: self.failures.named(),
            groups: self.failures.groups(),
            has_named_files: self.named != Scope::Queue,
            is_whole_queue: self.is_whole_queue(),
            is_read_once: self.is_read_once,
            is_recorded: self.is_recorded,
            project_option: context.project_option(),
        }
    }

    fn is_whole_queue(&self) -> bool {
        self.scope == Scope::Queue
    }
}

fn ended_by_itself(stopped_by: StoppedBy) -> bool {
    !matches!(stopped_by, StoppedBy::Request(_))
}

/// Returns the summary. With `--quiet` and without `--json`, the text is empty. If `--quiet` is
/// given once, prints the reason for an exit code other than 0 to standard error, unless the
/// printed failures explain the exit code.
fn text(summary: &Summary, args: &RunArgs, context: &Context) -> Result<Vec<u8>, CliError> {
    if context.json || args.quiet == 0 {
        return context.named_text(summary);
    }
    let code = summary.exit_code();
    let is_explained = code == ExitCode::FilesFailed
        && summary.result.stopped_by == StoppedBy::QueueEmpty
        && summary.unaccounted.total() == 0;
    if code != ExitCode::Success && args.quiet == 1 && !(is_explained && summary.result.failed > 0) {
        context.console.warn(summary.reason());
    }
    Ok(Vec::new())
}

impl Summary {
    fn exit_code(&self) -> ExitCode {
        exit_code(&self.result, self.unaccounted, self.is_whole_queue)
    }
}

/// In a run over the whole queue, held files do not count as unfinished.
fn exit_code(result: &ProcessingResult, unaccounted: Unaccounted, is_whole_queue: bool) -> ExitCode {
    let held = if is_whole_queue { result.held } else { 0 };
    let unfinished = result.remaining.saturating_sub(held) + result.processing;
    match result.stopped_by {
        StoppedBy::Error => ExitCode::Internal,
        StoppedBy::Request(StopCause::Interrupt) => ExitCode::Interrupted,
        StoppedBy::Request(StopCause::Terminate) => ExitCode::Terminated,
        StoppedBy::Request(StopCause::HangUp) => ExitCode::HungUp,
        StoppedBy::TooManyFailed => ExitCode::FilesFailed,
        _ if result.failed > 0 || result.failed_in_scope > 0 => ExitCode::FilesFailed,
        _ if unfinished + unaccounted.total() > 0 => ExitCode::TryAgain,
        _ => ExitCode::Success,
    }
}

#[cfg(test)]
mod tests {
    use autoproc_domain::ports::StopLevel;

    use super::*;

    fn code(stopped_by: StoppedBy, failed: u64, [remaining, held, processing]: [usize; 3]) -> ExitCode {
        let stop_level = StopLevel::Running;
        let result = ProcessingResult {
            processed: 1,
            changed: 0,
            failed,
            retried: 0,
            remaining,
            held,
            processing,
            failed_in_scope: 0,
            stopped_by,
            stop_level,
        };
        exit_code(&result, Unaccounted::default(), true)
    }

    #[test]
    fn only_a_scope_that_is_completed_is_a_success() {
        use StopCause::{HangUp, Interrupt, StopFile, Terminate};
        for (stopped_by, failed, left, expected) in [
            (StoppedBy::QueueEmpty, 0, [0, 0, 0], ExitCode::Success),
            (StoppedBy::QueueEmpty, 1, [0, 0, 0], ExitCode::FilesFailed),
            (StoppedBy::QueueEmpty, 0, [2, 2, 0], ExitCode::Success),
            (StoppedBy::QueueEmpty, 0, [0, 0, 1], ExitCode::TryAgain),
            (StoppedBy::NothingDue, 0, [1, 0, 0], ExitCode::TryAgain),
            (StoppedBy::NothingDue, 1, [1, 0, 0], ExitCode::FilesFailed),
            (StoppedBy::StorageFull, 0, [1, 0, 0], ExitCode::TryAgain),
            (StoppedBy::ProgramMissing, 0, [1, 0, 0], ExitCode::TryAgain),
            (StoppedBy::ProgramMissing, 1, [1, 0, 0], ExitCode::FilesFailed),
            (StoppedBy::FailingAlike, 0, [1, 0, 0], ExitCode::TryAgain),
            (StoppedBy::FailingAlike, 1, [1, 0, 0], ExitCode::FilesFailed),
            (StoppedBy::TooManyFailed, 3, [5, 0, 0], ExitCode::FilesFailed),
            (StoppedBy::Deadline, 0, [5, 0, 0], ExitCode::TryAgain),
            (StoppedBy::Deadline, 1, [5, 0, 0], ExitCode::FilesFailed),
            (StoppedBy::Request(StopFile), 0, [3, 0, 0], ExitCode::TryAgain),
            (StoppedBy::Request(StopFile), 0, [0, 0, 0], ExitCode::Success),
            (StoppedBy::Request(Interrupt), 2, [3, 0, 0], ExitCode::Interrupted),
            (StoppedBy::Request(Terminate), 0, [0, 0, 0], ExitCode::Terminated),
            (StoppedBy::Request(HangUp), 0, [1, 0, 0], ExitCode::HungUp),
        ] {
            assert_eq!(code(stopped_by, failed, left), expected, "{stopped_by:?}, {failed}, {left:?}");
        }
        let held = ProcessingResult {
            processed: 0,
            changed: 0,
            failed: 0,
            retried: 0,
            remaining: 1,
            held: 1,
            processing: 0,
            failed_in_scope: 0,
            stopped_by: StoppedBy::QueueEmpty,
            stop_level: StopLevel::Running,
        };
        let none = Unaccounted::default();
        assert_eq!(exit_code(&held, none, false), ExitCode::TryAgain, "a named file that is held");
        let cancelled = ProcessingResult { remaining: 0, held: 0, failed_in_scope: 1, ..held };
        assert_eq!(exit_code(&cancelled, none, false), ExitCode::FilesFailed, "a file that a user cancelled");
        let done = ProcessingResult { failed_in_scope: 0, ..cancelled };
        let removed = Unaccounted { removed: 1, ..none };
        assert_eq!(exit_code(&done, none, false), ExitCode::Success);
        assert_eq!(exit_code(&done, removed, false), ExitCode::TryAgain, "a file that a user removed");
        let failed = ProcessingResult { failed: 1, ..done };
        assert_eq!(exit_code(&failed, removed, false), ExitCode::FilesFailed);
    }
}
