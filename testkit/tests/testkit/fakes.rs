use std::time::Duration;

use autoproc_domain::Timestamp;
use autoproc_domain::ports::{Clock, StopCause, StopLevel, StopRequest, StopSignal};
use autoproc_testkit::strategies::EPOCH;
use autoproc_testkit::{ScriptedStop, StopFile, VirtualClock, block_on};
use futures_util::future::{FutureExt, join};

const SECOND: Duration = Duration::from_secs(1);

fn after(seconds: u64) -> Timestamp {
    EPOCH.saturating_add(SECOND * u32::try_from(seconds).expect("the number is small"))
}

#[test]
fn time_passes_only_when_a_test_lets_it() {
    let clock = VirtualClock::new();
    let mut wait = clock.sleep_until(after(5));
    assert_eq!((&mut wait).now_or_never(), None);
    assert_eq!(clock.next_timer_in(), Some(SECOND * 5));
    assert!(clock.advance_to_next_timer());
    assert_eq!((clock.now(), (&mut wait).now_or_never()), (after(5), Some(())));
    assert!(!clock.advance_to_next_timer(), "no wait is left");
}

#[test]
fn a_clock_set_forward_ends_a_wait_for_a_time_and_no_wait_for_a_span() {
    let clock = VirtualClock::new();
    let (mut wall, mut span) = (clock.sleep_until(after(5)), Box::pin(clock.sleep(SECOND * 5)));
    assert_eq!(((&mut wall).now_or_never(), (&mut span).now_or_never()), (None, None));
    clock.set_forward(SECOND * 10);
    assert_eq!(((&mut wall).now_or_never(), (&mut span).now_or_never()), (Some(()), None));
}

#[test]
fn a_clock_set_back_makes_no_wait_longer() {
    let clock = VirtualClock::new();
    let mut wait = clock.sleep_until(after(5));
    assert_eq!((&mut wait).now_or_never(), None);
    clock.set_back(SECOND * 10);
    clock.advance(SECOND * 4);
    assert_eq!((&mut wait).now_or_never(), None);
    clock.advance(SECOND);
    assert_eq!((&mut wait).now_or_never(), Some(()));
}

#[test]
fn a_wait_without_end_has_no_timer() {
    let clock = VirtualClock::new();
    let mut wait = clock.sleep_until(Timestamp::MAX);
    assert_eq!((&mut wait).now_or_never(), None);
    assert_eq!(clock.next_timer_in(), None);
}

#[test]
fn a_wait_that_is_dropped_leaves_no_timer() {
    let clock = VirtualClock::new();
    let mut wait = clock.sleep_until(after(5));
    assert_eq!((&mut wait).now_or_never(), None);
    drop(wait);
    assert_eq!(clock.next_timer_in(), None);
}

#[test]
#[should_panic(expected = "a loop spins")]
fn a_loop_that_spins_is_found() {
    let clock = VirtualClock::new();
    loop {
        block_on(clock.sleep_until(EPOCH));
    }
}

#[test]
fn a_stop_file_is_seen_by_all_and_a_signal_by_one() {
    let file = StopFile::new();
    let (one, other) = (file.signal_for_a_run(), file.signal_for_a_run());
    one.raise(StopLevel::Aborting, StopCause::Interrupt);
    assert_eq!(other.request(), StopRequest::NONE);
    file.ask(StopLevel::Draining);
    let of_the_file = StopRequest { level: StopLevel::Draining, cause: Some(StopCause::StopFile) };
    assert_eq!(other.request(), of_the_file);
    assert_eq!(one.request(), StopRequest { level: StopLevel::Aborting, cause: Some(StopCause::Interrupt) });
    assert!(block_on(one.clear()).expect("it never fails"));
    assert_eq!(one.request().level, StopLevel::Aborting, "a signal is not cleared");
    assert_eq!(other.request(), of_the_file, "another run does not take back what was reported");
}

#[test]
fn a_raised_level_ends_the_wait_for_it() {
    let stop = ScriptedStop::alone();
    let raise = async { stop.raise(StopLevel::Draining, StopCause::StopFile) };
    let (request, ()) = block_on(join(stop.raised_above(StopLevel::Running), raise));
    assert_eq!(request.level, StopLevel::Draining);
    assert_eq!(stop.raised_above(StopLevel::Draining).now_or_never(), None);
}
