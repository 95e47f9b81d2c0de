//! Tests where a handle begins to search for claimable items.

use std::time::{Duration, Instant};

use autoproc_domain::ports::Storage;
use autoproc_domain::request::{Enqueue, NewItem, Settlement, Verdict};
use autoproc_domain::{FilePath, Priority};
use autoproc_postgres_store::PostgresStore;
use autoproc_testkit::block_on;

use crate::queue::{NOW, Queue, add, begin, exchange};

const SLOW_CLAIMS: &str = "
    alter sequence claim_number restart 5000;
    create or replace function now_us() returns bigint language plpgsql stable as
        'begin perform pg_sleep(0.01); return clock_us(); end';
";

fn slow_queue() -> Option<(Queue, PostgresStore)> {
    let queue = Queue::create()?;
    let store = queue.open();
    let files: Vec<String> = (0..300).map(|file| format!("/in/{file}")).collect();
    add(&store, &files.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    begin(&store, "run");
    queue.execute(SLOW_CLAIMS);
    Some((queue, store))
}

fn claim(store: &PostgresStore, id: u64, settlements: Vec<Settlement>) -> (String, Settlement) {
    let claimed = block_on(store.exchange(exchange("run", id, settlements, 1), NOW)).unwrap().claims.remove(0);
    (claimed.1.file_path.to_string(), Settlement { token: claimed.0, verdict: Verdict::Release })
}

fn pass_over(queue: &Queue, store: &PostgresStore, ids: &mut impl Iterator<Item = u64>) -> String {
    let begun = Instant::now();
    loop {
        claim(store, ids.next().unwrap(), Vec::new());
        let first = "update item set priority = 9 where id = (select max(id) from item where status = 0)
                     returning convert_from(path, 'UTF8')";
        let first: String = queue.query(first, &[])[0].get(0);
        if claim(store, ids.next().unwrap(), Vec::new()).0 != first {
            return first;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "each claim begins at the head");
    }
}

#[test]
fn a_slow_claim_begins_at_the_last_one_for_a_while() {
    let Some((queue, store)) = slow_queue() else { return };
    pass_over(&queue, &store, &mut (1..));
}

#[test]
fn the_start_of_claims_is_dropped_after_a_second() {
    let Some((queue, store)) = slow_queue() else { return };
    let mut ids = 1..;
    // The connection for notifications may open during the first round, which drops the start too.
    for _ in 0..2 {
        let first = pass_over(&queue, &store, &mut ids);
        // Each claim takes more than 20 ms, so a second has at most 50 claims.
        let claims = ids.by_ref().take(90).map(|id| claim(&store, id, Vec::new()).0);
        assert!(claims.into_iter().any(|path| path == first), "no claim begins at the head");
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
    let mut ids = 1..;
    pass_over(&queue, &store, &mut ids);
    // Only the file that was passed over and three others wait: a claim takes 10 ms for each file,
    // and the start is dropped after a second.
    queue.execute(
        "update item set is_held = true where status = 0
         and id not in (select id from item where status = 0 order by rank, sequence limit 4)",
    );
    let following = block_on(store.exchange(exchange("run", ids.next().unwrap(), Vec::new(), 3), NOW)).unwrap();
    assert_eq!(following.claims.len(), 3);
    claim(&store, ids.next().unwrap(), Vec::new());
}
