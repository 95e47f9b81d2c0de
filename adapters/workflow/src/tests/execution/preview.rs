use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use crate::execution::{PreviewedStep, preview};
use autoproc_domain::FilePath;
use autoproc_domain::ports::AttemptOutcome;

use super::harness::{Fixture, expect_success, failure};
use super::scripted_runner::ScriptedRunner;

fn previewed(fixture: &Fixture) -> Vec<PreviewedStep> {
    preview(&fixture.run(), &FilePath::new(&fixture.file).unwrap()).unwrap()
}

fn runner() -> Arc<ScriptedRunner> {
    Arc::new(ScriptedRunner::new(|_| ("made=x y".into(), AttemptOutcome::Succeeded)))
}

#[test]
fn a_preview_equals_the_execution() {
    let mut fixture = Fixture::new(
        "
workflow:
  id: w
  inputs: [{name: word, default: a b}]
  phases:
    - id: p
      steps:
        - run: [echo, '${word} and $${word}', '${file}']
        - shell: 'echo ${word} \"${file}\" ''${file | basename}'' > x'
        - {execute: {command: tag, inputs: {by: '${word}!'}}}
        - {execute: {task: tasks/none.md}}
",
    );
    fixture.runners =
        "[runners]\ntask = ['t', '{task}', '{file}']\n[runners.commands]\ntag = ['c', '{input.by}', '{step}']\n".into();
    let (seen, runner) = (previewed(&fixture), runner());
    expect_success(&fixture.attempt_with(runner.clone(), fixture.claim(1)));
    let ran = runner.processes();
    assert_eq!(seen.len(), ran.len());
    for (seen, ran) in seen.iter().zip(&ran) {
        let words: Vec<_> = [&ran.program].into_iter().chain(&ran.arguments).map(OsString::as_os_str).collect();
        assert_eq!(seen.words.iter().map(OsStr::new).collect::<Vec<_>>(), words, "{}", seen.step);
        let is_there = |(name, value): &(String, String)| ran.environment.contains(&(name.into(), value.into()));
        assert!(seen.variables.iter().all(is_there), "{}: {:?}", seen.step, seen.variables);
    }
    assert_eq!(seen[1].variables.len(), 3);
}

#[test]
fn a_preview_keeps_unknown_values_as_written() {
    let fixture = Fixture::new(
        "
workflow:
  id: w
  phases:
    - {id: p, steps: [{id: s, run: [x]}, {run: ['${file | basename}', '${p.made}']}, {shell: 'echo ${p.made}'}]}
",
    );
    let seen = previewed(&fixture);
    assert_eq!(seen[1].words, ["a file.txt", "${p.made}"]);
    assert_eq!(seen[2].words, ["/bin/sh", "-c", "echo ${p.made}"]);
}

#[test]
fn a_preview_shows_certain_failures() {
    let mut fixture = Fixture::new("workflow: {id: w, phases: [{id: p, steps: [{run: [x, 'in ${file}']}]}]}");
    fixture.file = fixture.path("x").with_file_name(OsStr::from_bytes(b"odd\xff"));
    let seen = previewed(&fixture);
    let report = fixture.attempt_with(runner(), fixture.claim(1));
    let shown = seen[0].error.as_deref().expect("an error");
    assert!(failure(&report).ends_with(shown) && shown.contains("not UTF-8"), "{shown}: {report:?}");
}
