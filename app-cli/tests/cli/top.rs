use std::fs;

use crate::fixture::{TempProject, end_of, list_of, wait_until};
use crate::tmux::{Terminal, has_tmux};

/// Printing this name unescaped erases the screen.
const HOSTILE: &str = "evil\u{1b}[2J.pdf";

const SIZE: (usize, usize) = (100, 24);

impl Terminal<'_> {
    pub(crate) fn press(&self, keys: &[&str]) {
        let sent = self.tmux(&[&["send-keys"], keys].concat());
        assert!(sent.status.success(), "{sent:?}");
    }

    fn format(&self, format: &str) -> String {
        let shown = self.tmux(&["display-message", "-p", format]).stdout;
        String::from_utf8(shown).expect("it is text").trim().to_owned()
    }

    #[track_caller]
    pub(crate) fn expect_text(&self, text: &str) {
        self.expect(|lines| lines.iter().any(|line| line.contains(text)), &true);
    }

    /// Waits until the first row below `title` contains `text`.
    #[track_caller]
    pub(crate) fn expect_first(&self, title: &str, text: &str) {
        let first = |lines: &[String]| lines.iter().skip_while(|line| !line.starts_with(title)).nth(1).cloned();
        self.expect(|lines| first(lines).is_some_and(|row| row.contains(text)), &true);
    }

    fn binary(&self) -> String {
        let shell = self.format("#{pane_pid}");
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).expect("the children");
        children.trim().to_owned()
    }

    fn signal(&self, signal: &str) {
        let sent = std::process::Command::new("kill").args([signal, &self.binary()]).status().expect("kill");
        assert!(sent.success());
    }

    fn wait_for_view(&self, is_open: bool) {
        let expected = if is_open { "1 0 1" } else { "0 1 0" };
        wait_until(&format!("the terminal is {expected}"), || {
            self.format("#{alternate_on} #{cursor_flag} #{mouse_any_flag}") == expected
        });
    }

    #[track_caller]
    fn expect_over(&self) {
        self.expect(|lines| lines.last().cloned(), &Some("over".to_owned()));
        self.wait_for_view(false);
        assert!(!self.lines().iter().any(|line| line.contains("NEXT")), "{:?}", self.lines());
    }
}

fn open(project: &TempProject) -> Terminal<'_> {
    let terminal = Terminal::open(project, SIZE, "top");
    terminal.expect_text("NEXT (");
    terminal.wait_for_view(true);
    terminal
}

#[test]
fn the_view_shows_files_and_leaves_the_terminal_as_it_was() {
    if !has_tmux() {
        return;
    }
    let project = TempProject::with_queue(&["a.pdf", HOSTILE]);
    let terminal = open(&project);
    terminal.expect_text("evil\\u{1b}[2J.pdf");
    terminal.resize((40, 10));
    terminal.expect(|lines| lines.iter().all(|line| line.chars().count() <= 40), &true);
    project.write("b.pdf", "");
    project.ask(["queue", "add", "b.pdf"]).expect_code(0);
    terminal.expect_text("NEXT (3)");
    terminal.press(&["3", "Enter"]);
    terminal.expect_text("status       pending");
    terminal.press(&["q", "q"]);
    terminal.expect_over();
}

#[test]
fn signals_end_the_view_and_leave_the_terminal_as_it_was() {
    if !has_tmux() {
        return;
    }
    for signal in ["-TERM", "-INT"] {
        let project = TempProject::with_queue(&["a.pdf"]);
        let terminal = open(&project);
        terminal.signal(signal);
        terminal.expect_over();
    }
}

#[test]
fn a_suspended_view_gives_the_terminal_back() {
    if !has_tmux() {
        return;
    }
    let project = TempProject::with_queue(&["a.pdf"]);
    let terminal = open(&project);
    terminal.press(&["C-z"]);
    terminal.wait_for_view(false);
    let status = format!("/proc/{}/stat", terminal.binary());
    let is_stopped = || fs::read_to_string(&status).is_ok_and(|stat| stat.contains(") T "));
    wait_until("the process is stopped", is_stopped);
    terminal.signal("-CONT");
    terminal.wait_for_view(true);
    terminal.expect_text("NEXT (1)");
    terminal.press(&["q"]);
    terminal.expect_over();
}

#[test]
fn actions_do_what_their_commands_do() {
    if !has_tmux() {
        return;
    }
    let project = TempProject::with_queue(&["bad", "it's", "other"]);
    project.ask(["run", "-q", "-r", "0", "bad", "--", "false"]).expect_code(100);
    let terminal = open(&project);
    terminal.press(&["3", "h"]);
    terminal.expect_text(r"autoproc queue hold 'it'\''s'");
    terminal.press(&["y"]);
    terminal.expect_text("1 file held");
    assert_eq!(project.json(["queue", "show", "it's"])["held"], true);
    terminal.press(&["j", "p", "7", "Enter"]);
    terminal.expect_text("autoproc queue prioritise other 7");
    terminal.press(&["y"]);
    terminal.expect_text("other has priority 7 now");
    assert_eq!(project.json(["queue", "show", "other"])["priority"], 7);
    terminal.press(&["2", "r"]);
    terminal.expect_text("autoproc retry-failed --like ");
    terminal.press(&["n"]);
    terminal.expect_text("nothing was changed");
    assert_eq!(project.status_of("bad"), "failed");
    terminal.press(&["r", "y"]);
    terminal.expect_text("1 file requeued");
    assert_eq!(project.status_of("bad"), "pending");
    terminal.expect_first("NEXT (3)", "other");
    terminal.press(&["3", "g", "c", "y"]);
    terminal.expect_text("1 file cancelled");
    assert_eq!(project.status_of("other"), "failed", "the priority has put it first");
    terminal.press(&["s", "y"]);
    wait_until("the stop is requested", || project.state("STOP-AUTONOMOUS").exists());
}

#[test]
fn a_filter_finds_a_file_far_behind() {
    if !has_tmux() {
        return;
    }
    let project = TempProject::with_queue(&[]);
    project.tell(["queue", "add", "-"], &list_of(300)).expect_code(0);
    let terminal = open(&project);
    terminal.press(&["3", "/", "F", "2", "9", "9", "Enter"]);
    terminal.expect_text("NEXT (300, 1 match)");
    terminal.expect_text("> f299");
    terminal.press(&["Escape"]);
    terminal.expect_text("  f10");
}

#[test]
fn a_running_file_has_its_last_line_and_its_output() {
    if !has_tmux() {
        return;
    }
    let project = TempProject::with_queue(&["a.pdf"]);
    let run = project.start([
        "run",
        "-q",
        "--shell",
        "echo first {/}; echo page 3 of 9; until test -e go; do sleep 0.02; done",
    ]);
    let terminal = open(&project);
    terminal.expect_text("page 3 of 9");
    terminal.press(&["1", "l"]);
    terminal.expect_text("first");
    project.write("go", "");
    end_of(run).expect_code(0);
    terminal.press(&["q"]);
    terminal.expect_text("1 done");
}

#[test]
fn without_a_terminal_the_error_names_another_command() {
    let project = TempProject::with_queue(&["a.pdf"]);
    let answer = project.ask(["top"]).expect_error(2, "needs a terminal");
    assert!(answer.err.contains("`autoproc status`"), "{answer:?}");
    project.ask(["top", "--json"]).expect_error(2, "has no JSON");
}
