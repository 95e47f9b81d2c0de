use std::fs;

use crate::effort;
use crate::fixture::{Done, TempProject};
use crate::skip::{Need, can, tell};

const KILLED_AT_THE_CUT: &[&str] = &["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=ftruncate:signal=SIGKILL"];

#[test]
fn a_line_torn_at_any_byte_is_cut_off_and_nothing_else() {
    let needs = [Need::Tool("prlimit"), Need::Strace];
    if !can("torn::a_line_torn_at_any_byte_is_cut_off_and_nothing_else", &needs) {
        return;
    }
    let (template, project) = (TempProject::large(), TempProject::new());
    let mut torn = 0;
    for bytes in (1..400).step_by(effort::stride() * 5) {
        project.copy_state(&template);
        // The journal must become longer than the lock file, because the limit applies to both.
        for number in 0..8 {
            project.run(["queue", "add", &format!("/warm/{number}")]).expect_code(0);
        }
        let before = project.summary();
        let journal = project.journal().expect("a large queue has a journal");
        let sound = fs::read(&journal).expect("the journal");
        let limit = format!("--fsize={}", sound.len() + bytes);
        let words = ["queue", "add", "/etc/passwd"];
        let tools = [KILLED_AT_THE_CUT, &["prlimit", &limit]].concat();
        let done = Done::of(&project.command_under(&tools, words).output().expect("strace(1)"));
        if done.is_acknowledged() {
            assert_eq!(project.summary().len(), before.len() + 1, "acknowledged with {bytes} bytes of room");
            continue;
        }
        assert_ne!(done.status.code(), Some(101), "{}", done.err);
        torn += usize::from(fs::read(&journal).expect("the journal").len() > sound.len());
        assert_eq!(project.summary(), before, "{bytes} bytes of a line count");
        project.run(["queue", "add", "/after"]).expect_code(0);
        assert_eq!(project.summary().len(), before.len() + 1, "after {bytes} bytes of a line");
        assert!(fs::read(&journal).is_ok_and(|now| now.starts_with(&sound)), "what is valid was rewritten");
    }
    assert!(torn > 0, "strace(1) did not kill");
    tell(&format!("{torn} lines torn by their writer's death: cut off, nothing else lost"));
}
