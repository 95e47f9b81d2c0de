//! Measures whole processes: the time on the wall, the processor time, and the memory at its peak.
//!
//! wait4(2) hands over the rusage of exactly one child and of what that child waited for, so a tool is charged for the
//! jobs it ran. Two limits follow from how Linux accounts. A child that this process did not wait for (a daemon that
//! detached itself) is not in the figures. And the peak of a child begins with the size of whoever spawned it, because
//! `posix_spawn` lends the parent's memory until exec: below the size of this process (a few megabytes, kept small by
//! holding no large data while measuring) peaks cannot be told apart.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use wait4::{ResUse, Wait4};

/// What a process took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// From before the spawn until it was waited for.
    pub(crate) wall: Duration,
    /// User and system time; `None` where parts of the work escape the accounting.
    pub(crate) cpu: Option<Duration>,
    /// The largest resident set of the process or of anything it waited for.
    pub(crate) peak_memory_bytes: Option<u64>,
}

impl Usage {
    /// A span that was timed by other means, with nothing known of the processor and the memory.
    pub(crate) fn of_wall(wall: Duration) -> Self {
        Self { wall, cpu: None, peak_memory_bytes: None }
    }
}

/// Runs a command to its end, with no input and its output thrown away.
///
/// # Errors
/// It could not be started, or did not end well; what it said on standard error is told.
pub(crate) fn measure(command: &mut Command) -> io::Result<Usage> {
    Running::start(command.stdout(Stdio::null()))?.finish(|status| status.success())
}

/// Runs a command that works through jobs. What was prepared for it, or left behind by whoever ran before, is on the disk
/// when its time begins: nobody pays for what others wrote.
///
/// # Errors
/// As [`measure`].
pub(crate) fn measure_run(command: &mut Command) -> io::Result<Usage> {
    rustix::fs::sync();
    measure(command)
}

/// Runs a command to its end and returns what it printed beside what it took.
///
/// # Errors
/// As [`measure`].
pub(crate) fn measure_output(command: &mut Command) -> io::Result<(Usage, String)> {
    let mut output = tempfile::tempfile()?;
    let usage = Running::start(command.stdout(output.try_clone()?))?.finish(|status| status.success())?;
    Ok((usage, read_back(&mut output)?))
}

/// Runs a command that is not measured, and returns what it printed.
///
/// # Errors
/// As [`measure`].
pub(crate) fn ask(command: &mut Command) -> io::Result<String> {
    measure_output(command).map(|(_, output)| output)
}

/// A process under way.
pub(crate) struct Running {
    name: String,
    child: Child,
    started: Instant,
    complaints: File,
}

impl Running {
    /// Starts a command with no input.
    ///
    /// # Errors
    /// It could not be started.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let program = Path::new(command.get_program());
        let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
        let complaints = tempfile::tempfile()?;
        command.stdin(Stdio::null()).stderr(complaints.try_clone()?);
        let started = Instant::now();
        let child = command.spawn().map_err(|error| io::Error::other(format!("cannot start {name}: {error}")))?;
        Ok(Self { name, child, started, complaints })
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end with SIGTERM and waits until it has, however it ends.
    ///
    /// # Errors
    /// It could not be signalled or waited for.
    pub(crate) fn stop(self) -> io::Result<Usage> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.finish(|_| true)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It ended in a way that is not accepted.
    pub(crate) fn finish(mut self, accepted: impl Fn(ExitStatus) -> bool) -> io::Result<Usage> {
        let ResUse { status, rusage } = self.child.wait4()?;
        let wall = self.started.elapsed();
        if !accepted(status) {
            let said = read_back(&mut self.complaints)?;
            return Err(io::Error::other(format!("{} ended with {status}: {}", self.name, first_line(&said))));
        }
        Ok(Usage { wall, cpu: Some(rusage.utime + rusage.stime), peak_memory_bytes: Some(rusage.maxrss) })
    }
}

/// Waits until a condition holds.
///
/// # Errors
/// It did not come to hold within the limit.
pub(crate) fn wait_until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) -> io::Result<()> {
    let started = Instant::now();
    while !holds() {
        if started.elapsed() > limit {
            return Err(io::Error::other(format!("{what}: not within {} s", limit.as_secs())));
        }
        // A millisecond is small beside the jobs that are waited for, and costs next to no processor time.
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Tells a person how far the measuring is.
pub(crate) fn say(line: &str) {
    // Nobody is harmed where standard error is closed: the report is what counts.
    let _ = writeln!(io::stderr(), "{line}");
}

fn read_back(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or("it said nothing")
}
