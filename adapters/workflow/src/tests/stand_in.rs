use std::fs;
use std::path::{Path, PathBuf};

use crate::execution::Plan;
use crate::runners::Runners;
use crate::tests::definition::TempProject;
use crate::{StandInError, StandIns, add_stand_ins};

const LETTERS: &str = r"
workflow:
  id: letters
  inputs: [{name: sender, required: true}, {name: letter, type: file}, {name: count, type: integer, required: true}]
  phases:
    - {id: look, condition: letter exists, steps: [{task: read}, {execute: {command: stamp it}}]}
    - {id: sort, steps: [{condition: letter exists, command: sort}]}
    - {id: shelve, steps: [{command: shelve}]}
  transitions: [{from: sort, to: shelve, condition: sorted}]
  on_error: [{action: weep}]
";

fn plan(text: &str) -> Plan {
    Plan::new(TempProject::new().check(text).workflow.unwrap())
}

fn toml_of(project: &TempProject) -> String {
    fs::read_to_string(project.root().join("autoproc.toml")).unwrap()
}

fn added(project: &TempProject, text: &str) -> StandIns {
    add_stand_ins(project.root(), &plan(text)).unwrap()
}

#[test]
fn each_command_and_task_gets_a_stand_in_once() {
    let project = TempProject::new();
    let first = added(&project, LETTERS);
    let runner = r#"["runners/stand-in", "{name}", "{file}"]"#;
    let lines = format!(
        "[runners.tasks]\nread = {runner}\n\n[runners.commands]\n\"stamp it\" = {runner}\nsort = {runner}\nshelve = {runner}\nweep = {runner}\n"
    );
    assert_eq!(toml_of(&project), lines);
    assert_eq!(first.lines, lines.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>());
    assert_eq!(first.created, ["runners/stand-in", "runners/letters.values"].map(PathBuf::from));
    let inputs = [("sender", "TEXT"), ("letter", "${file}"), ("count", "1")];
    assert_eq!(first.inputs, inputs.map(|(name, text)| (name.to_owned(), text.to_owned())));
    let second = added(&project, LETTERS);
    assert_eq!((second.created, second.lines), (Vec::new(), Vec::new()));
    // Another workflow uses the same runners, but gets its own file of values.
    let other = added(&project, &LETTERS.replace("id: letters", "id: cards"));
    assert_eq!((other.created, other.lines), (vec!["runners/cards.values".into()], Vec::new()));
}

#[test]
fn nothing_is_written_if_every_command_has_a_runner() {
    let project = TempProject::new();
    project.write("autoproc.toml", "[runners]\ntask = ['t']\ncommand = ['c']\n");
    let added = added(&project, LETTERS);
    assert_eq!((added.created, added.lines), (Vec::new(), Vec::new()));
    assert!(!project.root().join("runners").exists());
}

#[test]
fn a_file_that_exists_is_kept() {
    let project = TempProject::new();
    project.write("runners/stand-in", "mine");
    project.write("real.toml", "# mine\n");
    std::os::unix::fs::symlink("real.toml", project.root().join("autoproc.toml")).unwrap();
    assert_eq!(added(&project, LETTERS).created, [Path::new("runners/letters.values")]);
    assert_eq!(fs::read_to_string(project.root().join("runners/stand-in")).unwrap(), "mine");
    assert!(project.root().join("autoproc.toml").is_symlink());
    assert!(toml_of(&project).starts_with("# mine\n\n[runners.tasks]\n"), "{}", toml_of(&project));
}

#[test]
fn the_lines_of_a_table_stay_as_they_are() {
    let tables = [
        "",
        "# a note",
        "[runners]\ntask = ['t']  # mine\n",
        "[runners]\ncommand = [\n  'c',\n]\n# the end",
        "[runners]\r\ntask = ['t']\r\n\r\n# tags\r\n[runners.commands]\r\ntag = ['x']\r\n",
        "[ runners . \"commands\" ] # mine\ntag = ['x']\n\n[runners]\n",
        "[runners.commands]\nsort = ['x', '''\n[runners]\n''']\n",
        "[runners]\ncommands.sort = ['x']\n",
        "runners.commands.sort = ['x']\n",
        "runners.task = ['t']\nrunners.commands = { sort = ['x'] }\nrunners.command = ['c']\n",
        "\n\n[runners]\n\n\n",
        "[runners]\ntasks.other = ['t']\n",
        "[runners.tasks]\nother = ['t']\n[runners]\n",
    ];
    for table in tables {
        let project = TempProject::new();
        project.write("autoproc.toml", table);
        let before = Runners::parse(table, "t".as_ref()).unwrap();
        let added = added(&project, LETTERS);
        let text = toml_of(&project);
        let after = Runners::read(project.root()).unwrap_or_else(|error| panic!("{error}: {text}"));
        let plan = plan(LETTERS);
        let steps = || plan.workflow().steps().chain(plan.workflow().error_steps());
        for step in steps() {
            let runner = |runners: &Runners| runners.for_step(step).ok().flatten().map(|it| it.program().to_owned());
            assert_eq!(runner(&after).as_deref(), runner(&before).as_deref().or(Some("runners/stand-in")), "{text}");
        }
        let mut rest = text.lines();
        assert!(table.lines().all(|line| rest.any(|kept| kept == line)), "{table:?} became {text:?}");
        let new_lines = text.split_inclusive('\n').filter(|line| line.contains("stand-in")).collect::<Vec<_>>();
        let is_crlf = table.contains("\r\n");
        assert!(new_lines.iter().all(|line| line.ends_with("\r\n") == is_crlf), "{text:?}");
        assert_eq!(new_lines.len(), added.lines.iter().filter(|line| line.contains("stand-in")).count());
    }
}

