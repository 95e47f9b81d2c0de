use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::fixture::{Answer, TempProject, wait_until};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples/original");

fn project() -> TempProject {
    let project = TempProject::new();
    for entry in fs::read_dir(EXAMPLES).expect("the examples") {
        let path = entry.expect("an example").path();
        let name = path.file_name().expect("a name").to_str().expect("UTF-8");
        let copy = project.write(name, fs::read(&path).expect("an example"));
        fs::set_permissions(copy, fs::Permissions::from_mode(0o755)).expect("permissions");
    }
    project.write("letter.txt", "words\n");
    project
}

fn names() -> Vec<String> {
    let entries = fs::read_dir(EXAMPLES).expect("the examples");
    let names = entries.map(|entry| entry.expect("an example").file_name().into_string().expect("UTF-8"));
    let mut names: Vec<_> = names.filter(|name| Path::new(name).extension().is_some_and(|it| it == "yaml")).collect();
    names.sort();
    names
}

const INPUTS: [(&str, &str); 5] = [
    ("council.yaml", "question=when"),
    ("ingest.yaml", "source_code=AB"),
    ("ingest.yaml", "source_file=${file}"),
    ("map.yaml", "person=Ada"),
    ("pipeline.yaml", "source_code=AB"),
];

fn run(project: &TempProject, name: &str, more: &[&str]) -> Answer {
    let path = format!("./{name}");
    let mut words = vec!["workflow", "run", path.as_str(), "--file", "letter.txt"];
    for (_, input) in INPUTS.iter().filter(|(file, _)| *file == name) {
        words.extend(["--input", input]);
    }
    project.ask([&words, more].concat())
}

#[test]
fn every_example_is_checked_and_runs_to_its_end() {
    let project = project();
    assert_eq!(names().len(), 8);
    for name in names() {
        let check = project.ask(["workflow", "check", name.as_str()]).expect_code(0);
        assert!(check.out.contains(": 0 errors, "), "{check:?}");
        let answer = run(&project, &name, &[]).expect_code(0);
        assert!(answer.out.contains("completed"), "{name}: {answer:?}");
    }
}

#[test]
fn a_transition_to_the_rollback_fails_the_file() {
    let project = project();
    project.ask(["queue", "add", "letter.txt"]).expect_code(0);
    let stand_in = "#!/bin/sh\necho \"$1 $AUTOPROC_FAILED_PHASE\" >> done\n\
                    [ \"$1\" != check_published ] || echo check_failed=true > \"$AUTOPROC_OUTPUT\"\n";
    project.write("stand-in", stand_in);
    project.ask(["run", "--workflow", "./publish.yaml"]).expect_code(100);
    let done = fs::read_to_string(project.path("done")).expect("the notes");
    assert_eq!(done, "publish \ncheck_published \nwithdraw phase_2\nnotify phase_2\nnotify phase_2\n");
    let shown = project.ask(["queue", "show", "letter.txt", "--json"]).expect_code(0).json();
    let error = shown["last_error"].as_str().unwrap_or_default().to_owned();
    assert!(error.contains("rolled back after phase_2"), "{shown:#}");
    assert_eq!((&shown["status"], &shown["attempts"]), (&"failed".into(), &1.into()));
}

#[test]
fn a_failed_phase_is_undone_after_the_last_attempt() {
    let project = project();
    project.ask(["queue", "add", "letter.txt"]).expect_code(0);
    project.write("stand-in", "#!/bin/sh\necho \"$1 $AUTOPROC_FAILED_STEP\" >> done\n[ \"$1\" != publish ]\n");
    let words = ["run", "-r", "1", "--backoff-base", "0", "--workflow", "./publish.yaml"];
    let run = project.ask(words).expect_code(100);
    assert!(run.err.contains("rolled back after phase_1/phase_1_1: exit status 1"), "{run:?}");
    let done = fs::read_to_string(project.path("done")).expect("the notes");
    let step = "phase_1_1";
    assert_eq!(done, format!("publish \npublish \nwithdraw {step}\nnotify {step}\nnotify {step}\n"));
}

