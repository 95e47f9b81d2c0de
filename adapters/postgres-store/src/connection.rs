//! The connection for transactions, reopened after a loss.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use autoproc_domain::ports::StorageError;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;
use tokio_postgres::{Client, Error, Row, Statement};

use crate::error::{Answer, Fault};
use crate::link::Link;
use crate::migration;
use crate::options::Options;
use crate::parameter::{Parameters, typed, values};

/// Selects the encoding and the disabled durability settings. If one is disabled, a power failure
/// may lose or damage acknowledged changes.
const SETTINGS: &str = "select current_setting('server_encoding') as encoding, \
    array(select name from unnest(array['fsync', 'full_page_writes']) as name \
          where current_setting(name) = 'off') as off";

/// A migration may rewrite tables or wait for another migration.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);

/// A statement: prepared on a direct link, text on a pooled link.
pub(crate) enum Query {
    Prepared(Statement),
    Text(&'static str),
}

impl Query {
    /// Executes the statement. The future's first poll sends the statement.
    pub(crate) async fn rows(&self, client: &Client, parameters: Parameters<'_>) -> Result<Vec<Row>, Error> {
        match self {
            Self::Prepared(statement) => client.query(statement, &values(parameters)).await,
            Self::Text(sql) => client.query_typed(sql, &typed(parameters)).await,
        }
    }

    pub(crate) async fn row(&self, client: &Client, parameters: Parameters<'_>) -> Result<Row, Error> {
        match self {
            Self::Prepared(statement) => client.query_one(statement, &values(parameters)).await,
            Self::Text(sql) => client.query_typed_one(sql, &typed(parameters)).await,
        }
    }
}

#[derive(Default)]
struct Statements(HashMap<&'static str, Statement>);

impl Statements {
    async fn get(&mut self, client: &Client, sql: &'static str) -> Answer<Statement> {
        if let Some(statement) = self.0.get(sql) {
            return Ok(statement.clone());
        }
        let statement = client.prepare(sql).await?;
        self.0.insert(sql, statement.clone());
        Ok(statement)
    }
}

/// A connection to a queue whose schema exists and has the right version.
pub(crate) struct Connection {
    link: Link,
    statements: Statements,
}

impl Connection {
    async fn open(options: &Options) -> Answer<Self> {
        let mut link = within_timeout(options, connect(options)).await?;
        if options.may_migrate {
            migrate(&mut link, options).await?;
        } else {
            within_timeout(options, migration::require(&link, options)).await?;
        }
        Ok(Self { link, statements: Statements::default() })
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    pub(crate) async fn prepare(&mut self, sql: &'static str) -> Answer<Query> {
        if self.link.is_pooled() {
            return Ok(Query::Text(sql));
        }
        Ok(Query::Prepared(self.statements.get(self.link.client(), sql).await?))
    }

    pub(crate) async fn begin(&mut self) -> Answer<Transaction<'_>> {
        let statements = if self.link.is_pooled() { None } else { Some(&mut self.statements) };
        Ok(Transaction { inner: self.link.begin().await?, statements })
    }

    /// Executes a statement in its own transaction, and returns its rows.
    pub(crate) async fn query(&mut self, sql: &'static str, parameters: Parameters<'_>) -> Answer<Vec<Row>> {
        if self.link.is_pooled() {
            return self.link.query(sql, parameters).await;
        }
        Ok(self.prepare(sql).await?.rows(self.link.client(), parameters).await?)
    }
}

pub(crate) struct Transaction<'a> {
    inner: tokio_postgres::Transaction<'a>,
    /// `None` on a pooled link.
    statements: Option<&'a mut Statements>,
}

impl Transaction<'_> {
    async fn prepare(&mut self, sql: &'static str) -> Answer<Query> {
        match &mut self.statements {
            Some(statements) => Ok(Query::Prepared(statements.get(self.inner.client(), sql).await?)),
            None => Ok(Query::Text(sql)),
        }
    }

    pub(crate) async fn query(&mut self, sql: &'static str, parameters: Parameters<'_>) -> Answer<Vec<Row>> {
        Ok(self.prepare(sql).await?.rows(self.inner.client(), parameters).await?)
    }

    pub(crate) async fn query_one(&mut self, sql: &'static str, parameters: Parameters<'_>) -> Answer<Row> {
        Ok(self.prepare(sql).await?.row(self.inner.client(), parameters).await?)
    }

    pub(crate) async fn execute(&mut self, sql: &'static str, parameters: Parameters<'_>) -> Answer<()> {
        self.query(sql, parameters).await.map(drop)
    }

    pub(crate) async fn commit(self) -> Answer<()> {
        Ok(self.inner.commit().await?)
    }
}

/// Creates or updates the schema. Returns the previous version.
pub(crate) async fn migrate(link: &mut Link, options: &Options) -> Answer<Option<i32>> {
    let migrated = timeout(MIGRATION_TIMEOUT, migration::migrate(link, options)).await;
    migrated.unwrap_or_else(|_| Err(silent(options)))
}

/// Limits the time of connecting. The driver's own timeout does not cover a silent server.
pub(crate) async fn within_timeout<T>(options: &Options, connecting: impl Future<Output = Answer<T>>) -> Answer<T> {
    timeout(options.connect_timeout(), connecting).await.unwrap_or_else(|_| Err(silent(options)))
}

fn silent(options: &Options) -> Fault {
    let source =
        Box::new(io::Error::new(io::ErrorKind::TimedOut, "the server accepts connections and does not answer"));
    StorageError::Unreachable { place: options.place(), source }.into()
}

pub(crate) async fn connect(options: &Options) -> Answer<Link> {
    let link = Link::open(options).await?;
    check_settings(&link, options).await?;
    Ok(link)
}

async fn check_settings(link: &Link, options: &Options) -> Answer<()> {
    let checked = link.query_one(SETTINGS, &[]).await?;
    let (off, encoding): (Vec<String>, String) = (checked.get("off"), checked.get("encoding"));
    if !off.is_empty() {
        let names = off.join(" and ");
        let action = format!("the server of {} could lose acknowledged results: turn on {names}", options.place());
        let source = Box::new(io::Error::other(format!("{names} off")));
        return Err(StorageError::Failed { action, source }.into());
    }
    if encoding == "UTF8" {
        return Ok(());
    }
    let action = format!("{} has the encoding {encoding}: create the database with UTF8", options.place());
    Err(StorageError::Failed { action, source: Box::new(io::Error::other("autoproc stores text as UTF-8")) }.into())
}

#[derive(Default)]
pub(crate) struct Session(Mutex<Option<Connection>>);

impl Session {
    /// Waits until no other transaction uses the connection. Connects if necessary.
    pub(crate) async fn turn(&self, options: &Options) -> Answer<MutexGuard<'_, Option<Connection>>> {
        let mut slot = self.0.lock().await;
        if slot.as_ref().is_none_or(|connection| connection.link.client().is_closed()) {
            *slot = None;
            *slot = Some(Connection::open(options).await?);
        }
        Ok(slot)
    }
}
