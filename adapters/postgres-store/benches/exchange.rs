//! Measures how fast files are claimed and settled on a private server.
//!
//! The arguments are the number of files per case, the number of other files in the queue, and the
//! names of cases. If `AUTOPROC_PEERS` names the folder of `just bench-queues`, other queue
//! programs are measured too.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints its results")]

#[path = "../tests/store/pooler.rs"]
mod pooler;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../tests/store/queue.rs"]
mod queue;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../tests/store/server.rs"]
mod server;

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use autoproc_domain::ports::Storage;
use autoproc_domain::request::{Enqueue, ExchangeRequest, NewItem, Scope};
use autoproc_domain::{FilePath, ItemId, Priority, QueueItem};
use autoproc_postgres_store::PostgresStore;
use autoproc_testkit::block_on;

use pooler::Pooler;
use queue::{NOW, Queue, begin, completed, exchange};
use server::PostgresServer;

const BATCH_OF_ADDITIONS: usize = 5_000;

fn add(queue: &Queue, folder: &str, files: usize, priority: i32) -> Vec<ItemId> {
    let store = queue.open();
    let items: Vec<_> = (0..files)
        .map(|file| FilePath::new(format!("/archive/{folder}/scans/{file}.pdf")).unwrap())
        .map(|path| NewItem::new(path).with_priority(Priority::new(priority)))
        .collect();
    let begun = Instant::now();
    let mut ids = Vec::new();
    for batch in items.chunks(BATCH_OF_ADDITIONS) {
        let added = block_on(store.enqueue(Enqueue::new(batch.to_vec()), NOW)).unwrap();
        ids.extend(added.into_iter().filter_map(|added| added.item));
    }
    if files > 0 {
        report(&format!("add {files} files"), files, begun.elapsed());
    }
    ids
}

fn report(case: &str, count: usize, elapsed: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "a rate needs three digits")]
    let rate = count as f64 / elapsed.as_secs_f64();
    println!("{case:<44} {rate:>9.0}/s");
}

fn drain(store: &PostgresStore, run: &str, batch: usize, scope: &Scope) -> usize {
    begin(store, run);
    let mut settlements = Vec::new();
    for id in 1.. {
        let request = exchange(run, id, settlements, batch);
        let answer = block_on(store.exchange(ExchangeRequest { scope: scope.clone(), ..request }, NOW)).unwrap();
        let is_first = |item: &QueueItem| item.priority > Priority::default();
        if !answer.claims.iter().any(|(_, item)| is_first(item)) {
            return usize::try_from(id).unwrap();
        }
        settlements = completed(&answer);
    }
    0
}

#[derive(Clone, Copy)]
enum Beside {
    /// Waiting files with a lower priority.
    Waiting(usize),
    NotDue(usize),
    Completed(usize),
    /// An open transaction, as during a backup.
    OpenSnapshot,
}

impl Beside {
    fn prepare(self, queue: &Queue) {
        match self {
            Self::Waiting(files) => drop(add(queue, "others", files, -1)),
            Self::NotDue(files) => {
                add(queue, "others", files, 2);
                queue.execute(
                    "update item set attempts = 1, is_backing_off = true, ordered_at_us = now_us(), \
                     not_before_us = now_us() + 3600000000",
                );
            }
            Self::Completed(files) => {
                add(queue, "others", files, 2);
                queue.execute("update item set attempts = 1, status = 2");
            }
            Self::OpenSnapshot => {
                return queue.execute("begin isolation level repeatable read; select count(*) from item");
            }
        }
        // The other files are old, so the server has vacuumed and written them long ago.
        queue.execute("vacuum analyze");
        queue.execute("checkpoint");
    }
}

struct Case<'a> {
    name: &'a str,
    files: usize,
    beside: Beside,
    batch: usize,
    runners: usize,
    has_scope: bool,
    pooler: Option<&'a Pooler>,
}

