use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::fixture::{Answer, TempProject, end_of, wait_until};
use crate::stop::{begun, signal, signal_again, wait_until_heard};

const DEAF: &str = "trap '' TERM; echo $$ > {//}/pid; touch {}.begun; while :; do sleep 0.1; done";

fn times_heard(project: &TempProject) -> usize {
    let log = fs::read_to_string(project.path("logs/autonomous-processing.jsonl"));
    log.map_or(0, |log| log.matches("stop_requested").count())
}

#[test]
fn whoever_waits_for_a_stop_comes_back_when_the_runs_have_ended() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &[]);
    let err = project.write("err", "");
    let said = || fs::read_to_string(&err).expect("a file");
    let mut waiting = project.command(["stop", "--wait"]);
    let waiting =
        waiting.stdout(Stdio::null()).stderr(File::create(&err).expect("a file")).spawn().expect("the binary");
    wait_until("it says that it waits", || said().contains("waiting for"));
    wait_until_heard(&project);
    project.write("go", "");
    end_of(waiting).expect_code(0);
    assert!(said().contains(&format!("waiting for process {}", run.id())), "{}", said());
    assert!(project.json(["status"])["live_runs"].as_array().is_some_and(Vec::is_empty));
    end_of(run).expect_code(0);
    project.ask(["stop", "--wait"]).expect_code(0);
}

#[test]
fn whoever_waits_for_a_stop_need_not_wait_for_ever() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &[]);
    let answer = project.ask(["stop", "--wait", "--timeout", "300ms"]).expect_code(75);
    assert!(answer.err.contains("still live: ") && answer.err.contains(&run.id().to_string()), "{answer:#?}");
    project.ask(["stop", "--timeout", "1"]).expect_code(2);
    project.ask(["stop", "--now", "--wait"]).expect_code(0);
    end_of(run).expect_code(75);
    assert_eq!(project.json(["queue", "show", "a"])["attempts"], 0);
}

#[test]
fn one_stop_is_for_all_runs_and_the_last_takes_it_away() {
    let project = TempProject::with_queue(&["a", "b", "c"]);
    let first = begun(&project, &[]);
    let second = project.start(["run", "--shell", "touch {}.begun; until test -e {//}/later; do sleep 0.02; done"]);
    wait_until("the second file is begun", || project.path("b.begun").exists());
    project.ask(["stop"]).expect_code(0);
    wait_until("both have heard of it", || times_heard(&project) == 2);
    project.write("go", "");
    end_of(first).expect_code(75);
    assert!(project.state("STOP-AUTONOMOUS").exists(), "another run is still to obey it");
    project.write("later", "");
    end_of(second).expect_code(75);
    assert!(!project.state("STOP-AUTONOMOUS").exists(), "who obeys last takes it away");
    assert_eq!(project.status_of("c"), "pending");
}

#[test]
fn the_third_signal_waits_for_nothing() {
    let project = TempProject::with_queue(&["a"]);
    let run = project.start(["run", "--grace", "1h", "--shell", DEAF]);
    wait_until("the file is begun", || project.path("a.begun").exists());
    for number in 1..=3 {
        signal_again(&run, "INT");
        wait_until("the signal is heard", || times_heard(&project) == number);
    }
    end_of(run).expect_code(130);
    let item = project.json(["queue", "show", "a"]);
    assert_eq!((&item["status"], &item["attempts"]), (&"pending".into(), &0.into()));
    let pid = fs::read_to_string(project.path("pid")).expect("its number");
    let stat = format!("/proc/{}", pid.trim());
    assert!(!fs::exists(stat).expect("a look"), "nothing is left of it");
}

/// A service manager may signal both the run and its command.
#[test]
fn a_command_that_a_stop_took_along_is_given_back() {
    let project = TempProject::with_queue(&["a"]);
    let run = project.start(["run", "--shell", "echo $$ > {//}/pid; touch {}.begun; while :; do sleep 0.02; done"]);
    wait_until("the file is begun", || project.path("a.begun").exists());
    signal(&run, "TERM");
    wait_until_heard(&project);
    let pid = fs::read_to_string(project.path("pid")).expect("its number");
    assert!(Command::new("kill").args(["-TERM", pid.trim()]).status().expect("kill(1)").success());
    end_of(run).expect_code(143);
    let item = project.json(["queue", "show", "a"]);
    assert_eq!((&item["status"], &item["attempts"]), (&"pending".into(), &0.into()));
}

