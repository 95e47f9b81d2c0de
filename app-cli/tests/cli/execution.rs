use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::fixture::{Answer, TempProject, end_of, wait_until};
use crate::stop::signal;

const FIVE_STEPS: &str = r#"
workflow:
  id: five
  inputs: [{name: word, type: string, default: none}]
  phases:
    - id: first
      steps:
        - {id: s1, shell: 'echo s1 ${word} >> ran; echo from=s1 > "$AUTOPROC_OUTPUT"'}
        - {id: s2, shell: 'echo s2 ${first.from} >> ran'}
        - {id: s3, shell: 'echo s3 >> ran; while [ -e wait ]; do sleep 0.05; done'}
    - id: second
      steps:
        - {id: s4, shell: 'echo s4 ${first.from} >> ran'}
        - {id: s5, shell: 'echo s5 >> ran; echo all done'}
"#;

fn project() -> TempProject {
    let project = TempProject::with_queue(&["a"]);
    project.write("core/workflows/five.yaml", FIVE_STEPS);
    project
}

fn ran(project: &TempProject) -> String {
    fs::read_to_string(project.path("ran")).unwrap_or_default()
}

#[test]
fn a_run_killed_in_its_third_step_resumes_there() {
    let project = project();
    project.write("wait", "");
    let mut run = project.start(["run", "--workflow", "five", "--input", "word=x y"]);
    wait_until("the third step runs", || ran(&project).contains("s3"));
    run.kill().expect("a child");
    run.wait().expect("a child");
    assert_eq!(ran(&project), "s1 x y\ns2 s1\ns3\n");
    let progress = project.json(["workflow", "progress", "a"]);
    let execution = &progress["executions"][0];
    assert_eq!((&execution["status"], &execution["current_task"]), (&"running".into(), &"s3".into()));
    assert_eq!((&execution["steps_over"], &execution["run_died"]), (&2.into(), &true.into()));
    let shown = project.ask(["workflow", "progress"]).expect_code(0).out;
    assert!(shown.contains(": five interrupted, its run died, 40.0%"), "{shown}");
    let preview = project.ask(["run", "--dry-run", "--workflow", "five", "--input", "word=x y"]).expect_code(0);
    assert!(preview.out.contains("resumes an earlier attempt") && !preview.err.contains("no file is due"));
    assert!(preview.err.starts_with("1 file whose run died: "), "{preview:?}");
    fs::remove_file(project.path("wait")).expect("the file");
    project.ask(["run", "--backoff-base", "0", "--workflow", "five", "--input", "word=x y"]).expect_code(0);
    assert_eq!(ran(&project), "s1 x y\ns2 s1\ns3\ns3\ns4 s1\ns5\n");
    assert_eq!(project.json(["workflow", "progress", "a"])["executions"][0]["percent"], 100.0);
    assert!(project.ask(["log", "a"]).expect_code(0).out.contains("==> second/s5\nall done\n"));
}

#[test]
fn an_execution_whose_run_is_gone_is_not_running() {
    let project = project();
    project.write("wait", "");
    let begin = |thirds: usize| {
        let run = project.start(["run", "--workflow", "five"]);
        wait_until("the third step runs", || ran(&project).matches("s3").count() == thirds);
        run
    };
    project.kill(begin(1));
    project.ask(["queue", "recover"]).expect_code(0);
    let progress = project.ask(["workflow", "progress"]).expect_code(0).out;
    assert!(progress.contains(": five interrupted, its run died, 40.0%"), "{progress}");
    assert!(progress.contains("  the next attempt on the file continues it\n"), "{progress}");
    let run = begin(2);
    let progress = project.ask(["workflow", "progress"]).expect_code(0).out;
    assert!(progress.contains(": five running, 40.0%"), "{progress}");
    project.ask(["stop", "--now"]).expect_code(0);
    end_of(run);
    let progress = project.ask(["workflow", "progress"]).expect_code(0).out;
    assert!(progress.contains(": five interrupted, its run has ended, 40.0%"), "{progress}");
    let execution = project.json(["workflow", "progress", "a"])["executions"][0].clone();
    assert_eq!((&execution["interrupted"], &execution["run_died"]), (&true.into(), &false.into()));
}

#[test]
fn a_dry_run_without_a_file_still_says_what_is_wrong() {
    let project = TempProject::new();
    project.write("core/workflows/five.yaml", FIVE_STEPS);
    project.ask(["run", "--dry-run", "--workflow", "five", "--input", "wort=x"]).expect_error(2, "no input `wort`");
    let answer = project.ask(["run", "--dry-run", "--workflow", "five"]).expect_code(0);
    assert!(answer.err.contains("no file is due; name one"), "{answer:?}");
    assert!(project.json(["run", "--dry-run", "--workflow", "five"]).is_null(), "a document all the same");
}

