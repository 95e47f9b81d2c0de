//! The table of status changes, and that nothing changes a status any other way.

use std::collections::BTreeSet;

use autoproc_domain::event::Event;
use autoproc_domain::lifecycle::{TABLE, Transition, next};
use autoproc_domain::{ItemId, Status};
use autoproc_testkit::strategies::{commands, replay};
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

#[test]
fn what_has_ended_is_left_only_by_a_person() {
    for (from, by, _) in TABLE {
        assert!(from.is_live() || by == Transition::Requeue, "{from} by {by:?}");
        assert_ne!(from, Status::Completed);
    }
}

/// The item an event speaks of and what it does to it; `None` for events that change no status.
fn transition(event: &Event) -> Option<(ItemId, Transition)> {
    Some(match event {
        Event::Claimed { id, .. } => (*id, Transition::Claim),
        Event::Completed { id } => (*id, Transition::Complete),
        Event::RetryScheduled { id, .. } => (*id, Transition::Retry),
        Event::Failed { id, timed_out: false, .. } => (*id, Transition::Fail),
        Event::Failed { id, timed_out: true, .. } => (*id, Transition::TimeOut),
        Event::Released { id } => (*id, Transition::Release),
        Event::Recovered { id } => (*id, Transition::Recover),
        Event::Requeued { id } => (*id, Transition::Requeue),
        _ => return None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Each event that is decided is legal when its turn comes, leads where the table says, and touches no other item.
    #[test]
    fn events_follow_the_table(history in commands(30)) {
        replay(&history, |turn| {
            let mut queue = turn.before.clone();
            for event in turn.decided.iter().flatten() {
                let before = queue.clone();
                queue.apply(event);
                let changed = transition(event);
                for item in queue.items() {
                    let Some(earlier) = before.get(item.id) else { continue };
                    let wanted = match changed {
                        Some((id, by)) if id == item.id => next(earlier.status, by),
                        _ => Some(earlier.status),
                    };
                    prop_assert_eq!(Some(item.status), wanted, "{:?} on {:?}", event, earlier);
                }
            }
            Ok(())
        })?;
    }
}
