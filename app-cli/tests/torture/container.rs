use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::fixture::TempProject;
use crate::skip::{Need, can};

/// A command prefix that runs a program as process 1 of a new pid namespace.
const BOX: [&str; 5] = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];

#[test]
fn the_files_of_a_killed_container_are_processed_by_the_next() {
    if !can("the_files_of_a_killed_container_are_processed_by_the_next", &[Need::Root, Need::Tool("unshare")]) {
        return;
    }
    let project = TempProject::with_items(3);
    let hang = format!("touch '{}'/begun.$AUTOPROC_ITEM_ID; sleep 1000", project.path("").display());
    let mut killed = project.command_under(&BOX, ["run", "-j2", "-q", "--shell", &hang]);
    let mut killed = killed.stdout(Stdio::null()).spawn().expect("unshare(1)");
    let begun = Instant::now();
    while !(project.path("begun.1").exists() && project.path("begun.2").exists()) {
        assert!(begun.elapsed() < Duration::from_secs(60), "two attempts begin");
        sleep(Duration::from_millis(10));
    }
    killed.kill().expect("killed");
    killed.wait().expect("reaped");
    // The kernel may give the killed container's namespace number to this container or to the next
    // one.
    let mut neighbour = Command::new(BOX[0]).args(&BOX[1..]).args(["sleep", "1000"]).spawn().expect("unshare(1)");
    let next = project.command_under(&BOX, ["run", "-q", "--shell", "true"]).output();
    neighbour.kill().expect("killed");
    neighbour.wait().expect("reaped");
    let next = next.expect("unshare(1)");
    assert!(next.status.success(), "{}", String::from_utf8_lossy(&next.stderr));
    assert!(project.items().iter().all(|item| item["status"] == "completed"), "{:?}", project.items());
}
