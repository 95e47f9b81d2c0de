use crate::definition::Step;
use crate::runners::{Fill, Runners, RunnersError};
use crate::tests::read;
use proptest::prelude::*;
use serde_json::{Map, json};

use super::expressions::map;
use super::temp_project::TempProject;

fn table(text: &str) -> Runners {
    Runners::parse(text, "autoproc.toml".as_ref()).unwrap()
}

/// Parses a flow sequence of steps.
fn steps(text: &str) -> Vec<Step> {
    let workflow = read(&format!("workflow: {{phases: [{{id: p, steps: {text}}}]}}"), "x").workflow.unwrap();
    workflow.phases[0].steps.clone()
}

const TABLE: &str = r#"
[runners]
task = ["./task", "{task}", "--as", "{name}"]

[runners.commands]
tag = ["tag.sh", "{input.source}-{input.count}", "{file}", "{workflow}/{phase}/{step}", "{}", "{timestamp}", "{input.}", "{"]
"#;

fn fill(inputs: &Map<String, serde_json::Value>) -> Fill<'_> {
    Fill { file: "/a {b}", task: "/t.md", name: "n", workflow: "w", phase: "p", step: "s", inputs, params: inputs }
}

#[test]
fn each_kind_of_step_gets_its_runner() {
    let steps =
        steps("[{run: [x]}, {shell: x}, {execute: {command: tag}}, {execute: {task: t}}, {execute: {command: other}}]");
    let runners = table(TABLE);
    assert_eq!(runners.for_step(&steps[0]), Ok(None));
    assert_eq!(runners.for_step(&steps[1]), Ok(None));
    let inputs = map(json!({"source": "CG {file}", "count": 3}));
    let filled = runners.for_step(&steps[2]).unwrap().unwrap().fill(&fill(&inputs)).unwrap();
    assert_eq!(filled, ["tag.sh", "CG {file}-3", "/a {b}", "w/p/s", "{}", "{timestamp}", "{input.}", "{"]);
    let filled = runners.for_step(&steps[3]).unwrap().unwrap().fill(&fill(&inputs)).unwrap();
    assert_eq!(filled, ["./task", "/t.md", "--as", "n"]);
}

#[test]
fn a_single_task_may_have_a_runner_of_its_own() {
    let steps = steps("[{execute: {task: tasks/a.md}}, {execute: {task: tasks/b.md}}]");
    let own = "[runners.tasks]\n'tasks/b.md' = ['own']\n";
    let program = |text: &str, step| table(text).for_step(step).map(|runner| runner.map(|it| it.program().to_owned()));
    for (text, expected) in [(own.to_owned(), None), (format!("[runners]\ntask = ['all']\n{own}"), Some("all"))] {
        assert_eq!(program(&text, &steps[0]).ok().flatten().as_deref(), expected, "{text}");
        assert_eq!(program(&text, &steps[1]).ok().flatten().as_deref(), Some("own"), "{text}");
    }
}

#[test]
fn a_missing_runner_is_reported_with_the_lines_to_add() {
    let steps = steps("[{execute: {command: tag}}, {execute: {task: t}}, {execute: {command: 'a b'}}]");
    for step in &steps {
        let missing = Runners::default().for_step(step).unwrap_err();
        let text = missing.lines.join("\n");
        assert!(table(&text).for_step(step).is_ok(), "{text}");
        assert!(missing.to_string().contains(&format!("of the step `{}`", step.id)), "{missing}");
    }
}

#[test]
fn an_input_that_a_runner_needs_must_exist() {
    let runners = table(TABLE);
    let step = &steps("[{execute: {command: tag}}]")[0];
    let runner = runners.for_step(step).unwrap().unwrap();
    for (inputs, problem) in
        [(json!({"count": 1}), "the step does not have"), (json!({"source": null, "count": 1}), "has no value")]
    {
        let error = format!("the runner of the step `s` needs the input `source`, which {problem}");
        assert_eq!(runner.fill(&fill(&map(inputs))), Err(error));
    }
}

#[test]
fn problems_of_runners_have_positions() {
    for (text, expected_position, words) in [
        ("[runner]\n", "1:2", "unknown field `runner`"),
        ("[runners]\ntsk = ['a']\n", "2:1", "unknown field `tsk`"),
        ("[runners]\n\ntask = 'a'\n", "3:8", "invalid type"),
        ("[runners]\ntask = []\n", "2:8", "a program and its arguments"),
        ("[runners.commands]\nä = ['', 'x']\n", "2:1", "duplicate"),
        ("[runners.commands]\nx = ['']\n", "2:5", "a program and its arguments"),
        ("[runners.commands]\nx = [\"a\\u0000\"]\n", "2:5", "NUL"),
        ("[runners.commands]\nx = ['a']\nx = ['b']\n", "3:1", "duplicate key"),
        ("other = 1\n", "1:1", "unknown field `other`"),
        ("[runners\n", "1:9", ""),
    ] {
        match Runners::parse(text, "autoproc.toml".as_ref()) {
            Err(RunnersError::Invalid { position, message, .. }) => {
                assert!(
                    text.starts_with("[runners.commands]\nä") || position.to_string() == expected_position,
                    "{text}: {position}"
                );
                assert!(text.starts_with("[runners.commands]\nä") || message.contains(words), "{text}: {message}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    assert_eq!(table(""), Runners::default());
}

#[test]
fn a_project_without_a_table_has_an_empty_one() {
    let project = TempProject::new();
    assert_eq!(Runners::read(project.root()).unwrap(), Runners::default());
    project.write("autoproc.toml", TABLE);
    assert_eq!(Runners::read(project.root()).unwrap(), table(TABLE));
    project.write("autoproc.toml", b"\xff");
    assert!(matches!(Runners::read(project.root()), Err(RunnersError::Io { .. })));
}

proptest! {
    #[test]
    fn values_are_inserted_unchanged(value in "[{}a-z.]{0,20}", before in "[a-z}]{0,5}") {
        let runners = table("[runners]\ntask = ['x', 'BEFORE{input.v}{no}']\n".replace("BEFORE", &before).as_str());
        let step = &steps("[{execute: {task: t}}]")[0];
        let inputs = map(json!({"v": value}));
        let filled = runners.for_step(step).unwrap().unwrap().fill(&fill(&inputs)).unwrap();
        prop_assert_eq!(&filled[1], &format!("{before}{value}{{no}}"));
    }
}
