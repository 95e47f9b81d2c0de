//! Inspects the server, and creates or updates the schema.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use autoproc_domain::ports::StorageError;
use tokio_postgres::Client;

use crate::connection::{self, within_timeout};
use crate::error::Answer;
use crate::link::{self, Route};
use crate::migration;
use crate::options::Options;

const SETTINGS: &str = "select current_setting('server_version'), current_setting('server_version_num')::integer, \
    current_setting('server_encoding'), current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on', \
    pg_is_in_recovery() or current_setting('transaction_read_only') = 'on', current_setting('synchronous_commit')";

const CLOCK: &str = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint";

/// The properties of a server, and of the queue's schema in its database.
#[derive(Debug)]
pub struct Inspection {
    /// The server's version, as the server reports it.
    pub server_version: String,
    /// The server's version as a number; for example, 140005 for version 14.5.
    pub server_version_number: i32,
    /// The encoding of the database; the store needs `UTF8`.
    pub encoding: String,
    /// True if the setting `fsync` is on.
    pub fsync: bool,
    /// True if the setting `full_page_writes` is on.
    pub full_page_writes: bool,
    /// The default of `synchronous_commit` for this user and database. The store turns it on for
    /// its own sessions.
    pub synchronous_commit: String,
    /// Whether the connection is direct or leads through a pooler.
    pub route: Route,
    /// True if the server refuses changes, because it is a standby or read-only.
    pub is_read_only: bool,
    /// The server's clock minus the clock of this machine, in microseconds.
    pub clock_offset_us: i64,
    /// The time from sending a query to receiving its answer.
    pub round_trip: Duration,
    /// The version of the schema: `None` if there is no schema, an error if the user may not read
    /// it.
    pub schema_version: Result<Option<i32>, StorageError>,
    /// The version of the schema that this program uses.
    pub known_schema_version: i32,
}

impl Inspection {
    /// True if the store supports the server's version: 14 or later.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        self.server_version_number >= 140_000
    }
}

/// The versions of the schema before and after its creation or update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The version before the call; `None` if there was no schema.
    pub before: Option<i32>,
    /// The version after the call.
    pub now: i32,
}

pub(crate) async fn migrate(options: &Options) -> Answer<Migrated> {
    let mut link = within_timeout(options, connection::connect(options)).await?;
    let before = connection::migrate(&mut link, options).await?;
    Ok(Migrated { before, now: migration::KNOWN })
}

pub(crate) async fn inspect(options: &Options) -> Answer<Inspection> {
    within_timeout(options, try_inspect(options)).await
}

async fn try_inspect(options: &Options) -> Answer<Inspection> {
    // Reads the defaults before the store applies its own settings to the session.
    let unset = link::dial(options, |_| {}).await?;
    let row = unset.client.query_typed_one(SETTINGS, &[]).await?;
    let (clock_offset_us, round_trip) = clock_offset(&unset.client).await?;
    let link = unset.set_up(options).await?;
    let schema_version = migration::version(&link, options).await.map_err(|fault| fault.into_storage(options));
    Ok(Inspection {
        server_version: row.get(0),
        server_version_number: row.get(1),
        encoding: row.get(2),
        fsync: row.get(3),
        full_page_writes: row.get(4),
        synchronous_commit: row.get(6),
        route: link.route(),
        is_read_only: row.get(5),
        clock_offset_us,
        round_trip,
        schema_version,
        known_schema_version: migration::KNOWN,
    })
}

/// Returns the server's clock minus this machine's clock in microseconds, and the round-trip time.
async fn clock_offset(client: &Client) -> Answer<(i64, Duration)> {
    let asked = SystemTime::now();
    let server: i64 = client.query_typed_one(CLOCK, &[]).await?.get(0);
    let round_trip = asked.elapsed().unwrap_or_default();
    let middle = (asked + round_trip / 2).duration_since(UNIX_EPOCH).unwrap_or_default();
    let here = i64::try_from(middle.as_micros()).unwrap_or(i64::MAX);
    Ok((server.saturating_sub(here), round_trip))
}
