mod page;
mod source;

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::fixture::{TempProject, end_of, wait_until};
use crate::repair::{damaged_place, place_with_journal};
use crate::stop::{begun, signal};
use page::{Page, differences};

const ACTIONS: [&str; 4] = ["run", "shell", "command", "task"];

/// Commands without a section in `docs/json.md`.
const WITHOUT: [&str; 9] = ["", "queue", "store", "workflow", "queue export", "completions", "man", "metrics", "top"];

const WORKFLOW: &str = "\
workflow:
  id: letters
  inputs:
    - {name: sender, default: Ada}
  phases:
    - id: read
      steps:
        - {id: count, shell: 'echo lines=1 > \"$AUTOPROC_OUTPUT\"'}
      checkpoint: {id: counted, validation: [lines]}
    - id: keep
      steps:
        - {id: store, run: [test, -e, missing]}
  transitions:
    - {from: read, to: keep, condition: checkpoint_passed}
";

#[track_caller]
pub(crate) fn expect_documented(section: &str, document: &Value) {
    let page = Page::read();
    let fields = &page.sections.get(section).unwrap_or_else(|| panic!("docs/json.md has no `{section}`")).fields;
    let found = differences(document, fields);
    assert!(found.is_empty(), "{section}: {}\n{document:#}", found.join("\n"));
}

#[test]
fn every_field_of_the_views_is_documented_and_no_other() {
    let page = Page::read();
    let paths = page.sections.values().flat_map(|section| section.fields.keys());
    let documented: BTreeSet<_> =
        paths.filter_map(|path| path.rsplit('.').next()).map(|name| name.trim_end_matches("[]").to_owned()).collect();
    let known: BTreeSet<_> = source::field_names().into_iter().chain(ACTIONS.map(str::to_owned)).collect();
    let missing: Vec<_> = known.difference(&documented).collect();
    assert!(missing.is_empty(), "docs/json.md does not name {missing:?}");
    let invented: Vec<_> = documented.difference(&known).collect();
    assert!(invented.is_empty(), "no view has {invented:?}");
}

