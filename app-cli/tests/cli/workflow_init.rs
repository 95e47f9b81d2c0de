use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::fixture::{Answer, TempProject, wait_until};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples");

const SORT: &str = "workflow: {id: sort, inputs: [{name: word, required: true}], phases: \
                    [{id: p, steps: [{task: look}, {command: sort}], checkpoint: {validation: [sorted, count > 3]}}]}\n";

fn examples() -> Vec<PathBuf> {
    let entries = ["", "original"].map(|folder| fs::read_dir(Path::new(EXAMPLES).join(folder)).expect("the examples"));
    let paths = entries.into_iter().flatten().map(|entry| entry.expect("an example").path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect();
    paths.sort();
    paths
}

fn project(example: &Path) -> TempProject {
    let project = TempProject::new();
    project.write("w.yaml", fs::read(example).expect("an example"));
    project.write("letter.txt", "ERROR in words\n");
    project
}

fn run_suggested(project: &TempProject, command: &str) -> Answer {
    let folder = Path::new(env!("CARGO_BIN_EXE_autoproc")).parent().expect("a folder");
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([folder.to_owned()].into_iter().chain(env::split_paths(&path))).expect("a path");
    let command = command.replace("FILE", "letter.txt");
    project.program("sh").args(["-c", &command]).env("PATH", path).output().expect("a shell").into()
}

#[test]
fn every_example_runs_to_its_end_with_the_stand_in() {
    assert_eq!(examples().len(), 9);
    for example in examples() {
        let project = project(&example);
        project.ask(["workflow", "check", "w.yaml"]).expect_code(0);
        let init = project.json_of(0, ["workflow", "init", "./w.yaml"]);
        let run = run_suggested(&project, init["command"].as_str().expect("a command")).expect_code(0);
        assert!(run.out.contains("completed"), "{}: {run:?}", example.display());
        let again = project.ask(["workflow", "init", "./w.yaml"]).expect_code(0);
        assert!(again.out.starts_with("nothing to write: "), "{again:?}");
    }
}

#[test]
fn a_stand_in_is_written_and_then_replaced() {
    let project = TempProject::new();
    project.write("core/workflows/sort.yaml", SORT);
    project.write("letter.txt", "");
    project
        .ask(["workflow", "run", "sort", "--file", "letter.txt", "--input", "word=x"])
        .expect_error(78, "no runner for");
    project.write("autoproc.toml", "# mine\n[runners]\ntask = [\"true\", \"{task}\"]\n");
    let init = project.ask(["workflow", "init", "sort"]).expect_code(0);
    assert_eq!(
        init.out,
        "wrote runners/stand-in
wrote runners/sort.values
added to autoproc.toml, in these tables:
  [runners.commands]
  sort = [\"runners/stand-in\", \"{name}\", \"{file}\"]
next, execute the workflow on a file:
  autoproc workflow run sort --file FILE --input word=TEXT
then replace the stand-in in autoproc.toml, one line at a time
"
    );
    let table = fs::read_to_string(project.path("autoproc.toml")).expect("the table");
    assert!(
        table.starts_with("# mine\n[runners]\ntask = [\"true\", \"{task}\"]\n\n[runners.commands]\nsort = "),
        "{table}"
    );
    let mode = fs::metadata(project.path("runners/stand-in")).expect("the script").permissions().mode();
    assert_eq!(mode & 0o700, 0o700);
    let run = run_suggested(&project, "autoproc workflow run sort --file FILE --input word=TEXT").expect_code(0);
    assert!(run.out.contains("p/p_2: a stand-in for sort\n"), "{run:?}");
    // The two lines come from different streams, so either may be the first.
    assert!(run.out.contains("  expected  sorted count\n"), "{run:?}");
    assert!(run.out.contains("\n{\"count\":4,\"sorted\":true}\n"), "{run:?}");
    project.write("autoproc.toml", table.replace("runners/stand-in", "false"));
    run_suggested(&project, "autoproc workflow run sort --file FILE --input word=TEXT").expect_code(100);
}

#[test]
fn a_stand_in_without_values_returns_true() {
    let project = TempProject::new();
    project
        .write("w.yaml", SORT.replace(", count > 3", "").replace("{command: sort}", "{command: sort, output: json}"));
    project.write("letter.txt", "");
    project.ask(["workflow", "init", "./w.yaml"]).expect_code(0);
    fs::remove_file(project.path("runners/sort.values")).expect("the values");
    let run = run_suggested(&project, "autoproc workflow run ./w.yaml --file FILE --input word=x").expect_code(0);
    assert!(run.out.contains("{\"sorted\": true}\n"), "{run:?}");
}

#[test]
fn what_cannot_be_prepared_changes_nothing() {
    let project = TempProject::new();
    project.ask(["workflow", "init", "none"]).expect_error(2, "there is no workflow `none`");
    project.write("w.yaml", SORT.replace("phases", "phasse"));
    project.ask(["workflow", "init", "./w.yaml"]).expect_error(78, "has errors");
    project.write("w.yaml", SORT);
    for (table, words) in [("[runners", "autoproc.toml:1"), ("runners = {}\n", "cannot add lines to")] {
        project.write("autoproc.toml", table);
        project.ask(["workflow", "init", "./w.yaml"]).expect_error(78, words);
        assert_eq!(fs::read_to_string(project.path("autoproc.toml")).expect("the table"), table);
        assert!(!project.path("runners").exists());
    }
}

#[test]
fn a_run_killed_in_every_step_finishes_each_step_once() {
    let project = project(&Path::new(EXAMPLES).join("original/pipeline.yaml"));
    project.ask(["workflow", "init", "./w.yaml"]).expect_code(0);
    let script = fs::read_to_string(project.path("runners/stand-in")).expect("the script");
    let notes = "#!/bin/sh\necho \"$AUTOPROC_STEP\" >> begun\nif [ ! -e \"seen.$AUTOPROC_STEP\" ]; then\n    \
                 : > \"seen.$AUTOPROC_STEP\"\n    while :; do sleep 60; done\nfi\n";
    fs::write(project.path("runners/stand-in"), format!("{notes}{script}echo \"$AUTOPROC_STEP\" >> finished\n"))
        .expect("the script");
    project.ask(["queue", "add", "letter.txt"]).expect_code(0);
    let lines = |name: &str| -> Vec<String> {
        fs::read_to_string(project.path(name)).unwrap_or_default().lines().map(str::to_owned).collect()
    };
    let words = ["run", "-q", "-r", "50", "--backoff-base", "0", "--workflow", "./w.yaml", "--input", "source_code=AB"];
    let steps = 10;
    for step in 0..steps {
        let run = project.start(words);
        wait_until("the step runs", || lines("begun").len() == 2 * step + 1);
        project.kill(run);
        assert_eq!(lines("finished").len(), step);
        let progress = project.ask(["workflow", "progress"]).expect_code(0);
        assert!(progress.out.contains("interrupted, its run died"), "{progress:?}");
    }
    project.ask(words).expect_code(0);
    let (begun, finished) = (lines("begun"), lines("finished"));
    assert_eq!(finished.len(), steps);
    let twice: Vec<_> = finished.iter().flat_map(|step| [step.clone(), step.clone()]).collect();
    assert_eq!(begun, twice, "each step is begun once by the killed run, and once by the next one");
    assert_eq!(project.status_of("letter.txt"), "completed");
}
