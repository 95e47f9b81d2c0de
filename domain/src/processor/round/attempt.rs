//! One attempt: carried out, and judged when it is over.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::select;

use crate::command::{Settlement, Verdict};
use crate::item::ClaimToken;
use crate::ports::{AttemptOf, AttemptOutcome, AttemptReport, ResourceUsage, StopLevel};
use crate::processor::round::reserve::Reserved;
use crate::processor::{Ports, RunConfig};

/// How long a stop may take to be known after its cause: what the contract of [`StopSignal`](crate::ports::StopSignal) gives.
const STOP_IS_HEARD_WITHIN: Duration = Duration::from_millis(500);

/// An attempt that is over, and what is to become of its item.
pub(super) struct Ended {
    pub(super) token: ClaimToken,
    pub(super) of: AttemptOf,
    pub(super) elapsed: Duration,
    pub(super) usage: Option<ResourceUsage>,
    pub(super) verdict: Verdict,
}

impl Ended {
    pub(super) fn settlement(&self) -> Settlement {
        Settlement { token: self.token, verdict: self.verdict.clone() }
    }
}

/// How many attempts were the last of their files, and how these ended.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) processed: u64,
    pub(super) failed: u64,
}

impl Tally {
    pub(super) fn of(ended: &[Ended]) -> Self {
        let mut tally = Self::default();
        for Ended { verdict, .. } in ended {
            tally.processed += u64::from(*verdict == Verdict::Complete);
            tally.failed += u64::from(matches!(verdict, Verdict::Fail { .. }));
        }
        tally
    }
}

/// What is to become of an item whose attempt is over.
pub(super) async fn judge(ports: &Ports, config: &RunConfig, claim: &Reserved, report: AttemptReport) -> Ended {
    let of = AttemptOf::latest(&claim.item);
    let AttemptReport { elapsed, usage, .. } = report;
    let is_ours = may_be_of_a_stop(&report.outcome) && is_being_stopped(ports).await;
    let verdict =
        if is_ours { Verdict::Release } else { config.retry.judge(&report.outcome, of.attempt).saying(report.error()) };
    Ended { token: claim.token, of, elapsed, usage, verdict }
}

/// Whether an attempt, or the step that it failed with, ended by a signal that asks a process to go: SIGHUP, SIGINT or
/// SIGTERM, which have these numbers everywhere (POSIX, the `kill` utility).
///
/// Whoever ends a run so often sends the same to the command: a service manager to every process of the service, a
/// terminal to its foreground group. That is a stop, and no fault of the file.
fn may_be_of_a_stop(outcome: &AttemptOutcome) -> bool {
    matches!(outcome.root_cause(), AttemptOutcome::Signalled { signal: 1 | 2 | 15 })
}

/// Whether the run is asked to stop, or will have been in a moment: where one signal went to the command and to us, the
/// command's end may be known first.
async fn is_being_stopped(ports: &Ports) -> bool {
    let is_asked = || ports.stop.request().level > StopLevel::Running;
    if !is_asked() {
        let until = ports.clock.now().saturating_add(STOP_IS_HEARD_WITHIN);
        select(pin!(ports.stop.raised_above(StopLevel::Running)), pin!(ports.clock.sleep_until(until))).await;
    }
    is_asked()
}
