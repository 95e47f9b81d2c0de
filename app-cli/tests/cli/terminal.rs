use crate::fixture::TempProject;

fn on_terminal(project: &TempProject, columns: usize, variables: &[(&str, &str)], line: &str) -> String {
    let binary = env!("CARGO_BIN_EXE_autoproc");
    let mut script = project.program("script");
    script.args(["-q", "-e", "-c", &format!("stty cols {columns}; exec '{binary}' {line}"), "/dev/null"]);
    script.env("TERM", "xterm").envs(variables.iter().copied());
    let output = script.output().expect("script, of util-linux");
    String::from_utf8(output.stdout).expect("it is text").replace("\r\n", "\n")
}

const LONG: &str = "a-folder-with-a-long-name/and-a-file-with-a-long-name-in-it.pdf";

#[test]
fn paths_are_relative_on_a_terminal_and_whole_in_a_pipe() {
    let project = TempProject::with_queue(&["a"]);
    let whole = project.path("a").display().to_string();
    let listed = on_terminal(&project, 200, &[], "queue list");
    assert!(listed.contains(" a\n") && !listed.contains(&whole), "{listed}");
    assert!(project.ask(["queue", "list"]).out.contains(&whole));
    assert!(on_terminal(&project, 200, &[], "queue list --json").contains(&whole));
    assert_eq!(on_terminal(&project, 200, &[], "queue add a"), "already there: a\n");
}

#[test]
fn lines_fit_the_terminal() {
    let project = TempProject::with_queue(&[LONG, "b"]);
    for line in ["queue list", "status", "queue list --status pending"] {
        let shown = on_terminal(&project, 60, &[], line);
        let of_file = shown.lines().find(|line| line.contains("in-it.pdf")).expect("the file");
        assert!(of_file.contains('…') && of_file.chars().count() <= 60, "{shown}");
    }
    let added = on_terminal(&project, 60, &[("LANG", "C")], &format!("queue add {LONG}"));
    assert!(added.is_ascii() && added.contains("..."), "{added}");
}

#[test]
fn outcomes_have_colours_unless_they_are_unwanted() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "-r", "0", "--", "false"]).expect_code(100);
    let is_coloured =
        |variables: &[(&str, &str)]| on_terminal(&project, 80, variables, "queue list").contains("\u{1b}[");
    assert!(is_coloured(&[]));
    assert!(!is_coloured(&[("NO_COLOR", "1")]));
    assert!(!is_coloured(&[("TERM", "dumb")]));
    let mut forced = project.command(["queue", "show", "a"]);
    let forced = forced.env("CLICOLOR_FORCE", "1").output().expect("the binary");
    assert!(String::from_utf8_lossy(&forced.stdout).contains("\u{1b}["));
    assert!(!project.ask(["queue", "show", "a"]).out.contains('\u{1b}'));
}

#[test]
fn a_dumb_terminal_gets_lines_and_no_bar() {
    let project = TempProject::with_queue(&["a"]);
    let run = on_terminal(&project, 80, &[("TERM", "dumb")], "run -- true");
    assert!(run.contains("completed a in ") && !run.contains('\r') && !run.contains('\u{1b}'), "{run:?}");
    project.ask(["queue", "add", "a", "--again"]).expect_code(0);
    let run = on_terminal(&project, 80, &[], "run -v -- true");
    assert!(run.contains("completed") && !run.contains(']'), "{run:?}");
}

#[test]
fn a_full_screen_needs_a_terminal_with_a_cursor() {
    let project = TempProject::with_queue(&["a"]);
    let refused = on_terminal(&project, 80, &[("TERM", "dumb")], "top");
    assert!(refused.contains("TERM is `dumb`") && refused.contains("`autoproc status`"), "{refused}");
    let elsewhere = on_terminal(&TempProject::new(), 80, &[], "top");
    assert!(elsewhere.contains("there is no queue") && !elsewhere.contains("\u{1b}[?1049h"), "{elsewhere}");
}