#[test]
fn a_rollback_continues_after_a_crash() {
    let project = project();
    project.ask(["queue", "add", "letter.txt"]).expect_code(0);
    project.write("wait", "");
    let stand_in = "#!/bin/sh\necho \"$1\" >> done\n[ \"$1\" != check_published ] || echo check_failed=true > \"$AUTOPROC_OUTPUT\"\n\
                    [ \"$AUTOPROC_STEP\" != rollback_2 ] || while [ -e wait ]; do sleep 0.05; done\n";
    project.write("stand-in", stand_in);
    let done = || fs::read_to_string(project.path("done")).unwrap_or_default();
    let first = project.start(["run", "--workflow", "./publish.yaml"]);
    wait_until("the rollback waits", || done().lines().count() == 4);
    project.kill(first);
    fs::remove_file(project.path("wait")).expect("the wait");
    project.ask(["run", "--workflow", "./publish.yaml"]).expect_code(100);
    assert_eq!(done(), "publish\ncheck_published\nwithdraw\nnotify\nnotify\nnotify\n");
    assert_eq!(project.status_of("letter.txt"), "failed");
}

#[test]
fn an_activation_that_does_not_hold_leads_to_the_fallback() {
    let project = project();
    let text = "workflow: {id: update, inputs: [{name: mode, default: new}, {name: only_here}], activation: {condition: \
                \"${mode} == 'update'\", fallback_workflow: first-time}, phases: [{id: p, steps: [{shell: echo update >> done}]}]}\n";
    project.write("core/workflows/update.yaml", text);
    project.write(
        "core/workflows/first-time.yaml",
        "workflow: {id: first-time, inputs: [{name: mode}], phases: [{id: p, steps: [{shell: \"echo first ${mode} >> done\"}]}]}\n",
    );
    let run = |inputs: &[&str]| {
        let words = ["workflow", "run", "update", "--file", "letter.txt"];
        let inputs: Vec<_> = inputs.iter().flat_map(|input| ["--input", input]).collect();
        project.ask([&words[..], &inputs].concat())
    };
    run(&["mode=update"]).expect_code(0);
    let other = run(&["mode=fresh", "only_here=x"]).expect_code(0);
    assert!(
        other.err.contains("`${mode} == 'update'` does not hold: first-time is used instead of update"),
        "{other:?}"
    );
    assert_eq!(fs::read_to_string(project.path("done")).expect("the notes"), "update\nfirst fresh\n");
    project.write("core/workflows/update.yaml", text.replace(", fallback_workflow: first-time", ""));
    run(&["mode=fresh"]).expect_error(78, "update is not used");
    project.write("core/workflows/update.yaml", text.replace("first-time", "update"));
    run(&["mode=fresh"]).expect_error(78, "name each other");
}

#[test]
fn outputs_are_shown_and_looked_for() {
    let project = project();
    project.ask(["queue", "add", "letter.txt"]).expect_code(0);
    let text = "workflow: {id: w, phases: [{id: p, steps: [{run: [cp, '${file}', copy.txt]}]}], outputs: [{name: copy, type: \
                file, location: copy.txt, required: true}, {name: log, type: file, location: 'logs/${file | basename}.log'}]}\n";
    project.write("w.yaml", text);
    let run = project.ask(["run", "--workflow", "./w.yaml"]).expect_code(0);
    assert!(run.err.contains("the output `log` is missing: logs/letter.txt.log"), "{run:?}");
    for words in [["queue", "show", "letter.txt"], ["workflow", "progress", "letter.txt"]] {
        let shown = project.ask(words).expect_code(0);
        assert!(shown.out.contains("  output copy: copy.txt\n"), "{shown:?}");
        assert!(shown.out.contains("  output log: logs/letter.txt.log (missing)\n"), "{shown:?}");
    }
    let json = project.ask(["queue", "show", "letter.txt", "--json"]).expect_code(0).json();
    assert_eq!((&json["outputs"][0]["found"], &json["outputs"][1]["found"]), (&true.into(), &false.into()));
    project.write("w.yaml", text.replace("copy.txt, required", "other.txt, required"));
    project.ask(["queue", "add", "--again", "letter.txt"]).expect_code(0);
    let run = project.ask(["run", "-r0", "--workflow", "./w.yaml"]).expect_code(100);
    assert!(run.err.contains("required outputs are missing: copy (other.txt)"), "{run:?}");
}
