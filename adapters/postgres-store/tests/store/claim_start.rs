//! Tests the position in the claim order at which a handle begins to search for claimable items.
//! After a slow search, the next search begins at the last claimed item. A change that returns an
//! item to the queue must move the position back to the head.

use std::time::{Duration, Instant};

use autoproc_domain::ports::Storage;
use autoproc_domain::request::{Enqueue, NewItem, Settlement, Verdict};
use autoproc_domain::{FilePath, Priority};
use autoproc_postgres_store::PostgresStore;
use autoproc_testkit::block_on;

use crate::queue::{NOW, Queue, add, begin, exchange};

/// Simulates 5000 earlier claims, and slows down each search for claimable items.
const SLOW_CLAIMS: &str = "
    alter sequence claim_number restart 5000;
    create or replace function now_us() returns bigint language plpgsql stable as
        'begin perform pg_sleep(0.01); return clock_us(); end';
";

fn slow_queue() -> Option<(Queue, PostgresStore)> {
    let queue = Queue::create()?;
    let store = queue.open();
    let files: Vec<String> = (0..100).map(|file| format!("/in/{file}")).collect();
    add(&store, &files.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    begin(&store, "run");
    queue.execute(SLOW_CLAIMS);
    Some((queue, store))
}

fn claim(store: &PostgresStore, id: u64, settlements: Vec<Settlement>) -> (String, Settlement) {
    let claimed = block_on(store.exchange(exchange("run", id, settlements, 1), NOW)).unwrap().claims.remove(0);
    (claimed.1.file_path.to_string(), Settlement { token: claimed.0, verdict: Verdict::Release })
}

#[test]
fn a_slow_claim_begins_at_the_last_one_for_a_while() {
    let Some((queue, store)) = slow_queue() else { return };
    let begun = Instant::now();
    for id in 1.. {
        claim(&store, 2 * id, Vec::new());
        let first = "update item set priority = 9 where id = (select max(id) from item where status = 0)
                     returning convert_from(path, 'UTF8')";
        let first: String = queue.query(first, &[])[0].get(0);
        if claim(&store, 2 * id + 1, Vec::new()).0 != first {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "each claim begins at the head");
    }
}

#[test]
fn the_start_of_claims_is_dropped_after_a_second() {
    let Some((queue, store)) = slow_queue() else { return };
    claim(&store, 1, Vec::new());
    queue.execute("update item set priority = 9 where id = (select max(id) from item where status = 0)");
    let mut id = 2;
    while claim(&store, id, Vec::new()).0 != "/in/99" {
        // Each claim takes more than 20 ms. Once no other file is left, every claim finds this one.
        assert!(id < 90, "no claim begins at the head");
        id += 1;
    }
}

#[test]
fn the_start_of_claims_is_dropped_after_an_own_addition() {
    let Some((_queue, store)) = slow_queue() else { return };
    for id in 1..10 {
        claim(&store, 2 * id, Vec::new());
        let path = format!("/in/urgent-{id}");
        let urgent = NewItem::new(FilePath::new(&path).unwrap()).with_priority(Priority::new(9));
        block_on(store.enqueue(Enqueue::new(vec![urgent]), NOW)).unwrap();
        assert_eq!(claim(&store, 2 * id + 1, Vec::new()).0, path);
    }
}

#[test]
fn the_start_of_claims_is_dropped_after_an_own_release() {
    let Some((_queue, store)) = slow_queue() else { return };
    for id in 1..10 {
        let (path, release) = claim(&store, 2 * id, Vec::new());
        claim(&store, 1000 + id, Vec::new());
        assert_eq!(claim(&store, 2 * id + 1, vec![release]).0, path);
    }
}

#[test]
fn a_claim_finds_an_item_before_its_start_if_no_other_follows() {
    let Some((queue, store)) = slow_queue() else { return };
    let all_but_one = block_on(store.exchange(exchange("run", 1, Vec::new(), 99), NOW)).unwrap();
    assert_eq!(all_but_one.claims.len(), 99);
    queue.execute("update item set priority = 9 where status = 0");
    assert_eq!(claim(&store, 2, Vec::new()).0, "/in/99");
}
