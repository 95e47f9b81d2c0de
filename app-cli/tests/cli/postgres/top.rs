use super::database::Database;
use crate::fixture::{TempProject, end_of};
use crate::tmux::{Terminal, has_tmux};

const PATIENT: &str = "until test -e {//}/go; do sleep 0.05; done";

#[test]
fn the_view_follows_a_run_of_another_folder_and_acts_on_its_files() {
    let Some(database) = Database::with_queue().filter(|_| has_tmux()) else { return };
    let (worker, watcher) = (TempProject::with_files(&["a", "b"]), TempProject::new());
    let run = database.start(&worker, ["run", "a", "b", "--shell", PATIENT], "errors");
    let terminal = Terminal::open(&watcher, (160, 24), &format!("--store '{}' top", database.url()));
    terminal.expect_text("NOW (1)");
    terminal.expect_text("1 at a time");
    terminal.expect_first("NEXT (1)", "/b");
    terminal.press(&["3", "h"]);
    terminal.expect_text("autoproc queue hold --store postgres://");
    terminal.press(&["y"]);
    terminal.expect_text("1 file held");
    assert_eq!(database.json(&watcher, ["queue", "list"])["items"][1]["held"], true);
    worker.write("go", "");
    end_of(run).expect_code(75);
    terminal.expect_text("1 done");
    terminal.expect_text("no run is live");
    assert!(!watcher.path(".claude/mission-control/QUEUE-STATE.json").exists());
}