impl Case<'_> {
    fn open(&self, queue: &Queue) -> PostgresStore {
        match self.pooler {
            None => queue.open(),
            Some(pooler) => PostgresStore::open(queue.options_at(&pooler.address("postgres"))).unwrap(),
        }
    }

    fn measure(&self) {
        if !is_wanted(self.name) {
            return;
        }
        let Some(queue) = Queue::create() else { return };
        self.beside.prepare(&queue);
        let ids = add(&queue, "first", self.files, 1);
        let scope = if self.has_scope { ids.into_iter().collect() } else { Scope::Queue };
        let begun = Instant::now();
        let exchanges: usize = thread::scope(|threads| {
            let runs: Vec<_> = (0..self.runners)
                .map(|run| {
                    let (queue, scope) = (&queue, &scope);
                    threads.spawn(move || drain(&self.open(queue), &format!("run-{run}"), self.batch, scope))
                })
                .collect();
            runs.into_iter().map(|run| run.join().unwrap()).sum()
        });
        report(&format!("{}: files", self.name), self.files, begun.elapsed());
        report(&format!("{}: exchanges", self.name), exchanges, begun.elapsed());
    }
}

fn is_wanted(name: &str) -> bool {
    let is_case = |argument: &String| argument.starts_with("batch");
    let mut cases = env::args().filter(is_case).peekable();
    cases.peek().is_none() || cases.any(|case| case == name)
}

/// Measures one-row transactions. No exchange can be faster.
fn measure_floor(transactions: usize) {
    let Some(queue) = Queue::create() else { return };
    let begun = Instant::now();
    for _ in 0..transactions {
        queue.execute("begin; update numbering set next_number = next_number + 1; commit");
    }
    report("the floor: transactions of one row", transactions, begun.elapsed());
}

fn measure_peers(jobs: usize) {
    let Some((folder, server)) = env::var_os("AUTOPROC_PEERS").map(PathBuf::from).zip(PostgresServer::shared()) else {
        return;
    };
    let socket = server.socket();
    let peers =
        [("node", "graphile-worker.mjs"), ("node", "pg-boss.mjs"), ("venv/bin/python", "procrastinate_jobs.py")];
    for (program, script) in peers {
        let program = if program.contains('/') { folder.join(program) } else { program.into() };
        let status = Command::new(program)
            .args([folder.join(script).into_os_string(), jobs.to_string().into()])
            .env("PGHOST", socket.parent().unwrap())
            .env("PGPORT", server.port().to_string())
            .envs([("PGUSER", "postgres"), ("PGDATABASE", "postgres")])
            .status()
            .unwrap();
        assert!(status.success(), "{script} failed");
    }
}

fn main() {
    let mut numbers = env::args().filter_map(|argument| argument.parse().ok());
    let (files, others) = (numbers.next().unwrap_or(20_000), numbers.next().unwrap_or(0));
    measure_floor(files / 10);
    let case = |name, files, batch, runners| {
        let beside = Beside::Waiting(others);
        Case { name, files, beside, batch, runners, has_scope: false, pooler: None }
    };
    case("batch 1, 1 runner", files / 10, 1, 1).measure();
    case("batch 1, 4 runners", files / 5, 1, 4).measure();
    case("batch 32, 2 runners", files, 32, 2).measure();
    let beside = |name, beside| Case { beside, ..case(name, files, 32, 2) }.measure();
    if others > 0 {
        beside("batch 32, beside others not due", Beside::NotDue(others));
        beside("batch 32, beside completed others", Beside::Completed(others));
    }
    beside("batch 32, beside an open snapshot", Beside::OpenSnapshot);
    case("batch 500, 2 runners", files, 500, 2).measure();
    Case { has_scope: true, ..case("batch 32, 1 runner, a scope", files / 10, 32, 1) }.measure();
    let pooler = PostgresServer::shared().and_then(|server| Pooler::start(server, "transaction"));
    if let Some(pooler) = &pooler {
        Case { pooler: Some(pooler), ..case("batch 1, 1 runner, PgBouncer", files / 10, 1, 1) }.measure();
    }
    measure_peers(files);
}
