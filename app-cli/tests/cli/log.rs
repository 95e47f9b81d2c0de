use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::fixture::{TempProject, end_of, wait_until};

#[test]
fn the_latest_attempt_or_a_chosen_one_is_shown() {
    let project = TempProject::with_queue(&["a"]);
    let shell = "echo attempt $AUTOPROC_ATTEMPT of {/}; false";
    project.ask(["run", "-q", "-r1", "--backoff-base", "0", "--shell", shell]).expect_code(100);
    assert_eq!(project.ask(["log", "a"]).expect_code(0).out, "attempt 2 of a\n");
    assert_eq!(project.ask(["log", "1", "--attempt", "1"]).expect_code(0).out, "attempt 1 of a\n");
    assert_eq!(project.json(["log", "a"])["attempts"].as_array().expect("a list").len(), 2);
}

#[test]
fn a_file_nothing_was_tried_on_has_no_log() {
    let project = TempProject::with_queue(&["a"]);
    let answer = project.ask(["log", "a"]).expect_code(0);
    assert_eq!(answer.out, "");
    assert!(answer.err.contains("no attempt"), "{answer:?}");
}

#[test]
fn what_left_the_queue_is_found_by_its_number() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "--", "echo"]).expect_code(0);
    project.ask(["queue", "clear"]).expect_code(0);
    assert_eq!(project.ask(["log", "1"]).expect_code(0).out, format!("{}\n", project.path("a").display()));
}

#[test]
fn following_ends_with_the_attempt() {
    let project = TempProject::with_queue(&["a"]);
    let run =
        project.start(["run", "-q", "--shell", "echo first; until test -e {//}/go; do sleep 0.02; done; echo last {}"]);
    wait_until("the attempt prints", || project.ask(["log", "a"]).out == "first\n");
    let log = project.start(["log", "-f", "a"]);
    project.write("go", "");
    let answer = end_of(log).expect_code(0);
    assert_eq!(answer.out, format!("first\nlast {}\n", project.path("a").display()));
    end_of(run).expect_code(0);
}

#[test]
fn an_attempt_that_printed_nothing_is_told_from_one_that_never_was() {
    let project = TempProject::with_queue(&["a"]);
    let shell = "test $AUTOPROC_ATTEMPT = 2 || echo attempt $AUTOPROC_ATTEMPT; false {}";
    project.ask(["run", "-q", "-r1", "--backoff-base", "0", "--shell", shell]).expect_code(100);
    for words in [vec!["log", "a"], vec!["log", "a", "--attempt", "2"]] {
        let answer = project.ask(words).expect_code(0);
        assert_eq!(answer.out, "");
        assert!(answer.err.contains("attempt 2 printed nothing"), "{answer:?}");
    }
    assert_eq!(project.ask(["log", "a", "--attempt", "1"]).expect_code(0).out, "attempt 1\n");
    let answer = project.ask(["log", "a", "--attempt", "3"]);
    assert!(answer.err.contains("hint: 2 attempts"), "{answer:?}");
    answer.expect_error(2, "attempt 3 does not exist");
}

/// A run keeps output from the last 0.1 s, so the test repeats the run.
#[test]
fn old_output_is_removed_and_said_to_be() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "--", "echo"]).expect_code(0);
    let log = project.path("logs/attempts/1.1.1.log");
    assert!(log.exists());
    project.ask(["run", "-q", "--keep-output", "all", "--keep-output-size", "all", "--", "true"]).expect_code(0);
    assert!(log.exists());
    wait_until("it is removed", || {
        project.ask(["run", "-q", "--keep-output-size", "0", "--", "true"]).expect_code(0);
        !log.exists()
    });
    let answer = project.ask(["log", "a"]).expect_code(0);
    assert!(answer.err.contains("its output was removed"), "{answer:?}");
    // An attempt that printed nothing must not be reported as removed output.
    project.write("b", "");
    project.ask(["run", "-q", "--keep-output", "1h", "b", "--", "true"]).expect_code(0);
    let answer = project.ask(["log", "b"]).expect_code(0);
    assert!(answer.err.contains("attempt 1 printed nothing"), "{answer:?}");
}