#[test]
fn a_table_without_a_place_is_not_changed() {
    let both = ["[runners.tasks]", "[runners.commands]"];
    for (table, headers) in
        [("runners = { task = ['t'] }\n", &both[1..]), ("runners = { commands = { x = ['y'] } }\n", &both[..])]
    {
        let project = TempProject::new();
        project.write("autoproc.toml", table);
        let error = add_stand_ins(project.root(), &plan(LETTERS)).unwrap_err();
        let StandInError::NoPlace { lines, .. } = &error else { panic!("{error}") };
        let named: Vec<_> = lines.iter().filter(|line| line.starts_with('[')).collect();
        assert_eq!(named, headers.iter().collect::<Vec<_>>(), "{lines:?}");
        assert_eq!((toml_of(&project).as_str(), project.root().join("runners").exists()), (table, false));
    }
}

/// A program's relative path is resolved in the step's working directory.
#[test]
fn a_step_in_another_folder_gets_the_absolute_path() {
    let project = TempProject::new();
    let text = "workflow: {id: w, phases: [{id: p, steps: [{command: c, workdir: /}]}]}";
    added(&project, text);
    let path = project.root().join("runners/stand-in");
    assert!(toml_of(&project).contains(path.to_str().unwrap()), "{}", toml_of(&project));
}

fn values(text: &str) -> String {
    let project = TempProject::new();
    let id = plan(text).workflow().id.clone();
    added(&project, text);
    let values = fs::read_to_string(project.root().join(format!("runners/{id}.values"))).unwrap();
    values.lines().skip(1).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn values_fit_the_conditions_that_read_them() {
    let text = r#"
workflow:
  id: w
  inputs: [{name: depth, default: FULL}]
  phases:
    - id: one
      steps: [{command: c}]
      checkpoint:
        validation: [done, score >= 0.8, "errors < 3", "0 < lines", "kind in ['a', 'b']", "not (mode != 'x')", size > 1.5]
    - id: two
      condition: "${one.parts contains 'x'} AND 'y' in one.parts and depth == 'FULL'"
      steps:
        - {command: c, inputs: {path: "in/${one.folder}", deep: "${one.register.names.first} ${one.register.size}"}}
        - {run: [x, "${one.total}", "${steps.one_1.tag}"]}
  outputs: [{name: total, type: number}, {name: tag, type: string}]
"#;
    let one = serde_json::json!({
        "done": true, "score": 0.8, "errors": 2, "lines": 1, "kind": "a", "mode": "x", "size": 2.5,
        "parts": ["x", "y"], "folder": "folder", "register": {"names": {"first": "first"}, "size": "size"},
        "total": 1, "tag": "tag",
    });
    let found = values(text);
    let (first, second) = found.split_once('\n').unwrap();
    let (phase, object) = first.split_once(' ').unwrap();
    assert_eq!((phase, second), ("one", "two {}\n"));
    assert_eq!(serde_json::from_str::<serde_json::Value>(object).unwrap(), one);
}

#[test]
fn values_lead_to_the_end() {
    let text = "workflow: {id: w, phases: [{id: a, steps: [{command: c}]}, {id: b, steps: [{command: c}]}], \
                transitions: [{from: a, to: rollback, condition: bad}, {from: a, to: b, condition: not worse}]}";
    assert_eq!(values(text), "a {\"bad\":false,\"worse\":false}\nb {}\n");
}

#[test]
fn every_name_of_a_command_can_be_a_key() {
    for name in ["a b", "a\nb\u{1b}", "\u{7f}", "\"quoted\"", "é", "a.b"] {
        let text = format!("workflow: {{id: w, phases: [{{id: p, steps: [{{command: {name:?}}}]}}]}}");
        let text = text.replace("\\u{1b}", "\\e").replace("\\u{7f}", "\\x7f");
        let project = TempProject::new();
        assert_eq!(added(&project, &text).lines.len(), 2, "{name:?}");
        let plan = plan(&text);
        let step = plan.workflow().steps().next().unwrap();
        assert!(Runners::read(project.root()).unwrap().for_step(step).is_ok(), "{name:?}: {}", toml_of(&project));
    }
}
