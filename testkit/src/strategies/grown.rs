//! Queues that result from random histories.

use autoproc_domain::event::Event;
use autoproc_domain::{FileQueue, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::{EPOCH, Resolver, SymbolicRequest, histories};
use crate::{Answer, AnyRequest};

/// A request of a history, with the queue before and after the request.
#[derive(Debug)]
pub struct Turn<'a> {
    /// The queue before the request.
    pub before: &'a FileQueue,
    /// The request.
    pub request: &'a AnyRequest,
    /// The time of the request.
    pub now: Timestamp,
    /// The resulting events; empty if the request was rejected.
    pub events: &'a [Event],
    /// The answer.
    pub answer: &'a Answer,
    /// The queue after the request.
    pub after: &'a FileQueue,
}

/// Generates a queue after at most `steps` requests, and the time of the last request.
pub fn grown_queue(steps: usize) -> impl Strategy<Value = (FileQueue, Timestamp)> {
    histories(steps).prop_map(|history| {
        let mut reached = (FileQueue::new(), EPOCH);
        // The visitor never fails.
        let _ = replay(&history, |turn| {
            reached = (turn.after.clone(), turn.now);
            Ok(())
        });
        reached
    })
}

/// Performs the requests of a history on an empty queue, and passes each turn to `visit`.
///
/// # Errors
/// Returns the first error from `visit`.
pub fn replay(history: &[(SymbolicRequest, i64)], mut visit: impl FnMut(Turn<'_>) -> TestCaseResult) -> TestCaseResult {
    let (mut queue, mut resolver, mut now) = (FileQueue::new(), Resolver::default(), EPOCH);
    for (symbolic, clock_step) in history {
        now = Timestamp::from_micros(now.as_micros().saturating_add(*clock_step));
        let request = resolver.resolve(symbolic, &queue);
        let mut after = queue.clone();
        let (events, answer) = request.perform(&mut after, now);
        visit(Turn { before: &queue, request: &request, now, events: &events, answer: &answer, after: &after })?;
        queue = after;
        resolver.record_claims(&queue);
    }
    Ok(())
}
