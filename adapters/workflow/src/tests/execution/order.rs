use std::sync::Arc;

use crate::execution::ExecutionStatus;
use autoproc_domain::ports::AttemptOutcome;
use serde_json::json;

use super::harness::{Fixture, expect_success};
use super::scripted_runner::{ScriptedRunner, variable};

const THREE_PHASES: &str = r#"
workflow:
  id: wf-test
  inputs:
    - {name: code, type: string, required: true}
    - {name: extra, type: string}
  phases:
    - id: count
      steps:
        - id: lines
          shell: wc -l < "${file}"
        - id: note
          run: [sh, -c, 'echo "total=$1" > "$AUTOPROC_OUTPUT"', note, "${steps.lines.stdout}"]
        - id: never
          condition: extra is not null
          run: ["false"]
    - id: write
      steps:
        - id: out
          shell: printf '%s' ${count.total}:${code} > result
      checkpoint:
        validation: [is_written]
        blocking: false
    - id: unwanted
      condition: count.total > 5
      steps:
        - run: ["false"]
"#;

#[test]
fn steps_run_in_order_and_pass_on_values() {
    let fixture = Fixture::new(THREE_PHASES).with_input("code", "it's $HOME");
    expect_success(&fixture.attempt(1));
    assert_eq!(fixture.read("result"), "2:it's $HOME");
    let expected = [
        "workflow_started",
        "phase_started count",
        "step_started lines",
        "step_completed lines",
        "step_started note",
        "step_completed note",
        "step_skipped never",
        "phase_completed count",
        "phase_started write",
        "step_started out",
        "step_completed out",
        "checkpoint_failed write",
        "phase_completed write",
        "phase_skipped unwanted",
        "phase_completed unwanted",
        "workflow_completed",
    ];
    assert_eq!(fixture.event_lines(), expected);
    let state = fixture.state();
    assert_eq!(state.status, ExecutionStatus::Completed);
    assert_eq!(state.phase_outputs["count"], json!({ "total": 2 }));
    assert_eq!(state.steps_over, state.steps_total);
}

#[test]
fn the_latest_state_has_the_original_keys() {
    let fixture = Fixture::new(THREE_PHASES).with_input("code", "x");
    expect_success(&fixture.attempt(1));
    let shown: serde_json::Value = serde_json::from_str(&fixture.read("state/ORCHESTRATOR-STATE.json")).unwrap();
    for key in [
        "workflow_id",
        "current_phase",
        "current_step",
        "status",
        "history",
        "started_at",
        "completed_at",
        "phase_outputs",
    ] {
        assert!(shown.get(key).is_some(), "{key} in {shown:#}");
    }
    assert_eq!(shown["status"], "completed");
    assert_eq!(shown["percent"], 100.0);
    assert!(shown["task_timings"]["count/lines"].is_number());
}

#[test]
fn a_step_receives_its_context() {
    let mut fixture = Fixture::new(
        r#"
workflow:
  id: wf-test
  inputs: [{name: files, type: array, required: true}]
  phases:
    - id: one
      steps:
        - execute: {task: tasks/look.md, inputs: {content: "${files}", deep: {list: ["${file}", 3]}}}
        - execute: {command: tag, inputs: {word: "x y"}}
      checkpoint: {id: CP, validation: [seen, done]}
    - id: two
      steps: [{run: ["true"]}]
  transitions:
    - {from: one, to: two, condition: checkpoint_passed and ready}
"#,
    );
    fixture.runners =
        "[runners]\ntask = ['do-task', '{task}', '{name}']\n[runners.commands]\ntag = ['do-tag', '{input.word}']\n"
            .into();
    std::fs::create_dir_all(fixture.path("core/tasks")).unwrap();
    let table = "| Field | Value |\n|---|---|\n| task_id | T-1 |\n| task_name | a look |\n| responsible | somebody |\n";
    std::fs::write(fixture.path("core/tasks/look.md"), table).unwrap();
    let runner = Arc::new(ScriptedRunner::new(|_| {
        (r#"{"seen": 1, "done": true, "ready": "yes"}"#.into(), AttemptOutcome::Succeeded)
    }));
    expect_success(&fixture.attempt_with(runner.clone(), fixture.claim(1)));
    assert_eq!(runner.steps(), ["one_1", "one_2", "two_1"]);
    let [task, command, _] = <[_; 3]>::try_from(runner.processes()).unwrap();
    let file = fixture.file.to_str().unwrap();
    let task_file = fixture.path("core/tasks/look.md");
    assert_eq!((task.program.to_str(), command.program.to_str()), (Some("do-task"), Some("do-tag")));
    assert_eq!(task.arguments, [task_file.as_os_str(), "a look".as_ref()]);
    assert_eq!(command.arguments, ["x y"]);
    let expected = [
        ("AUTOPROC_WORKFLOW", "wf-test"),
        ("AUTOPROC_PHASE", "one"),
        ("AUTOPROC_STEP", "one_1"),
        ("AUTOPROC_EXPECTED", "seen done ready"),
        ("AUTOPROC_TASK", task_file.to_str().unwrap()),
        ("AUTOPROC_TASK_ID", "T-1"),
        ("AUTOPROC_TASK_RESPONSIBLE", "somebody"),
        ("AUTOPROC_INPUT_CONTENT", &json!([file]).to_string()),
        ("AUTOPROC_INPUT_DEEP", &json!({ "list": [file, 3] }).to_string()),
    ];
    for (name, value) in expected {
        assert_eq!(variable(&task, name).as_deref(), Some(value), "{name}");
    }
}
