//! Tests the types for reading the queue.

use std::path::Path;

use autoproc_domain::failure::CANCELLED;
use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::{HistoryQuery, Location};
use autoproc_domain::request::Selector;
use autoproc_domain::view::{Counts, RecoveredItem};
use autoproc_domain::{FilePath, ItemId, Priority, RunId, Status, Timestamp};
use autoproc_testkit::strategies::grown_queue;
use proptest::prelude::*;

proptest! {
    #[test]
    fn counts_are_sums_over_items((queue, _) in grown_queue(30)) {
        let counts = queue.items().fold(Counts::default(), Counts::with);
        prop_assert_eq!(counts, queue.counts());
        prop_assert_eq!(counts.total(), queue.items().count());
        let waiting = queue.items().filter(|item| item.status == Status::Pending && !item.is_held).count();
        prop_assert_eq!(counts.waiting(), waiting);
        prop_assert_eq!(counts.live(), queue.items().filter(|item| item.status.is_live()).count());
    }

    #[test]
    fn a_recovered_item_is_cancelled_if_it_failed_as_cancelled((queue, _) in grown_queue(30), error in "[a-z]{0,9}") {
        for item in queue.items() {
            for error in [None, Some(error.as_str()), Some(CANCELLED)] {
                let item = autoproc_domain::QueueItem { last_error: error.map(Into::into), ..item.clone() };
                let expected = matches!(item.status, Status::Failed | Status::Timeout) && error == Some(CANCELLED);
                let recovered = RecoveredItem { item, dead_run: RunId::new("dead") };
                prop_assert_eq!(recovered.is_cancelled(), expected);
            }
        }
    }
}

#[test]
fn numbers_and_places_are_written_plainly() {
    assert_eq!(format!("{:>4}|{:<4}|", Priority::new(-3), AttemptNumber::FIRST), "  -3|1   |");
    let location = Location {
        host: "h".into(),
        boot: "b".into(),
        pid_namespace: "".into(),
        pid: 7,
        project: Path::new("/p").into(),
    };
    assert_eq!(location.to_string(), "process 7 on h");
    assert_eq!(format!("{:>4}", ItemId::new(12)), "  12");
    let selectors = [Selector::Id(ItemId::new(3)), Selector::Path(FilePath::new("/in/a").expect("an absolute path"))];
    assert_eq!(selectors.map(|selector| selector.to_string()), ["item 3", "/in/a"]);
    let path = FilePath::new("/in/a \n").expect("an absolute path");
    assert_eq!(format!("{path:?} {:?}", Timestamp::from_micros(-5)), "\"/in/a \\n\" Timestamp(-5)");
}

#[test]
fn an_entry_of_the_history_matches_every_condition() {
    let at = Timestamp::from_micros;
    let (run, id) = (RunId::new("night"), ItemId::new(7));
    let query = HistoryQuery { item: Some(id), run: Some(run.clone()), since: Some(at(10)), until: Some(at(20)) };
    assert!(query.matches(at(10), &run, Some(id)) && query.matches(at(19), &run, Some(id)));
    assert!(!query.matches(at(9), &run, Some(id)), "too early");
    assert!(!query.matches(at(20), &run, Some(id)), "too late");
    assert!(!query.matches(at(10), &RunId::new("day"), Some(id)), "of another run");
    assert!(!query.matches(at(10), &run, Some(ItemId::new(8))), "of another item");
    assert!(!query.matches(at(10), &run, None), "of no item");
    assert!(HistoryQuery::default().matches(at(9), &run, None));
    assert!(HistoryQuery::of_item(id).matches(at(9), &run, Some(id)));
    assert!(!HistoryQuery::of_item(id).matches(at(9), &run, None));
}
