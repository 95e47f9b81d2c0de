use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use autoproc_domain::item::Backoff;
use autoproc_domain::ports::{Begun, DeadRun, Lease, LeaseTerms, LiveRun, RunInfo, Runs, Storage, StorageError};
use autoproc_domain::queue::ClaimKey;
use autoproc_domain::request::{
    Cancel, Clear, Enqueue, ExchangeRequest, Hold, RecoverRequest, Remove, Reprioritise, RequestId, Requeue, Scope,
    Selector, Verdict,
};
use autoproc_domain::view::{Cancelled, Counts, EnqueueOutcome, Enqueued, Exchanged, Page, PageRequest, RecoveredItem};
use autoproc_domain::{FileQueue, QueueItem, RunId, Status, Timestamp};
use autoproc_testkit::{MemoryDatabase, MemoryStore, location_on, yield_once};

use super::Flaw;
use super::tampering as by;

pub(crate) struct FlawedStore {
    database: MemoryDatabase,
    sound: MemoryStore,
    flaw: Flaw,
    own_run: Mutex<Option<RunId>>,
    asked: AtomicU64,
    #[allow(dead_code, reason = "it is there to be dropped")]
    open: Option<Arc<()>>,
}

impl FlawedStore {
    pub(crate) fn new(database: &MemoryDatabase, flaw: Flaw) -> Self {
        Self {
            database: database.clone(),
            sound: database.open(),
            flaw,
            own_run: Mutex::default(),
            asked: AtomicU64::new(1 << 32),
            open: None,
        }
    }

    pub(crate) fn keeping(self, open: Arc<()>) -> Self {
        Self { open: Some(open), ..self }
    }

    async fn tamper<T>(&self, with: impl FnOnce(&mut FileQueue) -> T) -> Result<T, StorageError> {
        let output = self.database.tamper(with);
        self.sound.counts(Scope::Queue).await?;
        Ok(output)
    }

    async fn claim_by<K: Ord>(
        &self,
        request: &ExchangeRequest,
        now: Timestamp,
        is_claimable: impl Fn(&QueueItem) -> bool,
        key: impl Fn(&QueueItem) -> K,
    ) -> Result<Exchanged, StorageError> {
        // An empty exchange checks that the run is alive.
        let nothing = ExchangeRequest { settlements: Vec::new(), limit: 0, ..request.clone() };
        self.sound.exchange(nothing, now).await?;
        self.tamper(|queue| by::claim_by(queue, request, now, is_claimable, key)).await
    }

    async fn exchange_then(
        &self,
        request: ExchangeRequest,
        now: Timestamp,
        settled: impl Fn(&Verdict) -> bool,
        edit: impl Fn(&mut QueueItem),
    ) -> Result<Exchanged, StorageError> {
        let ids = by::settled_as(&request, settled);
        let exchanged = self.sound.exchange(request, now).await;
        let edit_settled = |item: &mut QueueItem| {
            if ids.contains(&item.id) {
                edit(item);
            }
        };
        self.tamper(|queue| by::edit_items(queue, edit_settled)).await?;
        exchanged
    }

    async fn enqueue_then(
        &self,
        request: Enqueue,
        now: Timestamp,
        mut edit: impl FnMut(&mut QueueItem),
    ) -> Result<Vec<Enqueued>, StorageError> {
        let enqueued = self.sound.enqueue(request, now).await;
        let edit_again = |item: &mut QueueItem| {
            if item.round > 1 {
                edit(item);
            }
        };
        self.tamper(|queue| by::edit_items(queue, edit_again)).await?;
        enqueued
    }

    async fn read_then_write(&self, request: Enqueue, now: Timestamp) -> Result<Vec<Enqueued>, StorageError> {
        let mut copy = self.database.queue();
        yield_once().await;
        let outcomes = by::perform(&mut copy, &request, now);
        self.tamper(|queue| *queue = copy).await?;
        Ok(outcomes)
    }

    fn is_own(&self, run: &RunId) -> bool {
        self.own_run.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(run)
    }

    async fn living(&self, is_meant: impl Fn(&RunInfo) -> bool) -> Result<Vec<RunInfo>, StorageError> {
        let living = self.sound.live().await?.into_iter().map(|run| run.info);
        Ok(living.filter(is_meant).collect())
    }
}

fn is_elsewhere(run: &RunInfo) -> bool {
    !run.location.is_same_host(&location_on("here"))
}

