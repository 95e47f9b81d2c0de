use std::time::Duration;

use autoproc_subprocess::Ending;
use rustix::time::{ClockId, clock_gettime};

use crate::fixture::{Fixture, LONG, until};

const IGNORES_TERM: &str = "trap '' TERM; : >begun; until [ -e go ]; do sleep 0.01; done";

fn after(span: Duration) -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).expect("a time since boot");
    Duration::new(seconds, u32::try_from(now.tv_nsec).expect("nanoseconds")) + span
}

#[tokio::test]
async fn a_process_is_killed_at_the_deadline() {
    let fixture = Fixture::new(LONG);
    fixture.guards.extend_deadline(after(LONG));
    let run = fixture.run(fixture.script(&format!("{IGNORES_TERM} & {IGNORES_TERM}; wait")));
    let end = async {
        until(|| fixture.path("begun").exists()).await;
        // A deadline that is earlier than the current one has no effect.
        fixture.guards.extend_deadline(Duration::ZERO);
        std::fs::write(fixture.path("go"), "").expect("written");
    };
    assert_eq!(tokio::join!(run, end).0.ending, Ending::Exited { code: 0 });

    let fixture = Fixture::new(LONG);
    fixture.guards.extend_deadline(after(Duration::from_secs(1)));
    let report = fixture.run(fixture.script(&format!("{IGNORES_TERM} & {IGNORES_TERM}; wait"))).await;
    assert_eq!(report.ending, Ending::Aborted);
    let report = fixture.run(fixture.script(": >started")).await;
    assert_eq!((report.ending, fixture.path("started").exists()), (Ending::Aborted, false));
}

#[tokio::test]
async fn an_extended_deadline_reaches_a_busy_guard() {
    let fixture = Fixture::new(LONG);
    let first = after(Duration::from_secs(1));
    fixture.guards.extend_deadline(first);
    let run = fixture.run(fixture.script(IGNORES_TERM));
    let extend = async {
        until(|| fixture.path("begun").exists()).await;
        fixture.guards.extend_deadline(after(LONG));
        until(|| after(Duration::ZERO) > first).await;
        std::fs::write(fixture.path("go"), "").expect("written");
    };
    assert_eq!(tokio::join!(run, extend).0.ending, Ending::Exited { code: 0 });
}

#[tokio::test]
async fn a_paused_process_is_killed_at_the_deadline() {
    let fixture = Fixture::new(LONG);
    fixture.guards.extend_deadline(after(Duration::from_secs(1)));
    fixture.guards.pause();
    let report = fixture.run(fixture.script(": >begun; sleep 1000")).await;
    assert_eq!(report.ending, Ending::Aborted);
}
