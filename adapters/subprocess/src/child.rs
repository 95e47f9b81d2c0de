//! A command in a process group of its own: starting it, awaiting it, ending all of it.
//!
//! # How a group can be signalled safely
//!
//! The group bears the leader's process number. That number belongs to us for as long as the leader is not reaped; then
//! for as long as the group has members, because the system gives no number away that a group still bears. Once the group
//! is empty it may come to mean a stranger. So after the leader was reaped the group is asked whether it has members
//! immediately before each signal; between the question and the signal lie microseconds, while the numbers of a system
//! come round only after thousands of other processes.
//!
//! # Limits
//!
//! A descendant that left the group is neither seen nor ended. One that changed its user may not be ours to signal. A
//! zombie that its new parent, the first process of the system or container, is slow to reap counts as a member.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, test_kill_process_group, waitpgid};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// How often a group is asked whether it still has members. There is no event to wait for: only the leader is our child.
const POLL: Duration = Duration::from_millis(10);

/// How long to wait for the members of a killed group to vanish. They are dying and can do nothing more; only a zombie
/// whose parent never reaps it, or a process held in the kernel, takes longer, and neither is worth waiting for.
const AFTER_KILL: Duration = Duration::from_secs(2);

/// A command and what it started, as far as that stayed in its group.
pub(crate) struct ChildGroup {
    leader: Child,
    group: Pid,
    began: Instant,
}

impl ChildGroup {
    /// Starts `command` as the leader of a new group.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        let began = Instant::now();
        let leader = command.process_group(0).spawn()?;
        let id = leader.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let group = id.ok_or_else(|| io::Error::other("the command has no process number"))?;
        Ok(Self { leader, group, began })
    }

    /// The time since just before the start: no shorter than what the command itself would measure.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Waits for the leader and reaps it. What it left in its group goes on.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.leader.wait().await
    }

    /// Reaps the leader where it has ended.
    pub(crate) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.leader.try_wait()
    }

    /// Ends the whole group: asks it to terminate, waits for it to be empty until the grace is over or `hurry` is, then
    /// kills what is left. Reaps the leader. Does nothing where nothing is left.
    pub(crate) async fn end(&mut self, grace: Duration, hurry: impl Future<Output = ()>) -> io::Result<()> {
        self.signal(Signal::TERM);
        let emptied = tokio::select! {
            biased;
            ended = self.emptied() => { ended?; true }
            () = hurry => false,
            () = sleep(grace) => false,
        };
        if emptied { Ok(()) } else { self.kill().await }
    }

    /// Kills the whole group and reaps the leader.
    async fn kill(&mut self) -> io::Result<()> {
        self.signal(Signal::KILL);
        self.leader.wait().await?;
        // Whether it emptied in that time makes no difference: nothing more can be done to it.
        let _ = timeout(AFTER_KILL, self.emptied()).await;
        Ok(())
    }

    /// Waits until the leader is reaped and nothing is left in its group.
    async fn emptied(&mut self) -> io::Result<()> {
        self.leader.wait().await?;
        while !self.is_over() {
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Whether the leader is reaped and nothing is left that could be signalled.
    fn is_over(&self) -> bool {
        if self.leader.id().is_some() {
            return false;
        }
        self.reap_adopted();
        matches!(test_kill_process_group(self.group), Err(Errno::SRCH | Errno::PERM))
    }

    /// Members of the group become our children when their parents end, where this process is the first of a container or
    /// a subreaper. Nobody else would reap them, and the group would never be seen to be empty.
    fn reap_adopted(&self) {
        while let Ok(Some(_)) = waitpgid(self.group, WaitOptions::NOHANG) {}
    }

    /// The only failures are that nothing is left to signal, or nothing that may be signalled by us.
    fn signal(&self, signal: Signal) {
        if !self.is_over() {
            let _ = kill_process_group(self.group, signal);
        }
    }
}

/// An attempt's future is not dropped before its end. Where it is after all, as when a runtime is torn down by a panic,
/// nothing is left behind; the runtime reaps the leader.
impl Drop for ChildGroup {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
