//! Reads the history from rows.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use autoproc_domain::item::{AttemptNumber, ClaimNumber};
use autoproc_domain::ports::{
    AttemptRef, EndedAttempt, ObeyedStop, PastAttempt, PastEnd, PastEvent, PastRun, PastRunEnd, ResourceUsage,
    StopCause, StopLevel,
};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::{FilePath, ItemId, RunId, Timestamp};
use tokio_postgres::Row;

use crate::error::Answer;
use crate::item_row::{column, damaged, number, recipe, time, unescaped};

/// Tables store an outcome as its index in this list.
pub(super) const ENDS: [PastEnd; 7] = [
    PastEnd::Completed,
    PastEnd::Requeued,
    PastEnd::Failed,
    PastEnd::Timeout,
    PastEnd::Released,
    PastEnd::Died,
    PastEnd::Discarded,
];

pub(super) fn past_attempt(row: &Row) -> Answer<PastAttempt> {
    let run = RunId::new(column::<String>(row, "run")?);
    attempt(row, run, time(row, "started_at_us")?)
}

/// Reads the beginning of an attempt from a row of the table `event`.
pub(super) fn begun_attempt(row: &Row) -> Answer<PastAttempt> {
    let run = RunId::new(column::<String>(row, "attempt_run")?);
    attempt(row, run, Some(at(row, "at_us")?))
}

/// Reads the end of an attempt from a row of the table `event`.
pub(super) fn ended_attempt(row: &Row) -> Answer<EndedAttempt> {
    let run = RunId::new(column::<String>(row, "attempt_run")?);
    Ok(EndedAttempt { attempt: attempt(row, run, None)?, ended_at: at(row, "at_us")? })
}

fn attempt(row: &Row, run: RunId, started_at: Option<Timestamp>) -> Answer<PastAttempt> {
    let of = attempt_ref(row)?.ok_or_else(|| damaged("an attempt without an item".to_owned()))?;
    let ending: Option<i16> = column(row, "ending")?;
    Ok(PastAttempt {
        of,
        run,
        started_at,
        end: ending.and_then(|ending| ENDS.get(usize::try_from(ending).ok()?).copied()),
        elapsed: span(row, "elapsed_us")?,
        usage: usage(row)?,
        error: text(row, "reason")?,
        size_bytes: column::<Option<i64>>(row, "size_bytes")?.map(i64::cast_unsigned),
        recipe: recipe(row, "recipe")?,
        input_changed: column(row, "input_changed")?,
    })
}

pub(crate) fn attempt_ref(row: &Row) -> Answer<Option<AttemptRef>> {
    let Some(item) = column::<Option<i64>>(row, "item")? else { return Ok(None) };
    let path: Vec<u8> = column(row, "path")?;
    let attempt = AttemptNumber::new(number(row, "attempt")?);
    Ok(Some(AttemptRef {
        id: ItemId::new(item.cast_unsigned()),
        file_path: FilePath::new(OsStr::from_bytes(&path)).map_err(|error| damaged(format!("a path: {error}")))?,
        round: number(row, "round")?,
        attempt: attempt.ok_or_else(|| damaged("an attempt without a number".to_owned()))?,
        claim: column::<Option<i64>>(row, "claim")?.map(|claim| ClaimNumber::new(claim.cast_unsigned())),
    }))
}

pub(crate) fn usage(row: &Row) -> Answer<Option<ResourceUsage>> {
    let (user, system) = (span(row, "user_us")?, span(row, "system_us")?);
    let peak: Option<i64> = column(row, "peak_memory_bytes")?;
    let usage = user.zip(system).zip(peak);
    Ok(usage.map(|((user, system), peak)| ResourceUsage { user, system, peak_memory: peak.cast_unsigned() }))
}

pub(super) fn past_event(row: &Row) -> Answer<PastEvent> {
    Ok(PastEvent {
        at: at(row, "at_us")?,
        run: RunId::new(column::<String>(row, "run")?),
        name: column::<String>(row, "name")?.into(),
        of: attempt_ref(row)?,
        reason: text(row, "reason")?,
    })
}

pub(super) fn past_run(row: &Row) -> Answer<PastRun> {
    let stopped_by = column::<Option<String>>(row, "stopped_by")?;
    let stopped_by = stopped_by.and_then(|word| StoppedBy::from_word(&word));
    Ok(PastRun {
        id: RunId::new(column::<String>(row, "run")?),
        started_at: time(row, "started_at_us")?,
        last_event_at: at(row, "last_event_at_us")?,
        end: time(row, "ended_at_us")?.map(|at| PastRunEnd { at, stopped_by }),
        stop: stop(row)?,
        completed: number(row, "completed")?,
        failed: number(row, "failed")?,
        retried: number(row, "retried")?,
    })
}

fn stop(row: &Row) -> Answer<Option<ObeyedStop>> {
    let level: Option<String> = column(row, "stop_level")?;
    let cause: Option<String> = column(row, "stop_cause")?;
    let level = level.and_then(|word| StopLevel::from_word(&word));
    let cause = cause.and_then(|word| StopCause::from_word(&word));
    let stop = time(row, "stop_at_us")?.zip(level).zip(cause);
    Ok(stop.map(|((at, level), cause)| ObeyedStop { at, level, cause }))
}

pub(crate) fn at(row: &Row, name: &str) -> Answer<Timestamp> {
    Ok(Timestamp::from_micros(column(row, name)?))
}

pub(crate) fn span(row: &Row, name: &str) -> Answer<Option<Duration>> {
    Ok(column::<Option<i64>>(row, name)?.map(|micros| Duration::from_micros(micros.unsigned_abs())))
}

pub(crate) fn text(row: &Row, name: &str) -> Answer<Option<Box<str>>> {
    Ok(column::<Option<String>>(row, name)?.map(|text| unescaped(&text)))
}