#[async_trait]
impl Storage for FlawedStore {
    async fn enqueue(&self, mut request: Enqueue, now: Timestamp) -> Result<Vec<Enqueued>, StorageError> {
        match self.flaw {
            Flaw::LosesTheLastOfABatch if request.items.len() > 1 => drop(request.items.pop()),
            Flaw::AnswersInReverse => {
                let mut answer = self.sound.enqueue(request, now).await?;
                answer.reverse();
                return Ok(answer);
            }
            Flaw::DefersEveryAnswer => {
                let answer = self.sound.enqueue(request, now).await?;
                return Ok(answer.into_iter().map(|_| accepted()).collect());
            }
            Flaw::MissesDuplicates => {
                let queue = self.database.queue();
                for new in &mut request.items {
                    new.file_path = by::hidden(&queue, &new.file_path);
                }
            }
            Flaw::AddsOneByOne => {
                let mut answer = Vec::new();
                for new in std::mem::take(&mut request.items) {
                    let one = Enqueue { items: vec![new], ..request.clone() };
                    answer.extend(self.sound.enqueue(one, now).await?);
                    yield_once().await;
                }
                return Ok(answer);
            }
            Flaw::OverwritesOthers => return self.read_then_write(request, now).await,
            Flaw::LosesRounds => return self.enqueue_then(request, now, |item| item.round = 1).await,
            Flaw::KeepsOldPlaces => {
                let places = self.database.inspect(by::places);
                let keep = |item: &mut QueueItem| {
                    item.sequence = places.get(&item.file_path).copied().unwrap_or(item.sequence);
                };
                return self.enqueue_then(request, now, keep).await;
            }
            Flaw::RenewsIds => {
                let renew = |item: &mut QueueItem| item.id = autoproc_domain::ItemId::new(item.sequence.get());
                return self.enqueue_then(request, now, renew).await;
            }
            _ => {}
        }
        self.sound.enqueue(request, now).await
    }

    async fn exchange(&self, mut request: ExchangeRequest, now: Timestamp) -> Result<Exchanged, StorageError> {
        let is_due = |item: &QueueItem| item.is_due(now);
        match self.flaw {
            Flaw::IgnoresPriority => return self.claim_by(&request, now, is_due, |item| item.sequence).await,
            Flaw::IgnoresSequence => return self.claim_by(&request, now, is_due, by::last_in_first_out).await,
            Flaw::OrdersByClock => return self.claim_by(&request, now, is_due, by::by_clock).await,
            Flaw::ClaimsEarly => return self.claim_by(&request, now, QueueItem::is_waiting, ClaimKey::of).await,
            Flaw::ClaimsHeldItems => {
                let is_due = |item: &QueueItem| by::is_pending(item) && item.not_before().is_none_or(|due| due <= now);
                return self.claim_by(&request, now, is_due, ClaimKey::of).await;
            }
            Flaw::ExceedsTheLimit => request.limit += 1,
            Flaw::LosesResults if request.limit == 0 => request.settlements.clear(),
            Flaw::AcceptsStaleTokens => request = by::freshen(&self.database.queue(), request),
            Flaw::SettlesForAnotherRun => {
                let settled = self.database.tamper(|queue| by::settle_for_others(queue, &request, now));
                let mut exchanged = self.sound.exchange(request, now).await?;
                exchanged.stale.retain(|token| !settled.contains(token));
                return Ok(exchanged);
            }
            Flaw::ClaimsTwice => {
                let exchanged = self.sound.exchange(request.clone(), now).await?;
                return Ok(by::claim_twice(&self.database.queue(), &request, exchanged));
            }
            Flaw::ClaimsBeforeItSettles => {
                let settlements = std::mem::take(&mut request.settlements);
                let claims = self.sound.exchange(request.clone(), now).await?.claims;
                let id = RequestId::new(self.asked.fetch_add(1, Ordering::Relaxed));
                let settling = ExchangeRequest { settlements, limit: 0, id, ..request };
                return Ok(Exchanged { claims, ..self.sound.exchange(settling, now).await? });
            }
            Flaw::NamesNoDueTime => {
                return Ok(Exchanged { next_due: None, ..self.sound.exchange(request, now).await? });
            }
            Flaw::KeepsLongWaits => {
                let order_long_ago = |item: &mut QueueItem| {
                    item.backoff = item.backoff.map(|backoff| Backoff { ordered_at: Timestamp::MIN, ..backoff });
                };
                let is_too_long = |item: &QueueItem| item.backoff.is_some_and(|backoff| backoff.ordered_at > now);
                if self.database.inspect(|queue| queue.items().any(is_too_long)) {
                    self.database.tamper(|queue| by::edit_items(queue, order_long_ago));
                }
            }
            Flaw::ForgetsAttempts => {
                let is_retry = |verdict: &Verdict| matches!(verdict, Verdict::Retry { .. });
                return self.exchange_then(request, now, is_retry, |item| item.attempts = 0).await;
            }
            Flaw::CountsWhatWasGivenBack => {
                let is_release = |verdict: &Verdict| matches!(verdict, Verdict::Release);
                return self.exchange_then(request, now, is_release, |item| item.attempts += 1).await;
            }
            Flaw::ForgetsCompletions => {
                let is_success = |verdict: &Verdict| matches!(verdict, Verdict::Complete(_));
                return self.exchange_then(request, now, is_success, |item| item.completion = None).await;
            }
            Flaw::RetriesCancelledItems => {
                let retried = by::settled_as(&request, |verdict| !matches!(verdict, Verdict::Fail { .. }));
                let forget = |item: &mut QueueItem| {
                    if retried.contains(&item.id) {
                        item.claim.iter_mut().for_each(|claim| claim.is_cancelled = false);
                    }
                };
                self.database.tamper(|queue| by::edit_items(queue, forget));
            }
            Flaw::HidesCancellations => {
                return Ok(Exchanged { cancelled: Vec::new(), ..self.sound.exchange(request, now).await? });
            }
            Flaw::RepeatsClaimNumbers => {
                let exchanged = self.sound.exchange(request, now).await;
                self.tamper(by::forget_claim_numbers).await?;
                return exchanged;
            }
            Flaw::CarriesOutAgain => request.id = RequestId::new(self.asked.fetch_add(1, Ordering::Relaxed)),
            Flaw::IgnoresScopes => request.scope = Scope::Queue,
            Flaw::ServesEveryRun | Flaw::ServesEndedRuns | Flaw::ServesLostLeases => {
                return match self.sound.exchange(request.clone(), now).await {
                    Err(StorageError::LeaseLost { run }) if self.flaw == Flaw::ServesEveryRun || self.is_own(&run) => {
                        self.tamper(|queue| by::perform(queue, &request, now)).await
                    }
                    answer => answer,
                };
            }
            _ => {}
        }
        self.sound.exchange(request, now).await
    }

