use std::collections::BTreeMap;

use autoproc_domain::event::Event;
use autoproc_domain::request::Scope;
use autoproc_domain::view::EnqueueOutcome;
use autoproc_testkit::strategies::{Turn, histories, replay};
use autoproc_testkit::{Answer, AnyRequest};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

fn seen(turn: &Turn<'_>) -> Vec<String> {
    let mut seen: Vec<_> = turn.events.iter().map(name_of).collect();
    match (turn.request, turn.answer) {
        (_, Answer::Rejected(_)) => seen.push("Rejected".to_owned()),
        (AnyRequest::Enqueue(_), Answer::Enqueued(outcomes)) => {
            seen.extend(outcomes.iter().map(|enqueued| format!("{:?}", enqueued.outcome)));
        }
        (AnyRequest::Exchange(request), Answer::Exchanged(answer)) => {
            let found = [
                ("stale", !answer.stale.is_empty()),
                ("cancelled", !answer.cancelled.is_empty()),
                ("next due", answer.next_due.is_some()),
                ("scoped claim", request.scope != Scope::Queue && !answer.claims.is_empty()),
                ("all settled", !request.settlements.is_empty() && answer.stale.is_empty()),
            ];
            seen.extend(found.into_iter().filter(|(_, is_so)| *is_so).map(|(name, _)| name.to_owned()));
        }
        _ => {}
    }
    seen
}

fn name_of(event: &Event) -> String {
    let text = format!("{event:?}");
    text.split([' ', '(']).next().unwrap_or_default().to_owned()
}

#[test]
fn histories_reach_every_event_and_outcome() {
    let mut runner = TestRunner::deterministic();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..400 {
        let history = histories(40).new_tree(&mut runner).expect("nothing is filtered out").current();
        let visited = replay(&history, |turn| {
            for name in seen(&turn) {
                *counts.entry(name).or_default() += 1;
            }
            Ok(())
        });
        visited.expect("the visitor never fails");
    }
    let outcomes = [
        EnqueueOutcome::Added,
        EnqueueOutcome::Raised,
        EnqueueOutcome::Unchanged,
        EnqueueOutcome::AlreadyCompleted,
        EnqueueOutcome::Changed,
        EnqueueOutcome::FailedBefore,
        EnqueueOutcome::Repeated,
    ];
    let wanted = outcomes.map(|outcome| format!("{outcome:?}"));
    let events = [
        "Enqueued",
        "Reprioritised",
        "Held",
        "Claimed",
        "Completed",
        "RetryScheduled",
        "Failed",
        "Released",
        "Recovered",
        "CancelRequested",
        "BroughtForward",
        "RoundBegun",
        "MovedToEnd",
        "Removed",
        "Cleared",
        "Rejected",
        "stale",
        "cancelled",
        "next due",
        "scoped claim",
        "all settled",
    ];
    let wanted = wanted.iter().map(String::as_str).chain(events);
    let rare: Vec<_> = wanted.filter(|name| counts.get(*name).copied().unwrap_or(0) < 10).collect();
    assert!(rare.is_empty(), "seldom or never: {rare:?} of {counts:#?}");
}
