use std::time::Duration;

use crate::Severity;
use crate::definition::{
    Action, AfterFailure, InputType, Located, OnFail, Phase, Position, Rerun, Resume, Step, StepOutput, Workflow,
};
use crate::tests::read;
use serde_json::json;

use super::samples::{ARRIVAL, EVERYTHING, LETTERS};
use super::temp_project::{TempProject, errors, problems};

fn workflow(text: &str) -> Workflow {
    let reading = read(text, "fallback");
    assert!(reading.problems.is_empty(), "{:?}", reading.problems);
    reading.workflow.unwrap()
}

fn values(words: &[Located<String>]) -> Vec<&str> {
    words.iter().map(|word| word.value.as_str()).collect()
}

fn commands(phase: Option<&Phase>) -> Vec<&str> {
    fn command(step: &Step) -> Option<&str> {
        if let Action::Command(name) = &step.action { Some(&name.value) } else { None }
    }
    phase.into_iter().flat_map(|phase| &phase.steps).filter_map(command).collect()
}

#[test]
fn tasks_in_phases_are_read() {
    let workflow = workflow(LETTERS);
    assert_eq!(workflow.id, "wf-letters");
    assert_eq!(workflow.version.as_deref(), Some("1.0.0"));
    assert_eq!(workflow.inputs[1].kind, InputType::Array);
    let steps: Vec<_> = workflow.phases.iter().flat_map(|phase| &phase.steps).map(|step| step.id.as_str()).collect();
    assert_eq!(steps, ["phase_1_1", "phase_1_2", "phase_2_1"]);
    let second = &workflow.phases[0].steps[1];
    assert!(matches!(&second.action, Action::Task(task) if task.value == "tasks/find-names.md"));
    assert_eq!((second.inputs[0].name.as_str(), &second.inputs[0].value), ("content", &json!("${files}")));
    assert_eq!(second.inputs[1].value, json!(2));
    let checkpoint = workflow.phases[0].checkpoint.as_ref().unwrap();
    assert_eq!(values(&checkpoint.validation), ["letters_read", "names_found"]);
    assert_eq!(workflow.transitions_from("phase_1").count(), 1);
    assert_eq!(commands(workflow.on_error.as_ref()), ["write_to_log", "ring_the_bell"]);
}

#[test]
fn a_single_task_is_a_phase_with_one_step() {
    let workflow = workflow(ARRIVAL);
    let phase = workflow.phases.iter().find(|phase| phase.id == "phase_0").unwrap();
    assert!(matches!(&phase.steps[0].action, Action::Task(task) if task.value == "look-at-seal"));
    assert_eq!(phase.steps.len(), 1);
    assert_eq!(phase.condition.as_ref().unwrap().value, "letter_file != null");
    assert!(matches!(&phase.on_fail, OnFail::Other(word) if word.value == "ask_the_porter"));
    assert_eq!(phase.after_failed_step(), AfterFailure::Fail);
}

