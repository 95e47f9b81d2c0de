//! Serializes events as lines of the event log (`docs/formats.md`).

use std::time::Duration;

use autoproc_domain::ProcessingResult;
use autoproc_domain::item::ClaimNumber;
use autoproc_domain::ports::{AttemptRef, ResourceUsage, Resumption, RunEvent, RunEventKind};
use autoproc_domain::view::Counts;
use serde::Serialize;

use crate::path_text::PathText;

#[derive(Serialize)]
pub(crate) struct EventLine<'a> {
    timestamp: String,
    run_id: &'a str,
    #[serde(flatten)]
    body: Body<'a>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Body<'a> {
    ProcessorStarted {
        jobs: usize,
        #[serde(flatten)]
        counts: CountsText,
    },
    StopSignalCleared,
    FileRecovered {
        #[serde(flatten)]
        of: AttemptText,
        dead_run: &'a str,
        requeued: bool,
        #[serde(skip_serializing_if = "is_false")]
        cancelled: bool,
    },
    FileStarted {
        #[serde(flatten)]
        of: AttemptText,
        #[serde(skip_serializing_if = "Option::is_none")]
        size_bytes: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        recipe: Option<String>,
    },
    RecoveryWithheld {
        dead_run: &'a str,
        reason: &'a str,
    },
    StartsHeld {
        reason: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        probe_at: Option<String>,
    },
    StartsResumed {
        #[serde(skip_serializing_if = "Option::is_none")]
        because: Option<&'static str>,
        #[serde(flatten, skip_serializing_if = "Option::is_none")]
        path: Option<PathText>,
    },
    ProcessorPaused,
    ProcessorResumed,
    FileCompleted(EndText),
    FileRequeued {
        #[serde(flatten)]
        end: EndText,
        backoff_s: f64,
        error: &'a str,
    },
    FileFailed(FailureText<'a>),
    FileTimeout(FailureText<'a>),
    FileReleased(EndText),
    ResultDiscarded(AttemptText),
    StopRequested {
        level: &'static str,
        cause: &'static str,
    },
    StorageTrouble {
        error: &'a str,
    },
    ProcessorStopped(ResultText),
}

#[derive(Serialize)]
pub(crate) struct AttemptText {
    #[serde(flatten)]
    path: PathText,
    item_id: u64,
    attempt: u32,
    /// The number of the round, omitted if 1.
    #[serde(skip_serializing_if = "is_first")]
    round: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<u64>,
}

#[derive(Serialize)]
struct EndText {
    #[serde(flatten)]
    of: AttemptText,
    duration_s: f64,
    #[serde(flatten)]
    usage: Option<UsageText>,
    #[serde(skip_serializing_if = "is_false")]
    input_changed: bool,
}

#[derive(Serialize)]
pub(crate) struct UsageText {
    user_s: f64,
    system_s: f64,
    peak_memory_bytes: u64,
}

#[derive(Serialize)]
struct FailureText<'a> {
    #[serde(flatten)]
    end: EndText,
    error: &'a str,
}

#[derive(Serialize)]
struct CountsText {
    pending: usize,
    processing: usize,
    completed: usize,
    failed: usize,
    timeout: usize,
    #[serde(skip_serializing_if = "is_zero")]
    held: usize,
}

#[derive(Serialize)]
struct ResultText {
    processed: u64,
    failed: u64,
    retried: u64,
    remaining: usize,
    #[serde(skip_serializing_if = "is_zero")]
    held: usize,
    stopped_by: &'static str,
    level: &'static str,
}

impl<'a> EventLine<'a> {
    /// Returns the line for an event, or `None` for progress.
    pub(crate) fn of(event: &'a RunEvent) -> Option<Self> {
        let body = Body::of(&event.kind)?;
        Some(Self { timestamp: event.at.to_string(), run_id: event.run.as_str(), body })
    }
}

impl<'a> Body<'a> {
    fn of(kind: &'a RunEventKind) -> Option<Self> {
        use RunEventKind as Kind;
        Some(match kind {
            Kind::Progress { .. } => return None,
            Kind::ProcessorStarted { jobs, counts } => Self::ProcessorStarted { jobs: *jobs, counts: counts.into() },
            Kind::StopSignalCleared => Self::StopSignalCleared,
            Kind::FileRecovered { of, dead_run, requeued, cancelled, in_scope: _ } => Self::FileRecovered {
                of: of.into(),
                dead_run: dead_run.as_str(),
                requeued: *requeued,
                cancelled: *cancelled,
            },
            Kind::FileStarted { of, size_bytes, recipe } => Self::FileStarted {
                of: of.into(),
                size_bytes: *size_bytes,
                recipe: recipe.map(|recipe| recipe.to_string()),
            },
            Kind::RecoveryWithheld { dead_run, reason } => {
                Self::RecoveryWithheld { dead_run: dead_run.as_str(), reason }
            }
            Kind::StartsHeld { reason, probe_at } => {
                Self::StartsHeld { reason, probe_at: probe_at.map(|at| at.to_string()) }
            }
            Kind::StartsResumed { because } => Self::StartsResumed {
                because: because.as_ref().map(Resumption::word),
                path: because.as_ref().and_then(Resumption::file_path).map(PathText::from),
            },
            Kind::ProcessorPaused => Self::ProcessorPaused,
            Kind::ProcessorResumed => Self::ProcessorResumed,
            Kind::FileCompleted { of, elapsed, usage, input_changed } => {
                Self::FileCompleted(EndText::new(of, *elapsed, *usage, *input_changed))
            }
            Kind::FileRequeued { of, elapsed, usage, input_changed, backoff, error } => Self::FileRequeued {
                end: EndText::new(of, *elapsed, *usage, *input_changed),
                backoff_s: backoff.as_secs_f64(),
                error,
            },
            Kind::FileFailed { of, elapsed, usage, input_changed, error } => {
                Self::FileFailed(FailureText { end: EndText::new(of, *elapsed, *usage, *input_changed), error })
            }
            Kind::FileTimeout { of, elapsed, usage, input_changed, error } => {
                Self::FileTimeout(FailureText { end: EndText::new(of, *elapsed, *usage, *input_changed), error })
            }
            Kind::FileReleased { of, elapsed, usage, input_changed } => {
                Self::FileReleased(EndText::new(of, *elapsed, *usage, *input_changed))
            }
            Kind::ResultDiscarded { of } => Self::ResultDiscarded(of.into()),
            Kind::StopRequested { level, cause } => Self::StopRequested { level: level.word(), cause: cause.word() },
            Kind::StorageTrouble { error } => Self::StorageTrouble { error },
            Kind::ProcessorStopped { result } => Self::ProcessorStopped(result.into()),
        })
    }
}

impl From<&AttemptRef> for AttemptText {
    fn from(of: &AttemptRef) -> Self {
        Self {
            path: (&of.file_path).into(),
            item_id: of.id.get(),
            attempt: of.attempt.get(),
            round: of.round,
            claim: of.claim.map(ClaimNumber::get),
        }
    }
}

impl EndText {
    fn new(of: &AttemptRef, elapsed: Duration, usage: Option<ResourceUsage>, input_changed: bool) -> Self {
        Self { of: of.into(), duration_s: elapsed.as_secs_f64(), usage: usage.map(UsageText::from), input_changed }
    }
}

impl From<ResourceUsage> for UsageText {
    fn from(ResourceUsage { user, system, peak_memory }: ResourceUsage) -> Self {
        Self { user_s: user.as_secs_f64(), system_s: system.as_secs_f64(), peak_memory_bytes: peak_memory }
    }
}

impl From<&Counts> for CountsText {
    fn from(counts: &Counts) -> Self {
        let Counts { pending, processing, completed, failed, timeout, held } = *counts;
        Self { pending, processing, completed, failed, timeout, held }
    }
}

impl From<&ProcessingResult> for ResultText {
    fn from(result: &ProcessingResult) -> Self {
        let ProcessingResult {
            processed,
            changed: _,
            failed,
            retried,
            remaining,
            held,
            processing: _,
            failed_in_scope: _,
            stopped_by,
            stop_level,
        } = *result;
        Self { processed, failed, retried, remaining, held, stopped_by: stopped_by.word(), level: stop_level.word() }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_first(round: &u32) -> bool {
    *round <= 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}