#[test]
fn a_failed_step_is_told_and_the_retry_resumes_with_it() {
    let project = TempProject::with_queue(&["a"]);
    let workflow = "workflow: {id: w, phases: [{id: p, steps: [{id: one, shell: 'echo one >> ran'}, {id: two, shell: 'echo two >> ran; echo oh no >&2; test -e mended'}]}]}";
    project.write("w.yaml", workflow);
    let answer = project.ask(["run", "-r1", "--backoff-base", "0", "--workflow", "./w.yaml"]).expect_code(100);
    let progress = project.ask(["workflow", "progress", "a"]).expect_code(0);
    assert!(progress.out.contains("  at p\n") && !progress.out.contains("left"), "{progress:?}");
    assert!(answer.err.contains("p/two: exit status 1") && answer.err.contains("oh no"), "{answer:?}");
    assert_eq!(ran(&project), "one\ntwo\ntwo\n");
    project.write("mended", "");
    project.ask(["retry-failed"]).expect_code(0);
    project.ask(["run", "--workflow", "./w.yaml"]).expect_code(0);
    assert_eq!(ran(&project), "one\ntwo\ntwo\ntwo\n");
}

#[test]
fn a_file_completed_since_its_failure_begins_anew() {
    let project = TempProject::with_queue(&["a"]);
    let steps = "[{id: one, shell: 'echo one >> ran'}, {id: two, shell: 'echo two >> ran; test -e mended'}]";
    project.write("w.yaml", format!("workflow: {{id: w, phases: [{{id: p, steps: {steps}}}]}}"));
    let fail = ["run", "-q", "-r0", "--workflow", "./w.yaml"];
    project.ask(fail).expect_code(100);
    project.ask(["queue", "add", "a"]).expect_code(0);
    project.ask(["run", "-q", "--", "true"]).expect_code(0);
    project.ask(["queue", "add", "a", "--again"]).expect_code(0);
    assert!(!project.ask(["run", "--dry-run", "--workflow", "./w.yaml"]).expect_code(0).out.contains("resumes"));
    project.ask(fail).expect_code(100);
    assert_eq!(ran(&project), "one\ntwo\none\ntwo\n");
    // A new round also resumes the failed execution.
    project.write("mended", "");
    project.ask(["retry-failed"]).expect_code(0);
    assert!(project.ask(["run", "--dry-run", "--workflow", "./w.yaml"]).expect_code(0).out.contains("resumes"));
    project.ask(["run", "-q", "--workflow", "./w.yaml"]).expect_code(0);
    assert_eq!(ran(&project), "one\ntwo\none\ntwo\ntwo\n");
}

#[test]
fn progress_warns_of_an_execution_that_it_cannot_read_and_resumes() {
    let project = TempProject::with_queue(&["a", "b"]);
    project.write("w.yaml", "workflow: {id: w, phases: [{id: p, steps: [{run: ['false']}]}]}");
    project.ask(["run", "-q", "-r0", "--workflow", "./w.yaml"]).expect_code(100);
    let journal = project.path(".claude/mission-control/executions/1.jsonl");
    fs::write(&journal, "no\njournal\n").expect("a journal");
    let progress = project.ask(["workflow", "progress"]).expect_code(0);
    assert!(progress.err.contains("1.jsonl:1 is damaged"), "{progress:?}");
    assert!(progress.out.contains("/b") && !progress.out.contains("/a"), "{progress:?}");
    project.ask(["workflow", "progress", "a"]).expect_error(65, "is damaged");
}

#[test]
fn executions_of_files_that_left_the_queue_are_forgotten() {
    let project = TempProject::with_queue(&["a", "b", "c"]);
    project.write("w.yaml", "workflow: {id: w, phases: [{id: p, steps: [{shell: 'test -e mended'}]}]}");
    project.ask(["run", "-q", "-r0", "--workflow", "./w.yaml"]).expect_code(100);
    let journals = project.path(".claude/mission-control/executions");
    let is_kept = |item: u64| journals.join(format!("{item}.jsonl")).exists();
    project.ask(["queue", "remove", "a"]).expect_code(0);
    project.ask(["queue", "add", "b"]).expect_code(0);
    let under_way = project.json(["workflow", "progress"])["executions"].as_array().expect("a list").len();
    assert_eq!(under_way, 2, "b keeps its number and its execution, like c");
    assert!((1..=3).all(is_kept), "a query removes nothing");
    project.ask(["run", "-q", "-r0", "--workflow", "./w.yaml"]).expect_code(100);
    assert_eq!((1..=4).map(is_kept).collect::<Vec<_>>(), [false, true, true, false]);
    project.ask(["queue", "clear"]).expect_code(0);
    assert!(project.json(["workflow", "progress"])["executions"].as_array().expect("a list").is_empty());
}

