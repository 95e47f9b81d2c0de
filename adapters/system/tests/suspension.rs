//! Tests Ctrl-Z and `fg` on a child process.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking, and the child prints to it"
)]

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use autoproc_system::Suspension;
use rustix::process::{Pid, Signal, kill_process};

const TIMEOUT: Duration = Duration::from_secs(60);

fn main() {
    if std::env::args().nth(1).as_deref() == Some("child") {
        return child();
    }
    std::thread::spawn(|| {
        std::thread::sleep(2 * TIMEOUT);
        eprintln!("suspension: timed out waiting for a child's line");
        std::process::exit(1);
    });
    a_suspended_process_pauses_and_resumes_what_it_supervises();
    continuing_without_a_suspension_has_no_effect();
    an_ignored_signal_stays_ignored();
    println!("suspension: ok");
}

fn child() {
    let print = |word: &'static str| {
        move || {
            println!("{word}");
            std::io::stdout().flush().expect("a reader");
        }
    };
    let _suspension = Suspension::new(print("pause"), print("resume")).expect("a thread");
    print("ready")();
    std::io::stdin().lines().for_each(drop);
    print("over")();
}

struct Supervised {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Supervised {
    fn start(mut command: Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process");
        let output = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut this = Self { process, output };
        assert_eq!(this.next_line(), "ready");
        this
    }

    fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).expect("a live child");
    }

    fn state(&self) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("a live child");
        let (_, rest) = stat.rsplit_once(") ").expect("a name in parentheses");
        rest.chars().next().expect("a state")
    }

    fn wait_until_stopped(&self) {
        let began = Instant::now();
        while self.state() != 'T' {
            assert!(began.elapsed() < TIMEOUT, "the child did not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn end(mut self) -> Vec<String> {
        drop(self.process.stdin.take());
        let rest = self.output.by_ref().lines().map(|line| line.expect("a line")).collect();
        assert!(self.process.wait().expect("a child").success());
        rest
    }
}

fn this_program() -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command.arg("child");
    command
}

fn a_suspended_process_pauses_and_resumes_what_it_supervises() {
    let mut child = Supervised::start(this_program());
    for _ in 0..3 {
        child.signal(Signal::TSTP);
        assert_eq!(child.next_line(), "pause");
        child.wait_until_stopped();
        child.signal(Signal::CONT);
        assert_eq!(child.next_line(), "resume");
    }
    assert_eq!(child.end(), ["over"]);
}

fn continuing_without_a_suspension_has_no_effect() {
    let mut child = Supervised::start(this_program());
    child.signal(Signal::CONT);
    // The thread is still alive, since it handles the next signal.
    child.signal(Signal::TSTP);
    assert_eq!(child.next_line(), "pause");
    child.wait_until_stopped();
    child.signal(Signal::CONT);
    child.signal(Signal::CONT);
    assert_eq!(child.next_line(), "resume");
    assert_eq!(child.end(), ["over"]);
}

fn an_ignored_signal_stays_ignored() {
    let mut ignoring = Command::new("sh");
    ignoring.args(["-c", "trap '' TSTP; exec \"$0\" child"]).arg(std::env::current_exe().expect("a path"));
    let child = Supervised::start(ignoring);
    child.signal(Signal::TSTP);
    assert_eq!(child.end(), ["over"]);
}