#[test]
fn the_output_of_a_current_attempt_is_never_removed() {
    let project = TempProject::with_queue(&["a"]);
    let run = project.start(["run", "-q", "--shell", "echo first; until test -e {//}/go; do sleep 0.02; done"]);
    wait_until("the attempt prints", || project.ask(["log", "a"]).out == "first\n");
    let log = project.path("logs/attempts/1.1.1.log");
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    fs::File::options().write(true).open(&log).expect("the output").set_modified(long_ago).expect("its time");
    project.ask(["run", "-q", "--keep-output", "0", "--keep-output-size", "0", "--", "true"]).expect_code(75);
    assert!(log.exists());
    project.write("go", "");
    end_of(run).expect_code(0);
}

#[test]
fn every_byte_survives() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "--shell", r"printf '\033[31m\377\000\r\n' {}"]).expect_code(0);
    for words in
        [["log", "a"].as_slice(), &["log", "a", "--raw"], &["log", "a", "-f"], &["--color", "never", "log", "a"]]
    {
        assert_eq!(project.command(words).output().expect("the binary").stdout, b"\x1b[31m\xff\0\r\n");
    }
    project.write("b", "");
    let shown = project.command(["run", "-q", "--show-output", "b", "--shell", r"printf '\033[31m\377' {}"]);
    let shown = { shown }.output().expect("the binary");
    assert_eq!(shown.stdout, b"\x1b[31m\xff");
}

#[test]
fn following_begins_before_anything_is_printed() {
    let project = TempProject::with_queue(&["a"]);
    let run = project.start(["run", "-q", "--shell", "until test -e {//}/go; do sleep 0.02; done; echo done"]);
    wait_until("the attempt begins", || project.status_of("a") == "processing");
    let answer = project.ask(["log", "a"]).expect_code(0);
    assert!(answer.err.contains("attempt 1 has printed nothing yet"), "{answer:?}");
    let log = project.start(["log", "-f", "a"]);
    project.write("go", "");
    assert_eq!(end_of(log).expect_code(0).out, "done\n");
    end_of(run).expect_code(0);
}

#[test]
fn only_the_beginning_and_the_end_of_a_long_output_are_kept() {
    let project = TempProject::with_queue(&["a"]);
    let shell = "printf %01000d 0; printf %01000d 1; : {}";
    project.ask(["run", "-q", "--max-output", "40", "--shell", shell]).expect_code(0);
    let zeros = "0".repeat(20);
    let expected = format!("{zeros}\n[autoproc: 1970 bytes left out]\n0000000001");
    assert_eq!(project.ask(["log", "a"]).expect_code(0).out, expected);
    assert_eq!(outputs(&project), ["1.1.1.log"]);
}

fn outputs(project: &TempProject) -> Vec<String> {
    let entries = fs::read_dir(project.path("logs/attempts")).expect("a folder");
    let names = entries.map(|entry| entry.expect("a file").file_name().into_string().expect("text"));
    let mut names: Vec<_> = names.filter(|name| name != "streams" && name != "looked").collect();
    names.sort();
    names
}

#[test]
fn a_silent_attempt_leaves_no_file() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "--", "true"]).expect_code(0);
    assert!(!project.path("logs/attempts").exists());
    let answer = project.ask(["log", "a"]).expect_code(0);
    assert!(answer.err.contains("attempt 1 printed nothing"), "{answer:?}");
}

#[test]
fn following_a_long_output_shows_its_end_at_the_end() {
    let project = TempProject::with_queue(&["a"]);
    let shell = "echo first; printf %01000d 1; until test -e {//}/go; do sleep 0.02; done; echo last";
    let run = project.start(["run", "-q", "--max-output", "40", "--shell", shell]);
    let so_far = format!("first\n{}\n[autoproc: 976 bytes left out]\n0000000001", "0".repeat(14));
    wait_until("its latest part is on disk", || project.ask(["log", "a"]).expect_code(0).out == so_far);
    let (out, err) = (project.write("out", ""), project.write("err", ""));
    let file = |path| fs::File::options().write(true).open(path).expect("a file");
    let log = project.command(["log", "-f", "a"]).stdout(file(&out)).stderr(file(&err)).spawn().expect("the binary");
    let beginning = format!("first\n{}", "0".repeat(14));
    wait_until("the beginning is shown", || fs::read_to_string(&out).expect("a file") == beginning);
    wait_until("it says so", || fs::read_to_string(&err).expect("a file").contains("output limit reached"));
    project.write("go", "");
    end_of(log).expect_code(0);
    let all = format!("{beginning}\n[autoproc: 981 bytes left out]\n00001last\n");
    assert_eq!(fs::read_to_string(&out).expect("a file"), all);
    end_of(run).expect_code(0);
}