#[test]
fn from_start_begins_anew() {
    let project = TempProject::with_queue(&["a"]);
    project.write(
        "w.yaml",
        "workflow: {id: w, phases: [{id: p, steps: [{shell: 'echo one >> ran'}, {shell: 'test -e mended'}]}]}",
    );
    project.ask(["run", "-q", "-r0", "--workflow", "./w.yaml"]).expect_code(100);
    project.write("mended", "");
    project.ask(["retry-failed"]).expect_code(0);
    let foreseen =
        |options: &[&str]| project.ask([&["run", "--dry-run", "--workflow", "./w.yaml"], options].concat()).out;
    let resumes = "resumes an earlier attempt: 1 of 2 steps are done, at p\n";
    assert!(foreseen(&[]).contains(resumes), "{}", foreseen(&[]));
    assert!(!foreseen(&["--from-start"]).contains("resumes"), "{}", foreseen(&["--from-start"]));
    let json = project.json(["run", "--dry-run", "--workflow", "./w.yaml"]);
    assert_eq!((&json["taken_up"]["steps_over"], &json["taken_up"]["steps_total"]), (&1.into(), &2.into()));
    let workflow = fs::read(project.path("w.yaml")).expect("the workflow");
    project.write("w.yaml", [&workflow[..], b"\n"].concat());
    assert!(!foreseen(&[]).contains("resumes"), "the file is another one: {}", foreseen(&[]));
    project.write("w.yaml", workflow);
    project.ask(["run", "-q", "--from-start", "--workflow", "./w.yaml"]).expect_code(0);
    assert_eq!(ran(&project), "one\none\n");
}

#[test]
fn the_default_workflow_runs_where_there_is_one() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run"]).expect_error(2, "no workflow wf-pipeline-full");
    assert_eq!(project.json(["queue", "show", "a"])["attempts"], 0);
    project.write(
        "core/workflows/x.yaml",
        "workflow: {id: wf-pipeline-full, phases: [{id: p, steps: [{run: [touch, made]}]}]}",
    );
    project.ask(["run", "--"]).expect_error(2, "no command");
    assert!(!project.path("made").exists(), "two dashes without a command ask for no workflow");
    project.ask(["run"]).expect_code(0);
    assert!(project.path("made").exists());
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_touched() {
    let project = project();
    let before = project.bytes();
    let unknown = project.ask(["run", "--workflow", "fife"]).expect_error(2, "there is no workflow `fife`");
    assert!(unknown.err.contains("hint: `autoproc workflow list` lists"), "{unknown:?}");
    project.ask(["run", "--workflow", "five", "--input", "wort=x"]).expect_error(2, "no input `wort`");
    project.ask(["run", "--workflow", "five", "--input", "word"]).expect_code(2);
    project.ask(["run", "--workflow", "five", "--input", "word=x", "--input", "word=y"]).expect_error(2, "given twice");
    project.write("bad.yaml", "workflow: {id: w, phases: [{id: p, stepps: []}]}");
    project.ask(["run", "--workflow", "./bad.yaml"]).expect_error(78, "bad.yaml:1:");
    project.write("bare.yaml", "workflow: {id: w, phases: [{id: p, steps: [{execute: {command: tag}}]}]}");
    project.ask(["run", "--workflow", "./bare.yaml"]).expect_error(78, "[runners.commands]");
    assert_eq!(project.bytes(), before);
}

