//! Kills concurrent `queue add` commands and a run at random moments. Every second addition has a
//! file size limit, at which the kernel writes only a part (setrlimit(2)).

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::acknowledged::{Acknowledged, record};
use crate::effort;
use crate::fixture::{Done, SIGKILL, TempProject};
use crate::random::Random;
use crate::skip::{Need, can, tell};

const WRITERS: u64 = 3;
const CYCLE: usize = 30;
/// The maximum number of killed processes for each queue. A larger queue makes the checks slow.
const FOLDER: usize = 900;
/// The maximum lifetime of `queue add`, as a multiple of its normal duration.
const LIVES: u64 = 3;
/// The maximum lifetime of a run, as a multiple of the duration of `queue add`.
const RUN_LIVES: u64 = 200;
const NO_SPACE: i32 = 75;
/// The approximate length of a journal line, in bytes.
const LINE: u64 = 250;

#[test]
fn kills_at_random_moments_lose_nothing_and_repeat_nothing() {
    let splits = can("kill::refusals_in_the_middle_of_a_write", &[Need::Tool("prlimit")]);
    let (mut killed, mut refused, mut added, mut completed) = (0, 0, 0, 0);
    for folder in 0_u64.. {
        if killed >= effort::kills() {
            break;
        }
        // Alternates between a small queue, which commands rewrite, and a large one, which has a
        // journal.
        let project = if folder % 2 == 0 { TempProject::new() } else { TempProject::large() };
        let mut acknowledged = Acknowledged::default();
        let until = effort::kills().min(killed + FOLDER.min(effort::kills().div_ceil(2)));
        for cycle in 0_u64.. {
            if killed >= until {
                break;
            }
            let seed = folder << 32 | cycle << 8;
            let kills = kill_some(&project, &mut acknowledged, seed, splits);
            killed += kills.any.into_inner();
            refused += kills.refusals.into_inner();
            acknowledged.check(&project, &format!("seed {seed}"));
        }
        added += acknowledged.added.len();
        completed += acknowledged.completed();
    }
    tell(&format!(
        "{killed} kills, {refused} refusals in a write, {added} additions acknowledged, {completed} files completed: \
         0 lost, 0 repeated"
    ));
    assert!(added > 0, "nothing was acknowledged");
    assert!(completed > 0, "nothing was completed");
}

#[derive(Default)]
struct Kills {
    any: AtomicUsize,
    refusals: AtomicUsize,
}

impl Kills {
    fn are_enough(&self) -> bool {
        self.any.load(Ordering::SeqCst) >= CYCLE
    }
}

fn kill_some(project: &TempProject, acknowledged: &mut Acknowledged, seed: u64, splits: bool) -> Kills {
    let began = Instant::now();
    let first = format!("/first/{seed}");
    project.run(["queue", "add", &first]).expect_code(0);
    acknowledged.added.insert(first);
    let life = u64::try_from(began.elapsed().as_micros()).expect("it takes no centuries");
    let all = Kills::default();
    let kills = &all;
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || write(project, life, seed + writer, kills, splits)))
            .collect();
        scope.spawn(move || process(project, life, seed + WRITERS, kills));
        for writer in writers {
            acknowledged.added.extend(writer.join().expect("a writer"));
        }
    });
    all
}

fn write(project: &TempProject, life: u64, seed: u64, kills: &Kills, splits: bool) -> Vec<String> {
    let mut random = Random::new(seed);
    let mut acknowledged = Vec::new();
    for number in 0_u64.. {
        if kills.are_enough() {
            break;
        }
        let path = format!("/{seed}/{number}");
        let words = ["queue", "add", &path, "--json"];
        let mut command = if splits && number % 2 == 1 {
            let limit = format!("--fsize={}", project.next_write() + random.below(LINE));
            project.command_under(&["prlimit", &limit], words)
        } else {
            project.command(words)
        };
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("the binary");
        let is_limited = splits && number % 2 == 1;
        match killed_or_done(child, random.below(LIVES * life), kills) {
            Some(done) if is_limited && done.status.code() == Some(NO_SPACE) => {
                kills.refusals.fetch_add(1, Ordering::SeqCst);
            }
            Some(done) => {
                done.expect_code(0);
                acknowledged.push(path);
            }
            None => {}
        }
    }
    acknowledged
}

fn process(project: &TempProject, life: u64, seed: u64, kills: &Kills) {
    let mut random = Random::new(seed);
    while !kills.are_enough() {
        let mut command = project.process(&record(project));
        command.arg("--json").stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().expect("the binary");
        if let Some(done) = killed_or_done(child, random.below(RUN_LIVES * life), kills) {
            done.expect_no_more_work();
        }
    }
}

fn killed_or_done(mut child: Child, life: u64, kills: &Kills) -> Option<Done> {
    thread::sleep(Duration::from_micros(life));
    child.kill().expect("it is ours to kill");
    let output = child.wait_with_output().expect("it is our child");
    let is_killed = output.status.signal() == Some(SIGKILL);
    kills.any.fetch_add(usize::from(is_killed), Ordering::SeqCst);
    (!is_killed).then(|| Done::of(&output))
}
