use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use serde_json::Value;

use crate::fixture::{TempProject, end_of, wait_until};
use crate::stop::begun;

const FORMATS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/formats.md");

fn nights() -> TempProject {
    let project = TempProject::with_queue(&["a", "b", "c", "d", "e"]);
    let command = "case {} in */a) printf '\"},{\\033[2J\\n' >&2; exit 3 ;; *) sleep 0.1 ;; esac";
    project.ask(["run", "-qq", "-j", "2", "-r", "1", "--backoff-base", "0", "--shell", command]).expect_code(100);
    project.ask(["run", "-qq", "--again", "b", "--shell", "true"]).expect_code(0);
    project
}

#[track_caller]
fn events(project: &TempProject, options: &[&str]) -> Vec<Value> {
    let text = project.ask([&["report", "--trace", "-"], options].concat()).expect_code(0).out;
    events_in(&text)
}

#[track_caller]
fn events_in(text: &str) -> Vec<Value> {
    let trace: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(trace["displayTimeUnit"], "ms");
    trace["traceEvents"].as_array().expect("a list").clone()
}

fn of_phase<'e>(events: &'e [Value], phase: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["ph"] == phase).collect()
}

/// A trace viewer would nest overlapping attempts of a row.
#[track_caller]
fn expect_rows(events: &[Value]) {
    let mut rows: BTreeMap<_, Vec<(i64, i64)>> = BTreeMap::new();
    for event in of_phase(events, "X") {
        let number = |name: &str| event[name].as_i64().unwrap_or_else(|| panic!("{name} in {event}"));
        let (from, length) = (number("ts"), number("dur"));
        assert!(from > 0 && length >= 0, "{event}");
        rows.entry((number("pid"), number("tid"))).or_default().push((from, from + length));
    }
    for (row, attempts) in &mut rows {
        attempts.sort_unstable();
        assert!(attempts.windows(2).all(|pair| pair[0].1 <= pair[1].0), "row {row:?}: {attempts:?}");
        let is_its_name =
            |event: &&Value| event["name"] == "thread_name" && event["pid"] == row.0 && event["tid"] == row.1;
        assert_eq!(events.iter().filter(is_its_name).count(), 1, "row {row:?} has one name");
    }
}

#[test]
fn a_trace_has_every_attempt_of_the_chosen_runs() {
    let project = nights();
    let all = events(&project, &["--since", "1h"]);
    expect_rows(&all);
    assert_eq!(of_phase(&all, "X").len(), 7, "six attempts of the first run and one of the second");
    let runs: Vec<_> = all.iter().filter(|event| event["name"] == "process_name").collect();
    assert_eq!(runs.len(), 2);
    let ids = project.json(["runs"])["runs"].as_array().expect("a list").clone();
    for (number, (event, run)) in (1..).zip(runs.iter().zip(&ids)) {
        let name = format!("run {}", run["run_id"].as_str().expect("a name"));
        assert_eq!((&event["pid"], &event["args"]["name"]), (&Value::from(number), &Value::from(name)));
    }
    let first = events(&project, &["--run", ids[0]["run_id"].as_str().expect("a name")]);
    assert_eq!(of_phase(&first, "X").len(), 6);
    let failed: Vec<_> = of_phase(&first, "X").into_iter().filter(|event| event["name"] == "a").collect();
    assert_eq!(failed.len(), 2);
    let args = &failed[1]["args"];
    assert_eq!((&args["attempt"], &args["end"]), (&2.into(), &"failed".into()));
    assert_eq!(args["error"], "exit status 3: \"},{\u{1b}[2J");
    assert_eq!((&failed[0]["cat"], &failed[1]["cat"]), (&"requeued".into(), &"failed".into()));
}