#[test]
fn a_dry_run_shows_what_would_run_and_runs_nothing() {
    let project = project();
    let before = project.bytes();
    let answer = project.ask(["run", "--dry-run", "--workflow", "five", "--input", "word=x y"]).expect_code(0);
    assert!(answer.out.contains("first/s1\n") && answer.out.contains("AUTOPROC_VALUE_1='x y'"), "{answer:?}");
    assert!(answer.out.contains("${first.from}"), "what is not known yet is shown as such: {answer:?}");
    let plain = project.ask(["run", "--dry-run", "--", "wc", "-l"]).expect_code(0);
    assert!(plain.out.contains(&format!("wc -l {}", project.path("a").display())), "{plain:?}");
    assert_eq!((project.bytes(), ran(&project)), (before, String::new()));
    let json = project.json(["run", "--dry-run", "--workflow", "five"]);
    assert_eq!(json["steps"].as_array().expect("steps").len(), 5);
    project.write("w.yaml", "workflow: {id: w, phases: [{id: p, steps: [{id: s, shell: \"one\\ntwo \\e[2J\"}]}]}");
    let script = project.ask(["run", "--dry-run", "--workflow", "w.yaml"]).expect_code(0);
    assert!(script.out.contains("-c 'one\n  two \\u{1b}[2J'\n"), "{script:?}");
    let shown = project.ask(["workflow", "show", "./w.yaml"]).expect_code(0);
    assert!(shown.out.contains("s: shell one …\n"), "{shown:?}");
}

#[test]
fn one_file_without_the_queue() {
    let project = TempProject::new();
    project.write("core/workflows/five.yaml", FIVE_STEPS);
    project.write("b", "");
    let over = project.json_of(0, ["workflow", "run", "five", "--file", "b"]);
    assert_eq!((&over["outcome"], &over["progress"]["percent"]), (&"completed".into(), &100.0.into()));
    assert_eq!(ran(&project).lines().count(), 5);
    assert_eq!(project.ask(["queue", "size"]).expect_code(0).out, "0\n");
    project.write("f.yaml", "workflow: {id: f, phases: [{id: p, steps: [{id: s, run: ['false']}]}]}");
    let answer = project.ask(["workflow", "run", "f.yaml", "--file", "b"]).expect_code(100);
    assert!(answer.out.contains("p/s: exit status 1"), "{answer:?}");
}

#[test]
fn alone_it_prints_what_its_steps_print() {
    let project = TempProject::new();
    project
        .write("w.yaml", "workflow: {id: w, phases: [{id: p, steps: [{id: s, shell: 'echo hello; echo oops >&2'}]}]}");
    project.write("b", "");
    let answer = project.ask(["workflow", "run", "w.yaml", "--file", "b"]).expect_code(0);
    assert!(answer.out.starts_with("==> p/s\n") && answer.out.contains("hello\n"), "{answer:?}");
    assert!(answer.out.contains("oops\n") && answer.out.contains("completed "), "{answer:?}");
    assert_eq!(answer.err, "", "in a project in which nothing was kept yet, nothing is missed");
    let json = project.json_of(0, ["workflow", "run", "w.yaml", "--file", "b"]);
    assert_eq!(json["outcome"], "completed");
    let missing = project.ask(["workflow", "run", "w.yaml", "--file", "nowhere"]).expect_code(0);
    assert!(missing.err.contains("does not exist (yet)"), "{missing:?}");
}

#[test]
fn alone_it_ends_at_the_first_signal_and_a_stop_file_is_not_for_it() {
    let project = TempProject::new();
    project.write("core/workflows/five.yaml", FIVE_STEPS);
    project.write("b", "");
    project.write(".claude/mission-control/STOP-AUTONOMOUS", "now");
    project.ask(["workflow", "run", "five", "--file", "b"]).expect_code(0);
    project.write("wait", "");
    let run = project.start(["workflow", "run", "five", "--file", "b"]);
    wait_until("the third step runs again", || ran(&project).lines().count() == 8);
    signal(&run, "INT");
    let answer = end_of(run).expect_code(130);
    assert!(answer.out.contains("as requested"), "{answer:?}");
    assert_eq!(ran(&project).lines().count(), 8, "no step came after it");
}

#[test]
fn the_example_does_its_work() {
    let project = TempProject::with_queue(&["quiet.log"]);
    project.write("server one.log", "ERROR disk\nfine\nERROR disk\nERROR net\n");
    project.ask(["queue", "add", "server one.log"]).expect_code(0);
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/log-digest.yaml");
    let words = ["run".as_ref(), "--input".as_ref(), "top=1".as_ref(), "--workflow".as_ref(), example.as_os_str()];
    project.ask(words).expect_code(0);
    let read = |name: &str| fs::read_to_string(project.path("digests").join(name)).unwrap_or_default();
    assert_eq!(read("server one.log.top").trim(), "2 ERROR disk");
    assert!(read("server one.log.summary").ends_with("3 lines match\n"));
    assert!(project.path("digests/server one.log.gz").is_file() && project.path("digests/quiet.log.gz").is_file());
    assert!(!project.path("digests/quiet.log.top").exists(), "its condition does not hold");
}

