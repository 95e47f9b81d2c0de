//! Creates and updates the schema by numbered migrations.

use crate::error::Answer;
use crate::link::Link;
use crate::options::Options;
use autoproc_domain::ports::StorageError;
use tokio_postgres::types::Type;

const MIGRATIONS: [(i32, &str); 8] = [
    (1, include_str!("../sql/migrations/0001_queue.sql")),
    (2, include_str!("../sql/migrations/0002_stop.sql")),
    (3, include_str!("../sql/migrations/0003_history.sql")),
    (4, include_str!("../sql/migrations/0004_executions.sql")),
    (5, include_str!("../sql/migrations/0005_outputs.sql")),
    (6, include_str!("../sql/migrations/0006_copied_events.sql")),
    (7, include_str!("../sql/migrations/0007_copied_outputs.sql")),
    (8, include_str!("../sql/migrations/0008_fewer_triggers.sql")),
];

pub(crate) const KNOWN: i32 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// Prevents concurrent migrations. The number is the ASCII text `autoproc`.
const LOCK: &str = "select pg_advisory_xact_lock(7022647215930896227)";

const CREATE_VERSION: &str = "create table if not exists schema_version \
    (is_only boolean primary key default true check (is_only), version integer not null)";

/// The schema does not exist, or has an earlier version. A handle that may not migrate reports this
/// error as the source of a [`StorageError::Failed`]. [`PostgresStore::migrate`] creates or updates
/// the schema.
///
/// [`PostgresStore::migrate`]: crate::PostgresStore::migrate
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The schema does not exist.
    #[error("the schema {schema} does not exist")]
    Absent {
        /// The name of the schema.
        schema: String,
    },
    /// The schema has an earlier version.
    #[error("its schema has version {found}, and this program uses {known}")]
    Outdated {
        /// The version of the schema.
        found: i32,
        /// The version that this program uses.
        known: i32,
    },
}

/// Fails unless the schema has the version of this program.
pub(crate) async fn require(link: &Link, options: &Options) -> Answer<()> {
    let (action, source) = match version(link, options).await? {
        Some(found) if found == KNOWN => return Ok(()),
        Some(found) if KNOWN < found => return Err(unsupported(found, options).into()),
        Some(found) => {
            (format!("the queue at {} must be updated", options.place()), SchemaError::Outdated { found, known: KNOWN })
        }
        None => (
            format!("there is no queue at {}", options.place()),
            SchemaError::Absent { schema: options.schema().to_owned() },
        ),
    };
    Err(StorageError::Failed { action, source: Box::new(source) }.into())
}

/// Creates the schema, or updates it to the known version. Returns the previous version.
pub(crate) async fn migrate(link: &mut Link, options: &Options) -> Answer<Option<i32>> {
    match version(link, options).await? {
        Some(found) if found > KNOWN => Err(unsupported(found, options).into()),
        Some(found) if found == KNOWN => Ok(Some(found)),
        found => {
            let missing = MIGRATIONS.iter().filter(|(version, _)| found.is_none_or(|found| *version > found));
            for (version, sql) in missing {
                migrate_to(link, *version, sql, options).await?;
            }
            Ok(found)
        }
    }
}

/// Returns the version of the schema; `None` if it has no tables.
pub(crate) async fn version(link: &Link, options: &Options) -> Answer<Option<i32>> {
    let table = format!("\"{}\".schema_version", options.schema);
    let exists: bool = link.query_one("select to_regclass($1) is not null", &[&table]).await?.get(0);
    if !exists {
        return Ok(None);
    }
    let rows = link.query("select version from schema_version", &[]).await?;
    Ok(rows.first().map(|row| row.get(0)))
}

async fn migrate_to(link: &mut Link, version: i32, sql: &str, options: &Options) -> Answer<()> {
    let transaction = link.begin().await?;
    transaction.batch_execute(LOCK).await?;
    // Even `create schema if not exists` needs a right that the users of the schema may lack.
    let exists = "select exists (select from pg_namespace where nspname = $1)";
    if !transaction.query_typed_one(exists, &[(&options.schema, Type::TEXT)]).await?.get::<_, bool>(0) {
        transaction.batch_execute(&format!("create schema \"{}\"", options.schema)).await?;
    }
    transaction.batch_execute(CREATE_VERSION).await?;
    let found = transaction.query_typed_opt("select version from schema_version", &[]).await?;
    if found.map_or(0, |row| row.get::<_, i32>(0)) < version {
        transaction.batch_execute(sql).await?;
        let set = "insert into schema_version (version) values ($1) on conflict (is_only) do update set version = $1";
        transaction.execute_typed(set, &[(&version, Type::INT4)]).await?;
    }
    transaction.commit().await?;
    Ok(())
}

fn unsupported(found: i32, options: &Options) -> StorageError {
    StorageError::Unsupported { place: options.place(), found: found.to_string(), known: KNOWN.to_string() }
}
