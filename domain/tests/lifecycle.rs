//! Tests the status changes of items.

use std::collections::BTreeSet;

use autoproc_domain::event::Event;
use autoproc_domain::lifecycle::{TABLE, Transition, next};
use autoproc_domain::{ItemId, QueueItem, Status};
use autoproc_testkit::strategies::{histories, replay};
use proptest::prelude::*;

#[test]
fn the_table_decides_every_pair() {
    let mut legal = 0;
    for from in Status::ALL {
        for by in Transition::ALL {
            let targets: Vec<_> = TABLE.iter().filter(|row| (row.0, row.1) == (from, by)).map(|row| row.2).collect();
            assert!(targets.len() <= 1, "{from} by {by:?} leads to {targets:?}");
            assert_eq!(next(from, by), targets.first().copied());
            legal += targets.len();
        }
    }
    assert_eq!(legal, TABLE.len(), "the table names a status or a transition that is not in ALL, or a row twice");
}

#[test]
fn every_transition_happens_and_every_status_is_reached() {
    let happening: BTreeSet<_> = TABLE.iter().map(|(_, by, _)| *by).collect();
    assert_eq!(happening, Transition::ALL.into());
    let reached: BTreeSet<_> = TABLE.iter().map(|(_, _, to)| *to).collect();
    assert_eq!(reached, Status::ALL.into());
}

/// Scripts rely on these words.
#[test]
fn each_status_is_one_word() {
    let words = Status::ALL.map(|status| status.to_string());
    assert_eq!(words, ["pending", "processing", "completed", "failed", "timeout"]);
    for status in Status::ALL {
        assert_eq!(Status::from_word(status.word()), Some(status));
    }
    assert_eq!(Status::from_word("Pending"), None);
}

#[test]
fn an_ended_item_is_left_by_a_new_round_alone() {
    for (from, by, _) in TABLE {
        assert!(from.is_live() || by == Transition::BeginRound, "{from} by {by:?}");
    }
}

fn transition(event: &Event) -> Option<(ItemId, Transition)> {
    Some(match event {
        Event::Claimed { id, .. } => (*id, Transition::Claim),
        Event::Completed { id, .. } => (*id, Transition::Complete),
        Event::RetryScheduled { id, .. } => (*id, Transition::Retry),
        Event::Failed { id, timed_out: false, .. } => (*id, Transition::Fail),
        Event::Failed { id, timed_out: true, .. } => (*id, Transition::TimeOut),
        Event::Released { id } => (*id, Transition::Release),
        Event::Recovered { id } => (*id, Transition::Recover),
        Event::RoundBegun { id } => (*id, Transition::BeginRound),
        _ => return None,
    })
}

fn wanted(event: &Event, item: &QueueItem) -> Vec<Option<Status>> {
    match (event, transition(event)) {
        (_, Some((id, by))) if id == item.id => vec![next(item.status, by)],
        (Event::Enqueued { file_path, .. }, _) if *file_path == item.file_path && !item.status.is_live() => {
            vec![Some(item.status), next(item.status, Transition::BeginRound)]
        }
        _ => vec![Some(item.status)],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn events_follow_the_table(history in histories(30)) {
        replay(&history, |turn| {
            let mut queue = turn.before.clone();
            for event in turn.events {
                let before = queue.clone();
                queue.apply(event);
                for item in queue.items() {
                    let Some(earlier) = before.get(item.id) else { continue };
                    let wanted = wanted(event, earlier);
                    prop_assert!(wanted.contains(&Some(item.status)), "{:?} on {:?}", event, earlier);
                }
            }
            Ok(())
        })?;
    }
}
