use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::iter::zip;
use std::os::unix::ffi::OsStrExt;

use serde_json::Value;

use crate::checks::{BACKOFF_BASE, Evidence, items, outcome};
use crate::command_log;
use crate::event_log::base_name;
use crate::expectations::{expectations, numbered, shown};
use crate::fixture::{Started, TempProject, wait_until};

/// The timeout of an attempt, in seconds. It includes the time to start a shell.
const TIMEOUT: &str = "5";

const MIN_STARTS_BEFORE_STOP: usize = 150;

const MAX_JOBS: usize = 6;

const ODD_NAMES: [&str; 7] = [
    "-ok-dash",
    "--ok-help",
    "ok-two  blanks ",
    "ok-résumé – été",
    "ok-議事録",
    "ok-$(touch oops)`touch oops`;'\"",
    "ok-{}{.}",
];

type Batch = (i32, Vec<OsString>);

#[test]
fn every_file_has_its_outcome() {
    let project = TempProject::new();
    let (early, late) = (early(), late());
    let named = |batches: &[Batch]| batches.iter().flat_map(|(_, names)| names.clone()).collect::<Vec<_>>();
    let all = [named(&early), named(&late), odd()].concat();
    project.create(&all);

    add_early(&project, &early);
    let runs = [run(&project, 4), run(&project, 4)];
    add_late(&project, &late);
    wait_until("both runs are under way", || is_under_way(&project));
    let mut results = stop(&project, runs);
    let rest = run(&project, MAX_JOBS);
    add_odd(&project);
    results.push(rest.wait().result());
    assert_eq!((&results[2]["stopped_by"], &results[2]["remaining"]), (&"queue_empty".into(), &0.into()));

    let expectations = expectations(&all);
    assert!(expectations.len() >= 500);
    let evidence = Evidence::gather(&project, results);
    evidence.check(&project, &expectations);
    evidence.sums_agree();
    evidence.stops_are_logged();
    evidence.first_attempts_come_in_order(&named(&early).iter().map(|name| shown(name)).collect(), MAX_JOBS);
}

/// Returns the files to add before any run starts. Files with hanging attempts have the highest
/// priority.
fn early() -> Vec<Batch> {
    vec![
        (50, [numbered("hang", 0..2), numbered("stubborn", 0..2)].concat()),
        (5, [numbered("flaky", 0..30), numbered("bad", 0..12)].concat()),
        (1, numbered("ok", 0..80)),
        (0, [numbered("ok", 80..160), numbered("absent", 0..4), numbered("denied", 0..4)].concat()),
        (-1, numbered("ok", 160..240)),
    ]
}

fn late() -> Vec<Batch> {
    let batch = |number: usize| {
        let oks = numbered("ok", 240 + 32 * number..272 + 32 * number);
        let others = ["flaky", "flaky", "bad", "absent", "denied"].iter().zip(0..);
        let others = others.map(|(kind, other)| OsString::from(format!("{kind}-late-{number}-{other}")));
        oks.into_iter().chain(others).collect()
    };
    (-3..3).zip((0..6).map(batch)).collect()
}

fn odd() -> Vec<OsString> {
    let not_text = OsStr::from_bytes(b"ok-\xff").to_owned();
    ODD_NAMES.iter().map(OsString::from).chain([not_text]).collect()
}

fn run(project: &TempProject, jobs: usize) -> Started {
    project.start_run(&[
        "-j",
        &jobs.to_string(),
        "--timeout",
        TIMEOUT,
        "--grace",
        "500ms",
        "--backoff-base",
        BACKOFF_BASE,
    ])
}

fn add_early(project: &TempProject, batches: &[Batch]) {
    let adding = |(priority, names): &Batch| [(); 2].map(|()| project.start_adding(*priority, names));
    let adding: Vec<_> = batches.iter().map(adding).collect();
    for ((_, names), two) in zip(batches, adding) {
        let answers = two.map(|adding| adding.wait().expect_code(0).json());
        assert!(added(&answers[0]) + added(&answers[1]) <= names.len(), "{answers:?}");
    }
    let files: usize = batches.iter().map(|(_, names)| names.len()).sum();
    assert_eq!(project.count("pending"), files as u64, "one entry a file");
}

fn add_late(project: &TempProject, batches: &[Batch]) {
    let hanging = &early()[0].1;
    let adding = |(priority, names): &Batch| project.start_adding(*priority, &[&names[..], names, hanging].concat());
    let adding: Vec<_> = batches.iter().map(adding).collect();
    for ((_, names), adding) in zip(batches, adding) {
        let answer = adding.wait().expect_code(0).json();
        assert!(added(&answer) <= names.len(), "{answer}");
    }
}

fn add_odd(project: &TempProject) {
    let words = ["queue", "add", "--json", "--"].iter().map(OsString::from).chain(odd());
    let answer = project.start_in("in", words).wait().expect_code(0).json();
    assert_eq!(answer["missing"], 0, "{answer}");
}

fn added(answer: &Value) -> usize {
    assert_eq!(answer["raised"], 0, "no priority was higher: {answer}");
    answer["added"].as_u64().and_then(|sum| usize::try_from(sum).ok()).expect("a number")
}

fn is_under_way(project: &TempProject) -> bool {
    let starts = command_log::moments(project).into_iter().filter(|moment| moment.what == "start");
    let runs: Vec<_> = starts.map(|moment| moment.run).collect();
    runs.len() >= MIN_STARTS_BEFORE_STOP && runs.iter().collect::<BTreeSet<_>>().len() == 2
}

fn stop(project: &TempProject, runs: [Started; 2]) -> Vec<Value> {
    let stopping = project.json(["stop"]);
    assert_eq!(stopping["live_runs"].as_array().map(Vec::len), Some(2), "{stopping}");
    let results: Vec<_> = runs.into_iter().map(|run| run.wait().result()).collect();
    for result in &results {
        assert_eq!((&result["stopped_by"], &result["stop_level"]), (&"stop_file".into(), &"draining".into()));
    }
    assert!(!project.state("STOP-AUTONOMOUS").exists(), "the last run to stop removes the request");
    assert_eq!(project.count("processing"), 0);
    add_again(project);
    results
}

fn add_again(project: &TempProject) {
    let before = items(project);
    let waiting = before.iter().filter(|item| outcome(item).0 == "pending");
    let waiting: Vec<OsString> = waiting.map(|item| base_name(item).into()).collect();
    assert!(!waiting.is_empty(), "files are left after the stop");
    assert_eq!(added(&project.add(-100, &waiting)), 0);
    assert_eq!(items(project), before);
}