    async fn requeue(&self, request: Requeue, now: Timestamp) -> Result<usize, StorageError> {
        match (self.flaw, request) {
            (Flaw::KeepsHalfARequeue, Requeue::These(selectors)) => {
                let answer = self.sound.requeue(Requeue::These(selectors.clone()), now).await;
                for selector in selectors.into_iter().filter(|_| answer.is_err()) {
                    self.sound.requeue(Requeue::These(vec![selector]), now).await?;
                }
                answer
            }
            (Flaw::ForgetsLastAttemptsOnRequeue, request) => {
                let requeued = self.sound.requeue(request, now).await?;
                let forget = |item: &mut QueueItem| {
                    if item.status == Status::Pending && item.attempts == 0 {
                        item.last_attempt = None;
                    }
                };
                self.tamper(|queue| by::edit_items(queue, forget)).await?;
                Ok(requeued)
            }
            (_, request) => self.sound.requeue(request, now).await,
        }
    }

    async fn reprioritise(&self, request: Reprioritise, now: Timestamp) -> Result<QueueItem, StorageError> {
        self.sound.reprioritise(request, now).await
    }

    async fn hold(&self, request: Hold, now: Timestamp) -> Result<usize, StorageError> {
        self.sound.hold(request, now).await
    }

    async fn cancel(&self, request: Cancel, now: Timestamp) -> Result<Cancelled, StorageError> {
        self.sound.cancel(request, now).await
    }

    async fn remove(&self, request: Remove, now: Timestamp) -> Result<usize, StorageError> {
        match self.flaw {
            Flaw::RemovesWhatIsProcessed => {
                let release = |item: &mut QueueItem| {
                    item.claim = None;
                    if item.status == Status::Processing {
                        item.status = Status::Pending;
                    }
                };
                self.database.tamper(|queue| by::edit_items(queue, release));
            }
            Flaw::KeepsHalfARemoval => {
                let answer = self.sound.remove(request.clone(), now).await;
                for selector in request.0.into_iter().filter(|_| answer.is_err()) {
                    self.sound.remove(Remove(vec![selector]), now).await?;
                }
                return answer;
            }
            _ => {}
        }
        self.sound.remove(request, now).await
    }

    async fn clear(&self, request: Clear, now: Timestamp) -> Result<Counts, StorageError> {
        self.sound.clear(request, now).await
    }

