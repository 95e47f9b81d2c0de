//! Exchanges for each second on a private server: `cargo bench -p autoproc-postgres-store`.
//!
//! Each runner settles the claims of its last exchange and claims as many again, until nothing
//! waits. The arguments are the number of files of a case, and the number of other files that wait
//! with a lower priority.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints its results")]

#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../tests/store/queue.rs"]
mod queue;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../tests/store/server.rs"]
mod server;

use std::thread;
use std::time::{Duration, Instant};

use autoproc_domain::ports::Storage;
use autoproc_domain::request::{Enqueue, ExchangeRequest, NewItem, Scope};
use autoproc_domain::{FilePath, ItemId, Priority, QueueItem};
use autoproc_testkit::block_on;

use queue::{NOW, Queue, begin, completed, exchange};

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

/// Returns the number of exchanges.
fn drain(queue: &Queue, run: &str, batch: usize, scope: &Scope) -> usize {
    let store = queue.open();
    begin(&store, run);
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

fn measure(name: &str, files: usize, others: usize, batch: usize, runners: usize, has_scope: bool) {
    let Some(queue) = Queue::create() else { return };
    if others > 0 {
        add(&queue, "others", others, -1);
    }
    let ids = add(&queue, "first", files, 1);
    let scope = if has_scope { ids.into_iter().collect() } else { Scope::Queue };
    let begun = Instant::now();
    let exchanges: usize = thread::scope(|threads| {
        let runs: Vec<_> = (0..runners)
            .map(|run| {
                let (queue, scope) = (&queue, &scope);
                threads.spawn(move || drain(queue, &format!("run-{run}"), batch, scope))
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).sum()
    });
    report(&format!("{name}: files"), files, begun.elapsed());
    report(&format!("{name}: exchanges"), exchanges, begun.elapsed());
}

/// Measures the floor: a transaction that changes one row, in one round trip.
fn measure_floor(transactions: usize) {
    let Some(queue) = Queue::create() else { return };
    let begun = Instant::now();
    for _ in 0..transactions {
        queue.execute("begin; update numbering set next_number = next_number + 1; commit");
    }
    report("the floor: transactions of one row", transactions, begun.elapsed());
}

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let (files, others) = (numbers.next().unwrap_or(20_000), numbers.next().unwrap_or(0));
    measure_floor(files / 10);
    measure("batch 1, 1 runner", files / 10, others, 1, 1, false);
    measure("batch 1, 4 runners", files / 5, others, 1, 4, false);
    measure("batch 32, 2 runners", files, others, 32, 2, false);
    measure("batch 32, 1 runner, a scope", files / 10, others, 32, 1, true);
}
