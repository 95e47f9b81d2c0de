use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use autoproc_domain::fingerprint::Completion;
use autoproc_domain::ports::{Begun, LeaseTerms, RunInfo, Runs, Storage, StorageError};
use autoproc_domain::request::{Enqueue, ExchangeRequest, NewItem, RequestId, Scope, Settlement, Verdict};
use autoproc_domain::view::{Enqueued, Exchanged};
use autoproc_domain::{FilePath, RunId, Timestamp};
use autoproc_postgres_store::{Options, PostgresStore};
use autoproc_testkit::{block_on, location_on};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row};

use crate::server::PostgresServer;

pub(crate) const TERMS: LeaseTerms =
    LeaseTerms { lasts: Duration::from_secs(60), renewed_every: Duration::from_millis(50) };

pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

/// A test queue. Dropping it drops the schema, unless it came from [`Queue::reopen`].
pub(crate) struct Queue {
    has_created: bool,
    server: &'static PostgresServer,
    pub(crate) schema: String,
    runtime: Runtime,
    client: Client,
}

impl Queue {
    pub(crate) fn create() -> Option<Self> {
        PostgresServer::shared().map(Self::create_on)
    }

    pub(crate) fn create_on(server: &'static PostgresServer) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let schema = format!("2_queue_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut queue = Self::at(server, schema);
        queue.has_created = true;
        block_on(queue.open().connect()).unwrap();
        queue
    }

    /// Opens the same queue on another connection.
    pub(crate) fn reopen(&self) -> Self {
        Self::at(self.server, self.schema.clone())
    }

    fn at(server: &'static PostgresServer, schema: String) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&server.address("postgres", "postgres"), NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(&format!("set search_path to \"{schema}\"; set lock_timeout to '20s'")).await.unwrap();
            client
        });
        Self { has_created: false, server, schema, runtime, client }
    }

    pub(crate) fn server(&self) -> &'static PostgresServer {
        self.server
    }

    pub(crate) fn options_at(&self, address: &str) -> Options {
        Options::parse(address).unwrap().with_schema(&self.schema).unwrap().with_lease(TERMS)
    }

    pub(crate) fn options(&self, role: &str) -> Options {
        let address = self.server.address(role, "postgres");
        self.options_at(&format!("{address} application_name={}", self.schema))
    }

    pub(crate) fn open(&self) -> PostgresStore {
        PostgresStore::open(self.options("postgres")).unwrap()
    }

    pub(crate) fn execute(&self, statements: &str) {
        self.runtime.block_on(self.client.batch_execute(statements)).unwrap();
    }

    pub(crate) fn query(&self, statement: &str, parameters: &[&(dyn ToSql + Sync)]) -> Vec<Row> {
        self.runtime.block_on(self.client.query(statement, parameters)).unwrap()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if self.has_created {
            // A failed test may have left locks, so this may fail. The server is removed in any
            // case.
            let _ =
                self.runtime.block_on(self.client.batch_execute(&format!("drop schema \"{}\" cascade", self.schema)));
        }
    }
}

/// Calls `wait` in a separate thread. Returns `None` if the call takes longer than 60 s.
pub(crate) fn ended<T: Send + 'static>(wait: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // The test may have stopped waiting.
        let _ = sender.send(wait());
    });
    receiver.recv_timeout(Duration::from_secs(60)).ok()
}

pub(crate) fn add(store: &PostgresStore, files: &[&str]) -> Result<Vec<Enqueued>, StorageError> {
    let items = files.iter().map(|file| NewItem::new(FilePath::new(file).unwrap())).collect();
    block_on(store.enqueue(Enqueue::new(items), NOW))
}

pub(crate) fn begin(store: &PostgresStore, name: &str) -> Begun {
    try_begin(store, name).unwrap()
}

pub(crate) fn try_begin(store: &PostgresStore, name: &str) -> Result<Begun, StorageError> {
    let run = RunInfo {
        id: RunId::new(name),
        started_at: NOW,
        jobs: 1,
        max_attempts: 4,
        timeout: Duration::from_secs(300),
        recipe: None,
        work: None,
        location: location_on("here"),
    };
    block_on(store.begin(run))
}

pub(crate) fn exchange(run: &str, id: u64, settlements: Vec<Settlement>, limit: usize) -> ExchangeRequest {
    ExchangeRequest { run: RunId::new(run), id: RequestId::new(id), settlements, limit, scope: Scope::Queue }
}

pub(crate) fn completed(exchanged: &Exchanged) -> Vec<Settlement> {
    let settle = |token| Settlement { token, verdict: Verdict::Complete(Completion::default()) };
    exchanged.claims.iter().map(|(token, _)| settle(*token)).collect()
}

pub(crate) fn full_text(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error| (**error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