/// Opens a pseudoterminal (pty(7)). Returns the slave and the master.
fn terminal() -> (File, File) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).and_then(|()| unlockpt(&terminal)).expect("it is ours");
    let name = ptsname(&terminal, Vec::new()).expect("its name").into_string().expect("text");
    let screen = File::options().read(true).write(true).open(name).expect("its other end");
    (screen, File::from(terminal))
}

fn begun_on_a_terminal(project: &TempProject, words: &[&str]) -> (Child, File) {
    let (screen, terminal) = terminal();
    let mut command = project.command(words);
    let child = command.env("TERM", "xterm").stdout(screen).stderr(Stdio::null()).spawn().expect("the binary");
    (child, terminal)
}

/// Reads until `wanted` arrives or the pseudoterminal is closed.
fn read_until(terminal: &mut File, wanted: &[u8], seen: &mut Vec<u8>) {
    let mut piece = [0; 4096];
    while !seen.windows(wanted.len()).any(|window| window == wanted) {
        match terminal.read(&mut piece) {
            Ok(length) if length > 0 => seen.extend(&piece[..length]),
            _ => return,
        }
    }
}

fn on_a_terminal(project: &TempProject, words: &[&str]) -> Vec<u8> {
    let (mut child, mut terminal) = begun_on_a_terminal(project, words);
    let mut seen = Vec::new();
    let _ = terminal.read_to_end(&mut seen);
    assert!(child.wait().expect("a child").success());
    seen
}

#[test]
fn output_steers_no_terminal_unless_it_is_trusted() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "--shell", r"printf '\033[31m\tred\a' {}"]).expect_code(0);
    assert_eq!(on_a_terminal(&project, &["log", "a"]), b"\\u{1b}[31m\tred\\u{7}");
    assert_eq!(on_a_terminal(&project, &["log", "--raw", "a"]), b"\x1b[31m\tred\x07");
}

#[test]
fn shown_output_steers_no_terminal() {
    let project = TempProject::with_queue(&["a"]);
    let shell = r"printf '\033[31mred' >&2; : {}";
    let (screen, mut terminal) = terminal();
    let mut command = project.command(["run", "-q", "--show-output", "--shell", shell]);
    let run = command.env("TERM", "xterm").stdout(Stdio::null()).stderr(screen).spawn();
    // `command` would keep the other end of the terminal open.
    drop(command);
    let mut seen = Vec::new();
    let _ = terminal.read_to_end(&mut seen);
    assert!(run.expect("the binary").wait().expect("a child").success());
    let seen = String::from_utf8(seen).expect("text");
    assert!(seen.contains("\\u{1b}[31mred\r\n") && !seen.contains("\u{1b}[31m"), "{seen:?}");
}

/// The command sleeps, because a run keeps output from the last 0.1 s.
#[test]
fn a_run_removes_what_it_made_itself() {
    let project = TempProject::with_queue(&["a"]);
    // The guard writes the line asynchronously.
    let shell = "echo {}; until [ -s {//}/logs/attempts/1.1.1.log ]; do sleep 0.02; done; sleep 0.3";
    project.ask(["run", "-q", "--keep-output-size", "0", "--shell", shell]).expect_code(0);
    assert_eq!(outputs(&project), ["pruned"]);
}

fn in_its_second_round() -> TempProject {
    let project = TempProject::with_queue(&["a"]);
    let shell = "echo attempt $AUTOPROC_ATTEMPT of {/}; false";
    project.ask(["run", "-q", "-r1", "--backoff-base", "0", "--shell", shell]).expect_code(100);
    project.ask(["queue", "add", "a"]).expect_code(0);
    project
}

#[track_caller]
fn expect_remark(project: &TempProject, options: &[&str], remark: &str) {
    expect_remark_on(project, "a", options, remark);
}

