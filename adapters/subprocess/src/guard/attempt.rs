//! One command from its start until nothing of it is left.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal};
use wait4::ResUse;

use crate::guard::family::{self, Family, Round};
use crate::guard::output::Output;
use crate::guard::protocol::{Control, Ended, Report, Start, Usage, out_of_turn};
use crate::guard::series::Series;
use crate::guard::stopwatch::Stopwatch;
use crate::guard::wires::Wires;
use crate::process::Ending;
use crate::process_table::in_one_tick;

/// How long to wait between two rounds of killing that met the same processes: they are dying, and the end of a child
/// wakes us anyway.
const BETWEEN_KILLS: Duration = Duration::from_millis(5);

/// How long processes may take to vanish after they were killed. Only one that is held in the kernel, or that is not ours
/// to kill, takes longer than it takes to free its memory; and no attempt may hold up its slot for ever.
const AFTER_KILL: Duration = Duration::from_secs(30);

/// Between two looks no more than this passes even on a slow machine. Where it did, the machine stood still, or this process
/// did, and nobody had that time to vanish in.
const STANDSTILL: Duration = Duration::from_secs(10);

pub(crate) struct Attempt {
    leader: u32,
    /// The tick in which it was born, where the clock tells.
    born: Option<u64>,
    /// Holds the ends of the output pipes that write, so that no end of a stream wakes us: it would only tell what the
    /// command's own end tells as well, a moment before that.
    command: Command,
    exit: Option<(ResUse, Duration)>,
    is_gone: bool,
    family: Family,
    output: Output,
    watch: Stopwatch,
    timeout: Duration,
    grace: Duration,
    cut_short: Option<Ending>,
    phase: Phase,
    round: Round,
}

/// Where an attempt stands; the times are those of its stopwatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    Terminating {
        since: Duration,
    },
    /// `looked_at` is when we last saw that it is not over.
    Killing {
        since: Duration,
        looked_at: Duration,
    },
}

impl Phase {
    fn killing(now: Duration) -> Self {
        Self::Killing { since: now, looked_at: now }
    }

    /// Takes in that it is not over now; says whether processes have had all the time to vanish that they get.
    fn is_hopeless(&mut self, now: Duration) -> bool {
        let Self::Killing { since, looked_at } = self else { return false };
        let unseen = now.saturating_sub(std::mem::replace(looked_at, now));
        if unseen > STANDSTILL {
            *since += unseen;
        }
        now.saturating_sub(*since) >= AFTER_KILL
    }
}

impl Attempt {
    /// Starts the command, or says why not.
    pub(crate) fn start(start: &Start) -> Result<Self, Ending> {
        Self::try_start(start).map_err(|error| unstarted(start, &error))
    }

    fn try_start(start: &Start) -> io::Result<Self> {
        let (output, [stdout, stderr]) = Output::new(start)?;
        let began = Instant::now();
        let mut command = command(start);
        command.stdout(stdout).stderr(stderr);
        let (child, born) = in_one_tick(|| command.spawn());
        let leader = child?.id();
        let pid = i32::try_from(leader).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the command has no process number"))?;
        Ok(Self {
            leader,
            born,
            command,
            exit: None,
            is_gone: false,
            family: Family::new(pid),
            output,
            watch: Stopwatch::start(began),
            timeout: start.timeout,
            grace: start.grace,
            cut_short: None,
            phase: Phase::Running,
            round: Round::default(),
        })
    }

    /// The number of the command's first process, which is not reaped yet.
    pub(crate) fn leader(&self) -> i32 {
        self.leader.cast_signed()
    }

    /// In which tick since the boot it was born, where that is known without asking the process table.
    pub(crate) fn born(&self) -> Option<u64> {
        self.born
    }

    /// Sees the command to its end, and all that it started. What comes after it in the series is not started meanwhile.
    pub(crate) fn watch(mut self, wires: &mut Wires, series: &mut Series, is_paused: &mut bool) -> io::Result<Report> {
        if *is_paused {
            self.pause();
        }
        while !self.is_gone {
            if self.has_given_up()? {
                return Ok(Report::Stuck(self.what_is_stuck()));
            }
            if self.is_gone {
                break;
            }
            let patience = self.patience().min(series.patience(Instant::now()));
            let ready = wires.wait(self.output.streams(), patience)?;
            if ready.control {
                wires.read_control()?;
                self.obey(wires, series, is_paused)?;
            }
            series.tick(Instant::now(), wires)?;
            if ready.deaths {
                wires.forget_deaths()?;
                self.reap()?;
            }
            self.output.read(ready.streams);
            self.output.tick(Instant::now());
            self.advance()?;
        }
        Ok(Report::Ended(self.ended()))
    }