#[test]
fn every_command_has_a_section_with_an_example_that_fits() {
    let reference = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli-reference.md"));
    let reference = reference.expect("the reference");
    let commands = reference.lines().filter_map(|line| line.strip_prefix("## autoproc")).map(str::trim_start);
    let commands: BTreeSet<_> =
        commands.filter(|command| !WITHOUT.contains(command)).chain(["run --dry-run"]).collect();
    let page = Page::read();
    let sections = page.sections.iter().filter(|(_, section)| section.is_command);
    assert_eq!(sections.clone().map(|(name, _)| name.as_str()).collect::<BTreeSet<_>>(), commands);
    for (name, section) in sections {
        assert_eq!(section.examples.len(), 1, "{name}");
        let example = serde_json::from_str(&section.examples[0]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = differences(&example, &section.fields);
        assert!(found.is_empty(), "the example of {name}: {}", found.join("\n"));
    }
}

#[test]
fn differences_between_a_page_and_a_document_are_found() {
    let page = Page::parse(
        "### Path\n| `path` | string | x |\n| `hex` | string, or absent | x |\n## `a`\n| `n` | integer or null | x |\n\
         | `of` | list of objects | x |\n| `of[].…` | [path](#path) | x |\n| `one` | [path](#path) or null | x |\n",
    );
    let found = |text: &str| {
        let document = serde_json::from_str(text).expect("a document");
        differences(&document, &page.sections["a"].fields)
    };
    assert!(found(r#"{"n": null, "of": [{"path": "a"}, {"path": "b", "hex": "c"}], "one": {"path": "d"}}"#).is_empty());
    assert_eq!(found(r#"{"n": 1, "of": [], "one": null, "more": 1}"#), ["more is not documented"]);
    assert_eq!(found(r#"{"of": [], "one": null}"#), ["n is documented, and absent"]);
    assert_eq!(found(r#"{"n": 1.5, "of": [], "one": null}"#), ["n is 1.5, and documented as integer or null"]);
    assert_eq!(found(r#"{"n": 1, "of": [{"x": 1, "path": "a"}], "one": null}"#), ["of[].x is not documented"]);
    assert_eq!(found(r#"{"n": 1, "of": [], "one": {}}"#), ["one.path is documented, and absent"]);
}

#[test]
fn documents_of_the_queue_are_as_documented() {
    let project = TempProject::new();
    for name in ["a", "b", "c", "d"] {
        project.write(name, "");
    }
    let expect = |section: &str, words: &[&str]| expect_documented(section, &project.json(words.iter().copied()));
    expect("queue add", &["queue", "add", "a", "b", "c"]);
    expect("queue list", &["queue", "list", "-n", "1"]);
    expect("queue peek", &["queue", "peek"]);
    expect("queue size", &["queue", "size"]);
    expect("queue prioritise", &["queue", "prioritise", "a", "1"]);
    expect("queue hold", &["queue", "hold", "b"]);
    expect("queue unhold", &["queue", "unhold", "b"]);
    expect("run --dry-run", &["run", "--dry-run", "--shell", "wc"]);
    expect(
        "run",
        &["run", "-qq", "-r", "1", "--backoff-base", "0", "--shell", "case {/} in a) echo no; exit 3 ;; esac"],
    );
    expect("queue show", &["queue", "show", "a"]);
    expect("explain", &["explain", "a"]);
    expect("report", &["report"]);
    expect("report", &["report", "--since", "1h"]);
    expect("runs", &["runs"]);
    expect("status", &["status"]);
    expect("monitor", &["monitor"]);
    expect("log", &["log", "a"]);
    expect("failures", &["failures"]);
    expect("failures", &["failures", "--since", "1h"]);
    expect("retry-failed", &["retry-failed"]);
    expect("cancel", &["cancel", "a"]);
    expect("queue remove", &["queue", "remove", "b"]);
    expect("queue clear", &["queue", "clear"]);
    expect("queue recover", &["queue", "recover"]);
    expect("queue repair", &["queue", "repair"]);
    expect("doctor", &["doctor"]);
}

#[test]
fn documents_of_live_and_dead_runs_are_as_documented() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = begun(&project, &[]);
    let status = || project.json(["status"]);
    wait_until("the file is in the state file", || status()["latest_run"]["current_files"][0].is_object());
    signal(&run, "INT");
    wait_until("the stop is in the state file", || status()["live_runs"][0]["stop"].is_object());
    expect_documented("stop", &project.json(["stop"]));
    expect_documented("status", &status());
    expect_documented("runs", &project.json(["runs"]));
    project.write("go", "");
    end_of(run);
    let dead = place_with_journal();
    expect_documented("status", &dead.json(["status"]));
    expect_documented("queue recover", &dead.json(["queue", "recover"]));
    let damaged = damaged_place();
    expect_documented("queue repair", &damaged.json(["queue", "repair"]));
    expect_documented("queue repair", &damaged.json(["queue", "repair", "--apply", "salvage"]));
}

#[test]
fn documents_of_workflows_are_as_documented() {
    let project = TempProject::with_queue(&["a"]);
    project.write("core/workflows/letters.yaml", WORKFLOW);
    project.write("bad.yaml", "workflow: {id: bad, phasse: []}\n");
    let expect = |section: &str, words: &[&str]| expect_documented(section, &project.json(words.iter().copied()));
    expect("workflow list", &["workflow", "list"]);
    expect("workflow show", &["workflow", "show", "letters"]);
    expect("workflow check", &["workflow", "check", "bad.yaml", "missing.yaml", "core/workflows/letters.yaml"]);
    project.write("cards.yaml", "workflow: {id: cards, phases: [{id: p, steps: [{command: c}]}]}\n");
    expect("workflow init", &["workflow", "init", "./cards.yaml"]);
    expect("workflow run", &["workflow", "run", "letters", "--file", "a"]);
    expect("run --dry-run", &["run", "--dry-run", "--workflow", "letters"]);
    expect("run", &["run", "-qq", "-r", "0", "--workflow", "letters"]);
    expect("workflow progress", &["workflow", "progress"]);
    project.ask(["retry-failed"]).expect_code(0);
    expect("run --dry-run", &["run", "--dry-run", "--workflow", "letters"]);
}