#[test]
fn every_key_is_read() {
    let workflow = workflow(EVERYTHING);
    assert_eq!(workflow.version.as_deref(), Some("2"));
    assert_eq!(workflow.inputs[0].default, Some(json!("none given")));
    assert_eq!(workflow.inputs[1].default, Some(json!(3)));
    assert_eq!((workflow.inputs[2].name.as_str(), workflow.outputs[0].name.as_str()), ("plain", "summary"));
    let step = &workflow.phases[0].steps[0];
    assert_eq!((step.id.as_str(), step.has_own_id), ("count", true));
    assert!(matches!(&step.action, Action::Run(words) if values(words) == ["wc", "-l", "${file}", "7", "true"]));
    assert_eq!((step.timeout, step.retries), (Some(Duration::from_secs(5_400)), 2));
    let env: Vec<_> = step.env.iter().map(|entry| (entry.name.as_str(), entry.value.value.as_str())).collect();
    assert_eq!(env, [("LC_ALL", "C"), ("EMPTY", ""), ("COUNT", "4")]);
    assert_eq!(step.workdir.as_ref().unwrap().value, "${file | dirname}");
    assert_eq!((step.output, step.rerun), (StepOutput::Json, Rerun::Always));
    assert_eq!(workflow.phases[0].steps[1].timeout, Some(Duration::from_millis(2_500)));
    assert_eq!(workflow.phases[1].steps[1].inputs[0].name, "count");
    assert_eq!(workflow.phases[1].after_failed_step(), AfterFailure::NextStep);
    assert_eq!(workflow.phases[0].after_failed_step(), AfterFailure::NextPhase);
    assert_eq!(workflow.phases[0].after_failed_checkpoint(), AfterFailure::NextPhase);
    assert_eq!(commands(workflow.on_error.as_ref()), ["weep", "shout"]);
    assert_eq!(commands(workflow.rollback.as_ref()), ["undo", "tidy"]);
    assert_eq!(workflow.rollback.unwrap().steps[0].id, "rollback_1");
    let activation = workflow.activation.unwrap();
    assert_eq!(activation.condition.unwrap().value, "word exists");
    assert_eq!(activation.fallback_workflow.unwrap().value, "other");
    assert_eq!(workflow.resume, Resume::Anywhere);
}

#[test]
fn positions_are_those_of_the_file() {
    let text = "workflow:\n  phases:\n    - id: a\n      steps:\n        - run: [x, \"ä ${file}\"]\n";
    let step = workflow(text).phases[0].steps[0].clone();
    assert_eq!(step.position, Position { line: 5, column: 11 });
    let Action::Run(words) = step.action else { panic!("{step:?}") };
    assert_eq!(words[1].position, Position { line: 5, column: 20 });
}

#[test]
fn numbers_stay_as_they_are_written() {
    let text = "workflow:\n  version: 1.10\n  phases:\n    - id: a\n      steps:\n        \
                - run: [ä, 0755, 1.10, 0x1F, 1_000, &n 1e5 , +7, -0, *n, 007.50 ]\n          env: {A: 2.0}\n          \
                inputs: {mode: 0755, ratio: 1.50}\n";
    let workflow = workflow(text);
    let step = &workflow.phases[0].steps[0];
    let Action::Run(words) = &step.action else { panic!("{step:?}") };
    let expected = ["ä", "0755", "1.10", "0x1F", "1_000", "1e5", "+7", "-0", "1e5", "007.50"];
    assert_eq!(values(words), expected);
    assert_eq!((workflow.version.as_deref(), step.env[0].value.value.as_str()), (Some("1.10"), "2.0"));
    assert_eq!((&step.inputs[0].value, &step.inputs[1].value), (&json!("0755"), &json!(1.5)));
}

#[test]
fn the_id_falls_back_to_the_name_of_the_file() {
    assert_eq!(workflow("workflow: {phases: [{id: a, task: b}]}").id, "fallback");
}

#[test]
fn aliases_and_merges_are_values_like_others() {
    let text = "workflow:\n  phases:\n    - id: a\n      steps:\n        - &s {run: [x], retries: 2}\n        - *s\n        \
                - {<<: *s, retries: 5}\n";
    let steps = workflow(text).phases[0].steps.clone();
    assert_eq!(steps.iter().map(|step| step.retries).collect::<Vec<_>>(), [2, 2, 5]);
    assert_eq!(steps[1].position.line, 6);
}

