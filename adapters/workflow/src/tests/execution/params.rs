use std::sync::Arc;

use autoproc_domain::ports::AttemptOutcome;
use serde_json::{Value, json};

use super::harness::{Fixture, expect_success, failure};
use super::scripted_runner::{ScriptedRunner, variable};
use crate::execution::Inputs;

const PARAMS: &str = r#"
workflow:
  id: wf-test
  inputs: [{name: level, type: enum, values: [low, 2, true], default: low}]
  phases:
    - id: one
      steps:
        - execute:
            command: judge
            agent: "agents/${level}.md"
            max-items: 3
            tags: ["${level}", {deep: "${one.nothing}"}]
            params: own
            inputs: {subject: "${file | basename}"}
            description: judges it
"#;

#[test]
fn parameters_reach_the_runner_in_every_form() {
    let mut fixture = Fixture::new(PARAMS).with_input("level", "2");
    fixture.runners = "[runners.commands]\njudge = ['do', '{param.agent}', '{param.max-items}', '{param.}']\n".into();
    let runner = Arc::new(ScriptedRunner::new(|process| {
        let file = std::fs::read_to_string(variable(process, "AUTOPROC_STEP_INPUTS").unwrap()).unwrap();
        (format!("{{\"seen\": {file}}}"), AttemptOutcome::Succeeded)
    }));
    expect_success(&fixture.attempt_with(runner.clone(), fixture.claim(1)));
    let process = runner.processes().remove(0);
    assert_eq!(process.arguments, ["agents/2.md", "3", "{param.}"]);
    for (name, value) in [
        ("AUTOPROC_PARAM_AGENT", "agents/2.md"),
        ("AUTOPROC_PARAM_MAX_ITEMS", "3"),
        ("AUTOPROC_PARAM_TAGS", r#"[2,{"deep":null}]"#),
        ("AUTOPROC_INPUT_SUBJECT", "a file.txt"),
        ("AUTOPROC_DESCRIPTION", "judges it"),
    ] {
        assert_eq!(variable(&process, name).as_deref(), Some(value), "{name}");
    }
    let params = json!({"agent": "agents/2.md", "max-items": 3, "tags": [2, {"deep": null}], "params": "own"});
    let seen = &fixture.state().phase_outputs["one"]["seen"];
    assert_eq!(*seen, json!({"subject": "a file.txt", "params": params}));
}

#[test]
fn an_input_without_a_variable_hides_that_of_the_workflow() {
    let fixture = Fixture::new(
        "
workflow:
  id: w
  inputs: [{name: a-b, default: of the workflow}, {name: c, default: of the workflow}, {name: d, default: stays}]
  phases:
    - {id: p, steps: [{run: [x], inputs: {A_B: null, c: LONG}}]}
"
        .replace("LONG", &"x".repeat(40_000))
        .as_str(),
    );
    let runner = Arc::new(ScriptedRunner::new(|_| (String::new(), AttemptOutcome::Succeeded)));
    expect_success(&fixture.attempt_with(runner.clone(), fixture.claim(1)));
    let seen = &runner.processes()[0];
    let values = ["A_B", "C", "D"].map(|name| variable(seen, &format!("AUTOPROC_INPUT_{name}")));
    assert_eq!(values, [None, None, Some("stays".to_owned())]);
}

#[test]
fn a_parameter_that_a_runner_needs_must_exist() {
    let mut fixture = Fixture::new(PARAMS);
    fixture.runners = "[runners.commands]\njudge = ['do', '{param.mood}']\n".into();
    let error = failure(&fixture.attempt(1));
    assert!(error.contains("needs the parameter `mood`, which the step does not have"), "{error}");
}

#[test]
fn one_runner_may_carry_out_every_command() {
    let mut fixture = Fixture::new(PARAMS);
    fixture.runners = "[runners]\ncommand = ['do-any', '{name}']\n".into();
    let runner = Arc::new(ScriptedRunner::new(|_| (String::new(), AttemptOutcome::Succeeded)));
    expect_success(&fixture.attempt_with(runner.clone(), fixture.claim(1)));
    assert_eq!(runner.processes()[0].arguments, ["judge"]);
}

#[test]
fn an_enum_accepts_its_values_only() {
    let fixture = Fixture::new(PARAMS);
    let given = |text: &str| Inputs::new(&fixture.plan(), vec![("level".to_owned(), text.to_owned())]);
    for text in ["low", "2", "true"] {
        assert!(given(text).is_ok(), "{text}");
    }
    let error = given("high").unwrap_err().to_string();
    assert_eq!(error, "the input `level` must be one of low, 2, true, not \"high\"");
    let runner = Arc::new(ScriptedRunner::new(|_| (String::new(), AttemptOutcome::Succeeded)));
    let mut fixture = Fixture::new(PARAMS).with_input("level", "true");
    fixture.runners = "[runners]\ncommand = ['x']\n".into();
    expect_success(&fixture.attempt_with(runner.clone(), fixture.claim(1)));
    let tags: Value = serde_json::from_str(&variable(&runner.processes()[0], "AUTOPROC_PARAM_TAGS").unwrap()).unwrap();
    assert_eq!(tags, json!([true, {"deep": null}]), "the value has the type of the declared one");
}

#[test]
fn a_checkpoint_may_ask_for_conditions() {
    let text =
        "workflow: {id: w, phases: [{id: p, steps: [{run: [x]}], checkpoint: {validation: [done, score >= 0.8]}}]}";
    let fixture = Fixture::new(text);
    let plan = fixture.plan();
    assert_eq!(plan.expected_of(plan.phase("p").unwrap()), ["done", "score"]);
    for (values, is_passed) in
        [("done=true\nscore=0.9\n", true), ("done=true\nscore=0.7\n", false), ("done=true\n", false)]
    {
        let fixture = Fixture::new(text);
        let runner = Arc::new(ScriptedRunner::new(move |_| (values.to_owned(), AttemptOutcome::Succeeded)));
        let report = fixture.attempt_with(runner, fixture.claim(1));
        assert_eq!(report.outcome == AttemptOutcome::Succeeded, is_passed, "{values}: {report:?}");
    }
}

#[test]
fn later_expressions_are_expected_of_a_phase() {
    let mut fixture = Fixture::new(
        r#"
workflow:
  id: wf-test
  inputs: [{name: given}]
  phases:
    - {id: zero, steps: [{run: [x]}]}
    - id: one
      steps: [{run: [x]}]
      checkpoint: {validation: [seen]}
    - id: two
      condition: one.ready and bare == 3
      steps:
        - {execute: {command: c, inputs: {a: "${one.list.deep}", b: "${given} ${word}"}, agent: "${zero.agent}"}, condition: "${one.seen}"}
"#,
    );
    fixture.runners = "[runners]\ncommand = ['x']\n".into();
    let plan = fixture.plan();
    let expected = |phase: &str| plan.expected_of(plan.phase(phase).unwrap()).join(" ");
    assert_eq!(expected("zero"), "bare word agent");
    assert_eq!(expected("one"), "seen bare word ready list");
    assert_eq!(expected("two"), "", "only the condition and the first step of the phase use names");
}

#[test]
fn all_readers_of_a_value_are_known() {
    let mut fixture = Fixture::new(
        r#"
workflow:
  id: wf-test
  phases:
    - id: one
      steps: [{id: first, run: [x]}, {id: second, run: [x, "${steps.first.count} ${steps.first.stdout} ${bare}"]}]
      checkpoint: {id: CP, validation: [done, one.score > 1, level == 3]}
    - {id: two, condition: one.ready, steps: [{run: [x], env: {A: "${one.ready}"}}]}
  transitions:
    - {from: one, to: two, condition: level and one.way and steps.second.way}
  rollback: {steps: [{action: undo, inputs: {why: "${two.reason}"}}]}
  on_error: [{action: note, inputs: {why: "${two.reason}", file: "${file}"}}]
  outputs: [{name: report, location: "${one.folder}/${bare}.md"}]
"#,
    );
    fixture.runners = "[runners]\ncommand = ['x']\n".into();
    let plan = fixture.plan();
    let expected = |phase: &str| {
        let values = plan.expected_values(plan.phase(phase).unwrap()).into_iter();
        values.map(|value| format!("{}: {}", value.name, value.readers.join(", "))).collect::<Vec<_>>()
    };
    assert_eq!(
        expected("one"),
        [
            "done: checkpoint CP",
            "level: checkpoint CP, transition to two",
            "bare: one/second, output report",
            "count: one/second",
            "score: checkpoint CP",
            "ready: two, two/two_1",
            "way: transition to two",
            "folder: output report",
        ]
    );
    assert_eq!(expected("two"), ["bare: output report", "reason: rollback/rollback_1, on_error/on_error_1"]);
}

#[test]
fn a_phase_before_another_in_the_file_may_read_its_values() {
    let fixture = Fixture::new(
        "workflow: {id: w, phases: [{id: a, steps: [{run: [x]}]}, {id: c, steps: [{run: [x, '${b.word}', '${bare}']}]}, \
         {id: b, steps: [{run: [x]}]}, {id: d, steps: [{run: [x]}]}], \
         transitions: [{from: a, to: b}, {from: b, to: c}, {from: c, to: d}]}",
    );
    let plan = fixture.plan();
    assert_eq!(plan.expected_of(plan.phase("b").unwrap()), ["bare", "word"]);
    assert_eq!(plan.expected_of(plan.phase("c").unwrap()), Vec::<String>::new());
}
