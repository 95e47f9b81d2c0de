//! Histories: a queue as commands leave it, and each step on the way.

use autoproc_domain::command::Command;
use autoproc_domain::event::Event;
use autoproc_domain::queue::decide;
use autoproc_domain::rejection::Rejection;
use autoproc_domain::{FileQueue, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::{EPOCH, Resolver, SymbolicCommand, commands};

/// One command on the way: the queue before it, what was decided, and the queue after it.
#[derive(Debug)]
pub struct Turn<'a> {
    /// The queue before it.
    pub before: &'a FileQueue,
    /// The command.
    pub command: &'a Command,
    /// When it was given.
    pub now: Timestamp,
    /// What was decided.
    pub decided: &'a Result<Vec<Event>, Rejection>,
    /// The queue after it.
    pub after: &'a FileQueue,
}

/// A queue that at most `steps` commands could leave, and the time of the last one.
pub fn grown_queue(steps: usize) -> impl Strategy<Value = (FileQueue, Timestamp)> {
    commands(steps).prop_map(|history| {
        let mut reached = (FileQueue::new(), EPOCH);
        // The visitor never fails.
        let _ = replay(&history, |turn| {
            reached = (turn.after.clone(), turn.now);
            Ok(())
        });
        reached
    })
}

/// Gives the commands to an empty queue, one after another, and shows each turn to `visit`.
///
/// # Errors
/// The first of the visitor.
pub fn replay(history: &[(SymbolicCommand, i64)], mut visit: impl FnMut(Turn<'_>) -> TestCaseResult) -> TestCaseResult {
    let (mut queue, mut resolver, mut now) = (FileQueue::new(), Resolver::default(), EPOCH);
    for (symbolic, clock_step) in history {
        now = Timestamp::from_micros(now.as_micros().saturating_add(*clock_step));
        let command = resolver.resolve(symbolic, &queue);
        let decided = decide(&queue, &command, now);
        let mut after = queue.clone();
        for event in decided.iter().flatten() {
            after.apply(event);
        }
        visit(Turn { before: &queue, command: &command, now, decided: &decided, after: &after })?;
        queue = after;
        resolver.note_claims(&queue);
    }
    Ok(())
}
