use std::time::Duration;

use autoproc_domain::item::{AttemptNumber, ClaimNumber};
use autoproc_domain::ports::{AttemptRef, History, HistoryQuery, Observer, RunEvent, RunEventKind, RunFilter, Storage};
use autoproc_domain::view::Counts;
use autoproc_domain::{FilePath, ItemId, RunId, Timestamp};
use autoproc_postgres_store::{HistorySize, PostgresStore};
use autoproc_testkit::block_on;

use crate::history::no_warning;
use crate::queue::{Queue, add, begin};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn event(run: &str, at: Timestamp, kind: RunEventKind) -> RunEvent {
    RunEvent { at, run: RunId::new(run), kind }
}

fn attempt(item: u64, path: &str) -> AttemptRef {
    AttemptRef {
        id: ItemId::new(item),
        file_path: FilePath::new(path).unwrap(),
        round: 1,
        attempt: AttemptNumber::FIRST,
        claim: Some(ClaimNumber::new(item)),
    }
}

fn record(store: &PostgresStore, run: &str, days: i64, items: &[(u64, &str)]) {
    let now = i64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap();
    let at = Timestamp::from_micros(now - days * 86_400_000_000);
    let log = store.event_log(no_warning());
    log.observe(&event(run, at, RunEventKind::ProcessorStarted { jobs: 1, counts: Counts::default() }));
    for (item, path) in items {
        let of = attempt(*item, path);
        log.observe(&event(run, at, RunEventKind::FileStarted { of: of.clone(), size_bytes: None, recipe: None }));
        let (elapsed, usage, input_changed) = (DAY, None, false);
        log.observe(&event(run, at, RunEventKind::FileCompleted { of, elapsed, usage, input_changed }));
    }
    block_on(store.close()).unwrap();
}

fn runs(store: &PostgresStore) -> Vec<String> {
    let summary = block_on(store.runs(RunFilter::All)).unwrap();
    summary.runs.iter().map(|run| run.id.to_string()).collect()
}

fn attempts(store: &PostgresStore, item: u64) -> usize {
    block_on(store.attempts(HistoryQuery::of_item(ItemId::new(item)))).unwrap().len()
}

#[test]
fn old_runs_are_removed_except_what_is_needed() {
    let Some(database) = Queue::create() else { return };
    let store = database.open();
    add(&store, &["/waits"]).unwrap();
    begin(&store, "live");
    for (run, days, items) in [
        ("old", 100, &[(7, "/gone"), (8, "/gone too")][..]),
        ("partly", 100, &[(1, "/waits"), (9, "/also gone")]),
        ("live", 100, &[(10, "/at work")]),
        ("recent", 10, &[(11, "/new")]),
    ] {
        record(&store, run, days, items);
    }
    let size = HistorySize { runs: 2, events: 8 };
    assert_eq!(block_on(store.prunable_history(90 * DAY)).unwrap(), size);
    assert_eq!(runs(&store), ["old", "partly", "live", "recent"], "counting removes nothing");
    // Without newer attempts, all of these serve forecasts.
    assert_eq!(block_on(store.prune_history(90 * DAY)).unwrap(), HistorySize { runs: 1, events: 8 });
    assert_eq!(runs(&store), ["partly", "live", "recent"]);
    let events = |item| block_on(store.events(HistoryQuery::of_item(ItemId::new(item)))).unwrap().len();
    assert_eq!([1, 7, 9, 10, 11].map(events), [2, 0, 0, 2, 2]);
    assert_eq!([1, 7, 9, 10, 11].map(|item| attempts(&store, item)), [1, 1, 1, 1, 1]);
    assert_eq!(block_on(store.prune_history(90 * DAY)).unwrap(), HistorySize::default());
}

#[test]
fn old_attempts_are_removed_in_batches() {
    let Some(database) = Queue::create() else { return };
    let store = database.open();
    let paths: Vec<_> = (0..6_000).map(|number| (number + 10, format!("/{number}"))).collect();
    let items: Vec<_> = paths.iter().map(|(item, path)| (*item, path.as_str())).collect();
    record(&store, "old-1", 100, &items[..3_000]);
    record(&store, "old-2", 100, &items[3_000..]);
    record(&store, "recent", 1, &items[..500]);
    assert_eq!(block_on(store.prune_history(90 * DAY)).unwrap(), HistorySize { runs: 2, events: 12_002 });
    let left = || database.query("select count(*) from past_attempt", &[])[0].get::<_, i64>(0);
    assert_eq!(left(), 1_000);
    assert_eq!([attempts(&store, 10), attempts(&store, 6_009)], [1, 1]);
    // The attempts of `old-2` are no longer among the latest.
    record(&store, "recent-2", 1, &items[..1_000]);
    assert_eq!(block_on(store.prune_history(90 * DAY)).unwrap(), HistorySize::default());
    assert_eq!((left(), attempts(&store, 6_009)), (1_500, 0));
}
