use std::fs;
use std::process::{Child, Command};

use crate::fixture::{TempProject, end_of, wait_until};
use crate::stop::signal;

/// More free space than any disk has.
const TOO_MUCH: &str = "8000PB";

#[test]
fn a_held_run_starts_nothing_says_why_and_obeys_a_stop() {
    let project = TempProject::with_queue(&["a"]);
    let run = project.start(["run", "--min-free-disk", TOO_MUCH, "--", "true"]);
    wait_until("the state says that starts are held", || project.json(["status"])["latest_run"]["held"].is_string());
    let status = project.ask(["status"]).expect_code(0);
    assert!(status.out.contains("not starting new files: "), "{status:#?}");
    assert!(status.out.contains(" of disk space is free, less than the required 8.0 EB"), "{status:#?}");
    assert_eq!(project.status_of("a"), "pending");
    signal(&run, "INT");
    let over = end_of(run).expect_code(130);
    assert!(over.err.contains("not starting new files: "), "{over:#?}");
    assert!(over.out.starts_with("processed 0, failed 0, retried 0, 1 pending"), "{over:#?}");
    assert!(project.json(["status"])["latest_run"]["held"].is_null());
}

#[test]
fn the_disk_of_a_destination_the_memory_and_mounts_are_limits_too() {
    let out = format!("{TOO_MUCH}:out");
    let cases = [
        (["--min-free-disk", &out], " of disk space is free for "),
        (["--min-free-memory", TOO_MUCH], " of memory is available, less than the required 8.0 EB"),
        (["--require-mount", "out"], "/out is not mounted"),
    ];
    for (limit, reason) in cases {
        let project = TempProject::with_queue(&["a"]);
        fs::create_dir(project.path("out")).expect("a folder");
        let run = project.start(["run", "--min-free-disk", "0", limit[0], limit[1], "--", "true"]);
        let held = || project.json(["status"])["latest_run"]["held"].as_str().unwrap_or_default().contains(reason);
        wait_until("the state says that starts are held", held);
        signal(&run, "INT");
        let over = end_of(run).expect_code(130);
        assert!(over.err.contains(reason), "{over:#?}");
        assert_eq!(project.status_of("a"), "pending");
    }
}

#[test]
fn a_limit_for_a_folder_that_is_not_there_is_refused() {
    let project = TempProject::with_queue(&["a"]);
    let before = project.bytes();
    let refused = project.ask(["run", "--min-free-disk", "1:no/such/folder", "--", "true"]);
    let refused = refused.expect_error(2, "--min-free-disk: there is no folder no/such/folder");
    assert!(refused.err.contains("hint: check its spelling, and whether its disk is mounted"), "{refused:#?}");
    assert_eq!(project.bytes(), before);
    let met = ["--min-free-disk", "1:.", "--min-free-memory", "1", "--require-mount", "/"];
    project.ask([&["run", "-q"], &met[..], &["--", "true"]].concat()).expect_code(0);
}

#[test]
fn a_load_that_is_always_exceeded_holds() {
    let _busy = Busy::until_the_load_shows_it();
    let project = TempProject::with_queue(&["a"]);
    let run = project.start(["run", "--max-load", "0", "--min-free-disk", "0", "--", "true"]);
    wait_until("the state says that starts are held", || project.json(["status"])["latest_run"]["held"].is_string());
    let status = project.ask(["status"]).expect_code(0);
    assert!(
        status.out.contains("the load average is ") && status.out.contains(", above the limit of 0"),
        "{status:#?}"
    );
    assert_eq!(project.status_of("a"), "pending");
    signal(&run, "INT");
    end_of(run).expect_code(130);
}

struct Busy(Child);

impl Busy {
    fn until_the_load_shows_it() -> Self {
        let busy = Self(Command::new("sh").args(["-c", "while :; do :; done"]).spawn().expect("sh(1)"));
        let load = || fs::read_to_string("/proc/loadavg").expect("the machine's load");
        wait_until("the machine has a load", || !load().starts_with("0.0"));
        busy
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn limits_that_are_kept_hold_nothing() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "--max-load", "100000", "--min-free-disk", "0", "--", "true"]).expect_code(0);
    assert_eq!(project.status_of("a"), "completed");
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let project = TempProject::new();
    let cases = [
        ("--max-load", "-1"),
        ("--min-free-disk", "much"),
        ("--min-free-disk", "much:."),
        ("--min-free-memory", "-1"),
        ("--max-fail", "0"),
        ("--max-fail", "101%"),
    ];
    for (option, nonsense) in cases {
        let refused = project.ask(["run", &format!("{option}={nonsense}"), "--", "true"]);
        assert_eq!(refused.code, 2, "{refused:#?}");
    }
}

#[test]
fn a_run_ends_after_so_many_failed_files() {
    let names: Vec<_> = (0..5).map(|number| format!("f{number}")).collect();
    let project = TempProject::with_queue(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let over = project.ask(["run", "-r", "0", "--max-fail", "2", "--", "false"]).expect_code(100);
    assert!(over.out.contains("processed 0, failed 2, retried 0, 3 pending"), "{over:#?}");
    assert!(over.out.contains(", because too many files failed (--max-fail)"), "{over:#?}");
    let latest = &project.json(["status"])["latest_run"];
    assert_eq!((&latest["status"], &latest["files_failed"]), (&"stopped".into(), &2.into()));
    let result = project.json_of(100, ["run", "-r", "0", "--halt", "1", "--shell", "exit 1"]);
    assert_eq!((&result["stopped_by"], &result["remaining"]), (&"too_many_failed".into(), &2.into()));
}

/// `--max-fail 50%` applies only after ten files.
#[test]
fn a_run_ends_when_too_large_a_share_failed() {
    let names: Vec<_> = (10..22).map(|number| format!("f{number}")).collect();
    let project = TempProject::with_queue(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let odd_ones_fail = "case {} in *[13579]) exit 1;; esac";
    let result = project.json_of(100, ["run", "-r", "0", "--max-fail", "50%", "--shell", odd_ones_fail]);
    assert_eq!((&result["processed"], &result["failed"]), (&5.into(), &5.into()));
    let rest = project.json_of(100, ["run", "-r", "0", "--max-fail", "50%", "--shell", odd_ones_fail]);
    assert_eq!((&rest["processed"], &rest["stopped_by"]), (&1.into(), &"queue_empty".into()));
}