#[track_caller]
fn expect_remark_on(project: &TempProject, file: &str, options: &[&str], remark: &str) {
    let answer = project.ask([&["log", file], options].concat()).expect_code(0);
    assert_eq!((answer.out.as_str(), answer.err.trim_end()), ("", remark));
}

#[test]
fn a_round_without_attempts_does_not_show_those_of_the_one_before() {
    let project = in_its_second_round();
    let remark = "round 2 has no attempt yet; `--round 1` shows the previous round";
    expect_remark(&project, &[], remark);
    let answer = project.ask(["log", "a", "--attempt", "1"]);
    assert!(answer.err.contains("hint: 0 attempts of round 2 so far"), "{answer:?}");
    answer.expect_error(2, "attempt 1 of round 2 does not exist");
    project.ask(["log", "a", "--round", "3"]).expect_error(2, "round 3 does not exist");
    let shown = |options: &[&str]| project.ask([&["log", "a", "--round", "1"], options].concat()).expect_code(0).out;
    assert_eq!(shown(&[]), "attempt 2 of a\n");
    assert_eq!(shown(&["--attempt", "1"]), "attempt 1 of a\n");
    // Without the event log, the order of claims tells the rounds apart.
    fs::remove_file(project.path("logs/autonomous-processing.jsonl")).expect("the event log");
    expect_remark(&project, &[], remark);
    assert_eq!(shown(&[]), "attempt 2 of a\n");
}

#[test]
fn each_round_has_attempts_of_its_own() {
    let project = in_its_second_round();
    project.ask(["run", "-q", "--", "true"]).expect_code(0);
    expect_remark(&project, &[], "attempt 1 of round 2 printed nothing");
    expect_remark(&project, &["--attempt", "1"], "attempt 1 of round 2 printed nothing");
    project.ask(["log", "a", "--attempt", "2"]).expect_error(2, "attempt 2 of round 2 does not exist");
    assert_eq!(project.ask(["log", "a", "--round", "1"]).expect_code(0).out, "attempt 2 of a\n");
    project.ask(["queue", "add", "a", "--again"]).expect_code(0);
    project.ask(["run", "-q", "--", "echo"]).expect_code(0);
    assert_eq!(project.ask(["log", "a"]).expect_code(0).out, format!("{}\n", project.path("a").display()));
    expect_remark(&project, &["--round", "2"], "attempt 1 of round 2 printed nothing");
    let places = |answer: &serde_json::Value| -> Vec<_> {
        let attempts = answer["attempts"].as_array().expect("a list").iter();
        attempts.map(|file| (file["round"].as_u64(), file["attempt"].as_u64(), file["claim"].as_u64())).collect()
    };
    let (first, second, third) =
        ((Some(1), Some(1), Some(1)), (Some(1), Some(2), Some(2)), (Some(3), Some(1), Some(4)));
    assert_eq!(places(&project.json(["log", "a"])), [first, second, third]);
    assert_eq!(places(&project.json(["log", "a", "--round", "1"])), [first, second]);
    let show = project.ask(["queue", "show", "a"]).expect_code(0).out;
    for words in
        ["\nround        3\n", "\n  1 of round 1  ", "\n  2 of round 1  ", "\n  1 of round 2  ", "\n  1 of round 3  "]
    {
        assert!(show.contains(words), "{words:?} in {show}");
    }
    project.ask(["queue", "clear"]).expect_code(0);
    assert_eq!(project.ask(["log", "1", "--round", "1"]).expect_code(0).out, "attempt 2 of a\n");
    assert_eq!(project.ask(["log", "1"]).expect_code(0).out, format!("{}\n", project.path("a").display()));
}

#[test]
fn following_ends_with_a_run_that_died() {
    let project = TempProject::with_queue(&["a"]);
    let run = project.start(["run", "-q", "--shell", "echo first; : {}; exec sleep 1000"]);
    wait_until("the attempt prints", || project.ask(["log", "a"]).out == "first\n");
    let (out, err) = (project.write("out", ""), project.write("err", ""));
    let file = |path| fs::File::options().write(true).open(path).expect("a file");
    let log = project.command(["log", "-f", "a"]).stdout(file(&out)).stderr(file(&err)).spawn().expect("the binary");
    wait_until("the output is shown", || text(&out) == "first\n");
    project.kill(run);
    end_of(log).expect_code(0);
    assert!(text(&err).contains("the run died during attempt 1"), "{}", text(&err));
    let again = project.ask(["log", "-f", "a"]).expect_code(0);
    assert_eq!(again.out, "first\n");
}