#[test]
fn a_trace_with_hostile_names_is_json() {
    let project = TempProject::new();
    let names: [&[u8]; 4] = [b"\"},{\"ph\":\"X", b"a\n\x1b[2J\t\\", b"\xff\xfe", "日本\u{202e}".as_bytes()];
    for name in names {
        project.write(OsStr::from_bytes(name), "");
        project
            .ask([OsStr::new("queue"), OsStr::new("add"), OsStr::new("-p0"), OsStr::from_bytes(name)])
            .expect_code(0);
    }
    project.ask(["run", "-qq", "--shell", "true"]).expect_code(0);
    let events = events(&project, &[]);
    expect_rows(&events);
    let shown: BTreeSet<_> =
        of_phase(&events, "X").into_iter().map(|event| event["name"].clone().to_string()).collect();
    let expected = names.map(|name| Value::from(String::from_utf8_lossy(name)).to_string());
    assert_eq!(shown, BTreeSet::from(expected));
    let is_bytes = |event: &&&Value| event["args"]["file_path_bytes"].as_str().is_some_and(|hex| hex.ends_with("fffe"));
    assert_eq!(of_phase(&events, "X").iter().filter(is_bytes).count(), 1);
}

#[test]
fn a_trace_is_written_to_a_file_and_replaces_only_traces() {
    let project = nights();
    for _ in 0..2 {
        let answer = project.ask(["report", "--trace", "night.json"]).expect_code(0);
        assert_eq!((answer.out.as_str(), answer.err.as_str()), ("trace written to night.json\n", ""));
    }
    let written = fs::read_to_string(project.path("night.json")).expect("a trace");
    assert_eq!(events_in(&written), events(&project, &[]));
    let run = project.json(["report", "--trace", "night.json"]);
    assert_eq!(run["processed"], 1);
    project.write("mine.json", "{\"displayTimeUnit\":\"ms\"}");
    for (words, code, problem) in [
        (&["--trace", "mine.json"][..], 73, "exists, and is not a trace"),
        (&["--trace", "missing/night.json"], 73, "does not exist"),
        (&["--trace", "logs/autonomous-processing.jsonl", "--force"], 73, "belongs to the queue"),
        (&["--trace", "x.json", "--html", "x.html"], 2, "cannot be used with"),
        (&["--trace", "x.json", "--watch"], 2, "cannot be used with"),
        (&["--trace", "-", "--json"], 2, "both write to standard output"),
        (&["--trace", "x.json", "--run", "nonsense"], 2, "there is no run nonsense"),
    ] {
        project.ask([&["report"], words].concat()).expect_error(code, problem);
    }
    project.ask(["report", "--trace", "mine.json", "--force"]).expect_code(0);
    let left = fs::read_dir(project.path("")).expect("a folder").flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert!(!left.iter().any(|name| name.contains(".tmp") || name.starts_with("x.")), "{left:?}");
}

#[test]
fn a_trace_without_a_run_is_empty() {
    let project = TempProject::new();
    let answer = project.ask(["report", "--trace", "night.json"]).expect_code(0);
    assert!(answer.err.contains("no run is recorded"), "{answer:?}");
    assert!(events_in(&fs::read_to_string(project.path("night.json")).expect("a trace")).is_empty());
    assert!(events(&project, &[]).is_empty());
}

#[test]
fn a_running_attempt_lasts_until_now() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &[]);
    wait_until("the beginning of the attempt is recorded", || !of_phase(&events(&project, &[]), "X").is_empty());
    let live = events(&project, &[]);
    let host = project.json(["status"])["live_runs"][0]["host"].as_str().expect("a host").to_owned();
    let name = live[0]["args"]["name"].as_str().expect("a name");
    assert!(name.ends_with(&format!(" on {host}")), "{live:?}");
    let attempt = of_phase(&live, "X")[0];
    assert_eq!((&attempt["cat"], &attempt["args"]["end"]), (&"running".into(), &Value::Null));
    project.write("go", "");
    end_of(run).expect_code(0);
}

#[test]
fn every_key_of_an_event_is_documented() {
    let page = fs::read_to_string(FORMATS).expect("the page");
    let (_, section) = page.split_once("\n## A trace").expect("a section");
    let section = section.split("\n## ").next().unwrap_or_default();
    for event in events(&nights(), &["--since", "1h"]) {
        let keys = [&event, &event["args"]].map(|object| object.as_object().expect("an object").clone());
        for key in keys.into_iter().flatten().map(|(key, _)| key) {
            assert!(section.contains(&format!("`{key}`")), "docs/formats.md does not name {key}");
        }
    }
}
