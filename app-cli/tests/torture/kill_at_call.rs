use crate::effort;
use crate::fixture::TempProject;
use crate::scenario::{self, Scenario};
use crate::skip::{Need, can, tell};
use crate::strace::{CHANGING, tampered};

#[test]
fn a_command_killed_before_any_of_its_calls_did_all_or_nothing() {
    if !can("kill_at_call::a_command_killed_before_any_of_its_calls_did_all_or_nothing", &[Need::Strace]) {
        return;
    }
    let killed: usize = scenario::all().iter().map(|scenario| kill_everywhere(scenario, effort::stride())).sum();
    tell(&format!("{killed} commands killed before a call: all done or nothing"));
    assert!(killed > 20, "strace(1) did not kill");
}

fn kill_everywhere(scenario: &Scenario, stride: usize) -> usize {
    let project = TempProject::new();
    let mut points = 0;
    for call in CHANGING {
        // Always tests the first call of each kind. A stride skips only repetitions.
        for nth in (1..).step_by(stride) {
            let before = scenario.prepare(&project);
            let tampered = tampered(&project, scenario.words, call, "signal=SIGKILL", nth);
            let fault = format!("killed before {call} {nth}");
            let found = scenario.check(&project, &before, &tampered.done, &fault);
            if !tampered.is_hit {
                assert!(tampered.done.is_acknowledged(), "{}: {}", scenario.name, tampered.done.err);
                break;
            }
            points += 1;
            scenario.go_on(&project, &found, &fault);
        }
    }
    points
}
