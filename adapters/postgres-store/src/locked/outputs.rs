//! Reads and writes rows of the table `attempt_output`.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use autoproc_domain::item::{AttemptNumber, ClaimNumber};
use autoproc_domain::{ItemId, Timestamp};
use tokio_postgres::{Client, Row};

use crate::error::Answer;
use crate::item_row::{bigint, column, damaged, number};
use crate::parameter::typed;
use crate::run_places::path;

const PAGE: &str = include_str!("../../sql/copy/outputs.sql");
const ADD: &str = include_str!("../../sql/copy/add_outputs.sql");

/// The last bytes of an attempt's output, in the form in which they are copied between stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedOutput {
    /// The item of the attempt.
    pub item: ItemId,
    /// The number of the attempt.
    pub attempt: AttemptNumber,
    /// The number of the attempt's claim.
    pub claim: ClaimNumber,
    /// When the database stored the output, or when the file with the output was last written.
    pub at: Timestamp,
    /// The host that has the file with the whole output.
    pub host: Box<str>,
    /// The path of the file with the whole output.
    pub file: PathBuf,
    /// The length of the file in bytes.
    pub bytes: u64,
    /// The last bytes of the output.
    pub ending: Vec<u8>,
}

/// The key of the last output that was read.
pub(super) struct Position(i64, i64, String);

impl Position {
    pub(super) fn before_all() -> Self {
        Self(i64::MIN, i64::MIN, String::new())
    }
}

pub(super) async fn read(client: &Client, position: &mut Position, limit: usize) -> Answer<Vec<CopiedOutput>> {
    let Position(item, claim, run) = &*position;
    let rows = client.query_typed(PAGE, &typed(&[item, claim, run, &bigint(limit as u64)])).await?;
    if let Some(last) = rows.last() {
        *position = Position(column(last, "item")?, column(last, "claim")?, column(last, "run")?);
    }
    rows.iter().map(output).collect()
}

fn output(row: &Row) -> Answer<CopiedOutput> {
    let attempt = AttemptNumber::new(number(row, "attempt")?);
    Ok(CopiedOutput {
        item: ItemId::new(number(row, "item")?),
        attempt: attempt.ok_or_else(|| damaged("an output whose attempt has no number".to_owned()))?,
        claim: ClaimNumber::new(number(row, "claim")?),
        at: Timestamp::from_micros(column(row, "at_us")?),
        host: column::<String>(row, "host")?.into(),
        file: path(row, "file")?,
        bytes: number(row, "bytes")?,
        ending: column(row, "ending")?,
    })
}

pub(super) async fn write(client: &Client, outputs: &[CopiedOutput]) -> Answer<u64> {
    let added = client
        .execute_typed(
            ADD,
            &typed(&[
                &each(outputs, |output| bigint(output.item.get())),
                &each(outputs, |output| bigint(output.claim.get())),
                &each(outputs, |output| i64::from(output.attempt.get())),
                &each(outputs, |output| &*output.host),
                &each(outputs, |output| output.file.as_os_str().as_bytes()),
                &each(outputs, |output| bigint(output.bytes)),
                &each(outputs, |output| output.ending.as_slice()),
                &each(outputs, |output| output.at.as_micros()),
            ]),
        )
        .await?;
    Ok(added)
}

fn each<'o, T>(outputs: &'o [CopiedOutput], value: impl Fn(&'o CopiedOutput) -> T) -> Vec<T> {
    outputs.iter().map(value).collect()
}