/// Appends to the file `ticks` until the file `go` exists.
pub(crate) const TICKING: &str = "touch {}.begun; until test -e {//}/go; do echo . >> {//}/ticks; sleep 0.02; done";

/// True if the process is suspended, according to its status in `/proc`.
pub(crate) fn is_stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}

/// True if a [`TICKING`] command writes nothing for 0.3 s, 15 of its intervals.
pub(crate) fn stands_still(project: &TempProject) -> bool {
    let ticks = || fs::read(project.path("ticks")).map_or(0, |ticks| ticks.len());
    let before = ticks();
    thread::sleep(Duration::from_millis(300));
    ticks() == before
}

fn suspended(project: &TempProject, timeout: &str) -> Child {
    let run = project.start(["run", "--timeout", timeout, "-r", "0", "--shell", TICKING]);
    wait_until("the file is begun", || project.path("a.begun").exists());
    signal(&run, "TSTP");
    wait_until("the run stops", || is_stopped(run.id()));
    wait_until("the command stops", || stands_still(project));
    run
}

#[test]
fn a_suspended_run_suspends_its_commands_and_goes_on_with_them() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = suspended(&project, "60");
    signal(&run, "CONT");
    wait_until("the command continues", || !stands_still(&project));
    project.write("go", "");
    let over = end_of(run).expect_code(0);
    assert!(over.out.starts_with("processed 2, failed 0"), "{over:#?}");
}

#[test]
fn the_time_of_a_suspended_attempt_stands_still() {
    const TIMEOUT: Duration = Duration::from_secs(20);
    let project = TempProject::with_queue(&["a"]);
    let run = suspended(&project, &TIMEOUT.as_secs().to_string());
    thread::sleep(TIMEOUT);
    project.write("go", "");
    signal(&run, "CONT");
    end_of(run).expect_code(0);
    let duration = &project.json(["queue", "show", "a"])["history"][0]["duration_s"];
    assert!(duration.as_f64() < Some(TIMEOUT.as_secs_f64()), "{duration}");
}

#[test]
fn to_continue_a_run_that_was_not_suspended_means_nothing() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &[]);
    signal(&run, "CONT");
    project.write("go", "");
    let over = end_of(run).expect_code(0);
    assert!(over.out.starts_with("processed 1"), "{over:#?}");
}

/// SIGHUP is missing here, because nohup(1) needs an ignored SIGHUP.
#[test]
fn signals_that_a_parent_blocked_or_ignored_are_reset() {
    let project = TempProject::with_queue(&["a", "b"]);
    for options in [&["--block-signal"][..], &["--ignore-signal=CHLD,XFSZ,TERM,USR1,ALRM,PIPE"]] {
        let mut env = project.program("env");
        env.args(options).args([env!("CARGO_BIN_EXE_autoproc"), "run", "--json", "-q", "--timeout", "60", "--"]);
        env.args(["sh", "-c", "grep -E 'Sig(Blk|Ign)' /proc/self/status"]);
        let result = Answer::from(env.output().expect("env(1) of coreutils")).expect_code(0).json();
        assert_eq!(result["processed"], 2);
        for file in ["a", "b"] {
            let signals = project.ask(["log", file]).expect_code(0).out;
            let masks = signals.split_whitespace().filter(|word| !word.ends_with(':'));
            // Checks only the standard signals: the C library uses signals 32 and 33 itself. Leaves
            // out SIGHUP, the first bit, because this test may run under nohup(1).
            let standard = masks.map(|mask| u64::from_str_radix(mask, 16).expect("a mask") & 0x7fff_fffe);
            assert_eq!(standard.collect::<Vec<_>>(), [0, 0], "{signals}");
            let shown = project.json(["queue", "show", file]);
            let elapsed = shown["history"].as_array().expect("attempts").last().expect("one")["duration_s"].as_f64();
            assert!(elapsed.is_some_and(|elapsed| elapsed < 60.0), "the end was noticed: {shown}");
        }
        project.ask(["queue", "add", "a", "b", "--again"]).expect_code(0);
    }
}

