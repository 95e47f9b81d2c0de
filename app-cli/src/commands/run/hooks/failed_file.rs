//! A failed file, as it is passed to an `--on-failure` command.

use std::ffi::OsString;
use std::path::Path;

use autoproc_domain::ports::AttemptOutcome;
use autoproc_domain::signature::Signature;
use autoproc_domain::{FilePath, RunId};
use autoproc_subprocess::{ATTEMPT_VARIABLE, MAX_ATTEMPTS_VARIABLE, file_environment};
use serde::Serialize;

use crate::commands::run::failures::Failure;
use crate::commands::run::summary::FailureJson;
use crate::view::failure::in_one_line;

const ERROR_VARIABLE: &str = "AUTOPROC_ERROR";

pub(super) struct FailedFile {
    pub(super) run: RunId,
    pub(super) failure: Failure,
    /// `None` if the last attempt died with an earlier run, or if the file was cancelled before its
    /// attempt began.
    pub(super) last: Option<LastAttempt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastAttempt {
    /// The depth of the file below the folder from which it was added.
    pub(super) depth: u8,
    pub(super) exit_code: Option<i32>,
    pub(super) signal: Option<i32>,
}

impl LastAttempt {
    pub(super) fn new(depth: u8, outcome: &AttemptOutcome) -> Self {
        let (exit_code, signal) = status_of(outcome);
        Self { depth, exit_code, signal }
    }
}

/// Returns the exit code and the signal of the failed process.
fn status_of(outcome: &AttemptOutcome) -> (Option<i32>, Option<i32>) {
    match outcome {
        AttemptOutcome::Succeeded => (Some(0), None),
        AttemptOutcome::Exited { code } => (Some(*code), None),
        AttemptOutcome::Signalled { signal } => (None, Some(*signal)),
        AttemptOutcome::OutOfMemory { .. } => (None, Some(KILL)),
        AttemptOutcome::StepFailed { cause, .. }
        | AttemptOutcome::InputGone { cause }
        | AttemptOutcome::InputAway { cause } => status_of(cause),
        AttemptOutcome::TimedOut { .. }
        | AttemptOutcome::CannotStart { .. }
        | AttemptOutcome::Interrupted { .. }
        | AttemptOutcome::Unmet { .. }
        | AttemptOutcome::Aborted => (None, None),
    }
}

/// The number of SIGKILL on every system.
const KILL: i32 = 9;

impl FailedFile {
    pub(super) fn path(&self) -> &FilePath {
        &self.failure.of.file_path
    }

    pub(super) fn environment(&self, max_attempts: u32, project_dir: &Path) -> Vec<(OsString, OsString)> {
        let of = &self.failure.of;
        let depth = self.last.map_or(0, |last| last.depth);
        let texts = [
            (ATTEMPT_VARIABLE, of.attempt.to_string()),
            (MAX_ATTEMPTS_VARIABLE, max_attempts.to_string()),
            (ERROR_VARIABLE, in_one_line(&self.failure.error).to_string()),
        ];
        let texts = texts.into_iter().map(|(name, text)| (name.into(), text.into()));
        texts.chain(file_environment(of.id, &of.file_path, depth, project_dir)).collect()
    }

    pub(super) fn document(&self) -> Vec<u8> {
        let signature = Signature::of(Some(&self.failure.error), self.path());
        let document = FailedFileJson {
            run_id: self.run.as_str(),
            failure: (&self.failure).into(),
            round: self.failure.of.round,
            exit_code: self.last.and_then(|last| last.exit_code),
            signal: self.last.and_then(|last| last.signal),
            signature: signature.id().to_string(),
            reason: signature.reason(),
        };
        // Encoding cannot fail, because the document contains only numbers and texts.
        let mut text = serde_json::to_vec(&document).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

#[derive(Serialize)]
struct FailedFileJson<'a> {
    run_id: &'a str,
    #[serde(flatten)]
    failure: FailureJson<'a>,
    round: u32,
    exit_code: Option<i32>,
    signal: Option<i32>,
    signature: String,
    reason: &'a str,
}
