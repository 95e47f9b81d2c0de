//! The connection for transactions: connecting, checking the server, reconnecting after a loss.

use std::collections::HashMap;
use std::io;

use autoproc_domain::ports::StorageError;
use futures_util::TryFutureExt;
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, GenericClient, NoTls, Row, Statement};

use crate::error::Answer;
use crate::migration;
use crate::options::Options;

/// Without `fsync` or `full_page_writes`, a power failure may lose or damage acknowledged changes.
const UNSAFE_SETTINGS: &str =
    "select name from pg_settings where name in ('fsync', 'full_page_writes') and setting = 'off' order by name";

/// Parameters of a statement.
pub(crate) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The statements that a connection has prepared, by their text.
#[derive(Default)]
struct Statements(HashMap<&'static str, Statement>);

impl Statements {
    async fn get(&mut self, client: &impl GenericClient, sql: &'static str) -> Answer<Statement> {
        if let Some(statement) = self.0.get(sql) {
            return Ok(statement.clone());
        }
        let statement = client.prepare(sql).await?;
        self.0.insert(sql, statement.clone());
        Ok(statement)
    }
}

/// A connection whose schema exists and is of the right version.
pub(crate) struct Connection {
    client: Client,
    statements: Statements,
}

impl Connection {
    /// Connects, checks the settings of the server, and creates or updates the schema.
    async fn open(options: &Options) -> Answer<Self> {
        let mut client = connect(options).await?;
        check_settings(&client, options).await?;
        migration::migrate(&mut client, options).await?;
        Ok(Self { client, statements: Statements::default() })
    }

    /// Returns the client, for statements that are sent without waiting for answers.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Prepares a statement, or returns it if it was prepared before.
    pub(crate) async fn prepare(&mut self, sql: &'static str) -> Answer<Statement> {
        self.statements.get(&self.client, sql).await
    }

    /// Begins a transaction, which is undone if it is dropped.
    pub(crate) async fn begin(&mut self) -> Answer<Transaction<'_>> {
        Ok(Transaction { inner: self.client.transaction().await?, statements: &mut self.statements })
    }

    /// Executes a statement that is a transaction of its own; returns its rows.
    pub(crate) async fn query(&mut self, sql: &'static str, parameters: Parameters<'_>) -> Answer<Vec<Row>> {
        let statement = self.prepare(sql).await?;
        Ok(self.client.query(&statement, parameters).await?)
    }
}

/// An open transaction.
pub(crate) struct Transaction<'a> {
    inner: tokio_postgres::Transaction<'a>,
    statements: &'a mut Statements,
}

impl Transaction<'_> {
    /// Executes a statement; returns its rows.
    pub(crate) async fn query(&mut self, sql: &'static str, parameters: Parameters<'_>) -> Answer<Vec<Row>> {
        let statement = self.statements.get(&self.inner, sql).await?;
        Ok(self.inner.query(&statement, parameters).await?)
    }

    /// Executes a statement; returns its only row.
    pub(crate) async fn query_one(&mut self, sql: &'static str, parameters: Parameters<'_>) -> Answer<Row> {
        let statement = self.statements.get(&self.inner, sql).await?;
        Ok(self.inner.query_one(&statement, parameters).await?)
    }

    /// Executes a statement that returns no rows.
    pub(crate) async fn execute(&mut self, sql: &'static str, parameters: Parameters<'_>) -> Answer<()> {
        let statement = self.statements.get(&self.inner, sql).await?;
        self.inner.execute(&statement, parameters).await?;
        Ok(())
    }

    /// Makes the changes durable.
    pub(crate) async fn commit(self) -> Answer<()> {
        Ok(self.inner.commit().await?)
    }
}

/// Connects to the server. A task of the current runtime carries the messages of the connection.
async fn connect(options: &Options) -> Answer<Client> {
    let (client, connection) = options.config.connect(NoTls).await?;
    // The client reports the error of a lost connection to its next caller.
    tokio::spawn(connection.unwrap_or_else(drop));
    client.batch_execute(&session_settings(options)).await?;
    Ok(client)
}

/// Returns the statements that set up a session. `synchronous_commit` makes acknowledged changes
/// durable, even if the server's default is another one. The plans use the indexes made for them,
/// also while the statistics of a new or quickly changing table are wrong.
pub(crate) fn session_settings(options: &Options) -> String {
    format!(
        "set search_path to \"{}\", pg_temp; set synchronous_commit to on; \
         set idle_in_transaction_session_timeout to '60s'; set default_transaction_isolation to 'read committed'; \
         set plan_cache_mode to force_generic_plan; set jit to off; set enable_seqscan to off; \
         set enable_bitmapscan to off; set enable_hashjoin to off; set enable_mergejoin to off",
        options.schema
    )
}

async fn check_settings(client: &Client, options: &Options) -> Answer<()> {
    let off: Vec<String> = client.query(UNSAFE_SETTINGS, &[]).await?.iter().map(|row| row.get(0)).collect();
    if !off.is_empty() {
        let names = off.join(" and ");
        let action = format!("the server of {} could lose acknowledged results: turn on {names}", options.place());
        let source = Box::new(io::Error::other(format!("{names} off")));
        return Err(StorageError::Failed { action, source }.into());
    }
    let encoding: String = client.query_one("show server_encoding", &[]).await?.get(0);
    if encoding == "UTF8" {
        return Ok(());
    }
    let action = format!("{} has the encoding {encoding}: create the database with UTF8", options.place());
    Err(StorageError::Failed { action, source: Box::new(io::Error::other("the texts are UTF-8")) }.into())
}

/// The connection of a store, opened when it is first needed and again after a loss.
#[derive(Default)]
pub(crate) struct Session(Mutex<Option<Connection>>);

impl Session {
    /// Waits for the transactions before, and reconnects if the connection is lost.
    pub(crate) async fn turn(&self, options: &Options) -> Answer<MutexGuard<'_, Option<Connection>>> {
        let mut slot = self.0.lock().await;
        if slot.as_ref().is_none_or(|connection| connection.client.is_closed()) {
            *slot = None;
            *slot = Some(Connection::open(options).await?);
        }
        Ok(slot)
    }
}