#[test]
fn following_waits_for_the_next_attempt() {
    let project = in_its_second_round();
    let err = project.write("err", "");
    let file = fs::File::options().write(true).open(&err).expect("a file");
    let log = project.command(["log", "-f", "a"]).stderr(file).stdout(std::process::Stdio::piped()).spawn();
    let log = log.expect("the binary");
    wait_until("it waits", || fs::read_to_string(&err).expect("a file").contains("waiting for attempt 1 of round 2"));
    project.ask(["run", "-q", "--shell", "echo second round; sleep 0.5; echo of {/}"]).expect_code(0);
    assert_eq!(end_of(log).expect_code(0).out, "second round\nof a\n");
}

/// The released attempt and the next attempt have the same number.
#[test]
fn the_claim_tells_an_attempt_from_one_that_was_given_back() {
    let project = in_its_second_round();
    let run = project.start(["run", "-q", "--shell", "echo first of {/}; sleep 1000"]);
    wait_until("the attempt prints", || project.ask(["log", "a"]).out == "first of a\n");
    project.ask(["stop", "--now"]).expect_code(0);
    end_of(run).expect_code(75);
    assert_eq!(project.ask(["log", "a"]).expect_code(0).out, "first of a\n");
    project.ask(["run", "-q", "--", "true"]).expect_code(0);
    expect_remark(&project, &[], "attempt 1 of round 2 printed nothing");
}

#[test]
fn a_line_that_was_overwritten_is_shown_in_its_last_version() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "--shell", r"printf '1 of 10 pages\r50%%\r99%%\ndone\r\nend\r' {}"]).expect_code(0);
    assert_eq!(project.ask(["log", "a"]).expect_code(0).out, "99%\ndone\r\nend");
    assert_eq!(project.ask(["log", "-f", "a"]).expect_code(0).out, "99%\ndone\r\nend");
    assert_eq!(project.ask(["log", "--raw", "a"]).expect_code(0).out, "1 of 10 pages\r50%\r99%\ndone\r\nend\r");
    // The terminal adds a carriage return before each line end (termios(3), ONLCR).
    assert_eq!(on_a_terminal(&project, &["log", "a"]), b"99%\r\ndone\r\nend");
}

#[test]
fn a_progress_line_is_overwritten_on_a_terminal_and_nothing_else_steers_it() {
    let project = TempProject::with_queue(&["a"]);
    let shell = r"printf '1 of 10 pages\r'; until test -e {//}/go; do sleep 0.02; done; printf '9\rend\033[2J\n'";
    let run = project.start(["run", "-q", "--shell", shell]);
    wait_until("the attempt prints", || project.ask(["log", "a"]).out == "1 of 10 pages");
    let (mut log, mut terminal) = begun_on_a_terminal(&project, &["log", "-f", "a"]);
    let mut seen = Vec::new();
    read_until(&mut terminal, b"1 of 10 pages", &mut seen);
    project.write("go", "");
    let _ = terminal.read_to_end(&mut seen);
    assert!(log.wait().expect("a child").success());
    end_of(run).expect_code(0);
    let seen = String::from_utf8(seen).expect("text");
    assert!(seen.starts_with("1 of 10 pages\r") && !seen.contains('\u{1b}'), "{seen:?}");
    let last = seen.strip_suffix("\r\n").and_then(|seen| seen.rsplit_once('\r')).map(|(_, last)| last);
    assert!(last.is_some_and(|last| last.trim_end() == "end\\u{1b}[2J"), "{seen:?}");
}

const TWO_ATTEMPTS: &str = "echo attempt $AUTOPROC_ATTEMPT; until test -e {//}/go; do sleep 0.02; done; \
                            test -e {//}/good && test $AUTOPROC_ATTEMPT = 2";

