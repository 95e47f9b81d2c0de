//! The leases of runs, and their renewal.

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
use crate::parameter::Parameter;

const RENEW: &str = include_str!("../sql/runs/renew.sql");

/// Timers stand still while the machine is suspended, so a longer sleep could end too late.
const MAX_SLEEP: Duration = Duration::from_secs(1);
/// The minimum time to wait for the answer to a renewal.
const MIN_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Held,
    Lost,
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

    async fn lost(&self) {
        let mut state = self.state.clone();
        let is_over = state.wait_for(|state| *state != State::Held).await.is_ok_and(|state| *state == State::Ended);
        if is_over {
            std::future::pending::<()>().await;
        }
    }
}

/// Receives each new end of a lease, as a time since boot.
pub(crate) type OnLease = Arc<dyn Fn(Duration) + Send + Sync>;

#[derive(Default)]
pub(crate) struct Leases {
    states: Mutex<BTreeMap<RunId, watch::Sender<State>>>,
    on_lease: Mutex<Option<OnLease>>,
}

impl Leases {
    pub(crate) fn call_on_lease(&self, on_lease: OnLease) {
        *self.on_lease.lock().unwrap_or_else(PoisonError::into_inner) = Some(on_lease);
    }

    /// Begins to renew the lease of a run.
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
        let on_lease = self.on_lease.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let tell = move |over_at: SinceBoot| on_lease.iter().for_each(|on_lease| on_lease(over_at.0));
        tell(granted.after(terms.lasts));
        runtime.spawn(keep(Arc::clone(companion), run.clone(), terms, granted, state.clone(), tell));
        self.states.lock().unwrap_or_else(PoisonError::into_inner).insert(run, state);
        Arc::new(lease)
    }

    pub(crate) fn end(&self, run: &RunId) {
        if let Some(state) = self.states.lock().unwrap_or_else(PoisonError::into_inner).remove(run) {
            state.send_replace(State::Ended);
        }
    }
}

/// Renews a lease until it is lost or its run ends.
///
/// This machine counts the lease from the moment at which it sent the last successful renewal. So
/// the lease ends here before it ends on the server.
async fn keep(
    companion: Arc<Companion>,
    run: RunId,
    terms: LeaseTerms,
    granted: SinceBoot,
    state: watch::Sender<State>,
    tell: impl Fn(SinceBoot) + Send,
) {
    let LeaseTerms { lasts, renewed_every } = terms;
    let (mut over_at, mut renew_at) = (granted.after(lasts), granted.after(renewed_every));
    while *state.borrow() == State::Held {
        reached(renew_at.min(over_at)).await;
        let sent = SinceBoot::now();
        let renewal = pin!(renew(&companion, &run, terms));
        let Either::Left((renewal, _)) = select(renewal, pin!(reached(over_at))).await else { break };
        match renewal {
            Ok(Renewal::Renewed) => {
                (over_at, renew_at) = (sent.after(lasts), sent.after(renewed_every));
                tell(over_at);
            }
            Ok(Renewal::Refused) => break,
            Ok(Renewal::Unanswered) => {}
            Err(_) => renew_at = SinceBoot::now().after(MAX_SLEEP.min(renewed_every)),
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

/// Waits until `time`, even if the machine is suspended meanwhile.
async fn reached(time: SinceBoot) {
    loop {
        let left = SinceBoot::now().until(time);
        if left.is_zero() {
            return;
        }
        sleep(left.min(MAX_SLEEP)).await;
    }
}

enum Renewal {
    Renewed,
    Refused,
    Unanswered,
}

async fn renew(companion: &Companion, run: &RunId, terms: LeaseTerms) -> Answer<Renewal> {
    let link = companion.link().await?;
    let parameters: [&dyn Parameter; 2] = [&run.as_str(), &micros(terms.lasts)];
    let answer = timeout(terms.renewed_every.max(MIN_ANSWER_TIMEOUT), link.query(RENEW, &parameters)).await;
    let Ok(renewed) = answer else {
        companion.close(&link).await;
        return Ok(Renewal::Unanswered);
    };
    Ok(if renewed?.is_empty() { Renewal::Refused } else { Renewal::Renewed })
}

/// Returns a duration in microseconds. A limit keeps sums from overflowing.
pub(crate) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX).min(i64::MAX / 3)
}