#[test]
fn the_manuals_first_example_does_its_work() {
    let project = TempProject::with_queue(&["short.txt"]);
    project.write("long.txt", "word ".repeat(1_001));
    project.ask(["queue", "add", "long.txt"]).expect_code(0);
    let manual = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/workflows.md"));
    let manual = manual.expect("the manual");
    let example = manual.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    project.write("core/workflows/letters.yaml", example.expect("an example"));
    project.write("tasks/summarise.md", "| Field | Value |\n| --- | --- |\n| task_id | T-1 |\n");
    project.write("autoproc.toml", "[runners]\ntask = ['sh', 'run-task', '{task}']\n");
    project.write("run-task", "echo \"$AUTOPROC_INPUT_SENDER $AUTOPROC_INPUT_WORDS\" >> ran\n");
    let script =
        project.write("count-words", "#!/bin/sh\necho \"words=$(($(wc -w < \"$1\")))\" > \"$AUTOPROC_OUTPUT\"\n");
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).expect("a script");
    let check = project.ask(["workflow", "check", "letters"]).expect_code(0);
    assert!(check.out.contains("0 errors, 0 warnings"), "{check:?}");
    project.write("short.txt", "two words");
    project.ask(["run", "-r0", "--workflow", "letters", "--input", "sender=Ada"]).expect_code(0);
    assert_eq!(ran(&project), "Ada 1001\n", "only the long letter is summarised");
    assert!(project.path("shelves/Ada/short.txt").is_file() && project.path("shelves/Ada/long.txt").is_file());
}

#[test]
fn named_tasks_and_commands_run_once_each_in_order_with_their_inputs() {
    let project = TempProject::with_queue(&["a"]);
    let workflow = r#"
workflow:
  id: shaped
  orchestrator: "@somebody"
  inputs:
    - {name: origin, type: string, required: true}
    - {name: files, type: array, required: true}
    - {name: link, type: string, required: false}
  phases:
    - {id: phase_0, task: check-voices, blocking: true, on_fail: ask_somebody, condition: "link != null"}
    - id: phase_1
      steps:
        - condition: "link is not null"
          execute: {command: fetch, inputs: {url: "${link}"}}
        - execute: {task: "tasks/tidy.md", inputs: {content: "${files}"}}
        - execute: {command: label, inputs: {origin: "${origin}"}}
      checkpoint: {id: CP_ONE, blocking: true, validation: [tidied, labelled]}
    - id: phase_2
      steps:
        - execute: {task: "tasks/look.md", inputs: {names: "${phase_1.names}", folder: "in/${folder}/"}}
      checkpoint: {id: CP_TWO, blocking: true}
  transitions:
    - {from: phase_1, to: phase_2, condition: checkpoint_passed}
  outputs:
    - {name: report, type: file, location: "out/{timestamp}"}
"#;
    project.write("engine/workflows/shaped.yaml", workflow);
    project.write(
        "tasks/tidy.md",
        "# Tidy\n\n| Field | Value |\n| --- | --- |\n| task_id | T-7 |\n| task_name | tidy |\n",
    );
    project.write("tasks/look.md", "no table\n");
    project.write(
        "runner.sh",
        "#!/bin/sh\necho \"$AUTOPROC_STEP $1 $AUTOPROC_TASK_ID $(cat \"$AUTOPROC_STEP_INPUTS\")\" >> ran\n\
         for name in $AUTOPROC_EXPECTED; do echo \"$name=true\"; done > \"$AUTOPROC_OUTPUT\"\n\
         printf 'names=some\\nfolder=box\\n' >> \"$AUTOPROC_OUTPUT\"\n",
    );
    project.write(
        "autoproc.toml",
        "[runners]\ntask = ['sh', 'runner.sh', '{name}']\n[runners.commands]\nfetch = ['false']\nlabel = ['sh', 'runner.sh', '{name}']\n",
    );
    let answer: Answer = project.ask(["run", "--workflow", "shaped", "--input", "origin=AB"]);
    answer.expect_code(0);
    let file = project.path("a");
    let expected = [
        format!("phase_1_2 tidy T-7 {{\"content\":[\"{}\"]}}", file.display()),
        "phase_1_3 label  {\"origin\":\"AB\"}".to_owned(),
        "phase_2_1 tasks/look.md  {\"folder\":\"in/box/\",\"names\":\"some\"}".to_owned(),
    ];
    assert_eq!(ran(&project).lines().collect::<Vec<_>>(), expected);
}
