//! A night with everything in it but a crash: hundreds of files of every kind, several processes adding them and two
//! processing them at once, a stop in the middle, and a run that finishes the rest.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::iter::zip;
use std::os::unix::ffi::OsStrExt;

use serde_json::Value;

use crate::checks::{Accounts, BACKOFF_BASE, items, outcome};
use crate::desert::{deserts, numbered, shown};
use crate::place::{Place, Started, wait_until};
use crate::record;
use crate::story::base_name;

/// What an attempt may take. A busy machine needs its time to start a shell.
const TIMEOUT: &str = "5";

/// After so many attempts the night has a middle, of the more than 600 that it takes.
const MIDDLE: usize = 150;

/// Names that something on the way might trip over.
const ODD: [&str; 7] = [
    "-ok-dash",
    "--ok-help",
    "ok-two  blanks ",
    "ok-résumé – été",
    "ok-議事録",
    "ok-$(touch oops)`touch oops`;'\"",
    "ok-{}{.}",
];

/// Files, and their priority.
type Batch = (i32, Vec<OsString>);

#[test]
fn every_file_has_the_outcome_it_deserves() {
    let place = Place::new();
    let (early, late) = (early(), late());
    let named = |batches: &[Batch]| batches.iter().flat_map(|(_, names)| names.clone()).collect::<Vec<_>>();
    let all = [named(&early), named(&late), odd()].concat();
    place.create(&all);

    add_early(&place, &early);
    let runs = [run(&place, "4"), run(&place, "4")];
    add_late(&place, &late);
    wait_until("there is a middle", || is_middle(&place));
    let mut results = stop(&place, runs);
    let rest = run(&place, "6");
    add_odd(&place);
    results.push(rest.wait().result());
    assert_eq!((&results[2]["stopped_by"], &results[2]["remaining"]), (&"queue_empty".into(), &0.into()));

    let deserts = deserts(&all);
    assert!(deserts.len() >= 500);
    let accounts = Accounts::gather(&place, results);
    accounts.check(&place, &deserts);
    accounts.sums_agree();
    accounts.stops_are_told();
    accounts.first_attempts_come_in_order(&named(&early).iter().map(|name| shown(name)).collect());
}

/// What is in the queue before anything runs. What hangs comes first, to hang while the others are done.
fn early() -> Vec<Batch> {
    vec![
        (50, [numbered("hang", 0..2), numbered("stubborn", 0..2)].concat()),
        (5, [numbered("flaky", 0..30), numbered("bad", 0..12)].concat()),
        (1, numbered("ok", 0..80)),
        (0, [numbered("ok", 80..160), numbered("absent", 0..4), numbered("denied", 0..4)].concat()),
        (-1, numbered("ok", 160..240)),
    ]
}

/// What is added while runs go on.
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
    ODD.iter().map(OsString::from).chain([not_text]).collect()
}

fn run(place: &Place, jobs: &str) -> Started {
    place.start_run(&["-j", jobs, "--timeout", TIMEOUT, "--grace", "500ms", "--backoff-base", BACKOFF_BASE])
}

/// Adds each batch by two processes, all at once: each file is new to one of the two at the most.
fn add_early(place: &Place, batches: &[Batch]) {
    let adding = |(priority, names): &Batch| [(); 2].map(|()| place.start_adding(*priority, names));
    let adding: Vec<_> = batches.iter().map(adding).collect();
    for ((_, names), two) in zip(batches, adding) {
        let answers = two.map(|adding| adding.wait().expect_code(0).json());
        assert!(added(&answers[0]) + added(&answers[1]) <= names.len(), "{answers:?}");
    }
    let files: usize = batches.iter().map(|(_, names)| names.len()).sum();
    assert_eq!(place.count("pending"), files as u64, "one entry a file");
}

/// Adds each batch by its own process, all at once, together with files that are in the queue already: those of the batch
/// once more, and those that hang, whose four attempts take longer than 20 s.
fn add_late(place: &Place, batches: &[Batch]) {
    let hanging = &early()[0].1;
    let adding = |(priority, names): &Batch| place.start_adding(*priority, &[&names[..], names, hanging].concat());
    let adding: Vec<_> = batches.iter().map(adding).collect();
    for ((_, names), adding) in zip(batches, adding) {
        let answer = adding.wait().expect_code(0).json();
        assert!(added(&answer) <= names.len(), "{answer}");
    }
}

/// Adds files as a person does who is in their folder.
fn add_odd(place: &Place) {
    let words = ["queue", "add", "--json", "--"].iter().map(OsString::from).chain(odd());
    let answer = place.start_in("in", words).wait().expect_code(0).json();
    assert_eq!(answer["missing"], 0, "{answer}");
}

/// The files that were new for certain; a store that did not look need not tell.
fn added(answer: &Value) -> usize {
    assert_eq!(answer["raised"], 0, "none was offered at a higher priority: {answer}");
    answer["added"].as_u64().and_then(|sum| usize::try_from(sum).ok()).expect("a number")
}

fn is_middle(place: &Place) -> bool {
    let starts = record::moments(place).into_iter().filter(|moment| moment.what == "start");
    let runs: Vec<_> = starts.map(|moment| moment.run).collect();
    runs.len() >= MIDDLE && runs.iter().collect::<BTreeSet<_>>().len() == 2
}

/// Stops both runs. What they had begun they finish, and what waits goes on waiting, also when it is added once more.
fn stop(place: &Place, runs: [Started; 2]) -> Vec<Value> {
    let stopping = place.json(["stop"]);
    assert_eq!(stopping["live_runs"].as_array().map(Vec::len), Some(2), "{stopping}");
    let results: Vec<_> = runs.into_iter().map(|run| run.wait().result()).collect();
    for result in &results {
        assert_eq!((&result["stopped_by"], &result["stop_level"]), (&"stop_file".into(), &"draining".into()));
    }
    assert!(!place.state("STOP-AUTONOMOUS").exists(), "who obeys last takes it away");
    assert_eq!(place.count("processing"), 0);
    add_again(place);
    results
}

/// Adds what waits once more, which changes nothing.
fn add_again(place: &Place) {
    let before = items(place);
    let waiting = before.iter().filter(|item| outcome(item).0 == "pending");
    let waiting: Vec<OsString> = waiting.map(|item| base_name(item).into()).collect();
    assert!(!waiting.is_empty(), "a stop in the middle leaves something");
    assert_eq!(added(&place.add(-100, &waiting)), 0);
    assert_eq!(items(place), before);
}
