//! Supervises one command and all its descendants.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use autoproc_domain::ports::ResourceUsage;
use rustix::process::{Pid, Signal};
use wait4::ResUse;

use crate::guard::batch::Batch;
use crate::guard::descendants::{Descendants, SignalRound, describe_descendants};
use crate::guard::guard_io::GuardIo;
use crate::guard::input::stdin_of;
use crate::guard::orders::Orders;
use crate::guard::output::Output;
use crate::guard::protocol::{Control, Report, StartRequest, unexpected_start};
use crate::guard::result_file::ResultFile;
use crate::guard::start_error::cannot_start;
use crate::guard::stopwatch::Stopwatch;
use crate::guard::tmp_dirs::TmpDirs;
use crate::process::{Ending, ProcessReport, ProcessSpec};
use crate::process_table::within_one_tick;
use crate::tmp_dir::TMPDIR_VARIABLE;

const KILL_INTERVAL: Duration = Duration::from_millis(5);

/// The maximum time to wait for killed processes to disappear. Only a process that is blocked in
/// the kernel or belongs to another user takes longer.
const KILL_TIMEOUT: Duration = Duration::from_secs(30);

/// A longer time between two checks means that the guard was suspended. This time does not count
/// towards [`KILL_TIMEOUT`].
const SUSPENSION_THRESHOLD: Duration = Duration::from_secs(10);

pub(crate) struct Attempt {
    leader: u32,
    start_tick: Option<u64>,
    /// Holds the write ends of the output pipes. Otherwise, the end of a stream would wake the
    /// guard needlessly.
    command: Command,
    exit: Option<(ResUse, Duration)>,
    is_gone: bool,
    descendants: Descendants,
    output: Output,
    keep_tmp: Option<Vec<i32>>,
    stopwatch: Stopwatch,
    timeout: Duration,
    grace: Duration,
    cut_short: Option<Ending>,
    phase: Phase,
    last_round: SignalRound,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    Terminating {
        since: Duration,
    },
    Killing {
        since: Duration,
        /// The time of the last check.
        checked_at: Duration,
    },
}

impl Phase {
    fn killing(now: Duration) -> Self {
        Self::Killing { since: now, checked_at: now }
    }

    fn has_kill_timed_out(&mut self, now: Duration) -> bool {
        let Self::Killing { since, checked_at } = self else { return false };
        let unchecked = now.saturating_sub(std::mem::replace(checked_at, now));
        if unchecked > SUSPENSION_THRESHOLD {
            *since += unchecked;
        }
        now.saturating_sub(*since) >= KILL_TIMEOUT
    }
}

impl Attempt {
    /// Starts the command.
    ///
    /// # Errors
    /// [`Ending::CannotStart`] if the command cannot be started, [`Ending::NoResult`] if its
    /// standard output cannot, or must not, be written to its file.
    pub(crate) fn start(request: &StartRequest, tmp_dir: Option<&Path>) -> Result<Self, Ending> {
        let wanted = request.spec.stdout_to.as_ref();
        let result = wanted.map(|wanted| ResultFile::create(wanted, request.input.as_deref())).transpose()?;
        Self::try_start(request, result, tmp_dir).map_err(|error| cannot_start(&request.spec, &error))
    }

    fn try_start(request: &StartRequest, result: Option<ResultFile>, tmp_dir: Option<&Path>) -> io::Result<Self> {
        let (output, [stdout, stderr]) = Output::new(request, result)?;
        let started_at = Instant::now();
        let mut command = command(&request.spec, tmp_dir);
        command.stdin(stdin_of(&request.spec.stdin)?).stdout(stdout).stderr(stderr);
        let (child, start_tick) = within_one_tick(|| command.spawn());
        let leader = child?.id();
        let pid = i32::try_from(leader).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the command has no process number"))?;
        Ok(Self {
            leader,
            start_tick,
            command,
            exit: None,
            is_gone: false,
            descendants: Descendants::new(pid),
            output,
            keep_tmp: request.keep_tmp.clone(),
            stopwatch: Stopwatch::start(started_at),
            timeout: request.spec.timeout,
            grace: request.grace,
            cut_short: None,
            phase: Phase::Running,
            last_round: SignalRound::default(),
        })
    }

    pub(crate) fn leader(&self) -> i32 {
        self.leader.cast_signed()
    }

    pub(crate) fn start_tick(&self) -> Option<u64> {
        self.start_tick
    }

    /// Waits until no descendant is left. Returns [`Report::Stuck`] if killed processes remain.
    pub(crate) fn supervise(
        mut self,
        io: &mut GuardIo,
        batch: &mut Batch,
        orders: &mut Orders,
        tmp_dirs: &mut TmpDirs,
    ) -> io::Result<Report> {
        if orders.is_paused {
            self.pause();
        }
        while !self.is_gone {
            if self.is_stuck()? {
                return Ok(Report::Stuck(self.describe_stuck()));
            }
            if self.is_gone {
                break;
            }
            if orders.is_over() {
                batch.recall();
                self.kill()?;
            }
            let timeout = self.next_timeout().min(batch.timeout(Instant::now())).min(orders.timeout());
            let ready = io.wait(self.output.streams(), timeout)?;
            if ready.control {
                io.read_control()?;
                self.handle_controls(io, batch, orders)?;
            }
            batch.tick(Instant::now(), io)?;
            if ready.child_exits {
                io.drain_child_exits()?;
                self.reap()?;
            }
            self.output.read(ready.streams);
            self.output.tick(Instant::now());
            self.advance()?;
        }
        Ok(Report::Ended(self.into_report(tmp_dirs)))
    }

