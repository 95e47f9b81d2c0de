//! Registers, ends and recovers runs.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::Timestamp;
use autoproc_domain::ports::{DeadRun, DeathEvidence, LiveRun, Location, RunInfo, StorageError};
use autoproc_domain::request::RecoverRequest;
use autoproc_domain::view::RecoveredItem;
use tokio_postgres::{Client, Row};

use crate::change::{decide, now};
use crate::connection::{Connection, Transaction};
use crate::error::{Answer, lease_lost};
use crate::item_row::{column, escaped, number, recipe, recipe_bytes, unescaped};
use crate::lease::{SinceBoot, micros};
use crate::work::{Shared, Work};

const BEGIN: &str = include_str!("../sql/runs/begin.sql");
const GRANT: &str = include_str!("../sql/runs/grant.sql");
const ALLOW: &str = "insert into exchange (run) values ($1) on conflict (run) do nothing";
const IS_UNUSED: &str = "select run from exchange where run = $1 and request is null for update";
const LIVE: &str = include_str!("../sql/runs/live.sql");
const DEAD: &str = include_str!("../sql/runs/dead.sql");
const END: &str = include_str!("../sql/runs/end.sql");
const ENDED: &str = include_str!("../sql/runs/ended.sql");
const LOCK_EXPIRED: &str = include_str!("../sql/runs/lock_expired.sql");
const LOCK_RECOVERABLE: &str = include_str!("../sql/queue/lock_recoverable.sql");

/// Locks the list of runs until the transaction ends. Registering a run, ending a run and
/// requesting a stop take this lock. If several runs end together, exactly one therefore finds no
/// other live run.
pub(crate) const LOCK_REGISTRY: &str =
    "select pg_advisory_xact_lock(hashtextextended('autoproc runs of ' || current_schema(), 0))";

pub(crate) struct Beginning(pub(crate) RunInfo);

#[async_trait]
impl Work for Beginning {
    type Reply = (Vec<LiveRun>, SinceBoot);
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, shared: &Shared, connection: &mut Connection) -> Answer<Self::Reply> {
        let mut transaction = connection.begin().await?;
        transaction.execute(LOCK_REGISTRY, &[]).await?;
        let mut others = live_runs(&mut transaction).await?;
        others.retain(|run| run.info.id != self.0.id);
        register(&mut transaction, &self.0).await?;
        let requested = SinceBoot::now();
        let id = self.0.id.as_str();
        if transaction.query(GRANT, &[&id, &micros(shared.options.lease.lasts)]).await?.is_empty() {
            return Err(lease_lost(&self.0.id).into());
        }
        transaction.execute(ALLOW, &[&id]).await?;
        transaction.commit().await?;
        Ok((others, requested))
    }
}

/// Registers a run. A repeated registration succeeds until the run makes its first exchange with
/// the store.
///
/// # Errors
/// [`StorageError::Failed`] if a run with this name has made an exchange or has ended.
async fn register(transaction: &mut Transaction<'_>, run: &RunInfo) -> Answer<()> {
    let Location { host, boot, pid_namespace, pid, project } = &run.location;
    let jobs = i64::try_from(run.jobs).unwrap_or(i64::MAX);
    let work = run.work.as_deref().map(escaped);
    let recipe = run.recipe.map(recipe_bytes);
    let project = project.as_os_str().as_bytes();
    let added = transaction
        .query(
            BEGIN,
            &[
                &run.id.as_str(),
                &run.started_at.as_micros(),
                &jobs,
                &i64::from(run.max_attempts),
                &micros(run.timeout),
                &recipe,
                &work,
                &&**host,
                &&**boot,
                &&**pid_namespace,
                &i64::from(*pid),
                &project,
            ],
        )
        .await?;
    if !added.is_empty() || !transaction.query(IS_UNUSED, &[&run.id.as_str()]).await?.is_empty() {
        return Ok(());
    }
    let action = format!("cannot begin the run {}: its name was used before", run.id);
    Err(StorageError::Failed { action, source: "each run needs a name of its own".into() }.into())
}

pub(crate) struct Ending(pub(crate) RunId);

#[async_trait]
impl Work for Ending {
    type Reply = Vec<LiveRun>;
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<Vec<LiveRun>> {
        let mut transaction = connection.begin().await?;
        transaction.execute(LOCK_REGISTRY, &[]).await?;
        transaction.execute(END, &[&vec![self.0.as_str()]]).await?;
        let left = live_runs(&mut transaction).await?;
        transaction.commit().await?;
        Ok(left)
    }
}

