use std::fs;
use std::path::PathBuf;
use std::process::Output;

use crate::fixture::TempProject;
use crate::skip::skip;

/// Enough memory for a run with its guard, and too little for the command.
const LIMIT: &str = "100M";

/// The command of each attempt. For the first item, tail(1) uses up all memory.
const COMMAND: &str = "test $AUTOPROC_ITEM_ID != 1 || exec tail /dev/zero";

struct Group(PathBuf);

impl Group {
    /// Returns `None` if this process may not create a control group.
    fn new() -> Option<Self> {
        let name = format!("autoproc-test-{}", std::process::id());
        let limits = ["memory/{}/memory.limit_in_bytes", "{}/memory.max", "unified/{}/memory.max"];
        limits.into_iter().find_map(|limit| {
            let limit = PathBuf::from("/sys/fs/cgroup").join(limit.replace("{}", &name));
            let group = Self(limit.parent()?.to_owned());
            // Without swap, the kernel kills at the limit. Version 1 of control groups accepts a
            // limit for swap only after a limit for memory.
            fs::create_dir(&group.0).and_then(|()| fs::write(&limit, LIMIT)).ok()?;
            let _ = fs::write(group.0.join("memory.memsw.limit_in_bytes"), LIMIT);
            let _ = fs::write(group.0.join("memory.swap.max"), "0");
            Some(group)
        })
    }

    fn run(&self, project: &TempProject, words: &[&str]) -> Output {
        let enter = format!("echo $$ > '{}' && exec \"$@\"", self.0.join("cgroup.procs").display());
        project.command_under(&["sh", "-c", &enter, "sh"], words).output().expect("sh(1)")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_command_that_is_killed_for_want_of_memory_says_so() {
    let Some(group) = Group::new() else {
        return skip("a_command_that_is_killed_for_want_of_memory_says_so", "a control group that it may create");
    };
    let project = TempProject::new();
    let files = ["a", "b"].map(|name| project.path(name));
    for file in &files {
        fs::write(file, "").expect("a file");
    }
    project.run(["queue", "add"].map(PathBuf::from).iter().chain(&files)).expect_code(0);
    let ended = group.run(&project, &["run", "-q", "--retries", "0", "--shell", COMMAND]);
    let items = project.items();
    let of = |status: &str| items.iter().filter(|item| item["status"] == status).collect::<Vec<_>>();
    assert_eq!(of("completed").len(), 1, "{items:?} {ended:?}");
    assert_eq!(of("failed")[0]["last_error"], "killed by signal 9, out of memory", "{items:?}");
}
