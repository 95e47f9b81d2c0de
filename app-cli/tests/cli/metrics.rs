use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::fixture::TempProject;
use crate::stop::begun;

const FORMATS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/formats.md");

type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// A label other than `queue`, and its value.
type Label = Option<(&'static str, &'static str)>;

/// Parses metrics. Panics if the Prometheus format is violated.
#[track_caller]
fn parsed(text: &str) -> Samples {
    assert!(text.ends_with('\n') && !text.contains('\r'), "{text}");
    let (mut samples, mut families, mut family) = (Samples::new(), BTreeSet::new(), String::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect("words of help");
            assert!(is_name(name) && words.ends_with('.') && !words.contains('\\'), "{line}");
            assert!(families.insert(name.to_owned()), "two families {name}");
            assert_eq!(lines.next(), Some(&*format!("# TYPE {name} gauge")));
            name.clone_into(&mut family);
            continue;
        }
        let (name, rest) = line.split_once('{').expect("labels");
        assert_eq!(name, family, "a sample of another family: {line}");
        let (labels, rest) = labels(rest);
        let value = rest.strip_prefix(' ').expect("a blank").parse().expect("a number");
        assert!(samples.insert((name.to_owned(), labels), value).is_none(), "twice: {line}");
    }
    samples
}

fn is_name(name: &str) -> bool {
    name.starts_with("autoproc_") && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// Returns the labels, and the text after the closing brace.
fn labels(mut text: &str) -> (BTreeMap<String, String>, &str) {
    let mut labels = BTreeMap::new();
    loop {
        let (name, rest) = text.split_once("=\"").expect("a label");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next().expect("a closing mark") {
                (at, '"') => break at + 1,
                (_, '\\') => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                    other => panic!("an unknown escape: {other:?}"),
                },
                (_, character) => value.push(character),
            }
        };
        assert!(labels.insert(name.to_owned(), value).is_none(), "two labels {name}");
        match rest[end..].strip_prefix('}') {
            Some(after) => return (labels, after),
            None => text = rest[end..].strip_prefix(',').expect("a comma"),
        }
    }
}

fn metrics(project: &TempProject) -> Samples {
    parsed(&project.ask(["metrics"]).expect_code(0).out)
}

#[track_caller]
fn value(samples: &Samples, name: &str, label: Label) -> f64 {
    let has_label = |labels: &BTreeMap<String, String>| match label {
        Some((label, value)) => labels.get(label).is_some_and(|found| found == value),
        None => labels.len() == 1,
    };
    let found: Vec<_> = samples.iter().filter(|((of, labels), _)| of == name && has_label(labels)).collect();
    assert_eq!(found.len(), 1, "{name} in {samples:?}");
    *found[0].1
}

#[track_caller]
fn expect(samples: &Samples, figures: &[(&str, Label, f64)]) {
    for (name, label, expected) in figures {
        let value = value(samples, name, *label);
        assert!((value - expected).abs() < f64::EPSILON, "{name} is {value} in {samples:?}");
    }
}

#[test]
fn the_figures_of_a_queue_are_gauges() {
    let project = TempProject::with_queue(&["a", "b", "c"]);
    project.ask(["queue", "hold", "c"]).expect_code(0);
    project.ask(["run", "-qq", "-r", "0", "--shell", "case {} in */b) exit 1 ;; esac"]).expect_code(100);
    let samples = metrics(&project);
    let expected = [
        ("autoproc_files", Some(("status", "pending")), 1.0),
        ("autoproc_files", Some(("status", "processing")), 0.0),
        ("autoproc_files", Some(("status", "completed")), 1.0),
        ("autoproc_files", Some(("status", "failed")), 1.0),
        ("autoproc_files", Some(("status", "timeout")), 0.0),
        ("autoproc_files_held", None, 1.0),
        ("autoproc_files_waiting", None, 0.0),
        ("autoproc_work_due", None, 0.0),
        ("autoproc_live_runs", None, 0.0),
        ("autoproc_oldest_processing_seconds", None, 0.0),
        ("autoproc_latest_run_files", Some(("result", "completed")), 1.0),
        ("autoproc_latest_run_files", Some(("result", "failed")), 1.0),
    ];
    expect(&samples, &expected);
    let time = |name| value(&samples, name, None);
    let (began, ended) = (time("autoproc_latest_run_start_time_seconds"), time("autoproc_latest_run_end_time_seconds"));
    assert!(began > 1.7e9 && began <= ended, "{samples:?}");
    let folder = project.path("").canonicalize().expect("a folder");
    let queues: BTreeSet<_> = samples.keys().map(|(_, labels)| labels["queue"].clone()).collect();
    assert_eq!(queues, BTreeSet::from([folder.display().to_string()]));
}