/// After Ctrl-S, a terminal stops reading messages.
#[test]
fn a_run_whose_messages_are_not_read_continues_and_can_be_stopped() {
    let project = TempProject::new();
    let name = |number: u32| format!("a-long-name-that-helps-to-fill-a-pipe-of-64-kibibytes-{number}");
    let files: String = (0..1500).map(|number| project.path(name(number)).display().to_string() + "\n").collect();
    project.tell(["queue", "add", "-"], files.as_bytes()).expect_code(0);
    // Keeps the read end of the pipe open without reading.
    let (unread, write_end) = std::io::pipe().expect("a pipe");
    let mut command =
        project.command(["run", "-j", "4", "-r", "0", "--shell", "test {/} != hang || sleep 1000; false"]);
    let mut run = command.stdout(Stdio::null()).stderr(write_end).spawn().expect("the binary");
    wait_until("all have failed", || project.json(["status"])["counts"]["failed"] == 1500);
    run.wait().expect("it ends by itself");
    project.write("hang", "");
    project.ask(["queue", "add", "hang", "-p", "-1"]).expect_code(0);
    project.ask(["retry-failed"]).expect_code(0);
    let (again, write_end) = std::io::pipe().expect("a pipe");
    let mut run = command.stderr(write_end).spawn().expect("the binary");
    wait_until("the last file is being processed", || project.status_of("hang") == "processing");
    project.ask(["stop", "--now"]).expect_code(0);
    assert_eq!(run.wait().expect("it obeys").code(), Some(100));
    drop((unread, again));
}

#[test]
fn a_run_whose_output_is_not_read_continues_and_can_be_stopped() {
    for signals in [false, true] {
        let project = TempProject::with_queue(&["a", "b", "c"]);
        // Keeps the read end of the pipe open without reading.
        let (unread, write_end) = std::io::pipe().expect("a pipe");
        let shell = "head -c 200000 /dev/zero; case {} in */c) touch {}.begun; exec sleep 1000;; esac";
        let mut command = project.command(["run", "--show-output", "--grace", "1", "--shell", shell]);
        let run = command.stdout(write_end).stderr(Stdio::null()).spawn().expect("the binary");
        drop(command);
        wait_until("the last file is begun", || project.path("c.begun").exists());
        wait_until("the others are completed", || project.json(["status"])["counts"]["completed"] == 2);
        if signals {
            signal(&run, "TERM");
            wait_until_heard(&project);
            signal_again(&run, "TERM");
        } else {
            project.ask(["stop", "--now"]).expect_code(0);
        }
        end_of(run).expect_code(if signals { 143 } else { 75 });
        assert_eq!(project.status_of("c"), "pending");
        drop(unread);
    }
}

#[test]
fn a_run_waits_for_a_slow_reader_unless_it_is_stopped() {
    let project = TempProject::with_queue(&["a"]);
    let run = |project: &TempProject| {
        let (read_end, write_end) = std::io::pipe().expect("a pipe");
        let words = ["run", "--again", "a", "--show-output", "--shell", "head -c 200000 /dev/zero; : {}"];
        let run = project.command(words).stdout(write_end).stderr(Stdio::null()).spawn().expect("the binary");
        wait_until("the run has ended", || project.json(["status"])["latest_run"]["status"] == "completed");
        (run, read_end)
    };
    let (child, mut read_end) = run(&project);
    let mut output = Vec::new();
    std::io::Read::read_to_end(&mut read_end, &mut output).expect("read");
    end_of(child).expect_code(0);
    assert!(output.len() > 200_000, "all output is there");
    assert!(output.ends_with(b"\n"), "the summary comes last");
    let project = TempProject::with_queue(&["a"]);
    let (child, unread) = run(&project);
    signal(&child, "TERM");
    end_of(child).expect_code(0);
    drop(unread);
}
