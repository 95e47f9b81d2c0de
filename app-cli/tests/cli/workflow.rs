use std::fs;

use crate::fixture::TempProject;

const GOOD: &str = "\
workflow:
  id: letters
  name: Letters
  version: 1.2.0
  inputs:
    - {name: sender, required: true, description: who wrote}
  phases:
    - id: read
      name: READING
      condition: sender is not null
      steps:
        - run: [wc, -l, \"${file}\"]
          id: count
          timeout: 1m30s
          retries: 2
        - execute: {command: stamp, inputs: {by: \"${sender}\"}}
      checkpoint: {id: CP, validation: [stamped]}
    - id: file
      task: tasks/file.md
      blocking: false
  transitions:
    - {from: read, to: shelve, condition: checkpoint_passed}
";

fn good() -> String {
    GOOD.replace("id: file\n", "id: shelve\n")
}

fn project() -> TempProject {
    let project = TempProject::new();
    fs::create_dir_all(project.path("core/workflows")).expect("a folder for workflows");
    project
}

#[test]
fn workflows_are_listed_with_their_state() {
    let project = project();
    let none = project.ask(["workflow", "list"]).expect_code(0);
    assert!(none.out.is_empty() && none.err.contains("there are no workflows"), "{none:?}");
    project.write("core/workflows/a.yaml", good());
    project.write("core/workflows/b.yml", "workflow: {phases: 1, inputs: 2}\n");
    let list = project.ask(["workflow", "list"]).expect_code(0).out;
    let lines: Vec<_> = list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        [
            "ID PHASES STEPS STATE FILE NAME",
            "letters 2 3 3 warnings core/workflows/a.yaml Letters",
            "b 0 0 2 errors core/workflows/b.yml",
        ]
    );
    let json = project.ask(["workflow", "list", "--json"]).expect_code(0).json();
    assert_eq!((&json["workflows"][0]["id"], &json["workflows"][1]["errors"]), (&"letters".into(), &2.into()));
}

#[test]
fn a_workflow_is_shown_as_a_tree() {
    let project = project();
    project.write("core/workflows/a.yaml", good());
    let tree = project.ask(["workflow", "show", "letters"]).expect_code(0).out;
    assert_eq!(
        tree,
        "letters: Letters (1.2.0)
core/workflows/a.yaml
  input sender (string, required): who wrote

read READING, if sender is not null
├─ count: run wc -l ${file}, at most 1m 30s, 2 retries
├─ read_2: command stamp
├─ should return stamped (for checkpoint CP)
├─ checkpoint CP asks for stamped
└─ to shelve, if checkpoint_passed

shelve, not blocking
└─ shelve_1: task tasks/file.md
"
    );
    let json = project.ask(["workflow", "show", "core/workflows/a.yaml", "--json"]).expect_code(0).json();
    assert_eq!(json["phases"][0]["steps"][1]["inputs"]["by"], "${sender}");
    let unknown = project.ask(["workflow", "show", "leters"]).expect_code(2);
    assert!(unknown.err.contains("known workflows: letters"), "{unknown:?}");
}

#[test]
fn all_errors_are_told_at_once_with_line_and_mark() {
    let project = project();
    project.write("bad.yaml", GOOD.replace("retries: 2", "retrys: 2"));
    project.write("good.yaml", good());
    let check = project.ask(["workflow", "check", "bad.yaml", "good.yaml", "none.yaml"]).expect_code(78);
    for expected in [
        "bad.yaml:15:11: warning: unknown key `retrys` in a step; did you mean `retries`?\n",
        "bad.yaml:18:7: error: `file` is reserved for the file itself\n",
        "bad.yaml:22:24: error: there is no phase `shelve`\n  22 |     - {from: read, to: shelve, condition: checkpoint_passed}\n     \
         |                        ^\n",
        "bad.yaml: 2 errors, 4 warnings, 0 notes\n",
        "good.yaml:16:11: warning: no runner for the command `stamp`",
        "good.yaml: the phase `read` should return stamped (for checkpoint CP)\n",
        "good.yaml: 0 errors, 3 warnings, 0 notes\n",
        "none.yaml: error: cannot read ",
    ] {
        assert!(check.out.contains(expected), "missing: {expected}\nin:\n{}", check.out);
    }
    project.ask(["workflow", "check", "good.yaml"]).expect_code(0);
    let show = project.ask(["workflow", "show", "bad.yaml"]).expect_code(78);
    assert!(show.err.contains("autoproc workflow check bad.yaml"), "{show:?}");
    let json = project.ask(["workflow", "check", "bad.yaml", "--json"]).expect_code(78).json();
    assert_eq!((&json["exit_code"], &json["files"][0]["problems"][0]["line"]), (&78.into(), &15.into()));
}

#[test]
fn a_strict_check_refuses_slips() {
    let project = project();
    project.write("autoproc.toml", "[runners]\ntask = ['a']\n[runners.commands]\nstamp = ['b']\n");
    let check = |text: String, words: &[&str]| {
        project.write("a.yaml", text);
        project.ask([&["workflow", "check", "a.yaml"], words].concat())
    };
    for (right, slip, expected) in [
        ("retries: 2", "retrys: 2", "a.yaml:15:11: error: unknown key `retrys` in a step; did you mean `retries`?\n"),
        ("sender is not", "sendr is not", "a.yaml:10:18: error: unknown name `sendr`"),
    ] {
        let slipped = good().replace(right, slip);
        assert_ne!(slipped, good());
        let lenient = check(slipped.clone(), &[]).expect_code(0);
        assert!(lenient.out.contains(&expected.replace("error", "warning")), "{lenient:?}");
        let strict = check(slipped, &["--strict"]).expect_code(78);
        assert!(strict.out.contains(expected), "{strict:?}");
        assert!(strict.out.contains("a.yaml: 1 error, 1 warning, 0 notes"), "{strict:?}");
    }
    check(good(), &["--strict"]).expect_code(0);
}

#[test]
fn unknown_keys_do_not_stop_a_workflow() {
    let project = project();
    project.write("a", "");
    project.write("autoproc.toml", "[runners]\ncommand = ['sh', 'note', '{name}', '{param.agent}']\n");
    project.write("note", "echo \"$1 $2 $AUTOPROC_PARAM_AGENT\" >> noted\n");
    project.write(
        "owned.yaml",
        "workflow: {id: owned, squad: x, phases: [{id: p, parallel: false, steps: [{execute: {command: judge, \
         agent: \"agents/${file | basename}.md\", condition: \"${file exists} AND NOT nobody\"}}]}]}\n",
    );
    project.ask(["workflow", "check", "owned.yaml"]).expect_code(0);
    project.ask(["workflow", "run", "owned.yaml", "--file", "a"]).expect_code(0);
    let noted = fs::read_to_string(project.path("noted")).expect("the runner's note");
    assert_eq!(noted, "judge agents/a.md agents/a.md\n");
}

#[test]
fn a_runners_table_that_makes_no_sense_is_told_with_its_place() {
    let project = project();
    project.write("a.yaml", good());
    project.write("autoproc.toml", "[runners]\ntsk = ['a']\n");
    let check = project.ask(["workflow", "check", "a.yaml"]).expect_code(78);
    assert!(check.err.contains("autoproc.toml:2:1: unknown field `tsk`"), "{check:?}");
    project.write("autoproc.toml", "[runners]\ntask = ['a']\n[runners.commands]\nstamp = ['b']\n");
    let check = project.ask(["workflow", "check", "a.yaml"]).expect_code(0);
    assert!(check.out.contains("0 errors, 1 warning, 0 notes"), "{check:?}");
}

#[test]
fn nothing_in_a_file_steers_the_terminal() {
    let project = project();
    project.write("a.yaml", "workflow: {\"k\\e[2J\": 1, name: \"\u{85}\", \u{9b}x: 1}\n");
    let check = project.ask(["workflow", "check", "a.yaml"]).expect_code(78);
    assert!(!check.out.contains(['\u{1b}', '\u{9b}', '\u{85}']), "{check:?}");
}

/// More than three lines would indicate an unescaped line break.
#[test]
fn nothing_in_a_refusal_steers_the_terminal() {
    let project = project();
    project
        .write("key.yaml", "workflow: {inputs: [{name: \"k\\e[2J\\nx\"}], phases: [{id: p, steps: [{run: [a]}]}]}\n");
    project.write("command.yaml", "workflow: {phases: [{id: p, steps: [{execute: {command: \"c\\e[2J\\nx\"}}]}]}\n");
    project.write("name\u{1b}[2J\nx.yaml", "workflow: {steps: 1}\n");
    project.write(
        "warns\u{1b}[2J\nx.yaml",
        "workflow: {id: w, phases: [{id: p, on_fail: shout, steps: [{run: [\"true\"]}]}]}\n",
    );
    project.write("input.yaml", "workflow: {inputs: [{name: a, type: number, required: true, description: \"d\\e[2J\\nx\"}], phases: [{id: p, steps: [{run: [a]}], condition: a}]}\n");
    project.write("a", "");
    let run =
        |words: &[&str]| project.ask([&["--color", "always", "run", "--dry-run", "a", "--workflow"], words].concat());
    for (words, code) in [
        (&["key.yaml"][..], 78),
        (&["command.yaml"], 78),
        (&["name\u{1b}[2J\nx.yaml"], 78),
        (&["warns\u{1b}[2J\nx.yaml"], 0),
        (&["input.yaml"], 2),
        (&["input.yaml", "--input", "a=\u{1b}[2J\nx"], 2),
        (&["nosuch\u{1b}[2J\nx"], 2),
        (&["nosuch\u{1b}[2J\nx.yaml"], 2),
    ] {
        let answer = run(words).expect_code(code);
        assert!(!answer.err.contains("\u{1b}[2J") && answer.err.contains("\\u{1b}[2J"), "{words:?}: {}", answer.err);
        assert!(answer.err.lines().count() <= 3, "{words:?}: {}", answer.err);
    }
}

#[test]
fn times_in_a_file_are_those_of_the_command_line() {
    let project = project();
    for time in ["300", "2.5", "500ms", "1h 30m", "7d", "1d 12h", "+5m", "1mo", "1y", "P1D", "0", "-5", "366d", "soon"]
    {
        let steps = format!("[{{run: [\"true\"], timeout: \"{time}\"}}]");
        project.write("a.yaml", format!("workflow: {{phases: [{{id: p, steps: {steps}}}]}}\n"));
        let in_file = project.ask(["workflow", "check", "a.yaml"]).code;
        let typed = project.ask(["run", "--dry-run", "a.yaml", &format!("--timeout={time}"), "--", "true"]).code;
        assert!([(0, 0), (78, 2)].contains(&(in_file, typed)), "{time}: {in_file} and {typed}");
    }
}