#[test]
fn all_problems_are_reported_at_once() {
    let text = "\
workflow:
  phases:
    - id: one
      step:
        - run: [x]
    - id: two
      steps:
        - run: echo hi
        - exec: {command: x}
        - execute: {comand: x, task: [y]}
        - run: []
          timeout: soon
          retries: -1
          output: xml
          rerun: alway
          env: {A=B: x, C: 1, D: [x]}
          inputs: [a]
        - run: [a]
          shell: b
        - execute: {command: a, task: b, inputs: {x: 1, x: 2}}
          inputs: {y: 1}
      task: z
      blocking: maybe
    - hello
    - {id: 7, task: ' ', checkpoint: {validation: done}}
  transitions: [{to: x}]
  inputs: [{type: string}, {name: a, required: perhaps}]
";
    let expected = [
        "8:16: found a string; expected a list: the program and its arguments; use `shell` for a shell command",
        "9:11: the step has no action; expected one of `execute`, `run`, `shell`",
        "10:38: found a list; expected the name or the file of a task",
        "11:16: the list is empty; expected a list: the program and its arguments",
        "12:20: `soon` is not a time: a time is a number of seconds, or has units, as in 500ms, 5m, 1h30m; \
         months and years are not accepted",
        "13:20: found a number; expected a non-negative integer",
        "14:19: unknown value `xml` for `output`; expected `file` or `json`",
        "15:18: unknown value `alway` for `rerun`; expected `never` or `always`; did you mean `always`?",
        "16:17: `A=B` cannot be the name of a variable",
        "16:34: found a list; expected the value of a variable",
        "17:19: found a list; expected a mapping of names and values",
        "19:18: the step has more than one action; expected one of `execute`, `run`, `shell`",
        "20:39: `execute` has both `command` and `task`; expected one of them",
        "20:57: `x` is given twice",
        "21:19: the step has `inputs` both inside and outside `execute`",
        "22:13: the phase `two` has both `steps` and `task`; expected one of them",
        "23:17: found a string; expected true or false",
        "24:7: found a string; expected a phase, a mapping with `id`, `name`, `description`, `condition`, `steps`, \
         `task`, `blocking`, `on_fail` or `checkpoint`",
        "25:12: found a number; expected an id, in quotes",
        "25:21: the value is empty; expected the name or the file of a task",
        "25:51: found a string; expected a list of names",
        "26:17: a transition has no `from`",
        "27:12: an input has no `name`",
        "27:48: found a string; expected true or false",
    ];
    let reported = errors(text);
    for line in expected {
        assert!(reported.iter().any(|reported| reported == line), "missing: {line}\namong:\n{}", reported.join("\n"));
    }
    let unexpected: Vec<_> = reported.iter().filter(|reported| !expected.contains(&reported.as_str())).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

#[test]
fn unknown_keys_are_reported_and_kept() {
    let text = "\
workflow:
  owner: a team
  conditon: x
  inputs: [{name: a, unit: kg}]
  phases:
    - id: one
      step: [{run: [x]}]
      parallel: true
      Condition: x
      checkpoint: {owner: x}
    - id: two
      steps:
        - {run: [x], retrys: 1, mood: good}
        - execute: {command: x, agent: a/b.md, input: {y: 1}, timeout: 5}
";
    assert_eq!(
        problems(text),
        [
            "2:3: note: unknown key `owner` in the workflow: it is ignored",
            "3:3: note: unknown key `conditon` in the workflow: it is ignored",
            "4:22: note: unknown key `unit` in an input: it is ignored",
            "6:7: warning: the phase `one` has neither `steps` nor `task`",
            "7:7: warning: unknown key `step` in a phase; did you mean `steps`?",
            "8:7: note: unknown key `parallel` in a phase: it is ignored",
            "9:7: warning: unknown key `Condition` in a phase; did you mean `condition`?",
            "10:19: note: checkpoint `one` has no validation: it always passes when the steps of the phase have \
             ended",
            "10:20: note: unknown key `owner` in a checkpoint: it is ignored",
            "13:22: warning: unknown key `retrys` in a step; did you mean `retries`?",
            "13:33: note: unknown key `mood` in a step: it is ignored",
            "14:48: warning: unknown key `input` in `execute`; did you mean `inputs`?",
        ]
    );
    let mut file = TempProject::new().check(text);
    assert!(!file.has_errors());
    file.make_strict();
    let errors: Vec<_> = file.problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    let lines: Vec<_> = errors.iter().map(|problem| problem.position.line).collect();
    assert_eq!(lines, [7, 9, 13, 14], "{errors:?}");
}

#[test]
fn keys_of_execute_are_parameters() {
    let text = "\
workflow:
  phases:
    - id: a
      steps:
        - execute: {task: t, agent: \"x/${file}\", threshold: 0.5, tags: [1, {b: c}], description: why, condition: x}
          condition: y
";
    let step = read(text, "fallback").workflow.unwrap().phases[0].steps[0].clone();
    let params: Vec<_> = step.params.iter().map(|param| (param.name.as_str(), param.value.clone())).collect();
    let expected = [("agent", json!("x/${file}")), ("threshold", json!(0.5)), ("tags", json!([1, {"b": "c"}]))];
    assert_eq!(params, expected);
    assert_eq!(step.description.as_deref(), Some("why"));
    assert_eq!(step.condition.unwrap().value, "(y) and (x)");
    let agent = read("workflow: {phases: [{id: a, steps: [{execute: {agent: x}}]}]}", "x").workflow.unwrap();
    let step = &agent.phases[0].steps[0];
    assert!(matches!(&step.action, Action::Command(name) if name.value == "agent"), "{step:?}");
    assert_eq!((step.params[0].name.as_str(), &step.params[0].value), ("agent", &json!("x")));
    let twice = "workflow: {phases: [{id: a, steps: [{execute: {task: t, agent: x, agent: y}}]}]}";
    assert_eq!(errors(twice), ["1:67: the key `agent` is given twice"]);
}

#[test]
fn files_of_other_programs_are_one_error() {
    let job = |number: usize| format!("  job{number}: {{runs-on: x, steps: [{{uses: y}}]}}");
    let jobs = (0..500).map(job).collect::<Vec<_>>().join("\n");
    let actions = format!("name: CI\non: [push]\njobs:\n{jobs}\n");
    let compose = "services:\n  web: {image: x}\nvolumes: {a: {}}\n";
    for (text, expected) in [
        (
            actions.as_str(),
            "1:1: not a workflow file: it has no key `workflow`; it seems to be a workflow of GitHub Actions",
        ),
        (compose, "1:1: not a workflow file: it has no key `workflow`; it seems to be a Compose file"),
        ("a: 1\nb: 2\n", "1:1: not a workflow file: it has no key `workflow`"),
    ] {
        assert_eq!(problems(text), [expected.replacen(": ", ": error: ", 1)]);
    }
}

#[test]
fn phases_of_another_kind_are_one_error() {
    assert_eq!(errors("workflow: {phases: one}\n"), ["1:20: found a string; expected a list of phases"]);
    assert_eq!(errors("workflow: {phases: []}\n"), ["1:11: the workflow has no `phases`"]);
}

#[test]
fn syntax_errors_have_positions() {
    for (text, expected) in [
        ("workflow:\n  id: \"a\n", "2:7: invalid YAML: unclosed quote"),
        ("workflow:\n\tid: x\n", "2:2: invalid YAML: tabs disallowed"),
        ("a: 1\n---\nb: 2\n", "3:1: invalid YAML: a second document begins here"),
        ("a: &a [*a]\n", "1:8: invalid YAML: an alias is within the value that it refers to"),
        ("", "1:1: found nothing; expected a workflow file"),
        ("- a\n", "1:1: found a list; expected a workflow file, a mapping with `workflow`"),
        ("workflow: {}\n", "1:11: the workflow has no `phases`"),
        ("workflow: {phases: [], phases: [{id: a, task: b}]}\n", "1:24: the key `phases` is given twice"),
        ("workflwo: {}\n", "1:1: not a workflow file: it has no key `workflow`; did you mean `workflow`?"),
        ("a: *b\n", "1:4: invalid YAML: "),
        ("workflow: {name: .inf, phases: [{id: a, task: b}]}", "1:18: invalid YAML: "),
    ] {
        let reported = errors(text);
        assert!(reported.iter().any(|reported| reported.starts_with(expected)), "{text:?}: {reported:?}");
    }
    let empty = problems("workflow: {phases: [{id: a, steps: []}]}");
    assert!(empty[0].ends_with("error: no phase has a step, so the workflow does nothing"), "{empty:?}");
    assert!(empty[1].ends_with("warning: the phase `a` has no steps"), "{empty:?}");
}