#[test]
fn times_are_in_the_zone_that_is_asked_for() {
    let project = TempProject::with_queue(&["a"]);
    let added = |zone: &str| {
        let mut command = project.command(["queue", "show", "a"]);
        let shown = command.env("TZ", zone).output().expect("the binary").stdout;
        let shown = String::from_utf8(shown).expect("it is text");
        shown.lines().find_map(|line| line.strip_prefix("added")).expect("a time").trim().to_owned()
    };
    let hour = |time: &str| time.split_once(' ').expect("a date and a time").1[..2].parse::<i32>().expect("an hour");
    let (tokyo, york, utc) = (added("Asia/Tokyo"), added("EST5EDT"), added("UTC"));
    assert!(["CET", "CEST"].iter().any(|zone| added("CET-1CEST").ends_with(zone)), "{}", added("CET-1CEST"));
    assert_eq!(added("Mars/Base"), utc);
    assert!(tokyo.ends_with(" JST"), "{tokyo}");
    assert_eq!((hour(&tokyo) - hour(&utc)).rem_euclid(24), 9, "{tokyo} {utc}");
    assert!(york.ends_with("ST") || york.ends_with("DT"), "{york}");
}

#[track_caller]
fn seconds(line: &str) -> i32 {
    let (time, _) = line.split_once(' ').expect("a time and a blank");
    let parts: Vec<_> = time.split(':').map(|part| (part.len(), part.parse::<i32>())).collect();
    let [(2, Ok(hour)), (2, Ok(minute)), (2, Ok(second))] = parts[..] else { panic!("no time of day: {line}") };
    hour * 3600 + minute * 60 + second
}

#[test]
fn each_line_of_a_run_begins_with_the_time() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = |words: &[&str], zone: &str| {
        let mut command = project.command([&["run"], words, &["-r1", "--backoff-base", "0"]].concat());
        let failing = command.args(["--shell", "case {} in *b) exit 3;; esac"]).env("TZ", zone).output();
        let ran = failing.expect("the binary");
        String::from_utf8(ran.stderr).expect("it is text")
    };
    let utc = run(&[], "UTC");
    assert_eq!(utc.lines().map(seconds).count(), 4, "begun, completed, to be retried, failed: {utc}");
    project.ask(["retry-failed"]).expect_code(0);
    let tokyo = run(&["-q"], "Asia/Tokyo");
    assert!(tokyo.lines().count() == 1 && tokyo.contains(" failed "), "{tokyo}");
    let ahead = seconds(&tokyo) - seconds(utc.lines().last().expect("a line"));
    assert!((9 * 3600..10 * 3600).contains(&ahead.rem_euclid(24 * 3600)), "{utc}{tokyo}");
    project.ask(["retry-failed"]).expect_code(0);
    let dumb = on_terminal(&project, 80, &[("TERM", "dumb")], "run -r0 -- false");
    assert_eq!(dumb.lines().take_while(|line| !line.starts_with("processed")).map(seconds).count(), 2, "{dumb}");
    assert!(dumb.contains("\nprocessed 0, "), "the summary has no time: {dumb}");
}

#[test]
fn a_tree_is_drawn_in_ascii_if_asked() {
    let project = TempProject::new();
    project.write("w.yaml", "workflow: {id: w, phases: [{id: p, steps: [{run: [\"true\"]}, {run: [\"true\"]}]}]}");
    let shown = on_terminal(&project, 80, &[("LANG", "C")], "workflow show w.yaml");
    assert!(shown.contains("|- ") && shown.contains("`- ") && shown.is_ascii(), "{shown}");
    assert!(on_terminal(&project, 80, &[], "workflow show w.yaml").contains("└─ "));
}

/// A prompt for a password must fail at once, as under cron.
#[test]
fn commands_have_no_terminal() {
    let project = TempProject::with_queue(&["a"]);
    let ask = "--shell 'read answer < /dev/tty; echo \"asked: $?\"; exit 3'";
    let run = on_terminal(&project, 80, &[], &format!("run -r 0 --timeout 60 {ask}"));
    assert!(run.contains("/dev/tty") && !run.contains("timed out"), "{run}");
    let shown = project.json(["queue", "show", "a"]);
    assert_eq!(shown["status"], "failed", "{shown}");
}
