//! Nights in which a run dies.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;

use crate::checks::{Accounts, BACKOFF_BASE, items, outcome};
use crate::desert::{deserts, numbered, shown};
use crate::place::{Place, Started, wait_until};
use crate::record;
use crate::story::{self, base_name};

/// SIGKILL (signal(7)).
const KILL: i32 = 9;

/// Attempts at a time.
const JOBS: usize = 4;

/// The next run claims ahead. The one that is killed cannot: none of its attempts has ended.
#[test]
fn what_a_killed_run_had_begun_is_done_by_the_next() {
    let place = Place::with_short_attempts();
    let first = numbered("held", 0..6);
    let others = [numbered("ok", 0..20), numbered("flaky", 0..4), numbered("bad", 0..2)].concat();
    place.create(&[&first[..], &others].concat());
    place.add(1, &first);
    place.add(0, &others);

    let dead_run = kill_in_the_middle(&place);
    let mut begun: Vec<String> = record::moments(&place).into_iter().map(|moment| moment.name).collect();
    begun.sort();
    assert_eq!(place.count("processing"), JOBS as u64, "nobody has taken them back yet");

    let next = run(&place, JOBS);
    wait_until("it has begun as much itself", || record::starts(&place) >= 2 * JOBS);
    // What the dead run had begun would end by this as well, and say so, were it still there.
    place.open_gate();
    let result = next.wait().result();
    let mut deserts = deserts(first.iter().chain(&others));
    for name in &begun {
        deserts.get_mut(name).expect("one of them").attempts += 1;
    }
    let accounts = Accounts::gather(&place, vec![result]);
    accounts.check(&place, &deserts);
    let mut recovered = recovered(&place);
    recovered.sort();
    let due = |name: &String| (name.clone(), 1, dead_run.clone(), true);
    assert_eq!(recovered, begun.iter().map(due).collect::<Vec<_>>());
}

#[test]
fn a_file_that_kills_its_runner_fails_in_the_end() {
    let place = Place::new();
    let names: Vec<OsString> = [numbered("ok", 0..3), numbered("flaky", 0..1)].concat();
    let killer = numbered("killer", 0..1);
    let all = [&names[..], &killer].concat();
    place.create(&all);
    place.add(1, &names);
    place.add(-1, &killer);

    let mut deaths = 0;
    let result = loop {
        let over = run(&place, 1).wait();
        if over.status.signal() != Some(KILL) {
            break over.result();
        }
        deaths += 1;
        assert!(deaths <= 4, "it goes on for ever");
    };
    assert_eq!((deaths, &result["failed"]), (4, &1.into()));
    let accounts = Accounts::gather(&place, vec![result]);
    accounts.check(&place, &deserts(&all));
    let told: Vec<_> = recovered(&place).into_iter().map(|(name, attempt, _, again)| (name, attempt, again)).collect();
    assert_eq!(told, (1..=4).map(|attempt| (shown(&killer[0]), attempt, attempt < 4)).collect::<Vec<_>>());
}

fn run(place: &Place, jobs: usize) -> Started {
    place.start_run(&["-j", &jobs.to_string(), "--grace", "500ms", "--backoff-base", BACKOFF_BASE])
}

/// Kills a run when all it can do at a time has begun; says which it was.
fn kill_in_the_middle(place: &Place) -> String {
    let mut run = run(place, JOBS);
    wait_until("all it can do at a time has begun", || record::starts(place) == JOBS);
    run.kill();
    assert_eq!(run.wait().status.signal(), Some(KILL));
    let status = place.json(["status"]);
    assert_eq!(status["live_runs"], serde_json::json!([]), "the dead do not live");
    let claimed: Vec<_> = items(place).into_iter().filter(|item| outcome(item).0 == "processing").collect();
    assert!(claimed.iter().all(|item| base_name(item).starts_with("held-")), "{claimed:#?}");
    claimed[0]["run_id"].as_str().expect("a run").to_owned()
}

/// What was taken back from dead runs, in the order of the log: file, attempt, run, and whether it waits again.
fn recovered(place: &Place) -> Vec<(String, u32, String, bool)> {
    let events = story::events(place).into_iter().filter(|event| event.kind == "file_recovered");
    let word = |event: &story::Event| event.document["dead_run"].as_str().expect("a run").to_owned();
    let again = |event: &story::Event| event.document["requeued"].as_bool().expect("yes or no");
    events.map(|event| (event.name(), event.attempt(), word(&event), again(&event))).collect()
}
