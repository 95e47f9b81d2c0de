//! The lease of a run, and the task that renews it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::ports::{Lease, LeaseTerms};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::error::Answer;
use crate::store::Shared;

const RENEW: &str = include_str!("../sql/runs/renew.sql");

/// The longest time between two looks at the clock. A timer does not count the time for which the
/// machine was suspended.
const MAX_SLEEP: Duration = Duration::from_secs(1);

/// The time since the machine booted, including the time for which it was suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SinceBoot(Duration);

impl SinceBoot {
    pub(crate) fn now() -> Self {
        let now = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        Self(Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0)))
    }

    fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    fn until(self, later: Self) -> Duration {
        later.0.saturating_sub(self.0)
    }
}

/// What is known of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Held,
    Lost,
    /// The run has ended; its lease is not lost.
    Ended,
}

pub(crate) struct PostgresLease {
    pub(crate) terms: LeaseTerms,
    pub(crate) state: watch::Receiver<State>,
}

#[async_trait]
impl Lease for PostgresLease {
    fn terms(&self) -> LeaseTerms {
        self.terms
    }

    /// If the store is dropped, the lease is not renewed any more and counts as lost.
    async fn lost(&self) {
        let mut state = self.state.clone();
        let is_over = state.wait_for(|state| *state != State::Held).await.is_ok_and(|state| *state == State::Ended);
        if is_over {
            std::future::pending::<()>().await;
        }
    }
}

/// Renews a lease that was requested at `granted`, until it is lost. A lease ends, on this
/// machine's clock, its duration after the request of the last renewal that succeeded; so it ends
/// here before it ends on the server.
pub(crate) async fn keep(shared: Arc<Shared>, run: RunId, granted: SinceBoot, state: watch::Sender<State>) {
    let LeaseTerms { lasts, renewed_every } = shared.options.lease;
    let (mut over_at, mut renew_at) = (granted.after(lasts), granted.after(renewed_every));
    while *state.borrow() == State::Held {
        let now = SinceBoot::now();
        if now >= over_at {
            break;
        }
        let pause = now.until(renew_at.min(over_at));
        if !pause.is_zero() {
            sleep(pause.min(MAX_SLEEP)).await;
            continue;
        }
        let patience = now.until(over_at).min(renewed_every);
        match timeout(patience, renew(&shared, &run, lasts)).await {
            Ok(Ok(true)) => (over_at, renew_at) = (now.after(lasts), now.after(renewed_every)),
            Ok(Ok(false)) => break,
            Ok(Err(_)) => renew_at = SinceBoot::now().after(MAX_SLEEP.min(renewed_every)),
            Err(_) => shared.companion.close().await,
        }
    }
    state.send_if_modified(|state| {
        let is_held = *state == State::Held;
        if is_held {
            *state = State::Lost;
        }
        is_held
    });
}

/// Returns false if the lease is over.
async fn renew(shared: &Shared, run: &RunId, lasts: Duration) -> Answer<bool> {
    let client = shared.companion.client(shared).await?;
    let renewed = client.execute(RENEW, &[&run.as_str(), &micros(lasts)]).await?;
    Ok(renewed > 0)
}

/// Returns a span in microseconds, at most a third of the range, so that sums do not overflow.
pub(crate) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX).min(i64::MAX / 3)
}