fn followed_from_the_start(project: &TempProject) -> (Child, [PathBuf; 2]) {
    let files = [project.write("out", ""), project.write("err", "")];
    let [out, err] = files.each_ref().map(|path| File::options().write(true).open(path).expect("a file"));
    let log = project.command(["log", "-f", "a"]).stdout(out).stderr(err).spawn().expect("the binary");
    wait_until("the first attempt is shown", || text(&files[0]) == "attempt 1\n");
    (log, files)
}

fn text(path: &PathBuf) -> String {
    fs::read_to_string(path).expect("a file")
}

fn followed_to_the_end(project: &TempProject) -> [String; 2] {
    let run = project.start(["run", "-q", "-r1", "--backoff-base", "0", "--shell", TWO_ATTEMPTS]);
    let (log, files) = followed_from_the_start(project);
    project.write("go", "");
    end_of(log).expect_code(0);
    end_of(run);
    files.each_ref().map(text)
}

#[test]
fn following_continues_with_the_retries_of_a_file() {
    let project = TempProject::with_queue(&["a"]);
    project.write("good", "");
    let [out, err] = followed_to_the_end(&project);
    assert_eq!(out, "attempt 1\nattempt 2\n");
    assert!(err.ends_with("completed by attempt 2\n"), "{err}");
}

#[test]
fn following_ends_when_no_attempt_follows() {
    let project = TempProject::with_queue(&["a"]);
    let [out, err] = followed_to_the_end(&project);
    assert_eq!(out, "attempt 1\nattempt 2\n");
    assert!(err.ends_with("failed after attempt 2: exit status 1: attempt 2\n"), "{err}");
}

#[test]
fn following_says_what_it_waits_for() {
    let project = TempProject::with_queue(&["a"]);
    let run = project.start(["run", "-q", "-r1", "--backoff-base", "1h", "--shell", TWO_ATTEMPTS]);
    let (log, [_, err]) = followed_from_the_start(&project);
    project.write("go", "");
    let reason = "attempt 1 failed: exit status 1: attempt 1; attempt 2 in ";
    wait_until("it says what it waits for", || text(&err).contains(reason));
    project.ask(["cancel", "a"]).expect_code(0);
    end_of(log).expect_code(0);
    assert!(text(&err).ends_with("failed after attempt 1: cancelled\n"), "{}", text(&err));
    end_of(run);
}

#[test]
fn an_attempt_that_is_named_is_followed_alone() {
    let project = TempProject::with_queue(&["a"]);
    let run = project.start(["run", "-q", "-r1", "--backoff-base", "1h", "--shell", TWO_ATTEMPTS]);
    wait_until("the attempt prints", || project.ask(["log", "a"]).out == "attempt 1\n");
    let log = project.start(["log", "-f", "a", "--attempt", "1"]);
    project.write("go", "");
    assert_eq!(end_of(log).expect_code(0).out, "attempt 1\n");
    project.ask(["stop"]).expect_code(0);
    end_of(run).expect_code(75);
}

const BOTH_STREAMS: &str = "echo out 1; echo err 1 >&2; echo out 2; printf err\\ 2 >&2; false {}";

#[test]
fn one_stream_of_an_attempt_is_shown() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "-r0", "--shell", BOTH_STREAMS]).expect_code(100);
    let shown = |options: &[&str]| project.ask([&["log", "a"], options].concat()).expect_code(0).out;
    assert_eq!(shown(&["--stdout"]), "out 1\nout 2\n");
    assert_eq!(shown(&["--stderr"]), "err 1\nerr 2");
    assert_eq!(shown(&["--stderr", "--raw", "-f"]), "err 1\nerr 2");
    assert_eq!(shown(&[]).len(), "out 1\nout 2\nerr 1\nerr 2".len());
    for words in [["--stdout", "--stderr"], ["--stdout", "--json"], ["--json", "--stderr"]] {
        project.ask([&["log", "a"][..], &words].concat()).expect_error(2, "cannot be used with");
    }
}

