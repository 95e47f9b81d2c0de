//! `log`: what attempts printed.

use std::fs;

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

#[test]
fn an_attempt_that_printed_nothing_is_told_from_one_that_never_was() {
    let place = Place::with_queue(&["a"]);
    let shell = "test $AUTOPROC_ATTEMPT = 2 || echo attempt $AUTOPROC_ATTEMPT; false {}";
    place.ask(["run", "-q", "-r1", "--backoff-base", "0", "--shell", shell]).expect_code(100);
    for words in [vec!["log", "a"], vec!["log", "a", "--attempt", "2"]] {
        let answer = place.ask(words).expect_code(0);
        assert_eq!(answer.out, "");
        assert!(answer.err.contains("attempt 2 printed nothing"), "{answer:?}");
    }
    assert_eq!(place.ask(["log", "a", "--attempt", "1"]).expect_code(0).out, "attempt 1\n");
    let answer = place.ask(["log", "a", "--attempt", "3"]);
    assert!(answer.err.contains("hint: 2 attempts"), "{answer:?}");
    answer.expect_error(2, "there was no attempt 3");
}

/// A file that was not touched for longer than the system's clock ticks.
#[test]
fn old_output_is_removed_and_said_to_be() {
    let place = Place::with_queue(&["a"]);
    place.ask(["run", "-q", "--", "echo"]).expect_code(0);
    let log = place.path("logs/attempts/1.1.1.log");
    assert!(log.exists());
    place.ask(["run", "-q", "--keep-output", "all", "--keep-output-size", "all", "--", "true"]).expect_code(0);
    assert!(log.exists());
    wait_until("it is removed", || {
        place.ask(["run", "-q", "--keep-output-size", "0", "--", "true"]).expect_code(0);
        !log.exists()
    });
    let answer = place.ask(["log", "a"]).expect_code(0);
    assert!(answer.err.contains("no longer kept"), "{answer:?}");
    // What is printed later is all there, and so is what is known of an attempt that prints nothing.
    place.write("b", "");
    place.ask(["run", "-q", "--keep-output", "1h", "b", "--", "true"]).expect_code(0);
    let answer = place.ask(["log", "b"]).expect_code(0);
    assert!(answer.err.contains("attempt 1 printed nothing"), "{answer:?}");
}

#[test]
fn the_output_of_a_current_attempt_is_never_removed() {
    let place = Place::with_queue(&["a"]);
    let run = place.start(["run", "-q", "--shell", "echo first; until test -e {//}/go; do sleep 0.02; done"]);
    wait_until("the attempt prints", || place.ask(["log", "a"]).out == "first\n");
    let log = place.path("logs/attempts/1.1.1.log");
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    fs::File::options().write(true).open(&log).expect("the output").set_modified(long_ago).expect("its time");
    place.ask(["run", "-q", "--keep-output", "0", "--keep-output-size", "0", "--", "true"]).expect_code(0);
    assert!(log.exists());
    place.write("go", "");
    end_of(run).expect_code(0);
}

#[test]
fn every_byte_survives() {
    let place = Place::with_queue(&["a"]);
    place.ask(["run", "-q", "--shell", r"printf '\033[31m\377\000\r\n' {}"]).expect_code(0);
    for words in
        [["log", "a"].as_slice(), &["log", "a", "--raw"], &["log", "a", "-f"], &["--color", "never", "log", "a"]]
    {
        assert_eq!(place.command(words).output().expect("the binary").stdout, b"\x1b[31m\xff\0\r\n");
    }
    place.write("b", "");
    let shown = place.command(["run", "-q", "--show-output", "b", "--shell", r"printf '\033[31m\377' {}"]);
    let shown = { shown }.output().expect("the binary");
    assert_eq!(shown.stdout, b"\x1b[31m\xff");
}

#[test]
fn following_begins_before_anything_is_printed() {
    let place = Place::with_queue(&["a"]);
    let run = place.start(["run", "-q", "--shell", "until test -e {//}/go; do sleep 0.02; done; echo done"]);
    wait_until("the attempt begins", || place.status_of("a") == "processing");
    let answer = place.ask(["log", "a"]).expect_code(0);
    assert!(answer.err.contains("attempt 1 has printed nothing yet"), "{answer:?}");
    let log = place.start(["log", "-f", "a"]);
    place.write("go", "");
    assert_eq!(end_of(log).expect_code(0).out, "done\n");
    end_of(run).expect_code(0);
}
