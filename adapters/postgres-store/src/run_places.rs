//! Looks up the host and the project folder of a run.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::ports::StorageError;
use tokio_postgres::Row;

use crate::connection::Connection;
use crate::error::Answer;
use crate::item_row::column;
use crate::store::PostgresStore;
use crate::work::{Shared, Work};

const OF_RUN: &str = "select id, host, project from run where id = $1";

/// The host and the project folder of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPlace {
    /// The name of the run.
    pub run: RunId,
    /// The host of the run.
    pub host: Box<str>,
    /// The run's project folder on that host.
    pub project: PathBuf,
}

impl PostgresStore {
    /// Returns the host and the project folder of a run, or `None` if no run ever had this name.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    pub async fn place_of_run(&self, run: &RunId) -> Result<Option<RunPlace>, StorageError> {
        self.work(Locating(run.clone())).await
    }
}

struct Locating(RunId);

#[async_trait]
impl Work for Locating {
    type Reply = Option<RunPlace>;
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<Option<RunPlace>> {
        let rows = connection.query(OF_RUN, &[&self.0.as_str()]).await?;
        rows.first().map(run_place).transpose()
    }
}

pub(crate) fn run_place(row: &Row) -> Answer<RunPlace> {
    Ok(RunPlace {
        run: RunId::new(column::<String>(row, "id")?),
        host: column::<String>(row, "host")?.into(),
        project: path(row, "project")?,
    })
}

pub(crate) fn path(row: &Row, name: &str) -> Answer<PathBuf> {
    let bytes: Vec<u8> = column(row, name)?;
    Ok(Path::new(OsStr::from_bytes(&bytes)).to_owned())
}
