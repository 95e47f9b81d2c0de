//! Tests the error text of failures.

use autoproc_domain::failure::{MAX_TEXT_BYTES, first_line, text};
use autoproc_domain::ports::{AttemptOutcome, StartFault};
use proptest::collection::vec;
use proptest::prelude::*;

const EXITED: AttemptOutcome = AttemptOutcome::Exited { code: 3 };

#[test]
fn the_last_line_comes_first_and_the_others_in_their_order() {
    assert_eq!(&*text(&EXITED, ""), "exit status 3");
    assert_eq!(&*text(&EXITED, "no such page\n"), "exit status 3: no such page");
    assert_eq!(&*text(&EXITED, "a\n\nb \r\n10%\r20%\nc"), "exit status 3: c\na\nb\n20%");
}

#[test]
fn the_line_that_says_why_comes_first() {
    let reason = |said: &str| first_line(&text(&EXITED, said)).to_owned();
    assert_eq!(reason("libpng error: Read Error\nError during processing."), "exit status 3: libpng error: Read Error");
    let usage = "wc: unrecognized option '--jobs'\nTry 'wc --help' for more information.";
    assert_eq!(reason(usage), "exit status 3: wc: unrecognized option '--jobs'");
    assert_eq!(reason("bad day\nRun `x --help` to learn more"), "exit status 3: bad day");
    assert_eq!(reason("see --help"), "exit status 3: see --help");
    assert_eq!(reason("input: invalid data\nframe=1\rframe=2\r"), "exit status 3: input: invalid data");
    assert_eq!(reason("cannot open the file\nbye"), "exit status 3: cannot open the file");
    assert_eq!(reason("x: improper header\nconvert: no images defined `y'"), "exit status 3: x: improper header");
    assert_eq!(reason("error: one\nerror: two\n10 pages"), "exit status 3: error: two");
    assert_eq!(&*text(&EXITED, "reading\nerror: bad\nbye"), "exit status 3: error: bad\nreading\nbye");
}

#[test]
fn the_earliest_lines_are_left_out_where_all_are_too_many() {
    let said: Vec<_> = (0..100).map(|number| format!("line {number}, of some length")).collect();
    let kept = text(&EXITED, &said.join("\n"));
    assert!(kept.len() > MAX_TEXT_BYTES - 30, "{kept}");
    let lines: Vec<_> = kept.lines().collect();
    assert_eq!(lines[0], "exit status 3: line 99, of some length");
    assert_eq!(lines[1..], said[100 - lines.len()..99]);
}

#[test]
fn a_long_first_line_is_cut_as_little_as_possible() {
    for length in [MAX_TEXT_BYTES - 15, MAX_TEXT_BYTES - 14, MAX_TEXT_BYTES] {
        let whole = format!("exit status 3: {}", "x".repeat(length));
        let kept = text(&EXITED, &"x".repeat(length));
        if whole.len() <= MAX_TEXT_BYTES {
            assert_eq!(*kept, *whole);
        } else {
            assert_eq!(kept.len(), MAX_TEXT_BYTES);
            assert_eq!(kept.strip_suffix('…').map(str::len), Some(MAX_TEXT_BYTES - '…'.len_utf8()));
        }
    }
}

fn outcomes() -> impl Strategy<Value = AttemptOutcome> {
    prop_oneof![
        Just(EXITED),
        "\\PC{0,300}"
            .prop_map(|reason| AttemptOutcome::CannotStart { reason: reason.into(), fault: StartFault::Missing }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_short_and_tells_the_outcome(outcome in outcomes(), said in vec("[\\PC\r\n]{0,200}", 0..12)) {
        let kept = text(&outcome, &said.join("\n"));
        prop_assert!(kept.len() <= MAX_TEXT_BYTES, "{}", kept.len());
        let outcome = outcome.to_string();
        let told = first_line(&kept);
        prop_assert!(told.starts_with(&outcome) || (told.ends_with('…') && outcome.starts_with(told.trim_end_matches('…'))), "{told}");
    }

    #[test]
    fn the_first_line_ends_with_the_last_that_was_said(said in vec("[xyz]{1,60}", 1..20)) {
        let kept = text(&EXITED, &said.join("\n"));
        let last = said.last().expect("at least one");
        prop_assert_eq!(first_line(&kept), format!("exit status 3: {last}"));
    }
}