    fn handle_controls(&mut self, io: &mut GuardIo, batch: &mut Batch, orders: &mut Orders) -> io::Result<()> {
        while let Some(control) = io.next_control() {
            if control.recalls_batch() {
                batch.recall();
            }
            match control {
                Control::Abort { index } if batch.is_current(index) => self.end(Ending::Aborted)?,
                Control::Kill { index } if batch.is_current(index) => self.kill()?,
                Control::Recall | Control::Abort { .. } | Control::Kill { .. } => {}
                Control::Pause => {
                    orders.is_paused = true;
                    self.pause();
                }
                Control::Resume => {
                    orders.is_paused = false;
                    self.resume();
                }
                Control::Deadline(since_boot) => orders.extend_deadline(since_boot),
                Control::Start { .. } => return Err(unexpected_start()),
            }
        }
        if io.is_abandoned() { self.end(Ending::Aborted) } else { Ok(()) }
    }

    fn advance(&mut self) -> io::Result<()> {
        let now = self.elapsed();
        match self.phase {
            _ if self.stopwatch.is_paused() || self.is_gone => {}
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

    fn end(&mut self, reason: Ending) -> io::Result<()> {
        self.resume();
        self.reap()?;
        if !self.is_gone && self.phase == Phase::Running {
            self.cut_short = self.exit.is_none().then_some(reason);
            self.terminate();
        }
        Ok(())
    }

    fn kill(&mut self) -> io::Result<()> {
        self.end(Ending::Aborted)?;
        if let Phase::Terminating { .. } = self.phase {
            self.phase = Phase::killing(self.elapsed());
        }
        Ok(())
    }

    fn terminate(&mut self) {
        self.stopwatch.resume(Instant::now());
        self.phase = Phase::Terminating { since: self.elapsed() };
        self.descendants.signal(Signal::TERM);
        self.descendants.signal(Signal::CONT);
    }

    fn kill_round(&mut self) -> io::Result<()> {
        self.last_round = self.descendants.signal(Signal::KILL);
        self.reap()
    }

    fn pause(&mut self) {
        if matches!(self.phase, Phase::Running | Phase::Terminating { .. }) {
            self.stopwatch.pause(Instant::now());
            self.descendants.signal_until_stable(Signal::STOP);
        }
    }

    fn resume(&mut self) {
        if self.stopwatch.is_paused() {
            self.descendants.signal(Signal::CONT);
            self.stopwatch.resume(Instant::now());
        }
    }

    fn reap(&mut self) -> io::Result<()> {
        if self.exit.is_none() {
            self.exit = wait4::try_wait4_pid(self.leader)?.map(|used| (used, self.elapsed()));
        }
        match self.exit {
            Some(_) => self.is_gone = self.descendants.are_gone(),
            None => self.descendants.reap_orphans(),
        }
        Ok(())
    }

    fn elapsed(&self) -> Duration {
        self.stopwatch.elapsed(Instant::now())
    }

    fn next_timeout(&self) -> Duration {
        let now = Instant::now();
        let elapsed = self.stopwatch.elapsed(now);
        let due = match self.phase {
            _ if self.stopwatch.is_paused() => Duration::MAX,
            Phase::Running => self.timeout.saturating_sub(elapsed),
            Phase::Terminating { since } => self.grace.saturating_sub(elapsed.saturating_sub(since)),
            // There is no pause: killing must be faster than a process that forks continuously.
            Phase::Killing { .. } if self.last_round.found_new => Duration::ZERO,
            Phase::Killing { .. } => KILL_INTERVAL,
        };
        let tick = self.output.next_tick().map_or(Duration::MAX, |tick| tick.saturating_duration_since(now));
        due.min(tick)
    }

    fn is_stuck(&mut self) -> io::Result<bool> {
        let now = self.elapsed();
        if !self.phase.has_kill_timed_out(now) {
            return Ok(false);
        }
        self.reap()?;
        Ok(!self.is_gone)
    }

    fn describe_stuck(&self) -> String {
        let refused = self.last_round.refused.values().next().map_or_else(String::new, |errno| format!(": {errno}"));
        let seconds = KILL_TIMEOUT.as_secs();
        format!("processes still exist {seconds} s after SIGKILL: {}{refused}", describe_descendants())
    }

    fn into_report(self, tmp_dirs: &mut TmpDirs) -> ProcessReport {
        let now = self.elapsed();
        let Some((used, exited_after)) = self.exit else {
            return ProcessReport::new(Ending::GuardDied, now);
        };
        let mut report = match self.cut_short {
            Some(ending) => ProcessReport::new(ending, now),
            None => ProcessReport::new(ending_of(used.status), exited_after),
        };
        let ResUse { rusage, .. } = used;
        report.usage = Some(ResourceUsage { user: rusage.utime, system: rusage.stime, peak_memory: rusage.maxrss });
        drop(self.command);
        let keep_tmp = self.keep_tmp;
        self.output.finish(&mut report, |ending| {
            tmp_dirs.finish(keep_tmp.is_some_and(|ok_exits| ending.is_failure(&ok_exits)))
        });
        report
    }
}

fn command(spec: &ProcessSpec, tmp_dir: Option<&Path>) -> Command {
    let mut command = Command::new(&spec.program);
    command.args(&spec.arguments).process_group(0);
    command.envs(tmp_dir.map(|dir| (TMPDIR_VARIABLE, dir)));
    command.envs(spec.environment.iter().map(|(name, value)| (name, value)));
    if let Some(dir) = &spec.working_dir {
        command.current_dir(dir);
    }
    command
}

fn ending_of(status: std::process::ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Exited { code },
        // A reaped process has either exited or been ended by a signal (wait(2)).
        (None, signal) => Ending::Signalled { signal: signal.unwrap_or_default() },
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::bounded_log::OutputLimits;
    use crate::process_table;

    const ISOLATED: &str = "AUTOPROC_TEST_ISOLATED";

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn time_suspended_does_not_count() {
        let mut phase = Phase::killing(Duration::ZERO);
        assert!(!phase.has_kill_timed_out(3600 * SECOND), "checked only once since then");
        assert!((1..30).all(|second| !phase.has_kill_timed_out((3600 + second) * SECOND)));
        assert!(phase.has_kill_timed_out(3630 * SECOND));
        let mut slow = Phase::killing(Duration::ZERO);
        assert!((1..3).all(|check| !slow.has_kill_timed_out(check * SUSPENSION_THRESHOLD)));
        assert!(slow.has_kill_timed_out(3 * SUSPENSION_THRESHOLD), "a slow machine is not suspended");
        assert!(!Phase::Terminating { since: Duration::ZERO }.has_kill_timed_out(3600 * SECOND));
    }

    fn is_isolated(test: &str) -> bool {
        let is_isolated = std::env::var_os(ISOLATED).is_some();
        if !is_isolated {
            let mut isolated = Command::new(std::env::current_exe().expect("this program"));
            isolated.args(["--exact", &format!("guard::attempt::tests::{test}")]);
            let output = isolated.env(ISOLATED, "1").output().expect("this program starts");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
        is_isolated
    }

    #[test]
    fn a_deadline_that_has_passed_ends_a_silent_process() {
        if !is_isolated("a_deadline_that_has_passed_ends_a_silent_process") {
            return;
        }
        let mut request = request("sleep");
        request.spec.arguments = vec!["60".into()];
        request.spec.timeout = 60 * SECOND;
        let attempt = Attempt::start(&request, None).unwrap_or_else(|ending| panic!("{ending:?}"));
        let mut orders = Orders::default();
        orders.extend_deadline(Duration::from_nanos(1));
        let (mut io, mut batch) = (GuardIo::new().expect("pipes"), Batch::new(Vec::new(), SECOND));
        let report = attempt.supervise(&mut io, &mut batch, &mut orders, &mut TmpDirs::new()).expect("a report");
        assert!(matches!(report, Report::Ended(ProcessReport { ending: Ending::Aborted, .. })), "{report:?}");
    }

    #[test]
    fn a_process_that_has_ended_by_the_kill_timeout_is_not_stuck() {
        if !is_isolated("a_process_that_has_ended_by_the_kill_timeout_is_not_stuck") {
            return;
        }
        let mut attempt = Attempt::start(&request("true"), None).unwrap_or_else(|ending| panic!("{ending:?}"));
        while !process_table::read(attempt.leader()).expect("not reaped yet").is_zombie {
            std::thread::sleep(KILL_INTERVAL);
        }
        let long_ago = Instant::now().checked_sub(KILL_TIMEOUT + SECOND).expect("the system is up for a minute");
        attempt.stopwatch = Stopwatch::start(long_ago);
        attempt.phase = Phase::Killing { since: Duration::ZERO, checked_at: KILL_TIMEOUT };
        let mut batch = Batch::new(Vec::new(), SECOND);
        let report = attempt.supervise(
            &mut GuardIo::new().expect("pipes"),
            &mut batch,
            &mut Orders::default(),
            &mut TmpDirs::new(),
        );
        let report = report.expect("a report");
        assert!(
            matches!(report, Report::Ended(ProcessReport { ending: Ending::Exited { code: 0 }, .. })),
            "{report:?}"
        );
    }

    fn request(program: &str) -> StartRequest {
        let spec = ProcessSpec {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            working_dir: Some(PathBuf::from("/")),
            stdin: Vec::new(),
            timeout: SECOND,
            log: None,
            append_log: false,
            log_heading: Vec::new(),
            capture: 0,
            stdout_to: None,
        };
        StartRequest { spec, input: None, grace: SECOND, output: OutputLimits::default(), keep_tmp: None }
    }
}
