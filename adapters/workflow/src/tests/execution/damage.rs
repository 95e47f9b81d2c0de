//! Journals that a crash or a hand has changed.

use std::fs;
use std::sync::Arc;

use autoproc_domain::ports::AttemptOutcome;
use proptest::prelude::*;

use super::harness::{Place, expect_success, failure};
use super::scripted_runner::{ScriptedRunner, step_of};

const WORKFLOW: &str = "
workflow:
  id: w
  phases:
    - id: p
      steps: [{id: s1, run: [x]}, {id: s2, run: [x]}, {id: s3, run: [x]}]
";

/// A place whose first attempt failed at the third step; and its journal.
fn left_behind() -> (Place, std::path::PathBuf, Vec<u8>) {
    let place = Place::new(WORKFLOW);
    let runner = Arc::new(ScriptedRunner::new(|process| {
        let outcome =
            if step_of(process) == "s3" { AttemptOutcome::Exited { code: 1 } } else { AttemptOutcome::Succeeded };
        ("v=1".into(), outcome)
    }));
    failure(&place.attempt_with(runner, place.claim(1)));
    let journal = place.path("state/executions/7.jsonl");
    let bytes = fs::read(&journal).unwrap();
    (place, journal, bytes)
}

fn go_on(place: &Place, number: u32) -> (Vec<String>, AttemptOutcome) {
    let runner = Arc::new(ScriptedRunner::new(|_| ("v=1".into(), AttemptOutcome::Succeeded)));
    let report = place.attempt_with(runner.clone(), place.claim(number));
    (runner.steps(), report.outcome)
}

/// Wherever a crash cuts the journal: the steps that stand in it whole are not run again, all others are.
#[test]
fn every_cut_is_resumable() {
    let (place, journal, bytes) = left_behind();
    for length in 0..=bytes.len() {
        fs::write(&journal, &bytes[..length]).unwrap();
        let kept = String::from_utf8_lossy(&bytes[..length]).into_owned();
        let whole = kept.rfind('\n').map_or("", |end| &kept[..end]);
        let done = whole.matches("\"event\":\"step_completed\"").count();
        let (steps, outcome) = go_on(&place, 2);
        assert_eq!(outcome, AttemptOutcome::Succeeded, "cut to {length}");
        assert_eq!(steps, ["s1", "s2", "s3"][done..], "cut to {length}: {whole}");
    }
}

#[test]
fn damage_is_refused_and_left_as_it_is_until_somebody_begins_anew() {
    let (mut place, journal, mut bytes) = left_behind();
    bytes[10] = 0;
    fs::write(&journal, &bytes).unwrap();
    let (steps, outcome) = go_on(&place, 2);
    assert_eq!(steps, Vec::<String>::new());
    assert!(outcome.to_string().contains("7.jsonl:1 is damaged"), "{outcome}");
    assert_eq!(fs::read(&journal).unwrap(), bytes);
    place.from_start = true;
    assert_eq!(go_on(&place, 3).0, ["s1", "s2", "s3"]);
}

#[test]
fn a_newer_format_is_refused() {
    let (place, journal, bytes) = left_behind();
    let newer = String::from_utf8(bytes).unwrap().replacen("\"version\":\"1.", "\"version\":\"2.", 1);
    fs::write(&journal, newer).unwrap();
    let (steps, outcome) = go_on(&place, 2);
    assert_eq!(steps, Vec::<String>::new());
    assert!(outcome.to_string().contains("format \"2.0.0\""), "{outcome}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    /// Whatever happens to a byte: an answer, and no step that the journal calls finished is lost sight of silently.
    #[test]
    fn no_change_of_a_byte_is_too_odd(at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let (place, journal, mut bytes) = left_behind();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        fs::write(&journal, &bytes).unwrap();
        let (steps, outcome) = go_on(&place, 2);
        let is_refused = steps.is_empty() && outcome != AttemptOutcome::Succeeded;
        let is_done = outcome == AttemptOutcome::Succeeded && steps.last().is_some_and(|step| step == "s3");
        prop_assert!(is_refused || is_done, "{:?} {}", steps, outcome);
    }
}

#[test]
fn what_died_on_the_way_leaves_no_scratch() {
    let (place, _, _) = left_behind();
    fs::create_dir_all(place.path("state/executions/7.steps/sub")).unwrap();
    let (_, outcome) = go_on(&place, 2);
    assert_eq!(outcome, AttemptOutcome::Succeeded);
    assert!(!place.path("state/executions/7.steps").exists());
    expect_success(
        &place.attempt_with(
            Arc::new(ScriptedRunner::new(|_| (String::new(), AttemptOutcome::Succeeded))),
            place.claim(3),
        ),
    );
}
