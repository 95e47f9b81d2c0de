use std::fs;

use super::harness::{Fixture, expect_success, failure};

fn returning(id: &str) -> String {
    format!("{{id: {id}, shell: \"echo {id} >> ran; cat wanted > $AUTOPROC_OUTPUT\"}}")
}

fn fixture(phases: &str, more: &str) -> Fixture {
    let mut fixture = Fixture::new(&format!("workflow: {{id: wf-test, phases: [{phases}]{more}}}"));
    fixture.runners = "[runners]\ncommand = ['true']\n".into();
    fs::write(fixture.path("wanted"), "").unwrap();
    fixture
}

#[test]
fn a_step_without_a_needed_value_fails_at_once() {
    let one = returning("count");
    let two = "{shell: echo work >> ran}, {run: [echo, '${steps.count.words}']}";
    let fixture = fixture(&format!("{{id: one, steps: [{one}]}}, {{id: two, steps: [{two}]}}"), "");
    assert_eq!(failure(&fixture.attempt(1)), "one/count: it did not return `words`, which two/two_2 needs");
    assert_eq!(fixture.read("ran"), "count\n");
    fs::write(fixture.path("wanted"), "words=0").unwrap();
    expect_success(&fixture.attempt(2));
    assert_eq!(fixture.read("ran"), "count\ncount\nwork\n");
}

#[test]
fn a_phase_without_a_needed_value_begins_again() {
    let steps = [returning("first"), returning("second")].join(", ");
    let two = "{shell: echo work >> ran}, {shell: 'true', env: {WORDS: '${one.words}'}}";
    let phases = format!("{{id: one, steps: [{steps}]}}, {{id: two, steps: [{two}]}}");
    let fixture = fixture(&phases, "");
    let error = "one: its steps did not return `words`, which two/two_2 needs";
    assert_eq!(failure(&fixture.attempt(1)), format!("{error}; a retry begins the phase again"));
    assert!(fixture.event_lines().contains(&"values_missing one".to_owned()), "{:?}", fixture.event_lines());
    fs::write(fixture.path("wanted"), "words=0").unwrap();
    expect_success(&fixture.attempt(2));
    assert_eq!(fixture.read("ran"), "first\nsecond\nfirst\nsecond\nwork\n");
}

#[test]
fn the_finished_steps_of_a_phase_are_repeated_only_from_the_start() {
    let last = "{run: [echo, '${one.words}']}";
    let phase = |steps: &[String]| format!("{{id: one, steps: [{}, {last}]}}", steps.join(", "));
    let error = |phases: &str, more: &str| failure(&fixture(phases, more).attempt(1));
    let message = "neither it nor an earlier step of the phase returned `words`";
    let two = [returning("first"), returning("second")];
    let advice = "; only `run --from-start` runs the finished steps again";
    assert_eq!(error(&phase(&two), ""), format!("one/second: {message}, which one/one_3 needs{advice}"));
    let always = [two[0].replace("{id", "{rerun: always, id"), two[1].clone()];
    for (steps, more, name) in
        [(&two[..1], "", "one_2"), (&always, "", "one_3"), (&two, ", rollback: {steps: [{run: ['true']}]}", "one_3")]
    {
        let mut fixture = fixture(&phase(steps), more);
        fixture.retry.retries = 9;
        let error = failure(&fixture.attempt(1));
        assert!(error.ends_with(&format!("{message}, which one/{name} needs")), "{error}");
    }
}

#[test]
fn a_step_behind_a_condition_fails_itself() {
    let one = returning("first");
    let phases = |one: &str| {
        format!(
            "{{id: one, steps: [{one}]}}, {{id: two, steps: [{{condition: file exists, run: [echo, '${{one.words}}']}}]}}"
        )
    };
    let error = failure(&fixture(&phases(&one), "").attempt(1));
    assert!(error.starts_with("two/two_1: unknown name `one.words`"), "{error}");
    assert!(error.ends_with("; only `run --from-start` runs the finished steps again"), "{error}");
    let always = one.replace("{id", "{rerun: always, id");
    let undone = ", rollback: {steps: [{run: ['true']}]}";
    for error in [fixture(&phases(&always), ""), fixture(&phases(&one), undone)].map(|it| failure(&it.attempt(1))) {
        assert!(!error.contains("--from-start"), "{error}");
    }
}