#[test]
fn a_stream_that_is_empty_or_unknown_is_said_to_be() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "--shell", "echo {} >/dev/null; echo err >&2"]).expect_code(0);
    assert_eq!(outputs(&project), ["1.1.1.log", "1.1.1.log.streams"]);
    expect_remark(&project, &["--stdout"], "attempt 1 printed nothing to its standard output");
    project.ask(["run", "-q", "--again", "a", "--shell", "echo out; : {}"]).expect_code(0);
    assert_eq!(outputs(&project).len(), 3, "no note of streams without standard error");
    expect_remark(&project, &["--stderr"], "attempt 1 of round 2 printed nothing to its standard error");
    // Simulates a partly written record of streams.
    project.write("logs/attempts/1.1.2.log.streams", [0]);
    for option in ["--stdout", "--stderr"] {
        let answer = project.ask(["log", "a", option]).expect_code(0);
        assert!(answer.out.is_empty() && answer.err.contains("are mixed, and this part is left out"), "{answer:?}");
    }
    assert_eq!(project.ask(["log", "a"]).expect_code(0).out, "out\n");
}

#[test]
fn output_of_an_earlier_version_is_said_to_have_both_streams() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "--shell", "echo out; : {}"]).expect_code(0);
    let mark = project.path("logs/attempts/streams");
    fs::remove_file(&mark).expect("the mark");
    let expect_both = || {
        for (option, out) in [("--stdout", "out\n"), ("--stderr", "")] {
            let answer = project.ask(["log", "a", option]).expect_code(0);
            assert_eq!(answer.out, out);
            assert!(
                answer
                    .err
                    .contains("attempt 1: it is not known which lines are standard output and which standard error"),
                "{answer:?}"
            );
        }
    };
    expect_both();
    // The clock of the file system may stand still for some milliseconds.
    let modified = |path: PathBuf| fs::metadata(path).and_then(|file| file.modified()).expect("its time");
    let written = modified(project.path("logs/attempts/1.1.1.log"));
    wait_until("the clock advances", || modified(project.write("now", "")) > written);
    // A new run must not change the remark about the output of an earlier version.
    project.write("b", "");
    project.ask(["run", "-q", "b", "--shell", "echo out; : {}"]).expect_code(0);
    assert!(mark.exists());
    expect_both();
    expect_remark_on(&project, "b", &["--stderr"], "attempt 1 printed nothing to its standard error");
}

#[test]
fn one_stream_is_followed() {
    let project = TempProject::with_queue(&["a"]);
    let shell = "echo err 1 >&2; echo out; until test -e {//}/go; do sleep 0.02; done; echo err 2 >&2";
    let run = project.start(["run", "-q", "--shell", shell]);
    wait_until("the attempt prints", || project.ask(["log", "a"]).out.len() == "err 1\nout\n".len());
    let out = project.write("out", "");
    let file = File::options().write(true).open(&out).expect("a file");
    let log = project.command(["log", "-f", "--stderr", "a"]).stdout(file).stderr(Stdio::null()).spawn();
    wait_until("the first line is shown", || text(&out) == "err 1\n");
    project.write("go", "");
    end_of(log.expect("the binary")).expect_code(0);
    assert_eq!(text(&out), "err 1\nerr 2\n");
    end_of(run).expect_code(0);
}

#[test]
fn the_streams_of_a_long_output_are_kept_apart() {
    let project = TempProject::with_queue(&["a"]);
    // The guard reads standard output first if both streams have bytes.
    let log = "{//}/logs/attempts/1.1.1.log";
    let shell = format!(
        "printf 12345 >&2; until [ -s {log} ]; do sleep 0.02; done; head -c 100 /dev/zero | tr '\\0' o; \
                         printf 67890 >&2; : {{}}"
    );
    project.ask(["run", "-q", "--max-output", "40", "--shell", &shell]).expect_code(0);
    let shown = |options: &[&str]| project.ask([&["log", "a"], options].concat()).expect_code(0).out;
    let marker = "\n[autoproc: 80 bytes left out]\n";
    assert_eq!(shown(&["--stderr"]), format!("12345{marker}67890"));
    assert_eq!(shown(&["--stdout"]), format!("{}{marker}{}", "o".repeat(15), "o".repeat(5)));
}

#[test]
fn the_streams_of_an_attempt_are_shown_on_those_of_the_run() {
    let project = TempProject::with_queue(&["a"]);
    let answer = project.ask(["run", "-q", "-r0", "--show-output", "--shell", BOTH_STREAMS]).expect_code(100);
    assert_eq!(answer.out, "out 1\nout 2\n");
    assert!(answer.err.contains("err 1\nerr 2\n"), "a last line is completed, because messages follow: {answer:?}");
}
