//! The recorded events of a history.

use std::time::Duration;

use crate::attempt::{AttemptRef, ResourceUsage};
use crate::fingerprint::Recipe;
use crate::item::RunId;
use crate::time::Timestamp;

/// A recorded event, with all fields from which a history computes attempts and figures. Older
/// versions recorded fewer fields, so more fields are optional here than in
/// [`RunEvent`](super::RunEvent).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// When the event happened.
    pub at: Timestamp,
    /// The run that reported the event.
    pub run: RunId,
    /// The event's name in the event log, for instance `file_started`.
    pub name: Box<str>,
    /// The attempt that the event refers to; `None` if it refers to none.
    pub of: Option<AttemptRef>,
    /// The run that made the attempt. Differs from `run` if the event reports a recovery.
    pub attempt_run: Option<RunId>,
    /// True if a recovered file is pending again, false if it failed. `None` if the event is not a
    /// recovery.
    pub is_requeued: Option<bool>,
    /// The duration of the attempt; `None` if unknown, or if the event does not end an attempt.
    pub elapsed: Option<Duration>,
    /// The resources that the attempt used; `None` if unknown.
    pub usage: Option<ResourceUsage>,
    /// True if the file is known to have changed during the attempt.
    pub input_changed: bool,
    /// The size of the file when the attempt began, in bytes; `None` if unknown.
    pub size_bytes: Option<u64>,
    /// The recipe of the run; `None` if there is none.
    pub recipe: Option<Recipe>,
    /// The reason or error that the event reports; `None` if it reports none.
    pub reason: Option<Box<str>>,
    /// The figures of the run; `None` unless the event reports the end of the run.
    pub totals: Option<RunTotals>,
    /// The word for the reason why the run ended; `None` unless the event reports the end of the
    /// run.
    pub stopped_by: Option<Box<str>>,
    /// The words for the level and the cause of a stop; `None` unless the event reports a stop.
    pub stop: Option<(Box<str>, Box<str>)>,
    /// The event log line from which the event was copied, without the line end. `None` if another
    /// store recorded the event. The line may contain fields that no history reads.
    pub line: Option<Box<str>>,
}

/// The figures of a run that has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunTotals {
    /// The number of files that completed.
    pub completed: u64,
    /// The number of files that ended as failed or timeout.
    pub failed: u64,
    /// The number of failed attempts after which the file was pending again.
    pub retried: u64,
}
