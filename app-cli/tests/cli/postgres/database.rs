use std::ffi::{OsStr, OsString};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use tokio::runtime::Builder;
use tokio_postgres::{Config, NoTls};

use super::server::PostgresServer;
use crate::fixture::{Answer, TempProject};

pub(super) struct Database {
    server: &'static PostgresServer,
    name: String,
}

impl Database {
    /// Creates a database on the shared server. Returns `None` if there is no server.
    pub(super) fn create() -> Option<Self> {
        PostgresServer::shared().map(Self::create_on)
    }

    /// Creates a database for the queue. Returns `None` without a server.
    pub(super) fn with_queue() -> Option<Self> {
        let database = Self::create()?;
        database.initialise();
        Some(database)
    }

    /// Like [`Self::with_queue`], but on a server that the test may stop.
    pub(super) fn on_own_server() -> Option<Self> {
        let database = Self::create_on(Box::leak(Box::new(PostgresServer::start()?)));
        database.initialise();
        Some(database)
    }

    /// Like [`Self::with_queue`], but on a server in a network namespace.
    pub(super) fn in_namespace(namespace: &str) -> Option<Self> {
        let database = Self::create_on(Box::leak(Box::new(PostgresServer::start_in_namespace(namespace)?)));
        database.initialise();
        Some(database)
    }

    pub(super) fn create_on(server: &'static PostgresServer) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let name = format!("queue{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let database = Self { server, name };
        database.execute_in("postgres", &format!("create database {} template template0", database.name));
        database
    }

    pub(super) fn initialise(&self) {
        self.ask(&TempProject::new(), ["store", "init"]).expect_code(0);
    }

    pub(super) fn server(&self) -> &'static PostgresServer {
        self.server
    }

    /// Returns the URL for a role that needs no password.
    pub(super) fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Returns the URL with these credentials: `USER` or `USER:PASSWORD`.
    pub(super) fn url_of(&self, credentials: &str) -> String {
        self.url_in(credentials, &self.name)
    }

    /// Returns the URL for a machine that reaches the server at this network address.
    pub(super) fn url_at(&self, address: &str) -> String {
        format!("postgres://postgres@{address}/{}", self.name)
    }

    pub(super) fn url_in(&self, credentials: &str, database: &str) -> String {
        let socket = self.server.socket();
        let folder = socket.parent().and_then(|folder| folder.to_str()).expect("a folder");
        format!("postgres://{credentials}@{}/{database}", folder.replace('/', "%2F"))
    }

    /// Executes statements as the superuser.
    pub(super) fn execute(&self, sql: &str) {
        self.execute_in(&self.name, sql);
    }

    pub(super) fn config(&self) -> Config {
        self.server.address("postgres", &self.name).parse().expect("an address")
    }

    fn execute_in(&self, database: &str, sql: &str) {
        let config: Config = self.server.address("postgres", database).parse().expect("an address");
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (client, connection) = config.connect(NoTls).await.expect("a connection");
            let connection = tokio::spawn(connection);
            client.batch_execute(sql).await.expect(sql);
            drop(client);
            connection.await.expect("no panic").expect("a clean end");
        });
    }

    fn words<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Vec<OsString> {
        let words = words.into_iter().map(|word| word.as_ref().to_owned());
        ["--store".into(), self.url().into()].into_iter().chain(words).collect()
    }

    pub(super) fn ask<W: AsRef<OsStr>>(&self, project: &TempProject, words: impl IntoIterator<Item = W>) -> Answer {
        project.ask(self.words(words))
    }

    pub(super) fn json<W: AsRef<OsStr>>(&self, project: &TempProject, words: impl IntoIterator<Item = W>) -> Value {
        project.json(self.words(words))
    }

    /// Starts the binary. Standard error goes to the file `errors`.
    pub(super) fn start<W: AsRef<OsStr>>(
        &self,
        project: &TempProject,
        words: impl IntoIterator<Item = W>,
        errors: &str,
    ) -> Child {
        let errors = std::fs::File::create(project.path(errors)).expect("a file");
        let mut command = project.command(self.words(words));
        command.stdout(Stdio::piped()).stderr(errors).spawn().expect("the binary")
    }

    pub(super) fn live_runs(&self, project: &TempProject) -> usize {
        self.json(project, ["status"])["live_runs"].as_array().map_or(0, Vec::len)
    }

    pub(super) fn count(&self, project: &TempProject, status: &str) -> u64 {
        self.json(project, ["status"])["counts"][status].as_u64().expect("a number")
    }
}