pub(crate) struct ListingLive;

#[async_trait]
impl Work for ListingLive {
    type Reply = Vec<LiveRun>;
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<Vec<LiveRun>> {
        connection.query(LIVE, &[]).await?.iter().map(live_run).collect()
    }
}

pub(crate) struct ListingDead;

#[async_trait]
impl Work for ListingDead {
    type Reply = Vec<DeadRun>;
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<Vec<DeadRun>> {
        connection.query(DEAD, &[]).await?.iter().map(dead_run).collect()
    }
}

pub(crate) async fn live_runs(transaction: &mut Transaction<'_>) -> Answer<Vec<LiveRun>> {
    transaction.query(LIVE, &[]).await?.iter().map(live_run).collect()
}

pub(crate) async fn live_of(client: &Client) -> Answer<Vec<LiveRun>> {
    client.query_typed(LIVE, &[]).await?.iter().map(live_run).collect()
}

pub(crate) struct Recovery(pub(crate) RecoverRequest);

#[async_trait]
impl Work for Recovery {
    type Reply = Vec<RecoveredItem>;

    /// Locks the rows of the runs, then reads their items. The locks wait for exchanges in
    /// progress, and prevent new ones.
    async fn attempt(&self, shared: &Shared, connection: &mut Connection) -> Answer<Vec<RecoveredItem>> {
        shared.claim_start.forget();
        let mut transaction = connection.begin().await?;
        let dead = lock_dead(&mut transaction, &self.0.runs).await?;
        let rows = transaction.query(LOCK_RECOVERABLE, &[&dead]).await?;
        let request = RecoverRequest { runs: dead.iter().map(|run| RunId::new(run.as_str())).collect(), ..self.0 };
        let now = now(&mut transaction).await?;
        let recovered = decide(&mut transaction, &rows, 0, &request, now).await?;
        transaction.execute(END, &[&dead]).await?;
        shared.notices.send(&mut transaction).await?;
        transaction.commit().await?;
        Ok(recovered)
    }
}

/// Locks those of `runs` whose leases have expired. Returns the names of the locked runs, and of
/// those of `runs` that have ended.
async fn lock_dead(transaction: &mut Transaction<'_>, runs: &[RunId]) -> Answer<Vec<String>> {
    let named: Vec<&str> = runs.iter().map(RunId::as_str).collect();
    let expired = transaction.query(LOCK_EXPIRED, &[&named]).await?;
    let ended = transaction.query(ENDED, &[&named]).await?;
    expired.iter().map(|row| column(row, "run")).chain(ended.iter().map(|row| column(row, "id"))).collect()
}

fn live_run(row: &Row) -> Answer<LiveRun> {
    let silent: u64 = number(row, "silent_us")?;
    let info = RunInfo {
        id: RunId::new(column::<String>(row, "id")?),
        started_at: Timestamp::from_micros(column(row, "started_at_us")?),
        jobs: number(row, "jobs")?,
        max_attempts: number(row, "max_attempts")?,
        timeout: Duration::from_micros(number(row, "timeout_us")?),
        recipe: recipe(row, "recipe")?,
        work: column::<Option<String>>(row, "work")?.map(|text| unescaped(&text)),
        location: location(row)?,
    };
    Ok(LiveRun { info, heard_of: Some(Duration::from_micros(silent)) })
}

fn dead_run(row: &Row) -> Answer<DeadRun> {
    let over: Option<i64> = column(row, "over_us")?;
    let evidence = over.map_or(DeathEvidence::Gone, |over| DeathEvidence::LeaseOver {
        since: Duration::from_micros(u64::try_from(over).unwrap_or(0)),
    });
    let run = RunId::new(column::<String>(row, "id")?);
    Ok(DeadRun { run, location: Some(location(row)?), evidence })
}

fn location(row: &Row) -> Answer<Location> {
    let project: Vec<u8> = column(row, "project")?;
    Ok(Location {
        host: column::<String>(row, "host")?.into(),
        boot: column::<String>(row, "boot")?.into(),
        pid_namespace: column::<String>(row, "pid_namespace")?.into(),
        pid: number(row, "pid")?,
        project: Path::new(OsStr::from_bytes(&project)).into(),
    })
}
