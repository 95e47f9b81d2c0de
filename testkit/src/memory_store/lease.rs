//! The leases of a memory store.

use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::ports::{Lease, LeaseTerms};
use futures_util::future::{Either, pending, select};

use super::MemoryDatabase;
use crate::VirtualClock;

#[derive(Debug, Clone)]
pub(super) struct Leasing {
    pub(super) clock: VirtualClock,
    pub(super) terms: LeaseTerms,
}

impl Leasing {
    pub(super) fn end_without_renewal(&self, granted: Duration) -> Duration {
        let held = self.clock.elapsed().saturating_sub(granted);
        let every = self.terms.renewed_every.as_micros().max(1);
        let since_renewal = Duration::from_micros(u64::try_from(held.as_micros() % every).unwrap_or(0));
        self.clock.elapsed() + self.terms.lasts.saturating_sub(since_renewal)
    }
}

#[derive(Debug)]
pub(super) struct MemoryLease {
    pub(super) database: MemoryDatabase,
    pub(super) run: RunId,
    pub(super) leasing: Leasing,
}

#[async_trait]
impl Lease for MemoryLease {
    fn terms(&self) -> LeaseTerms {
        self.leasing.terms
    }

    async fn lost(&self) {
        let clock = &self.leasing.clock;
        loop {
            let ends_at = self.database.lease_ends_at(&self.run);
            let over = async {
                match ends_at {
                    Some(at) => clock.sleep(at.saturating_sub(clock.elapsed())).await,
                    None => pending().await,
                }
            };
            if let Either::Left(_) = select(pin!(over), pin!(self.database.lease_changed(&self.run, ends_at))).await {
                return;
            }
        }
    }
}
