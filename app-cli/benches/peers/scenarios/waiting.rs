//! A run that waits: what it takes of the processor while nothing is due.

use std::fs;
use std::io;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Bench, OTHERS};
use crate::autoproc::Project;
use crate::process::{Running, Usage, say};
use crate::results::{OURS, Scenario};

/// For the run to open the queue, find nothing due and settle down to wait.
const SETTLING: Duration = Duration::from_secs(3);

pub(super) fn measure(bench: &mut Bench) -> io::Result<()> {
    // A long watch of one run says more than many short ones.
    let place = bench.scratch.place()?;
    let project = Project::new(place.path())?;
    project.write_backing_off(OTHERS)?;
    say("a waiting run");
    let mut command = project.command(&["run", "-q", "-j", "2", "--", "/bin/true"]);
    let run = Running::start(command.stdout(Stdio::null()))?;
    sleep(SETTLING);
    let watched = watch(run.id(), Duration::from_secs(bench.plan.waiting_s));
    run.stop()?;
    bench.results.record((Scenario::Waiting, OURS, OTHERS), 1, watched);
    Ok(())
}

fn watch(process: u32, span: Duration) -> io::Result<Usage> {
    let started = Instant::now();
    let before = processor_time(process)?;
    sleep(span);
    let cpu = processor_time(process)?.saturating_sub(before);
    Ok(Usage { cpu: Some(cpu), ..Usage::of_wall(started.elapsed()) })
}

/// Processor time of a process and its children so far: the first number of `schedstat` (proc(5)) is nanoseconds, where
/// `stat` counts in hundredths of a second.
fn processor_time(process: u32) -> io::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let thread = thread?.path();
        let text = fs::read_to_string(thread.join("schedstat"))?;
        nanoseconds += text.split(' ').next().unwrap_or_default().parse::<u64>().map_err(io::Error::other)?;
        for child in fs::read_to_string(thread.join("children")).unwrap_or_default().split_whitespace() {
            let child = processor_time(child.parse().map_err(io::Error::other)?)?;
            nanoseconds += u64::try_from(child.as_nanos()).map_err(io::Error::other)?;
        }
    }
    Ok(Duration::from_nanos(nanoseconds))
}
