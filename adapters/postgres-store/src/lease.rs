//! The leases of runs, and the tasks that renew them.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::ports::{Lease, LeaseTerms};
use futures_util::future::{Either, select};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::companion::Companion;
use crate::error::Answer;

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
enum State {
    Held,
    Lost,
    /// The run has ended; its lease is not lost.
    Ended,
}

struct PostgresLease {
    terms: LeaseTerms,
    state: watch::Receiver<State>,
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

/// The leases that a store renews.
#[derive(Default)]
pub(crate) struct Leases(Mutex<BTreeMap<RunId, watch::Sender<State>>>);

impl Leases {
    /// Renews the lease of a run from now on.
    pub(crate) fn keep(
        &self,
        companion: &Arc<Companion>,
        runtime: &Runtime,
        run: RunId,
        granted: SinceBoot,
        terms: LeaseTerms,
    ) -> Arc<dyn Lease> {
        let state = watch::Sender::new(State::Held);
        let lease = PostgresLease { terms, state: state.subscribe() };
        runtime.spawn(keep(Arc::clone(companion), run.clone(), terms, granted, state.clone()));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(run, state);
        Arc::new(lease)
    }

    /// Ends the renewal of the lease of a run that has ended.
    pub(crate) fn end(&self, run: &RunId) {
        if let Some(state) = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(run) {
            state.send_replace(State::Ended);
        }
    }
}

/// Renews a lease that was requested at `granted`, until it is lost. A lease ends, on this
/// machine's clock, its duration after the request of the last renewal that succeeded; so it ends
/// here before it ends on the server.
async fn keep(
    companion: Arc<Companion>,
    run: RunId,
    terms: LeaseTerms,
    granted: SinceBoot,
    state: watch::Sender<State>,
) {
    let LeaseTerms { lasts, renewed_every } = terms;
    let (mut over_at, mut renew_at) = (granted.after(lasts), granted.after(renewed_every));
    while *state.borrow() == State::Held {
        reached(renew_at.min(over_at)).await;
        let sent = SinceBoot::now();
        let renewal = pin!(timeout(renewed_every, renew(&companion, &run, lasts)));
        let Either::Left((renewal, _)) = select(renewal, pin!(reached(over_at))).await else { break };
        match renewal {
            Ok(Ok(true)) => (over_at, renew_at) = (sent.after(lasts), sent.after(renewed_every)),
            Ok(Ok(false)) => break,
            Ok(Err(_)) => renew_at = SinceBoot::now().after(MAX_SLEEP.min(renewed_every)),
            Err(_) => companion.close().await,
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

/// Waits until a time, which may pass while the machine is suspended.
async fn reached(time: SinceBoot) {
    loop {
        let left = SinceBoot::now().until(time);
        if left.is_zero() {
            return;
        }
        sleep(left.min(MAX_SLEEP)).await;
    }
}

/// Returns false if the lease is over.
async fn renew(companion: &Companion, run: &RunId, lasts: Duration) -> Answer<bool> {
    let client = companion.client().await?;
    let renewed = client.execute(RENEW, &[&run.as_str(), &micros(lasts)]).await?;
    Ok(renewed > 0)
}

/// Returns a span in microseconds, at most a third of the range, so that sums do not overflow.
pub(crate) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX).min(i64::MAX / 3)
}