    /// Does what the runner said, and what is to be done where it is no more.
    fn obey(&mut self, wires: &mut Wires, series: &mut Series, is_paused: &mut bool) -> io::Result<()> {
        while let Some(control) = wires.next_control() {
            if control != Control::Resume {
                series.give_back();
            }
            match control {
                Control::Recall => {}
                Control::Abort => self.end(Ending::Aborted)?,
                Control::Kill => self.kill()?,
                Control::Pause => {
                    *is_paused = true;
                    self.pause();
                }
                Control::Resume => {
                    *is_paused = false;
                    self.resume();
                }
                Control::Start(..) => return Err(out_of_turn()),
            }
        }
        if wires.is_abandoned() { self.end(Ending::Aborted) } else { Ok(()) }
    }

    /// Does what is due.
    fn advance(&mut self) -> io::Result<()> {
        let now = self.elapsed();
        match self.phase {
            _ if self.watch.is_paused() || self.is_gone => {}
            Phase::Running if self.exit.is_some() => self.terminate(),
            Phase::Running if now >= self.timeout => self.end(Ending::TimedOut)?,
            Phase::Terminating { since } if now.saturating_sub(since) >= self.grace => {
                self.phase = Phase::killing(now);
                self.kill_round()?;
            }
            Phase::Killing { .. } => self.kill_round()?,
            Phase::Running | Phase::Terminating { .. } => {}
        }
        Ok(())
    }

    /// Ends the command for this reason, unless it has ended by itself or is being ended already.
    fn end(&mut self, reason: Ending) -> io::Result<()> {
        self.resume();
        self.reap()?;
        if !self.is_gone && self.phase == Phase::Running {
            self.cut_short = self.exit.is_none().then_some(reason);
            self.terminate();
        }
        Ok(())
    }

    /// Ends the command without a grace.
    fn kill(&mut self) -> io::Result<()> {
        self.end(Ending::Aborted)?;
        if let Phase::Terminating { .. } = self.phase {
            self.phase = Phase::killing(self.elapsed());
        }
        Ok(())
    }

    /// Asks everything to terminate. What stands still is to go on, or it could not hear.
    fn terminate(&mut self) {
        self.watch.resume(Instant::now());
        self.phase = Phase::Terminating { since: self.elapsed() };
        self.family.signal(Signal::TERM);
        self.family.signal(Signal::CONT);
    }

    fn kill_round(&mut self) -> io::Result<()> {
        self.round = self.family.signal(Signal::KILL);
        self.reap()
    }

    fn pause(&mut self) {
        if matches!(self.phase, Phase::Running | Phase::Terminating { .. }) {
            self.watch.pause(Instant::now());
            self.family.signal_all(Signal::STOP);
        }
    }

    fn resume(&mut self) {
        if self.watch.is_paused() {
            self.family.signal(Signal::CONT);
            self.watch.resume(Instant::now());
        }
    }

    /// Reaps whatever has ended. Once the command itself is reaped, this tells whether anything of it is left.
    fn reap(&mut self) -> io::Result<()> {
        if self.exit.is_none() {
            self.exit = wait4::try_wait4_pid(self.leader)?.map(|used| (used, self.elapsed()));
        }
        match self.exit {
            Some(_) => self.is_gone = self.family.is_gone(),
            None => self.family.reap_orphans(),
        }
        Ok(())
    }

    fn elapsed(&self) -> Duration {
        self.watch.elapsed(Instant::now())
    }

    /// How long nothing is due.
    fn patience(&self) -> Duration {
        let now = Instant::now();
        let elapsed = self.watch.elapsed(now);
        let due = match self.phase {
            _ if self.watch.is_paused() => Duration::MAX,
            Phase::Running => self.timeout.saturating_sub(elapsed),
            Phase::Terminating { since } => self.grace.saturating_sub(elapsed.saturating_sub(since)),
            // Whoever forks all the time must find us faster.
            Phase::Killing { .. } if self.round.met_new => Duration::ZERO,
            Phase::Killing { .. } => BETWEEN_KILLS,
        };
        let tick = self.output.next_tick().map_or(Duration::MAX, |tick| tick.saturating_duration_since(now));
        due.min(tick)
    }

    /// Whether something is left that does not vanish. Whatever has, by now, is reaped first.
    fn has_given_up(&mut self) -> io::Result<bool> {
        let now = self.elapsed();
        if !self.phase.is_hopeless(now) {
            return Ok(false);
        }
        self.reap()?;
        Ok(!self.is_gone)
    }

    fn what_is_stuck(&self) -> String {
        let refused = self.round.refused.values().next().map_or_else(String::new, |errno| format!(": {errno}"));
        let seconds = AFTER_KILL.as_secs();
        format!("{seconds} s after they were killed these processes are still there: {}{refused}", family::describe())
    }

    fn ended(self) -> Ended {
        let now = self.elapsed();
        let Some((used, by_itself)) = self.exit else {
            return Ended::new(Ending::GuardDied, now);
        };
        let mut ended = match self.cut_short {
            Some(ending) => Ended::new(ending, now),
            None => Ended::new(ending_of(used.status), by_itself),
        };
        let ResUse { rusage, .. } = used;
        ended.usage = Some(Usage { user: rusage.utime, system: rusage.stime, peak_memory: rusage.maxrss });
        drop(self.command);
        self.output.finish(&mut ended);
        ended
    }
}

