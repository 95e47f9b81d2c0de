//! Ctrl-Z and `fg`, done to a process of our own: stopping the process that the tests share would stop them all.
//!
//! Started with the word `child`, this program listens to suspensions and says so line by line; else it is the test.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking, and the child talks to it"
)]

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use autoproc_system::Suspension;
use rustix::process::{Pid, Signal, kill_process};

/// No machine is so slow that what is waited for comes later.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    if std::env::args().nth(1).as_deref() == Some("child") {
        return child();
    }
    std::thread::spawn(|| {
        std::thread::sleep(2 * PATIENCE);
        eprintln!("suspension: waited in vain for what a child should say");
        std::process::exit(1);
    });
    a_suspended_process_pauses_and_resumes_what_it_supervises();
    to_be_continued_without_having_been_suspended_means_nothing();
    whoever_was_started_deaf_to_suspensions_stays_so();
    println!("suspension: ok");
}

/// Tells what it is asked to do until its standard input is closed.
fn child() {
    let say = |word: &'static str| {
        move || {
            println!("{word}");
            std::io::stdout().flush().expect("somebody listens");
        }
    };
    let _suspension = Suspension::new(say("pause"), say("resume")).expect("a thread");
    say("ready")();
    std::io::stdin().lines().for_each(drop);
    say("over")();
}

struct Supervised {
    process: Child,
    said: BufReader<ChildStdout>,
}

impl Supervised {
    fn start(mut command: Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process");
        let said = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut this = Self { process, said };
        assert_eq!(this.says(), "ready");
        this
    }

    /// Its next line.
    fn says(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).expect("it is there");
    }

    /// Its state, as the third field of `proc_pid_stat(5)` has it; the second is the name, in parentheses.
    fn state(&self) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("it is there");
        let (_, rest) = stat.rsplit_once(") ").expect("a name in parentheses");
        rest.chars().next().expect("a state")
    }

    fn wait_until_stopped(&self) {
        let began = Instant::now();
        while self.state() != 'T' {
            assert!(began.elapsed() < PATIENCE, "it did not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it still says when nobody talks to it any more.
    fn end(mut self) -> Vec<String> {
        drop(self.process.stdin.take());
        let rest = self.said.by_ref().lines().map(|line| line.expect("a line")).collect();
        assert!(self.process.wait().expect("a child").success());
        rest
    }
}

fn ourselves() -> Command {
    let mut command = Command::new(std::env::current_exe().expect("we are somewhere"));
    command.arg("child");
    command
}

fn a_suspended_process_pauses_and_resumes_what_it_supervises() {
    let mut child = Supervised::start(ourselves());
    for _ in 0..3 {
        child.signal(Signal::TSTP);
        assert_eq!(child.says(), "pause");
        child.wait_until_stopped();
        child.signal(Signal::CONT);
        assert_eq!(child.says(), "resume");
    }
    assert_eq!(child.end(), ["over"]);
}

fn to_be_continued_without_having_been_suspended_means_nothing() {
    let mut child = Supervised::start(ourselves());
    child.signal(Signal::CONT);
    // The next one is heard, so the thread that hears them is still there.
    child.signal(Signal::TSTP);
    assert_eq!(child.says(), "pause");
    child.wait_until_stopped();
    child.signal(Signal::CONT);
    child.signal(Signal::CONT);
    assert_eq!(child.says(), "resume");
    assert_eq!(child.end(), ["over"]);
}

fn whoever_was_started_deaf_to_suspensions_stays_so() {
    let mut deaf = Command::new("sh");
    deaf.args(["-c", "trap '' TSTP; exec \"$0\" child"]).arg(std::env::current_exe().expect("we are somewhere"));
    let child = Supervised::start(deaf);
    child.signal(Signal::TSTP);
    assert_eq!(child.end(), ["over"]);
}
