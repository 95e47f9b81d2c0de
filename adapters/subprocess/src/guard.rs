//! The guard: a small process between the runner and a command, which leaves nothing behind.
//!
//! # Theory of operation
//!
//! A guard is this program started over again in another mode, before any runtime or thread is there. It serves one
//! process after another, each as told by a [`protocol::Control`] message, and lives until its control pipe ends: that is
//! how it learns that the runner closed it or was killed, whichever way. It is told one process at a time, or several short
//! ones as a [`series`].
//!
//! It is a *child subreaper* (`PR_SET_CHILD_SUBREAPER`, prctl(2)): whatever a command forks, and however that detaches
//! itself, falls to the guard when its parents are gone. So a guard whose `waitpid` answers ECHILD has proof that nothing
//! of the command is left; for a command that leaves nothing this is one call. What is left is asked to terminate, given
//! the grace, and killed over and over until the proof is there ([`attempt`]; [`family`] finds and signals it).
//!
//! One thread waits in poll(2) for everything: the control pipe, both output pipes of the command, the ends of children
//! (by a self-pipe that a handler of SIGCHLD writes to), and the next moment at which something is due. The clock is the
//! monotonic one, less the time spent paused.
//!
//! # Limits
//!
//! Where the system has no subreaper (anything but Linux), the command's process group is the limit: what leaves the group
//! escapes. What became another user's cannot be killed; where such a process stays, the guard says so instead of an
//! outcome ([`protocol::Report::Stuck`]).
//!
//! # Deliberately absent
//!
//! `pre_exec` hooks, which would make the standard library fork instead of `posix_spawn`; a runtime, since there is one
//! command at a time; any knowledge of items, retries and queues.

mod attempt;
mod family;
mod output;
pub(crate) mod protocol;
mod series;
mod signals;
mod stopwatch;
mod wires;

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use attempt::Attempt;
pub(crate) use attempt::is_permanent;
use protocol::{Control, Ended, Report};
use series::Series;
use wires::Wires;

use crate::guard_record::GuardRecord;
use crate::process::Ending;

/// The first argument of a guard. The second names the run, for whoever reads a list of processes; the third, where there
/// is one, the file for the guard's record.
pub(crate) const GUARD_ARGUMENT: &str = "__guard";

/// Serves as a guard to its end where this process was started as one; says what the process is to exit with.
///
/// To be called at the very head of `main`, before any thread or runtime starts.
#[must_use]
pub fn become_guard() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != OsStr::new(GUARD_ARGUMENT) {
        return None;
    }
    let record = arguments.nth(1);
    Some(match Guard::new(record.as_deref().map(Path::new)).and_then(Guard::serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say("a guard ends early", &error);
            ExitCode::FAILURE
        }
    })
}

/// Where nobody can be told, the exit status tells.
fn say(what: &str, error: &io::Error) {
    let _ = writeln!(io::stderr(), "autoproc: {what}: {error}");
}

/// After a process that took less than this the next one is expected at once: beside it the moment that a guard would sleep
/// for counts, and what other guards have at work is likely as short, so that whoever looks out instead waits for no long slice.
const BRISK: Duration = Duration::from_millis(5);

struct Guard {
    wires: Wires,
    record: Option<GuardRecord>,
    is_paused: bool,
}

impl Guard {
    fn new(record: Option<&Path>) -> io::Result<Self> {
        let record = record.and_then(keep_record);
        family::adopt()?;
        signals::outlive_requests()?;
        Ok(Self { wires: Wires::new()?, record, is_paused: false })
    }

    /// Serves until the control pipe ends. Returns only when nothing is left of what it started, or with an error.
    fn serve(mut self) -> io::Result<()> {
        let mut is_brisk = false;
        while let Some(control) = self.wires.await_control(is_brisk)? {
            match control {
                Control::Start(starts, give_back_after) => {
                    is_brisk = self.carry_out_all(Series::new(starts, give_back_after))?;
                }
                Control::Pause => self.is_paused = true,
                Control::Resume => self.is_paused = false,
                // They crossed the last report on those whom they meant.
                Control::Recall | Control::Abort | Control::Kill => {}
            }
        }
        self.record.map_or(Ok(()), GuardRecord::close)
    }

    /// Says whether the last of them was brisk.
    fn carry_out_all(&mut self, mut series: Series) -> io::Result<bool> {
        let mut is_brisk = false;
        while let Some(start) = series.next() {
            match self.carry_out(&start, &mut series)? {
                Report::Stuck(why) => {
                    series.end_current(Report::Stuck(why.clone()));
                    series.tell(&mut self.wires)?;
                    return Err(io::Error::other(why));
                }
                report => {
                    is_brisk = matches!(&report, Report::Ended(ended) if ended.elapsed < BRISK);
                    series.end_current(report);
                }
            }
            self.listen(&mut series)?;
        }
        series.tell(&mut self.wires)?;
        Ok(is_brisk)
    }

    /// Hears what was said while nothing ran. Whatever it was, the runner is to decide what starts after it.
    fn listen(&mut self, series: &mut Series) -> io::Result<()> {
        if series.is_over() || !self.wires.has_news()? {
            return Ok(());
        }
        self.wires.read_control()?;
        while let Some(control) = self.wires.next_control() {
            match control {
                Control::Recall | Control::Abort | Control::Kill => {}
                Control::Pause => self.is_paused = true,
                Control::Resume => self.is_paused = false,
                Control::Start(..) => return Err(protocol::out_of_turn()),
            }
            series.give_back();
        }
        Ok(())
    }

    /// Starts nothing for a runner that is dead: whoever recovers its items waits for us and for nobody after us.
    fn carry_out(&mut self, start: &protocol::Start, series: &mut Series) -> io::Result<Report> {
        let aborted = Report::Ended(Ended::new(Ending::Aborted, Duration::ZERO));
        if self.wires.has_hung_up()? {
            return Ok(aborted);
        }
        match Attempt::start(start) {
            Ok(attempt) => {
                self.note(&attempt);
                attempt.watch(&mut self.wires, series, &mut self.is_paused)
            }
            Err(ending) => Ok(Report::Ended(Ended::new(ending, Duration::ZERO))),
        }
    }

    /// Where the note cannot be taken, a later run still knows the command by its environment.
    fn note(&mut self, attempt: &Attempt) {
        if let Some(record) = &mut self.record {
            let _ = record.attempt(attempt.leader(), attempt.born());
        }
    }
}

/// Without a record a guard serves all the same: what it leaves if it is killed is still known by its environment.
fn keep_record(path: &Path) -> Option<GuardRecord> {
    GuardRecord::create(path).inspect_err(|error| say(&format!("cannot keep {}", path.display()), error)).ok()
}
