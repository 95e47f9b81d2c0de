//! When a child of ours was born, told by the clock.
//!
//! # Theory of operation
//!
//! A process's start time is the reading of `CLOCK_BOOTTIME` (`clock_gettime(2)`) when it was forked, shown in ticks. So
//! where one tick lasts from before the fork until after it, that is the start time, and nothing needs to be read. A
//! reading of `/proc/<pid>/stat` waits until its process is through with execve(2), in which a child that was just
//! started always is: two changes of context, beside an opened file.
//!
//! A clock that runs otherwise than the table (an imitation of `/proc`, a time namespace) is known by the first child of
//! which both are read; then the table alone is asked.

use std::io;

use crate::process_table::{ProcessId, read};

/// Makes a child; says in which tick since the boot that was, where it was in one.
pub(crate) fn in_one_tick<T>(birth: impl FnOnce() -> T) -> (T, Option<u64>) {
    let before = ticks();
    let child = birth();
    (child, before.filter(|before| ticks() == Some(*before)))
}

/// Names children by the clock where it can.
#[derive(Debug, Default)]
pub(crate) struct Births {
    /// Whether clock and table said the same of the first child of which both were asked.
    agree: Option<bool>,
}

impl Births {
    /// The child with this number, not reaped yet, that was born in this tick.
    pub(crate) fn identify(&mut self, pid: i32, tick: Option<u64>) -> io::Result<ProcessId> {
        match tick {
            Some(started) if self.agree == Some(true) => Ok(ProcessId { pid, started }),
            _ => {
                let id = read(pid)?.id;
                self.agree = self.agree.or_else(|| tick.map(|tick| tick == id.started));
                Ok(id)
            }
        }
    }
}

/// The time since the boot, in the ticks of `/proc/<pid>/stat`.
#[cfg(target_os = "linux")]
fn ticks() -> Option<u64> {
    use rustix::time::{ClockId, clock_gettime};

    const NANOS: u64 = 1_000_000_000;
    let (now, each_second) = (clock_gettime(ClockId::Boottime), rustix::param::clock_ticks_per_second());
    let within = u64::try_from(now.tv_nsec).ok()?.checked_div(NANOS.checked_div(each_second)?)?;
    u64::try_from(now.tv_sec).ok()?.checked_mul(each_second)?.checked_add(within)
}

#[cfg(not(target_os = "linux"))]
fn ticks() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// On a loaded machine a child may take longer than a tick, but not every one of them.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_clock_tells_what_the_table_tells() {
        let mut told = 0;
        for _ in 0..10_000 {
            let (child, tick) = in_one_tick(|| Command::new("true").spawn());
            let mut child = child.expect("a child");
            let id = read(i32::try_from(child.id()).expect("a number")).expect("a process").id;
            child.wait().expect("reaped");
            assert!(tick.is_none_or(|tick| tick == id.started), "{tick:?} of {id:?}");
            told += usize::from(tick.is_some());
            if told == 20 {
                return;
            }
        }
        panic!("only {told} children were born within a tick");
    }

    #[test]
    fn a_clock_that_agreed_once_is_believed() {
        let us = crate::process_table::own().expect("a process").id;
        let mut births = Births::default();
        assert_eq!(births.identify(us.pid, None).expect("us"), us);
        assert_eq!(births.identify(us.pid, Some(us.started)).expect("us"), us);
        let other = ProcessId { started: us.started + 1, ..us };
        assert_eq!(births.identify(us.pid, Some(other.started)).expect("told"), other);
        assert_eq!(births.identify(us.pid, None).expect("us"), us);
    }

    #[test]
    fn a_clock_that_runs_otherwise_is_not_believed() {
        let us = crate::process_table::own().expect("a process").id;
        let mut births = Births::default();
        for tick in [us.started + 1, us.started, us.started + 2] {
            assert_eq!(births.identify(us.pid, Some(tick)).expect("us"), us);
        }
    }
}
