use crate::effort;
use crate::fixture::TempProject;
use crate::scenario::{self, Scenario};
use crate::skip::{Need, can, tell};
use crate::strace::tampered;

const FAILING: [&str; 8] = ["mkdir", "write", "pwrite64", "fdatasync", "fsync", "rename", "unlink", "ftruncate"];

/// True if the call certainly goes to a file or the terminal. Any `write` of a run, and a later
/// `write` of another command, may instead wake another thread.
fn is_of_the_disk(scenario: &Scenario, call: &str, nth: usize) -> bool {
    call != "write" || (nth == 1 && scenario.words[0] != "run")
}

/// The expected exit codes: cannot write, I/O error, try again (docs/exit-codes.md).
const TOLD: [i32; 3] = [73, 74, 75];

#[test]
fn a_command_with_a_failing_call_says_so_or_did_its_work() {
    if !can("failing_calls::a_command_with_a_failing_call_says_so_or_did_its_work", &[Need::Strace]) {
        return;
    }
    let scenarios = scenario::all();
    let failed: usize = scenarios.iter().map(|scenario| fail_everywhere(scenario, effort::stride())).sum();
    tell(&format!("{failed} failed calls: each command did all and said so, or said that it did not"));
    assert!(failed > 40, "strace(1) did not let calls fail");
}

fn fail_everywhere(scenario: &Scenario, stride: usize) -> usize {
    let project = TempProject::new();
    let mut points = 0;
    for (call, error) in FAILING.iter().flat_map(|call| ["EIO", "ENOSPC"].map(|error| (*call, error))) {
        for nth in (1..).step_by(stride) {
            if !is_of_the_disk(scenario, call, nth) {
                break;
            }
            let before = scenario.prepare(&project);
            let tampered = tampered(&project, scenario.words, call, &format!("error={error}"), nth);
            if !tampered.is_hit {
                break;
            }
            points += 1;
            let fault = format!("{error} from {call} {nth}");
            let done = &tampered.done;
            let is_told = done.is_acknowledged() || done.status.code().is_some_and(|code| TOLD.contains(&code));
            assert!(is_told, "{}, {fault}: {:?} {}", scenario.name, done.status, done.err);
            let found = scenario.check(&project, &before, done, &fault);
            scenario.go_on(&project, &found, &fault);
        }
    }
    points
}