#[test]
fn a_value_that_may_not_be_needed_is_no_failure() {
    let one = format!("{{id: one, steps: [{}]}}", returning("first"));
    let two = |step: &str| format!("{{id: two, steps: [{{shell: echo two >> ran}}, {step}]}}");
    let needing = "{run: [echo, '${one.words}']}";
    let three = "{id: three, steps: [{run: ['true']}]}";
    let variants = [
        (two("{condition: one.words, run: [echo, '${one.words}']}"), ""),
        (two("{run: [echo, \"${one.words | default('none')}\"]}"), ""),
        (two("{run: [echo, '${one.words is defined}']}"), ""),
        (two("{execute: {command: c, inputs: {a: '${one.words}', b: ['${steps.first.words}']}}}"), ""),
        (two(needing).replace("{id: two", "{id: two, on_fail: continue"), ""),
        (two(needing).replace("{id: two", "{id: two, blocking: false"), ""),
        (two("{shell: 'echo $${one.words}'}"), ""),
    ];
    for (two, more) in variants {
        let fixture = fixture(&format!("{one}, {two}"), more);
        fixture.attempt(1);
        assert_eq!(fixture.read("ran"), "first\ntwo\n", "{two}");
    }
    let skipped = two(needing).replace("{id: two", "{id: two, condition: one.words");
    let branches = ", transitions: [{from: one, to: two, condition: one.words}, {from: one, to: three}]";
    let rollback = ", transitions: [{from: one, to: rollback, condition: one.words}]";
    let tolerated = one.replace("{id: one", "{id: one, on_fail: skip");
    let variants = [
        (format!("{one}, {skipped}"), "", "first\n"),
        (format!("{one}, {}, {three}", two(needing)), branches, "first\n"),
        (format!("{one}, {}", two(needing)), rollback, "first\ntwo\n"),
        (format!("{tolerated}, {}", two(needing)), "", "first\ntwo\n"),
    ];
    for (phases, more, ran) in variants {
        let fixture = fixture(&phases, more);
        let report = fixture.attempt(1);
        assert_eq!(fixture.read("ran"), ran, "{phases}{more}: {report:?}");
        assert!(!report.outcome.to_string().contains("needs"), "{report:?}");
    }
}

#[test]
fn a_step_after_several_branches_certainly_needs_its_values() {
    let phase = |id: &str, step: &str| format!("{{id: {id}, steps: [{step}]}}");
    let phases = [
        phase("one", &returning("first")),
        phase("left", "{shell: echo left >> ran}"),
        phase("right", "{shell: echo right >> ran}"),
        phase("end", "{run: [echo, 'is ${one.words}']}"),
    ];
    let transitions =
        ", transitions: [{from: one, to: right, condition: absent}, {from: one, to: left}, {from: left, to: end}]";
    let fixture = fixture(&phases.join(", "), transitions);
    assert_eq!(failure(&fixture.attempt(1)), "one: its steps did not return `words`, which end/end_1 needs");
    assert_eq!(fixture.read("ran"), "first\n");
}

#[test]
fn null_is_a_value() {
    let two = "{id: two, steps: [{execute: {command: c, inputs: {a: 'x ${one.words}'}}}]}";
    let phases = format!("{{id: one, steps: [{}]}}, {two}", returning("first"));
    let fixture = fixture(&phases, "");
    assert_eq!(failure(&fixture.attempt(1)), "one: its steps did not return `words`, which two/two_1 needs");
    fs::write(fixture.path("wanted"), r#"{"words": null}"#).unwrap();
    let error = failure(&fixture.attempt(2));
    assert!(error.starts_with("two/two_1: its input `a`: `${one.words}` has no value"), "{error}");
}
