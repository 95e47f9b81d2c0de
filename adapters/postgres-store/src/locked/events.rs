//! Reads and writes rows of the table `event`.

use std::os::unix::ffi::OsStrExt;

use autoproc_domain::RunId;
use autoproc_domain::item::ClaimNumber;
use autoproc_domain::ports::{AttemptRef, PastEnd, RecordedEvent, RunTotals};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::error::Answer;
use crate::history::row::{COMPLETED, FAILED, RETRIED, at, attempt_ref, ending_number, span, text, usage};
use crate::item_row::{bigint, column, escaped, number, recipe, recipe_bytes};
use crate::lease::micros;
use crate::parameter::typed;

const ADD: &str = include_str!("../../sql/copy/add_events.sql");
const PAGE: &str = "select * from event where number > $1 order by number limit $2";

/// Also returns the number of the last event read.
pub(super) async fn read(client: &Client, after: i64, limit: usize) -> Answer<(i64, Vec<RecordedEvent>)> {
    let rows = client.query_typed(PAGE, &[(&after, Type::INT8), (&bigint(limit as u64), Type::INT8)]).await?;
    let last = rows.last().map_or(Ok(after), |row| column(row, "number"))?;
    Ok((last, rows.iter().map(event).collect::<Answer<_>>()?))
}

fn event(row: &Row) -> Answer<RecordedEvent> {
    let name: String = column(row, "name")?;
    let is_recovery = name == "file_recovered";
    let words = |name: &str| column::<Option<String>>(row, name).map(|text| text.map(String::into_boxed_str));
    Ok(RecordedEvent {
        at: at(row, "at_us")?,
        run: RunId::new(column::<String>(row, "run")?),
        of: attempt_ref(row)?,
        attempt_run: column::<Option<String>>(row, "attempt_run")?.map(RunId::new),
        is_requeued: is_recovery
            .then(|| column::<Option<i16>>(row, "figure"))
            .transpose()?
            .map(|figure| figure.is_none()),
        elapsed: span(row, "elapsed_us")?,
        usage: usage(row)?,
        input_changed: column(row, "input_changed")?,
        size_bytes: column::<Option<i64>>(row, "size_bytes")?.map(i64::cast_unsigned),
        recipe: recipe(row, "recipe")?,
        reason: text(row, "reason")?,
        totals: totals(row)?,
        stopped_by: words("stopped_by")?,
        stop: words("stop_level")?.zip(words("stop_cause")?),
        line: words("line")?,
        name: name.into(),
    })
}

fn totals(row: &Row) -> Answer<Option<RunTotals>> {
    if column::<Option<i64>>(row, "completed")?.is_none() {
        return Ok(None);
    }
    let (completed, failed, retried) = (number(row, "completed")?, number(row, "failed")?, number(row, "retried")?);
    Ok(Some(RunTotals { completed, failed, retried }))
}

fn ending(event: &RecordedEvent) -> (Option<i16>, Option<i16>) {
    let (end, figure) = match &*event.name {
        "file_completed" => (PastEnd::Completed, Some(COMPLETED)),
        "file_requeued" => (PastEnd::Requeued, Some(RETRIED)),
        "file_failed" => (PastEnd::Failed, Some(FAILED)),
        "file_timeout" => (PastEnd::Timeout, Some(FAILED)),
        "file_released" => (PastEnd::Released, None),
        "file_recovered" => (PastEnd::Died, (event.is_requeued == Some(false)).then_some(FAILED)),
        "result_discarded" => (PastEnd::Discarded, None),
        _ => return (None, None),
    };
    // In an undamaged log, an event that ends an attempt also names the attempt.
    if event.of.is_some() { (ending_number(end), figure) } else { (None, None) }
}

pub(super) async fn write(client: &Client, events: &[RecordedEvent]) -> Answer<()> {
    let of = |value: fn(&AttemptRef) -> i64| each(events, move |event| event.of.as_ref().map(value));
    let total = |value: fn(&RunTotals) -> u64| each(events, move |event| event.totals.as_ref().map(value).map(bigint));
    let paths = each(events, |event| event.of.as_ref().map(|of| of.file_path.as_os_str().as_bytes()));
    let claims = each(events, |event| Some(bigint(ClaimNumber::get(event.of.as_ref()?.claim?))));
    let stops = each(events, |event| event.stop.as_ref());
    client
        .execute_typed(
            ADD,
            &typed(&[
                &each(events, |event| event.at.as_micros()),
                &each(events, |event| event.run.as_str()),
                &each(events, |event| &*event.name),
                &of(|of| bigint(of.id.get())),
                &paths,
                &of(|of| of.round.into()),
                &of(|of| of.attempt.get().into()),
                &claims,
                &each(events, |event| event.attempt_run.as_ref().map(RunId::as_str)),
                &each(events, |event| ending(event).0),
                &each(events, |event| ending(event).1),
                &each(events, |event| event.elapsed.map(micros)),
                &each(events, |event| event.usage.map(|usage| micros(usage.user))),
                &each(events, |event| event.usage.map(|usage| micros(usage.system))),
                &each(events, |event| event.usage.map(|usage| usage.peak_memory.cast_signed())),
                &each(events, |event| event.input_changed),
                &each(events, |event| event.size_bytes.map(u64::cast_signed)),
                &each(events, |event| event.recipe.map(recipe_bytes)),
                &each(events, |event| event.reason.as_deref().map(escaped)),
                &total(|totals| totals.completed),
                &total(|totals| totals.failed),
                &total(|totals| totals.retried),
                &each(events, |event| event.stopped_by.as_deref()),
                &stops.iter().map(|stop| stop.map(|(level, _)| &**level)).collect::<Vec<_>>(),
                &stops.iter().map(|stop| stop.map(|(_, cause)| &**cause)).collect::<Vec<_>>(),
                &each(events, |event| event.line.as_deref()),
            ]),
        )
        .await?;
    Ok(())
}

fn each<'e, T>(events: &'e [RecordedEvent], value: impl Fn(&'e RecordedEvent) -> T) -> Vec<T> {
    events.iter().map(value).collect()
}
