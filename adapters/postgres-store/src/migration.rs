//! The version of the schema: numbered migrations, each in one transaction under a lock.

use autoproc_domain::ports::StorageError;
use tokio_postgres::Client;

use crate::error::Answer;
use crate::options::Options;

/// The migrations, each with the version that it makes.
const MIGRATIONS: [(i32, &str); 2] =
    [(1, include_str!("../sql/migrations/0001_queue.sql")), (2, include_str!("../sql/migrations/0002_stop.sql"))];

/// The version after all migrations.
const KNOWN: i32 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// Excludes other programs that migrate a queue of the same database. The number is the ASCII
/// text `autoproc`.
const LOCK: &str = "select pg_advisory_xact_lock(7022647215930896227)";

const CREATE_VERSION: &str = "create table if not exists schema_version \
    (is_only boolean primary key default true check (is_only), version integer not null)";

/// Creates the schema, or brings it to the known version.
pub(crate) async fn migrate(client: &mut Client, options: &Options) -> Answer<()> {
    match version(client, options).await? {
        Some(found) if found > KNOWN => Err(unsupported(found, options).into()),
        Some(found) if found == KNOWN => Ok(()),
        found => {
            let missing = MIGRATIONS.iter().filter(|(version, _)| found.is_none_or(|found| *version > found));
            for (version, sql) in missing {
                migrate_to(client, *version, sql, options).await?;
            }
            Ok(())
        }
    }
}

/// Returns the version of the schema; `None` if it has no tables.
async fn version(client: &Client, options: &Options) -> Answer<Option<i32>> {
    let table = format!("\"{}\".schema_version", options.schema);
    let exists: bool = client.query_one("select to_regclass($1) is not null", &[&table]).await?.get(0);
    if !exists {
        return Ok(None);
    }
    let row = client.query_opt("select version from schema_version", &[]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Carries out one migration, unless another program has done so in the meantime.
async fn migrate_to(client: &mut Client, version: i32, sql: &str, options: &Options) -> Answer<()> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(LOCK).await?;
    // Creating a schema that exists needs a right that its users may lack.
    let exists = "select exists (select from pg_namespace where nspname = $1)";
    if !transaction.query_one(exists, &[&options.schema]).await?.get::<_, bool>(0) {
        transaction.batch_execute(&format!("create schema \"{}\"", options.schema)).await?;
    }
    transaction.batch_execute(CREATE_VERSION).await?;
    let found = transaction.query_opt("select version from schema_version", &[]).await?;
    if found.map_or(0, |row| row.get::<_, i32>(0)) < version {
        transaction.batch_execute(sql).await?;
        let set = "insert into schema_version (version) values ($1) on conflict (is_only) do update set version = $1";
        transaction.execute(set, &[&version]).await?;
    }
    transaction.commit().await?;
    Ok(())
}

fn unsupported(found: i32, options: &Options) -> StorageError {
    StorageError::Unsupported { place: options.place(), found: found.to_string(), known: KNOWN.to_string() }
}
