//! Several writers and a run, all killed at random moments.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::acknowledged::{Acknowledged, record};
use crate::effort;
use crate::place::{Place, SIGKILL};
use crate::random::Random;
use crate::skip::tell;

/// Processes that add, at once.
const WRITERS: u64 = 3;
/// Kills between two looks at the queue.
const CYCLE: usize = 30;
/// Kills in one project folder, before the queue makes each look too slow.
const FOLDER: usize = 900;
/// The longest life of a writer, in lives that nobody cuts short: about every second one is then killed.
const LIVES: u64 = 3;
/// A run is left alone for longer, so that it gets something done.
const RUN_LIVES: u64 = 15;

#[test]
fn kills_at_random_moments_lose_nothing_and_repeat_nothing() {
    let (mut killed, mut added, mut completed) = (0, 0, 0);
    for folder in 0_u64.. {
        if killed >= effort::kills() {
            break;
        }
        // By turns a small queue, which every command writes whole, and a large one, which has a journal.
        let place = if folder % 2 == 0 { Place::new() } else { Place::large() };
        let mut acknowledged = Acknowledged::default();
        let until = effort::kills().min(killed + FOLDER.min(effort::kills().div_ceil(2)));
        for cycle in 0_u64.. {
            if killed >= until {
                break;
            }
            let seed = folder << 32 | cycle << 8;
            killed += kill_some(&place, &mut acknowledged, seed);
            acknowledged.check(&place, &format!("seed {seed}"));
        }
        added += acknowledged.added.len();
        completed += acknowledged.completed();
    }
    tell(&format!("{killed} kills, {added} additions acknowledged, {completed} files completed: 0 lost, 0 repeated"));
    assert!(added > 0, "nothing was acknowledged");
}

/// Runs everybody until [`CYCLE`] of them were killed.
fn kill_some(place: &Place, acknowledged: &mut Acknowledged, seed: u64) -> usize {
    let began = Instant::now();
    let first = format!("/first/{seed}");
    place.run(["queue", "add", &first]).expect_code(0);
    acknowledged.added.insert(first);
    let life = u64::try_from(began.elapsed().as_micros()).expect("it takes no centuries");
    let kills = AtomicUsize::new(0);
    let kills = &kills;
    thread::scope(|scope| {
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || write(place, life, seed + writer, kills))).collect();
        scope.spawn(move || process(place, life, seed + WRITERS, kills));
        for writer in writers {
            acknowledged.added.extend(writer.join().expect("a writer"));
        }
    });
    kills.load(Ordering::SeqCst)
}

/// Adds one file after the other; answers with those that were acknowledged.
fn write(place: &Place, life: u64, seed: u64, kills: &AtomicUsize) -> Vec<String> {
    let mut random = Random::new(seed);
    let mut acknowledged = Vec::new();
    for number in 0_u64.. {
        if kills.load(Ordering::SeqCst) >= CYCLE {
            break;
        }
        let path = format!("/{seed}/{number}");
        let mut command = place.command(["queue", "add", &path, "--json"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("the binary");
        if ended_well(child, random.below(LIVES * life), kills) {
            acknowledged.push(path);
        }
    }
    acknowledged
}

fn process(place: &Place, life: u64, seed: u64, kills: &AtomicUsize) {
    let mut random = Random::new(seed);
    while kills.load(Ordering::SeqCst) < CYCLE {
        let mut command = place.process(&record(place));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        ended_well(command.spawn().expect("the binary"), random.below(RUN_LIVES * life), kills);
    }
}

/// Kills a process after so many microseconds, unless it has ended by then. Nothing but a kill may make it fail.
fn ended_well(mut child: Child, life: u64, kills: &AtomicUsize) -> bool {
    thread::sleep(Duration::from_micros(life));
    child.kill().expect("it is ours to kill");
    let status = child.wait().expect("it is our child");
    let is_killed = status.signal() == Some(SIGKILL);
    kills.fetch_add(usize::from(is_killed), Ordering::SeqCst);
    assert!(is_killed || status.success(), "{status}");
    status.success()
}
