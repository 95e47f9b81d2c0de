//! `log`: what attempts printed.

use crate::harness::{Place, end_of, wait_until};

#[test]
fn the_latest_attempt_or_a_chosen_one_is_shown() {
    let place = Place::with_queue(&["a"]);
    let shell = "echo attempt $AUTOPROC_ATTEMPT of {/}; false";
    place.ask(["run", "-q", "-r1", "--backoff-base", "0", "--shell", shell]).expect_code(100);
    assert_eq!(place.ask(["log", "a"]).expect_code(0).out, "attempt 2 of a\n");
    assert_eq!(place.ask(["log", "1", "--attempt", "1"]).expect_code(0).out, "attempt 1 of a\n");
    assert_eq!(place.json(["log", "a"])["attempts"].as_array().expect("a list").len(), 2);
}

#[test]
fn a_file_nothing_was_tried_on_has_no_log() {
    let place = Place::with_queue(&["a"]);
    let answer = place.ask(["log", "a"]).expect_code(0);
    assert_eq!(answer.out, "");
    assert!(answer.err.contains("no attempt"), "{answer:?}");
}

#[test]
fn what_left_the_queue_is_found_by_its_number() {
    let place = Place::with_queue(&["a"]);
    place.ask(["run", "-q", "--", "echo"]).expect_code(0);
    place.ask(["queue", "clear"]).expect_code(0);
    assert_eq!(place.ask(["log", "1"]).expect_code(0).out, format!("{}\n", place.path("a").display()));
}

#[test]
fn following_ends_with_the_attempt() {
    let place = Place::with_queue(&["a"]);
    let run =
        place.start(["run", "-q", "--shell", "echo first; until test -e {//}/go; do sleep 0.02; done; echo last {}"]);
    wait_until("the attempt prints", || place.ask(["log", "a"]).out == "first\n");
    let log = place.start(["log", "-f", "a"]);
    place.write("go", "");
    let answer = end_of(log).expect_code(0);
    assert_eq!(answer.out, format!("first\nlast {}\n", place.path("a").display()));
    end_of(run).expect_code(0);
}
