//! Determines the start time of a child process from the clock.
//!
//! # Theory of operation
//!
//! At the fork, the kernel records the time of `CLOCK_BOOTTIME` in clock ticks. If the clock shows
//! the same tick before and after the fork, that tick is the start time. This saves a read of
//! `/proc/<pid>/stat`, which would wait for the execve(2) of the child.
//!
//! In a time namespace, for example, the clock differs from the process table. The start times of
//! one child from both sources are therefore compared. If they differ, only the process table is
//! used.

use std::io;

use crate::process_table::{ProcessId, read};

/// Calls `spawn`. Also returns the time in clock ticks, unless the tick changed during the call.
pub(crate) fn within_one_tick<T>(spawn: impl FnOnce() -> T) -> (T, Option<u64>) {
    let before = ticks();
    let child = spawn();
    (child, before.filter(|before| ticks() == Some(*before)))
}

/// Identifies children by process number and start time.
#[derive(Debug, Default)]
pub(crate) struct StartTimes {
    /// True if the clock and the process table agree. `None` before the first comparison.
    agree: Option<bool>,
}

impl StartTimes {
    /// Identifies a child that has not been reaped. `tick` is the clock tick of its start.
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

/// Returns the time since boot in clock ticks.
#[cfg(target_os = "linux")]
fn ticks() -> Option<u64> {
    use rustix::time::{ClockId, clock_gettime};

    const NANOS_PER_SECOND: u64 = 1_000_000_000;
    let (now, ticks_per_second) = (clock_gettime(ClockId::Boottime), rustix::param::clock_ticks_per_second());
    let nanos_per_tick = NANOS_PER_SECOND.checked_div(ticks_per_second)?;
    let within_second = u64::try_from(now.tv_nsec).ok()?.checked_div(nanos_per_tick)?;
    u64::try_from(now.tv_sec).ok()?.checked_mul(ticks_per_second)?.checked_add(within_second)
}

#[cfg(not(target_os = "linux"))]
fn ticks() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_clock_agrees_with_the_process_table() {
        let mut known = 0;
        for _ in 0..10_000 {
            let (child, tick) = within_one_tick(|| Command::new("true").spawn());
            let mut child = child.expect("a child");
            let id = read(i32::try_from(child.id()).expect("a number")).expect("a process").id;
            child.wait().expect("reaped");
            assert!(tick.is_none_or(|tick| tick == id.started), "{tick:?} of {id:?}");
            known += usize::from(tick.is_some());
            if known == 20 {
                return;
            }
        }
        panic!("only {known} children were started within one tick");
    }

    #[test]
    fn a_clock_that_agreed_once_is_trusted() {
        let own = crate::process_table::own().expect("a process").id;
        let mut times = StartTimes::default();
        assert_eq!(times.identify(own.pid, None).expect("a process"), own);
        assert_eq!(times.identify(own.pid, Some(own.started)).expect("a process"), own);
        let other = ProcessId { started: own.started + 1, ..own };
        assert_eq!(times.identify(own.pid, Some(other.started)).expect("by the clock"), other);
        assert_eq!(times.identify(own.pid, None).expect("a process"), own);
    }

    #[test]
    fn a_clock_that_differs_is_not_trusted() {
        let own = crate::process_table::own().expect("a process").id;
        let mut times = StartTimes::default();
        for tick in [own.started + 1, own.started, own.started + 2] {
            assert_eq!(times.identify(own.pid, Some(tick)).expect("a process"), own);
        }
    }
}
