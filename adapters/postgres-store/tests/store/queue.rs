//! A queue in a schema of its own, and access to its tables.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use autoproc_domain::ports::LeaseTerms;
use autoproc_postgres_store::{Options, PostgresStore};
use autoproc_testkit::block_on;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row};

use crate::server::PostgresServer;

/// Leases that last longer than a stalled machine, renewed so often that tests need not wait.
pub(crate) const TERMS: LeaseTerms =
    LeaseTerms { lasts: Duration::from_secs(60), renewed_every: Duration::from_millis(50) };

/// A queue. Its schema is dropped with it.
pub(crate) struct Queue {
    server: &'static PostgresServer,
    pub(crate) schema: String,
    runtime: Runtime,
    client: Client,
}

impl Queue {
    /// Creates an empty queue on the shared server; `None` if there is no server.
    pub(crate) fn create() -> Option<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let server = PostgresServer::shared()?;
        let schema = format!("queue_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&server.address("postgres", "postgres"), NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(&format!("set search_path to {schema}; set lock_timeout to '20s'")).await.unwrap();
            client
        });
        let queue = Self { server, schema, runtime, client };
        block_on(queue.open().connect()).unwrap();
        Some(queue)
    }

    /// Returns the options of a role.
    pub(crate) fn options(&self, role: &str) -> Options {
        let options = Options::parse(&self.server.address(role, "postgres")).unwrap();
        options.with_schema(&self.schema).unwrap().with_lease(TERMS)
    }

    /// Opens a handle.
    pub(crate) fn open(&self) -> PostgresStore {
        PostgresStore::open(self.options("postgres")).unwrap()
    }

    /// Executes statements on the tables of the queue.
    pub(crate) fn execute(&self, statements: &str) {
        self.runtime.block_on(self.client.batch_execute(statements)).unwrap();
    }

    /// Executes a statement with parameters; returns its rows.
    pub(crate) fn query(&self, statement: &str, parameters: &[&(dyn ToSql + Sync)]) -> Vec<Row> {
        self.runtime.block_on(self.client.query(statement, parameters)).unwrap()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // A test that failed may have left locks; the server is removed in any case.
        let _ = self.runtime.block_on(self.client.batch_execute(&format!("drop schema {} cascade", self.schema)));
    }
}
