use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::RetryPolicy;
use autoproc_domain::ports::{AttemptOutcome, Clock as _};
use autoproc_testkit::{ScriptedStop, VirtualClock};

use super::harness::{Fixture, TIMEOUT, failure};
use super::scripted_runner::{ScriptedRunner, step_of};
use crate::execution::StepProcess;

const GUARDED: &str = "workflow: {id: w, phases: [{id: p, steps: [{id: first, run: [x]}]}], transitions: [{from: p, to: \
                       rollback, condition: failed}], rollback: {steps: [{id: undo, run: [x]}, {id: tidy, run: [x]}]}, \
                       on_error: [{id: notify, run: [x]}]}";

fn times(outcome: &AttemptOutcome) -> Vec<(String, Duration, Duration)> {
    let mut fixture = Fixture::new(GUARDED);
    fixture.retry = RetryPolicy { retries: 0, ..RetryPolicy::default() };
    let clock = Arc::new(VirtualClock::new());
    let (start, running, outcome) = (clock.now(), clock.clone(), outcome.clone());
    let runner = Arc::new(ScriptedRunner::new(move |process| {
        running.advance(TIMEOUT);
        let is_first = step_of(process) == "first";
        ("failed=true".to_owned(), if is_first { outcome.clone() } else { AttemptOutcome::Succeeded })
    }));
    let mut equipment = fixture.equipment(runner.clone());
    equipment.clock = clock;
    failure(&fixture.attempt_equipped(equipment, Arc::new(ScriptedStop::alone()), fixture.claim(1)));
    let time = |process: &StepProcess| (step_of(process), process.deadline.saturating_since(start), process.timeout);
    runner.processes().iter().map(time).collect()
}

#[test]
fn the_rollback_and_the_error_steps_have_as_much_time_as_an_attempt() {
    let tick = Duration::from_millis(1);
    for outcome in [AttemptOutcome::Succeeded, AttemptOutcome::Exited { code: 3 }] {
        let expected = [
            ("first", TIMEOUT, TIMEOUT),
            ("undo", 2 * TIMEOUT, TIMEOUT),
            ("tidy", 2 * TIMEOUT, TIMEOUT.saturating_sub(tick)),
            ("notify", 4 * TIMEOUT, TIMEOUT),
        ];
        let expected = expected.map(|(step, deadline, timeout)| (step.to_owned(), deadline, timeout));
        assert_eq!(times(&outcome), expected, "{outcome}");
    }
}