    async fn recover(&self, request: RecoverRequest, now: Timestamp) -> Result<Vec<RecoveredItem>, StorageError> {
        let living = self.living(|_| true).await?;
        let alive = |run: &RunId| living.iter().find(|living| living.id == *run);
        let is_taken = |run: &RunId| match self.flaw {
            Flaw::RecoversTheLiving | Flaw::RobsTheLiving => true,
            Flaw::RecoversOtherHosts => alive(run).is_none_or(is_elsewhere),
            _ => alive(run).is_none(),
        };
        let around =
            RecoverRequest { runs: request.runs.iter().filter(|run| is_taken(run)).cloned().collect(), ..request };
        if matches!(
            self.flaw,
            Flaw::RecoversTheLiving | Flaw::RobsTheLiving | Flaw::RecoversOtherHosts | Flaw::RemembersTheRecovered
        ) {
            let recovered = self.tamper(|queue| by::perform(queue, &around, now)).await?;
            if self.flaw != Flaw::RemembersTheRecovered {
                self.sound.recover(request, now).await?;
            }
            return Ok(recovered);
        }
        self.sound.recover(request, now).await
    }

    async fn page(&self, request: PageRequest) -> Result<Page, StorageError> {
        let mut page = self.sound.page(request).await?;
        match self.flaw {
            Flaw::PagesBySequence => page.items.sort_by_key(|item| item.sequence),
            Flaw::MissesDuplicates => page.items = page.items.into_iter().map(by::unhidden).collect(),
            Flaw::SkipsBetweenPages if page.next.is_some() => drop(page.items.pop()),
            _ => {}
        }
        Ok(page)
    }

    async fn peek(&self, now: Timestamp) -> Result<Option<QueueItem>, StorageError> {
        if self.flaw == Flaw::PeeksAtHeldItems {
            let pending = PageRequest { statuses: vec![Status::Pending], ..PageRequest::default() };
            let items = self.sound.page(pending).await?.items;
            return Ok(items.into_iter().find(|item| item.not_before().is_none_or(|due| due <= now)));
        }
        self.sound.peek(now).await
    }

    async fn find(&self, which: Selector) -> Result<Option<QueueItem>, StorageError> {
        self.sound.find(which).await
    }

    async fn counts(&self, scope: Scope) -> Result<Counts, StorageError> {
        let counts = self.sound.counts(scope).await?;
        Ok(match self.flaw {
            Flaw::Miscounts => Counts { failed: counts.failed + counts.timeout, timeout: 0, ..counts },
            _ => counts,
        })
    }

    async fn changed(&self) {
        if self.flaw == Flaw::NoticesNothing {
            pending::<()>().await;
        }
        self.sound.changed().await;
    }

    async fn close(&self) -> Result<(), StorageError> {
        if self.flaw == Flaw::LosesClaimsOnClose {
            let release = |item: &mut QueueItem| {
                if item.claim.take().is_some() {
                    item.status = Status::Pending;
                }
            };
            self.tamper(|queue| by::edit_items(queue, release)).await?;
        }
        self.sound.close().await
    }
}

#[async_trait]
impl Runs for FlawedStore {
    async fn begin(&self, run: RunInfo) -> Result<Begun, StorageError> {
        *self.own_run.lock().unwrap_or_else(PoisonError::into_inner) = Some(run.id.clone());
        let mut begun = self.sound.begin(run).await?;
        if self.flaw == Flaw::KeepsLostLeasesSecret {
            begun.lease = begun.lease.map(|lease| Arc::new(SecretLease(lease.terms())) as Arc<dyn Lease>);
        }
        Ok(begun)
    }

    async fn end(&self, run: RunId) -> Result<Vec<LiveRun>, StorageError> {
        if self.flaw != Flaw::ServesEndedRuns {
            *self.own_run.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        let left = self.sound.end(run).await?;
        Ok(if self.flaw == Flaw::NamesNoRunsThatAreLeft { Vec::new() } else { left })
    }

    async fn live(&self) -> Result<Vec<LiveRun>, StorageError> {
        self.sound.live().await
    }

    async fn dead(&self) -> Result<Vec<DeadRun>, StorageError> {
        let mut dead = self.sound.dead().await?;
        let robbed = match self.flaw {
            Flaw::ReportsTheLivingAsDead | Flaw::RobsTheLiving => self.living(|_| true).await?,
            Flaw::ReportsOtherHostsAsDead => self.living(is_elsewhere).await?,
            _ => Vec::new(),
        };
        let as_gone = |run: RunInfo| DeadRun { location: Some(run.location), ..DeadRun::gone(run.id) };
        dead.extend(robbed.into_iter().map(as_gone));
        if self.flaw == Flaw::ForgetsLocations {
            for dead in &mut dead {
                dead.location = None;
            }
        }
        Ok(dead)
    }
}

fn accepted() -> Enqueued {
    Enqueued { outcome: EnqueueOutcome::Accepted, item: None }
}

struct SecretLease(LeaseTerms);

#[async_trait]
impl Lease for SecretLease {
    fn terms(&self) -> LeaseTerms {
        self.0
    }

    async fn lost(&self) {
        pending::<()>().await;
    }
}
