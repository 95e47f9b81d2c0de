use std::path::PathBuf;
use std::sync::Arc;

use crate::execution::Inputs;
use autoproc_domain::ports::AttemptOutcome;
use serde_json::{Value, json};

use super::harness::{Fixture, expect_success, failure};
use super::scripted_runner::{ScriptedRunner, step_of, variable};

fn workflow(kind: &str) -> String {
    format!(
        "workflow: {{id: w, inputs: [{{name: v, type: {kind}}}], phases: [{{id: p, steps: [{{id: s, run: [x], inputs: {{seen: '${{v}}'}}}}]}}]}}"
    )
}

fn seen(kind: &str, text: &str, file: &str) -> Value {
    let mut fixture = Fixture::new(&workflow(kind)).with_input("v", text);
    fixture.file = PathBuf::from("/in").join(file);
    let runner = Arc::new(ScriptedRunner::new(|process| {
        let inputs = std::fs::read_to_string(variable(process, "AUTOPROC_STEP_INPUTS").unwrap()).unwrap();
        (format!("{{\"inputs\": {inputs}}}"), AttemptOutcome::Succeeded)
    }));
    expect_success(&fixture.attempt_with(runner, fixture.claim(1)));
    fixture.state().phase_outputs["p"]["inputs"]["seen"].clone()
}

fn refusal(kind: &str, text: &str) -> String {
    let fixture = Fixture::new(&workflow(kind));
    Inputs::new(&fixture.plan(), vec![("v".to_owned(), text.to_owned())]).unwrap_err().to_string()
}

#[test]
fn a_file_name_is_never_parsed() {
    for name in ["a\",\"admin\":\"true.txt", "\"", "a, b", "[1]", "{}", "${file}", "\\", "true", "a\nb"] {
        let path = format!("/in/{name}");
        for (kind, text, expected) in [
            ("object", r#"{"path": "${file}"}"#, json!({ "path": path })),
            ("json", r#"[{"path": ["at ${file}"]}]"#, json!([{ "path": [format!("at {path}")] }])),
            ("json", "${file}", json!(path)),
            ("json", "${files}", json!([path])),
            ("array", r#"["${file}", 1]"#, json!([path, 1])),
            ("array", "${file}, b", json!([path, "b"])),
            ("array", "${file}", json!([path])),
            ("array", "${files}", json!([path])),
            ("array", "x,${file | replace(',', ';')},y", json!(["x", path.replace(',', ";"), "y"])),
            ("string", "${file}", json!(path)),
            ("integer", "${file | length}", json!(path.chars().count())),
        ] {
            assert_eq!(seen(kind, text, name), expected, "{kind} {text} {name}");
        }
    }
}

#[test]
fn words_between_commas_are_a_list() {
    for (text, expected) in [
        ("", json!([])),
        (" ", json!([])),
        ("a", json!(["a"])),
        ("a, b,,c", json!(["a", "b", "", "c"])),
        ("[]", json!([])),
        ("['a']", Value::Null),
        ("${file", Value::Null),
    ] {
        if expected.is_null() {
            refusal("array", text);
        } else {
            assert_eq!(seen("array", text, "f"), expected, "{text}");
        }
    }
}

#[test]
fn a_value_of_another_type_is_refused() {
    for (kind, text) in [
        ("object", "[]"),
        ("object", r#"{"path": ${file}}"#),
        ("object", "${file}"),
        ("json", "{"),
        ("json", "${file} and ${file}"),
        ("array", "[1"),
        ("number", "${file}"),
        ("boolean", "yes"),
    ] {
        let refusal = refusal(kind, text);
        assert!(refusal.starts_with("the input `v` "), "{kind} {text}: {refusal}");
    }
}

#[test]
fn decimals_survive_the_journal() {
    let numbers: Vec<f64> = (1..2_000).map(|number| f64::from(number).sqrt() * 1e-30).collect();
    let steps = "[{id: s1, run: [x]}, {id: s2, run: [x, '${v | length}']}]";
    let fixture = Fixture::new(&format!(
        "workflow: {{id: w, inputs: [{{name: v, type: json}}], phases: [{{id: p, steps: {steps}}}]}}"
    ))
    .with_input("v", &json!(numbers).to_string());
    let runner = Arc::new(ScriptedRunner::new(|process| {
        let fails = step_of(process) == "s2" && process.attempt.number.get() == 1;
        (String::new(), if fails { AttemptOutcome::Exited { code: 1 } } else { AttemptOutcome::Succeeded })
    }));
    failure(&fixture.attempt_with(runner.clone(), fixture.claim(1)));
    expect_success(&fixture.attempt_with(runner.clone(), fixture.claim(2)));
    assert_eq!(runner.steps(), ["s1", "s2", "s2"]);
    assert!(fixture.state().subject.inputs["v"] == json!(numbers));
}

#[test]
fn an_input_cannot_have_a_reserved_name() {
    let fixture = Fixture::new(
        "
workflow:
  id: w
  phases:
    - {id: p, steps: [{id: s, run: [x]}]}
    - {id: q, steps: [{run: [x, '${p}', '${steps.s}', '${loose}']}]}
  transitions: [{from: p, to: q, condition: checkpoint_passed}]
",
    );
    let given = |name: &str| Inputs::new(&fixture.plan(), vec![(name.to_owned(), "x".to_owned())]);
    for name in ["p", "steps", "checkpoint_passed"] {
        let refusal = given(name).unwrap_err().to_string();
        assert!(refusal.starts_with(&format!("`{name}` cannot be an input: ")), "{refusal}");
    }
    given("loose").unwrap();
}

/// A deeper input would make the journal unreadable.
#[test]
fn an_input_nested_too_deep_is_refused_before_the_run() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(refusal("json", &nested(65)), "the input `v` is nested more than 64 levels deep");
    let fixture = Fixture::new(&workflow("json")).with_input("v", &nested(64));
    let runner = Arc::new(ScriptedRunner::new(|_| (String::new(), AttemptOutcome::Succeeded)));
    expect_success(&fixture.attempt_with(runner, fixture.claim(1)));
    assert_eq!(fixture.state().subject.inputs["v"].to_string(), nested(64));
    let default = Fixture::new(&format!(
        "workflow: {{id: w, inputs: [{{name: v, type: json, default: '${{{}}}'}}], phases: [{{id: p, steps: [{{run: [x]}}]}}]}}",
        nested(65)
    ));
    let refused = Inputs::new(&default.plan(), Vec::new()).unwrap_err().to_string();
    assert_eq!(refused, "the input `v` is nested more than 64 levels deep");
}

#[test]
fn the_condition_of_a_checkpoint_uses_inputs_and_standard_output() {
    let workflow = "workflow: {id: w, phases: [{id: p, steps: [{id: judge, shell: 'echo ok; echo score=3 > $AUTOPROC_OUTPUT'}], \
                    checkpoint: {validation: [score, \"score >= threshold | int\", \"steps.judge.stdout contains 'ok'\"]}}]}";
    expect_success(&Fixture::new(workflow).with_input("threshold", "3").attempt(1));
    let error = failure(&Fixture::new(workflow).with_input("threshold", "4").attempt(1));
    assert_eq!(error, "p: the checkpoint p is not passed: missing or false: score >= threshold | int");
    let unused = Inputs::new(&Fixture::new(workflow).plan(), vec![("score".to_owned(), "1".to_owned())]);
    assert!(unused.is_ok(), "a condition uses the name");
    let named = workflow.replace("score >= threshold | int", "threshold");
    assert!(Inputs::new(&Fixture::new(&named).plan(), vec![("threshold".to_owned(), "1".to_owned())]).is_err());
}
