use std::fs;
use std::sync::Arc;

use autoproc_domain::ports::AttemptOutcome;
use proptest::prelude::*;

use super::harness::{Fixture, expect_success, failure};
use super::scripted_runner::{ScriptedRunner, step_of};

const WORKFLOW: &str = "
workflow:
  id: w
  phases:
    - id: p
      steps: [{id: s1, run: [x]}, {id: s2, run: [x]}, {id: s3, run: [x]}]
";

fn failed_fixture() -> (Fixture, std::path::PathBuf, Vec<u8>) {
    let fixture = Fixture::new(WORKFLOW);
    let runner = Arc::new(ScriptedRunner::new(|process| {
        let outcome =
            if step_of(process) == "s3" { AttemptOutcome::Exited { code: 1 } } else { AttemptOutcome::Succeeded };
        ("v=1".into(), outcome)
    }));
    failure(&fixture.attempt_with(runner, fixture.claim(1)));
    let journal = fixture.path("state/executions/7.jsonl");
    let bytes = fs::read(&journal).unwrap();
    (fixture, journal, bytes)
}

fn attempt(fixture: &Fixture, number: u32) -> (Vec<String>, AttemptOutcome) {
    let runner = Arc::new(ScriptedRunner::new(|_| ("v=1".into(), AttemptOutcome::Succeeded)));
    let report = fixture.attempt_with(runner.clone(), fixture.claim(number));
    (runner.steps(), report.outcome)
}

#[test]
fn every_cut_is_resumable() {
    let (fixture, journal, bytes) = failed_fixture();
    for length in 0..=bytes.len() {
        fs::write(&journal, &bytes[..length]).unwrap();
        let kept = String::from_utf8_lossy(&bytes[..length]).into_owned();
        let whole = kept.rfind('\n').map_or("", |end| &kept[..end]);
        let done = whole.matches("\"event\":\"step_completed\"").count();
        let (steps, outcome) = attempt(&fixture, 2);
        assert_eq!(outcome, AttemptOutcome::Succeeded, "cut to {length}");
        assert_eq!(steps, ["s1", "s2", "s3"][done..], "cut to {length}: {whole}");
    }
}

#[test]
fn a_damaged_journal_is_kept_until_from_start() {
    let (mut fixture, journal, mut bytes) = failed_fixture();
    bytes[10] = 0;
    fs::write(&journal, &bytes).unwrap();
    let (steps, outcome) = attempt(&fixture, 2);
    assert_eq!(steps, Vec::<String>::new());
    assert!(outcome.to_string().contains("7.jsonl:1 is damaged"), "{outcome}");
    assert!(!outcome.to_string().contains(" column "), "the position counts from the beginning of the line: {outcome}");
    assert_eq!(fs::read(&journal).unwrap(), bytes);
    fixture.from_start = true;
    assert_eq!(attempt(&fixture, 3).0, ["s1", "s2", "s3"]);
}

#[test]
fn a_newer_format_is_refused() {
    let (fixture, journal, bytes) = failed_fixture();
    let newer = String::from_utf8(bytes).unwrap().replacen("\"version\":\"1.", "\"version\":\"2.", 1);
    fs::write(&journal, newer).unwrap();
    let (steps, outcome) = attempt(&fixture, 2);
    assert_eq!(steps, Vec::<String>::new());
    assert!(outcome.to_string().contains("format \"2.0.0\""), "{outcome}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_byte_is_refused_or_harmless(at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let (fixture, journal, mut bytes) = failed_fixture();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        fs::write(&journal, &bytes).unwrap();
        let (steps, outcome) = attempt(&fixture, 2);
        let is_refused = steps.is_empty() && outcome != AttemptOutcome::Succeeded;
        let is_done = outcome == AttemptOutcome::Succeeded && steps.last().is_some_and(|step| step == "s3");
        prop_assert!(is_refused || is_done, "{:?} {}", steps, outcome);
    }
}

#[test]
fn the_scratch_folder_of_a_dead_attempt_is_replaced() {
    let (fixture, _, _) = failed_fixture();
    fs::create_dir_all(fixture.path("state/executions/7.steps/sub")).unwrap();
    let (_, outcome) = attempt(&fixture, 2);
    assert_eq!(outcome, AttemptOutcome::Succeeded);
    assert!(!fixture.path("state/executions/7.steps").exists());
    expect_success(
        &fixture.attempt_with(
            Arc::new(ScriptedRunner::new(|_| (String::new(), AttemptOutcome::Succeeded))),
            fixture.claim(3),
        ),
    );
}
