//! Reads and writes the journals of workflow executions.

use autoproc_domain::item::ClaimNumber;
use autoproc_domain::{ItemId, RunId, Timestamp};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::error::Answer;
use crate::item_row::{bigint, column, number};
use crate::parameter::typed;

const PAGE: &str = include_str!("../../sql/copy/executions.sql");
const ADD: &str = include_str!("../../sql/copy/add_execution.sql");

/// The journal of an item's execution, in the form in which it is copied between stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedExecution {
    /// The item of the execution.
    pub item: ItemId,
    /// The claim of the item's latest attempt.
    pub claim: ClaimNumber,
    /// The run of the item's latest attempt.
    pub run: RunId,
    /// When the execution completed; `None` if it is unfinished.
    pub completed_at: Option<Timestamp>,
    /// The events as JSON texts, the oldest first.
    pub events: Vec<String>,
}

pub(super) async fn read(client: &Client, after: i64, limit: usize) -> Answer<Vec<CopiedExecution>> {
    let rows = client.query_typed(PAGE, &[(&after, Type::INT8), (&bigint(limit as u64), Type::INT8)]).await?;
    rows.iter().map(execution).collect()
}

fn execution(row: &Row) -> Answer<CopiedExecution> {
    Ok(CopiedExecution {
        item: ItemId::new(number(row, "item")?),
        claim: ClaimNumber::new(number(row, "claim")?),
        run: RunId::new(column::<String>(row, "run")?),
        completed_at: column::<Option<i64>>(row, "completed_at_us")?.map(Timestamp::from_micros),
        events: column(row, "events")?,
    })
}

pub(super) async fn write(client: &Client, execution: &CopiedExecution) -> Answer<bool> {
    let CopiedExecution { item, claim, run, completed_at, events } = execution;
    let added = client
        .execute_typed(
            ADD,
            &typed(&[
                &bigint(item.get()),
                &bigint(claim.get()),
                &run.as_str(),
                &completed_at.map(Timestamp::as_micros),
                events,
            ]),
        )
        .await?;
    Ok(added > 0)
}