#[test]
fn a_live_run_and_a_stop_request_are_counted() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = begun(&project, &[]);
    let expected = [
        ("autoproc_files", Some(("status", "processing")), 1.0),
        ("autoproc_work_due", None, 1.0),
        ("autoproc_live_runs", None, 1.0),
        ("autoproc_paused_runs", None, 0.0),
        ("autoproc_slots", None, 1.0),
        ("autoproc_stop_requested", None, 0.0),
        ("autoproc_files_abandoned", None, 0.0),
    ];
    let samples = metrics(&project);
    expect(&samples, &expected);
    assert!(value(&samples, "autoproc_oldest_processing_seconds", None) > 0.0, "{samples:?}");
    project.ask(["stop"]).expect_code(0);
    expect(&metrics(&project), &[("autoproc_stop_requested", None, 1.0)]);
    project.kill(run);
    expect(&metrics(&project), &[("autoproc_live_runs", None, 0.0), ("autoproc_files_abandoned", None, 1.0)]);
}

#[test]
fn an_empty_queue_has_figures_and_a_missing_one_has_none() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["queue", "clear"]).expect_code(0);
    let samples = metrics(&project);
    let sum: f64 = samples.iter().filter(|((name, _), _)| name == "autoproc_files").map(|(_, value)| value).sum();
    assert!(sum.abs() < f64::EPSILON, "{samples:?}");
    let nothing = TempProject::new();
    nothing.ask(["metrics", "--output", "x.prom"]).expect_error(2, "there is no queue in ");
    assert!(!nothing.path("x.prom").exists());
}

#[test]
fn the_name_of_a_hostile_folder_is_escaped() {
    let project = TempProject::new();
    let name = "a\"b\\c\nd\u{1b}[2J,e=\"f\"} 1";
    project.write(Path::new(name).join("file"), "");
    let path = project.path(name);
    let ask = |words: &[&Path]| project.ask([&[Path::new("--project-dir"), &path], words].concat()).expect_code(0).out;
    ask(&[Path::new("queue"), Path::new("add"), &path.join("file")]);
    let text = ask(&[Path::new("metrics")]);
    assert!(!text.contains('\u{1b}'), "{text}");
    let samples = parsed(&text);
    let queue = &samples.keys().next().expect("a sample").1["queue"];
    assert!(queue.ends_with("/a\"b\\c\\nd\\u{1b}[2J,e=\"f\"} 1"), "{queue}");
}

#[test]
fn the_file_is_replaced_as_a_whole_and_everyone_can_read_it() {
    let project = TempProject::with_queue(&["a"]);
    let write = "umask 077; exec \"$0\" metrics --output out/autoproc.prom";
    fs::create_dir(project.path("out")).expect("a folder");
    for _ in 0..2 {
        let status = project.program("sh").args(["-c", write, env!("CARGO_BIN_EXE_autoproc")]).status();
        assert!(status.expect("sh(1)").success());
    }
    let file = project.path("out/autoproc.prom");
    let mode = fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o7777, 0o644);
    let text = fs::read_to_string(&file).expect("a file");
    assert_eq!(
        value(&parsed(&text), "autoproc_build_info", Some(("version", env!("CARGO_PKG_VERSION")))).to_string(),
        "1"
    );
    assert_eq!(fs::read_dir(project.path("out")).expect("a folder").count(), 1, "no temporary file is left");
    project.write("mine", "mine");
    project.ask(["metrics", "-o", "mine"]).expect_error(73, "exists, and is not a file that `autoproc metrics` wrote");
    project.ask(["metrics", "-o", "missing/x.prom"]).expect_error(73, "does not exist");
    project.ask(["metrics", "-o", ".claude/mission-control/QUEUE-STATE.json"]).expect_error(73, "belongs to the queue");
    assert_eq!(fs::read_to_string(project.path("mine")).expect("a file"), "mine");
    project.ask(["metrics", "-o", "mine", "--force"]).expect_code(0);
    assert!(project.ask(["metrics", "-o", "-"]).expect_code(0).out.starts_with("# HELP "));
}

/// Only several long attempts produce `autoproc_time_left_seconds`.
#[test]
fn every_figure_is_documented_and_no_other() {
    let page = fs::read_to_string(FORMATS).expect("the page");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `autoproc_"));
    let documented: BTreeSet<_> =
        rows.filter_map(|row| row.split(['`', '{']).next()).map(|name| format!("autoproc_{name}")).collect();
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-qq", "--", "true"]).expect_code(0);
    let known = metrics(&project).into_keys().map(|(name, _)| name);
    let known: BTreeSet<_> = known.chain(["autoproc_time_left_seconds".to_owned()]).collect();
    assert_eq!(documented, known);
}
