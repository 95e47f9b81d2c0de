//! Partial writes: at the file size limit the kernel writes a part, and then kills the process
//! (setrlimit(2)).

use std::fs;

use crate::effort;
use crate::fixture::{Done, TempProject};
use crate::skip::{Need, can, tell};

#[test]
fn a_line_torn_at_any_byte_is_cut_off_and_nothing_else() {
    if !can("torn::a_line_torn_at_any_byte_is_cut_off_and_nothing_else", &[Need::Tool("prlimit")]) {
        return;
    }
    let (template, project) = (TempProject::large(), TempProject::new());
    let mut torn = 0;
    for bytes in (1..400).step_by(effort::stride() * 5) {
        project.copy_state(&template);
        // A journal longer than the lock file: the limit is one for all files.
        for number in 0..8 {
            project.run(["queue", "add", &format!("/warm/{number}")]).expect_code(0);
        }
        let before = project.summary();
        let journal = project.journal().expect("a large queue has a journal");
        let sound = fs::read(&journal).expect("the journal");
        let limit = format!("--fsize={}", sound.len() + bytes);
        let words = ["queue", "add", "/etc/passwd"];
        let done = Done::of(&project.command_under(&["prlimit", &limit], words).output().expect("prlimit(1)"));
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
    tell(&format!("{torn} lines torn by their writer's death: cut off, nothing else lost"));
}
