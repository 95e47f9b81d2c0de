//! Cancels running hook commands.

use async_trait::async_trait;
use autoproc_domain::ports::{StopLevel, StopRequest, StopSignal, StopSignalError};
use tokio::sync::watch;

/// The hook commands that are cancelled: none, those of `--on-failure` (`Failures`), or all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cancelled {
    #[default]
    None,
    Failures,
    All,
}

/// Cancels hook commands. A cancellation is never undone.
#[derive(Debug, Default)]
pub(super) struct Cancellation(watch::Sender<Cancelled>);

/// The stop signal of one command.
pub(super) struct Signal {
    cancelled: watch::Receiver<Cancelled>,
    own: Cancelled,
}

impl Cancellation {
    pub(super) fn raise(&self, to: Cancelled) {
        self.0.send_modify(|cancelled| *cancelled = to.max(*cancelled));
    }

    /// Cancels the `--on-failure` commands or, if these are already cancelled, every command.
    pub(super) fn raise_further(&self) {
        let next = |cancelled: &mut Cancelled| {
            *cancelled = if *cancelled == Cancelled::None { Cancelled::Failures } else { Cancelled::All };
        };
        self.0.send_modify(next);
    }

    pub(super) fn signal(&self, own: Cancelled) -> Signal {
        Signal { cancelled: self.0.subscribe(), own }
    }
}

impl Signal {
    pub(super) fn is_raised(&self) -> bool {
        *self.cancelled.borrow() >= self.own
    }
}

#[async_trait]
impl StopSignal for Signal {
    fn request(&self) -> StopRequest {
        let level = if self.is_raised() { StopLevel::Aborting } else { StopLevel::Running };
        StopRequest { level, cause: None }
    }

    async fn raised_above(&self, level: StopLevel) -> StopRequest {
        let own = self.own;
        let is_lower = level < StopLevel::Aborting;
        let raised = self.cancelled.clone().wait_for(|cancelled| is_lower && *cancelled >= own).await.is_ok();
        if !raised {
            // The hooks have ended, so nothing can be cancelled any more.
            std::future::pending::<()>().await;
        }
        self.request()
    }

    async fn clear(&self) -> Result<bool, StopSignalError> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_of_failures_are_cancelled_first() {
        let cancellation = Cancellation::default();
        let signals = [Cancelled::Failures, Cancelled::All].map(|own| cancellation.signal(own));
        let are_raised = || signals.each_ref().map(Signal::is_raised);
        assert_eq!(are_raised(), [false, false]);
        cancellation.raise_further();
        assert_eq!(are_raised(), [true, false]);
        cancellation.raise(Cancelled::Failures);
        assert_eq!(are_raised(), [true, false], "no further");
        cancellation.raise_further();
        assert_eq!(are_raised(), [true, true]);
    }
}
