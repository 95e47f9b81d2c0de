//! Checks that the effects of concurrent processes match some sequential order.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;
use std::thread;

use jiff::Timestamp;
use serde_json::Value;

use crate::acknowledged::{Acknowledged, record};
use crate::effort;
use crate::fixture::{Done, TempProject, number, path_of, word};
use crate::random::Random;
use crate::skip::tell;

const ADDERS: usize = 3;
const RUNS: usize = 3;
const PRIORITIES: u64 = 3;

/// The minimum duration of an attempt. During shorter attempts, a run may claim more files than it
/// has free slots (docs/adr/0013).
const MIN_DURATION: &str = "sleep 0.12";

/// The changes that the processes have reported.
#[derive(Default)]
struct Told {
    /// When the addition of each file ended.
    added: BTreeMap<String, Timestamp>,
    removed: BTreeSet<String>,
    /// Files whose priority may have changed.
    moved: BTreeSet<String>,
}

#[test]
fn eight_concurrent_processes_act_in_some_sequential_order() {
    let (project, told) = (TempProject::new(), Mutex::new(Told::default()));
    let count = effort::crowd();
    // A run is refused if there is no queue, so these commands create a queue.
    for verb in ["add", "remove"] {
        project.run(["queue", verb, "/before"]).expect_code(0);
    }
    thread::scope(|scope| {
        for adder in 0..ADDERS {
            let (project, told) = (&project, &told);
            scope.spawn(move || add(project, told, adder, count));
        }
        scope.spawn(|| remove(&project, &told, count));
        scope.spawn(|| prioritise(&project, &told, count));
        for _ in 0..RUNS {
            scope.spawn(|| (0..count / 2).for_each(|_| process(&project).expect_no_more_work()));
        }
    });
    let told = told.into_inner().expect("no thread panics while it holds the lock");
    process(&project).expect_code(0);
    check_set(&project, &told);
    check_order(&project, &told);
}

fn add(project: &TempProject, told: &Mutex<Told>, adder: usize, count: usize) {
    let mut random = Random::new(adder as u64);
    for number in 0..count {
        let path = format!("/{adder}/{number}");
        project.run(["queue", "add", &path, &random.below(PRIORITIES).to_string()]).expect_code(0);
        told.lock().expect("no thread panics while it holds the lock").added.insert(path, Timestamp::now());
    }
}

fn any(random: &mut Random, count: usize) -> String {
    format!("/{}/{}", random.below(ADDERS as u64), random.below(count as u64))
}

fn remove(project: &TempProject, told: &Mutex<Told>, count: usize) {
    let mut random = Random::new(100);
    for _ in 0..count {
        let path = any(&mut random, count);
        let done = project.run(["queue", "remove", &path]);
        assert!(matches!(done.status.code(), Some(0 | 2)), "{}", done.err);
        if done.is_acknowledged() {
            told.lock().expect("no thread panics while it holds the lock").removed.insert(path);
        }
    }
}

fn prioritise(project: &TempProject, told: &Mutex<Told>, count: usize) {
    let mut random = Random::new(200);
    for _ in 0..count {
        let path = any(&mut random, count);
        told.lock().expect("no thread panics while it holds the lock").moved.insert(path.clone());
        let done = project.run(["queue", "prioritise", &path, "7"]);
        assert!(matches!(done.status.code(), Some(0 | 2)), "{}", done.err);
    }
}

fn process(project: &TempProject) -> Done {
    let mut command = project.process_and(&record(project), MIN_DURATION);
    Done::of(&command.arg("--json").output().expect("the binary"))
}

fn check_set(project: &TempProject, told: &Told) {
    let kept = told.added.keys().filter(|path| !told.removed.contains(*path)).cloned().collect();
    let mut acknowledged = Acknowledged { added: kept, ..Acknowledged::default() };
    acknowledged.check(project, "a crowd");
    assert_eq!(acknowledged.completed(), acknowledged.added.len(), "all that is left is completed");
    assert_eq!(project.items().len(), acknowledged.added.len(), "nothing else is there");
    let attempts = fs::read_to_string(record(project)).unwrap_or_default();
    assert!(attempts.lines().all(|line| line.ends_with(" 1")), "an attempt was repeated: {attempts}");
}

struct Claim {
    path: String,
    key: (i64, u64),
    added: Timestamp,
    /// The earliest possible time of the claim.
    from: Timestamp,
    /// The latest possible time of the claim.
    until: Timestamp,
}

fn check_order(project: &TempProject, told: &Told) {
    let claims = claims(project, told);
    let mut ordered = 0;
    for (first, second) in claims.iter().flat_map(|a| claims.iter().map(move |b| (a, b))) {
        let certainly_waited = first.key < second.key && first.added < second.from;
        ordered += usize::from(certainly_waited);
        let certainly_later = certainly_waited && first.from > second.until;
        assert!(!certainly_later, "{} was passed over for {}", first.path, second.path);
    }
    tell(&format!("crowd: {} files claimed, {ordered} pairs of claims in order", claims.len()));
    assert!(ordered > 0, "no two claims could be compared");
}

fn claims(project: &TempProject, told: &Told) -> Vec<Claim> {
    let log = fs::read_to_string(project.path("logs/autonomous-processing.jsonl")).expect("the event log");
    let events = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let started = events.filter(|event| event["event"] == "file_started");
    let started: BTreeMap<String, Timestamp> =
        started.map(|event| (path_of(&event), at(&event, "timestamp"))).collect();
    let items = project.items().into_iter().filter(|item| !told.moved.contains(&path_of(item)));
    let claim = |item: Value| Claim {
        key: (-item["priority"].as_i64().expect("a number"), number(&item, "id")),
        added: told.added[&path_of(&item)],
        from: at(&item, "last_attempt"),
        until: started[&path_of(&item)],
        path: path_of(&item),
    };
    items.map(claim).collect()
}

fn at(document: &Value, key: &str) -> Timestamp {
    word(document, key).parse().expect("a point in time")
}
