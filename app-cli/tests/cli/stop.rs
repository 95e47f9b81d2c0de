//! `stop`, signals and `status`: a run that goes on.

use std::fs;
use std::process::{Child, Command, Stdio};

use crate::harness::{Place, end_of, wait_until};

/// Waits for a file named `go` in the folder of the queue.
const UNTIL_GO: &str = "touch {}.begun; until test -e {//}/go; do sleep 0.02; done";

pub(crate) fn begun(place: &Place, options: &[&str]) -> Child {
    let run = place.start([&["run", "--grace", "1"], options, &["--shell", UNTIL_GO]].concat());
    wait_until("the first file is begun", || place.path("a.begun").exists());
    run
}

pub(crate) fn signal(run: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &run.id().to_string()]).status();
    assert!(sent.expect("kill(1)").success());
}

/// Waits until a run has taken notice of a stop.
#[track_caller]
pub(crate) fn wait_until_heard(place: &Place) {
    let log = place.path("logs/autonomous-processing.jsonl");
    wait_until("a stop is heard", || fs::read_to_string(&log).is_ok_and(|log| log.contains("stop_requested")));
}

#[test]
fn a_stop_lets_the_current_file_finish() {
    let place = Place::with_queue(&["a", "b"]);
    let run = begun(&place, &[]);
    let owner = run.id().to_string();
    let answer = place.ask(["stop"]).expect_code(0);
    assert!(answer.out.contains(&owner) && answer.out.contains("finish its current files"), "{answer:?}");
    wait_until_heard(&place);
    place.ask(["run", "-q", "--", "true"]).expect_error(75, "still finishing");
    place.write("go", "");
    let over = end_of(run).expect_code(0);
    assert!(over.out.contains("processed 1, failed 0, retried 0, 1 waiting; stopped by the stop file"), "{over:?}");
    assert!(!place.state("STOP-AUTONOMOUS").exists(), "who obeys last takes it away");
}

#[test]
fn a_stop_now_gives_the_current_file_back() {
    let place = Place::with_queue(&["a"]);
    let run = begun(&place, &[]);
    place.ask(["stop", "--now"]).expect_code(0);
    end_of(run).expect_code(0);
    let item = place.json(["queue", "show", "a"]);
    assert_eq!((&item["status"], &item["attempts"]), (&"pending".into(), &0.into()));
}

#[test]
fn a_stop_that_nobody_sees_is_discarded() {
    let place = Place::with_queue(&["a"]);
    let answer = place.ask(["stop"]).expect_code(0);
    assert!(answer.out.contains("no run is live"), "{answer:?}");
    let run = place.ask(["run", "--", "true"]).expect_code(0);
    assert!(run.out.starts_with("processed 1"), "{run:?}");
    assert!(run.err.starts_with("a stop request that no run was there to see was taken away\n"), "{run:?}");
}

#[test]
fn two_interrupts_end_a_run_with_130() {
    let place = Place::with_queue(&["a"]);
    let run = begun(&place, &[]);
    signal(&run, "INT");
    // Of two signals that wait together, either may be heard first.
    wait_until_heard(&place);
    signal(&run, "TERM");
    end_of(run).expect_code(130);
    assert_eq!(place.status_of("a"), "pending");
}

#[test]
fn two_terminations_end_a_run_with_143() {
    let place = Place::with_queue(&["a"]);
    let run = begun(&place, &[]);
    signal(&run, "TERM");
    wait_until_heard(&place);
    signal(&run, "TERM");
    end_of(run).expect_code(143);
}

#[test]
fn an_interrupt_alone_is_a_clean_stop() {
    let place = Place::with_queue(&["a", "b"]);
    let run = begun(&place, &[]);
    signal(&run, "INT");
    place.write("go", "");
    end_of(run).expect_code(0);
}

#[test]
fn status_does_without_a_state_file_it_cannot_read() {
    let place = Place::with_queue(&["a"]);
    place.write(".claude/mission-control/AUTONOMOUS-STATE.json", "not JSON");
    let answer = place.ask(["status"]).expect_code(0);
    assert!(answer.err.starts_with("warning: ") && answer.out.contains("1 pending"), "{answer:?}");
}

#[test]
fn status_tells_what_goes_on() {
    let place = Place::with_queue(&["a", "b"]);
    let idle = place.ask(["status"]).expect_code(0);
    assert!(idle.out.contains("no run is live, and none has been"), "{idle:?}");
    let run = begun(&place, &["-r", "2"]);
    let live = place.ask(["status"]).expect_code(0);
    for words in [&run.id().to_string(), "1 at a time", "attempt 1 of 3", "for ", "priority 0", "1 pending"] {
        assert!(live.out.contains(words), "no {words:?} in {live:?}");
    }
    let json = place.json(["status"]);
    assert_eq!(json["live_runs"][0]["max_attempts"], 3);
    assert_eq!(json["processing"][0]["status"], "processing");
    place.ask(["queue", "remove", "a"]).expect_error(2, "is being processed");
    place.ask(["queue", "clear"]).expect_code(0);
    assert_eq!(place.names(), ["a"], "what is being processed stays");
    place.write("go", "");
    end_of(run).expect_code(0);
    let over = place.ask(["status"]).expect_code(0);
    assert!(over.out.contains("no run is live; the latest completed at"), "{over:?}");
}

#[test]
fn a_hang_up_that_is_ignored_from_the_start_stays_so() {
    let place = Place::with_queue(&["a", "b"]);
    let ours = place.command(["run", "--grace", "1", "--shell", UNTIL_GO]);
    let mut under_nohup = Command::new("sh");
    under_nohup.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(ours.get_program()).args(ours.get_args());
    under_nohup.current_dir(place.path(".")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = under_nohup.spawn().expect("a shell");
    wait_until("the first file is begun", || place.path("a.begun").exists());
    signal(&run, "HUP");
    place.write("go", "");
    let over = end_of(run).expect_code(0);
    assert!(over.out.starts_with("processed 2") && over.out.contains("the queue is empty"), "{over:?}");
}