/// Its standard input is the guard's, which is empty: one that is opened for each command costs the more.
fn command(start: &Start) -> Command {
    let text = OsStr::from_bytes;
    let mut command = Command::new(text(&start.program));
    command.args(start.arguments.iter().map(|argument| text(argument))).stdin(Stdio::inherit()).process_group(0);
    command.envs(start.environment.iter().map(|(name, value)| (text(name), text(value))));
    if let Some(dir) = &start.working_dir {
        command.current_dir(text(dir));
    }
    command
}

fn ending_of(status: std::process::ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Exited { code },
        // A process that was reaped has either exited or been ended by a signal (wait(2)).
        (None, signal) => Ending::Signalled { signal: signal.unwrap_or_default() },
    }
}

/// The system does not say whether it misses the program or the folder to start it in; we look.
fn unstarted(start: &Start, error: &io::Error) -> Ending {
    let missing = start.working_dir.as_ref().filter(|dir| !std::path::Path::new(OsStr::from_bytes(dir)).is_dir());
    let culprit = String::from_utf8_lossy(missing.unwrap_or(&start.program));
    Ending::CannotStart { reason: format!("{culprit}: {error}"), permanent: is_permanent(error) }
}

/// Whether a later try to start would meet the same.
pub(crate) fn is_permanent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidInput
        || Errno::from_io_error(error).is_some_and(|errno| PERMANENT.contains(&errno))
}

/// The errors of execve(2) and chdir(2) that speak of the program, its arguments or its folder. The others speak of the
/// machine's state (no memory, no process numbers, no descriptors, the file open for writing), which passes.
const PERMANENT: [Errno; 11] = [
    Errno::NOENT,
    Errno::ACCESS,
    Errno::PERM,
    Errno::NOEXEC,
    Errno::TOOBIG,
    Errno::NOTDIR,
    Errno::ISDIR,
    Errno::LOOP,
    Errno::NAMETOOLONG,
    Errno::INVAL,
    Errno::LIBBAD,
];

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::bounded_log::OutputLimits;
    use crate::process::ProcessSpec;
    use crate::process_table;

    /// Says to a test that it has its process to itself.
    const ALONE: &str = "AUTOPROC_TEST_ALONE";

    const SECOND: Duration = Duration::from_secs(1);

    /// A machine that stands still lets nobody die.
    #[test]
    fn a_standstill_does_not_count() {
        let mut phase = Phase::killing(Duration::ZERO);
        assert!(!phase.is_hopeless(3600 * SECOND), "seen but once since");
        assert!((1..30).all(|second| !phase.is_hopeless((3600 + second) * SECOND)));
        assert!(phase.is_hopeless(3630 * SECOND));
        let mut slow = Phase::killing(Duration::ZERO);
        assert!((1..3).all(|look| !slow.is_hopeless(look * STANDSTILL)));
        assert!(slow.is_hopeless(3 * STANDSTILL), "a slow machine is not one that stands still");
        assert!(!Phase::Terminating { since: Duration::ZERO }.is_hopeless(3600 * SECOND));
    }

    /// Looks after every child of its process, and so needs one to itself.
    #[test]
    fn what_has_ended_when_we_give_up_is_not_stuck() {
        if std::env::var_os(ALONE).is_none() {
            let mut alone = Command::new(std::env::current_exe().expect("this program"));
            alone.args(["--exact", "guard::attempt::tests::what_has_ended_when_we_give_up_is_not_stuck"]);
            let output = alone.env(ALONE, "1").output().expect("this program starts");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            return;
        }
        let mut attempt = Attempt::start(&start_of("true")).unwrap_or_else(|ending| panic!("{ending:?}"));
        while !process_table::read(attempt.leader()).expect("not reaped yet").is_zombie {
            std::thread::sleep(BETWEEN_KILLS);
        }
        let long_ago = Instant::now().checked_sub(AFTER_KILL + SECOND).expect("the system is up for a minute");
        attempt.watch = Stopwatch::start(long_ago);
        attempt.phase = Phase::Killing { since: Duration::ZERO, looked_at: AFTER_KILL };
        let mut series = Series::new(Vec::new(), SECOND);
        let report = attempt.watch(&mut Wires::new().expect("pipes"), &mut series, &mut false).expect("a report");
        assert!(matches!(report, Report::Ended(Ended { ending: Ending::Exited { code: 0 }, .. })), "{report:?}");
    }

    fn start_of(program: &str) -> Start {
        let spec = ProcessSpec {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            working_dir: Some(PathBuf::from("/")),
            timeout: SECOND,
            log: None,
            append_log: false,
            log_heading: Vec::new(),
            capture: 0,
        };
        Start::new(&spec, SECOND, OutputLimits::default())
    }

    #[test]
    fn what_passes_is_not_permanent() {
        for errno in [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE, Errno::TXTBSY, Errno::IO] {
            assert!(!is_permanent(&errno.into()), "{errno}");
        }
        for errno in PERMANENT {
            assert!(is_permanent(&errno.into()), "{errno}");
        }
    }
}
