//! A store in memory with one flaw.

use std::sync::{Arc, Weak};
use std::task::Poll;

use async_trait::async_trait;
use autoproc_domain::command::{ExchangeRequest, NewItem, RecoverRequest, Selection, Selector, Verdict};
use autoproc_domain::ports::{LiveRun, RunInfo, Storage, StorageError};
use autoproc_domain::queue::{ClaimKey, Transaction};
use autoproc_domain::view::{Counts, EnqueueOutcome, Exchanged, Page, PageRequest, RecoveredItem};
use autoproc_domain::{FileQueue, Priority, QueueItem, RunId, Status, Timestamp};
use autoproc_testkit::conformance::storage::StorageFixture;
use autoproc_testkit::{Jitter, MemoryPlace, MemoryStore, block_on};

use super::flaw::Flaw;
use super::tampering as by;

/// A place whose every handle has the same flaw.
pub(crate) struct FlawedPlace {
    place: MemoryPlace,
    flaw: Flaw,
    /// Alive while a handle is.
    open: std::cell::RefCell<Weak<()>>,
}

impl FlawedPlace {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self { place: MemoryPlace::new(), flaw, open: std::cell::RefCell::default() }
    }

    /// What happens when the first handle opens on a place where all are closed.
    fn reopen(&self) -> Arc<()> {
        match self.flaw {
            Flaw::ForgetsWhenClosed => self.place.tamper(|queue| *queue = FileQueue::new()),
            Flaw::UsesNumbersAgain => self.place.tamper(by::forget_numbers),
            _ => {}
        }
        Arc::new(())
    }
}

impl StorageFixture for FlawedPlace {
    type Store = FlawedStore;

    fn open(&self) -> FlawedStore {
        let open = self.open.borrow().upgrade().unwrap_or_else(|| self.reopen());
        self.open.replace(Arc::downgrade(&open));
        FlawedStore { open: Some(open), ..FlawedStore::new(&self.place, self.flaw) }
    }

    fn kill(&self, _: FlawedStore, run: &RunId) {
        self.place.kill(run);
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        block_on(future)
    }
}

pub(crate) struct FlawedStore {
    place: MemoryPlace,
    sound: MemoryStore,
    flaw: Flaw,
    /// Says to the place that a handle is open.
    #[allow(dead_code, reason = "it is there to be dropped")]
    open: Option<Arc<()>>,
}

impl FlawedStore {
    pub(crate) fn new(place: &MemoryPlace, flaw: Flaw) -> Self {
        Self { place: place.clone(), sound: place.open(), flaw, open: None }
    }

    /// Gives way before and after it does its work.
    pub(crate) fn with_jitter(self, jitter: Arc<Jitter>) -> Self {
        Self { sound: self.sound.with_jitter(jitter), ..self }
    }

    async fn claim_by<K: Ord>(
        &self,
        request: &ExchangeRequest,
        now: Timestamp,
        is_claimable: impl Fn(&QueueItem) -> bool,
        key: impl Fn(&QueueItem) -> K,
    ) -> Result<Exchanged, StorageError> {
        let exchanged = self.place.tamper(|queue| by::claim_by(queue, request, now, is_claimable, key));
        // A handle has seen what it did itself.
        self.sound.counts().await?;
        Ok(exchanged)
    }

    /// An exchange by the rules, and then a change to the items it settled so.
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
        self.place.tamper(|queue| by::edit_items(queue, edit_settled));
        exchanged
    }

    /// Somebody else can add between the reading and the writing.
    async fn read_then_write(&self, batch: Vec<NewItem>, now: Timestamp) -> Result<Vec<EnqueueOutcome>, StorageError> {
        let elsewhere = MemoryPlace::new();
        elsewhere.tamper(|queue| *queue = self.place.queue());
        let answer = elsewhere.open().enqueue(batch, now).await;
        give_way().await;
        self.place.tamper(|queue| *queue = elsewhere.queue());
        answer
    }
}

#[async_trait]
impl Storage for FlawedStore {
    async fn enqueue(&self, mut batch: Vec<NewItem>, now: Timestamp) -> Result<Vec<EnqueueOutcome>, StorageError> {
        match self.flaw {
            Flaw::LosesTheLastOfABatch => drop(batch.pop()),
            Flaw::AnswersInReverse => {
                let answer = self.sound.enqueue(batch, now).await;
                return answer.map(|outcomes| outcomes.into_iter().rev().collect());
            }
            Flaw::MissesDuplicates => {
                let queue = self.place.queue();
                for new in &mut batch {
                    new.file_path = by::hidden(&queue, &new.file_path);
                }
            }
            Flaw::AddsOneByOne => {
                let mut answer = Vec::new();
                for new in batch {
                    answer.extend(self.sound.enqueue(vec![new], now).await?);
                    give_way().await;
                }
                return Ok(answer);
            }
            Flaw::OverwritesOthers => return self.read_then_write(batch, now).await,
            _ => {}
        }
        self.sound.enqueue(batch, now).await
    }

    async fn exchange(&self, mut request: ExchangeRequest, now: Timestamp) -> Result<Exchanged, StorageError> {
        let is_due = |item: &QueueItem| item.is_due(now);
        match self.flaw {
            Flaw::IgnoresPriority => return self.claim_by(&request, now, is_due, |item| item.id).await,
            Flaw::IgnoresSequence => return self.claim_by(&request, now, is_due, by::last_in_first_out).await,
            Flaw::OrdersByClock => return self.claim_by(&request, now, is_due, by::by_clock).await,
            Flaw::ClaimsEarly => return self.claim_by(&request, now, by::is_pending, ClaimKey::of).await,
            Flaw::ExceedsTheLimit => request.limit += 1,
            Flaw::LosesResults if request.limit == 0 => request.settlements.clear(),
            Flaw::AcceptsStaleTokens => request = by::freshen(&self.place.queue(), request),
            Flaw::ClaimsTwice => {
                let exchanged = self.sound.exchange(request.clone(), now).await?;
                return Ok(by::claim_twice(&self.place.queue(), &request, exchanged));
            }
            Flaw::ClaimsBeforeItSettles => {
                let settlements = std::mem::take(&mut request.settlements);
                let claims = self.sound.exchange(request.clone(), now).await?.claims;
                let settling = ExchangeRequest { settlements, limit: 0, ..request };
                return Ok(Exchanged { claims, ..self.sound.exchange(settling, now).await? });
            }
            Flaw::NamesNoDueTime => {
                return Ok(Exchanged { next_due: None, ..self.sound.exchange(request, now).await? });
            }
            Flaw::ForgetsAttempts => {
                let is_retry = |verdict: &Verdict| matches!(verdict, Verdict::Retry { .. });
                return self.exchange_then(request, now, is_retry, |item| item.attempts = 0).await;
            }
            Flaw::CountsWhatWasGivenBack => {
                let is_release = |verdict: &Verdict| matches!(verdict, Verdict::Release);
                return self.exchange_then(request, now, is_release, |item| item.attempts += 1).await;
            }
            _ => {}
        }
        self.sound.exchange(request, now).await
    }

    async fn requeue(&self, selection: Selection, now: Timestamp) -> Result<usize, StorageError> {
        match (self.flaw, selection) {
            (Flaw::KeepsHalfARequeue, Selection::These(selectors)) => {
                let mut requeued = 0;
                for selector in selectors {
                    requeued += self.sound.requeue(Selection::These(vec![selector]), now).await?;
                }
                Ok(requeued)
            }
            (Flaw::ForgetsErrorsOnRequeue, selection) => {
                let requeued = self.sound.requeue(selection, now).await?;
                let forget = |item: &mut QueueItem| {
                    if item.status == Status::Pending && item.attempts == 0 {
                        item.last_error = None;
                    }
                };
                self.place.tamper(|queue| by::edit_items(queue, forget));
                Ok(requeued)
            }
            (_, selection) => self.sound.requeue(selection, now).await,
        }
    }

    async fn reprioritise(
        &self,
        which: Selector,
        priority: Priority,
        now: Timestamp,
    ) -> Result<QueueItem, StorageError> {
        self.sound.reprioritise(which, priority, now).await
    }

    async fn remove(&self, which: Vec<Selector>, now: Timestamp) -> Result<usize, StorageError> {
        match self.flaw {
            Flaw::RemovesWhatIsProcessed => {
                let release = |item: &mut QueueItem| {
                    item.claim = None;
                    if item.status == Status::Processing {
                        item.status = Status::Pending;
                    }
                };
                self.place.tamper(|queue| by::edit_items(queue, release));
            }
            Flaw::KeepsHalfARemoval => {
                let answer = self.sound.remove(which.clone(), now).await;
                for selector in which.into_iter().filter(|_| answer.is_err()) {
                    self.sound.remove(vec![selector], now).await?;
                }
                return answer;
            }
            _ => {}
        }
        self.sound.remove(which, now).await
    }

    async fn clear(&self, statuses: Vec<Status>, now: Timestamp) -> Result<Counts, StorageError> {
        self.sound.clear(statuses, now).await
    }

    async fn dead_runs(&self) -> Result<Vec<RunId>, StorageError> {
        let mut dead = self.sound.dead_runs().await?;
        if matches!(self.flaw, Flaw::TakesTheLivingForDead | Flaw::RobsTheLiving) {
            dead.extend(self.sound.live_runs().await?.into_iter().map(|run| run.info.id));
        }
        Ok(dead)
    }

    async fn recover(&self, request: RecoverRequest, now: Timestamp) -> Result<Vec<RecoveredItem>, StorageError> {
        let around = |request: RecoverRequest| self.place.tamper(|queue| Ok(request.perform(queue, now)?.reply));
        match self.flaw {
            Flaw::RecoversTheLiving | Flaw::RobsTheLiving => {
                let recovered = around(request.clone());
                self.sound.recover(request, now).await.and(recovered)
            }
            Flaw::RemembersTheRecovered => {
                let living = self.sound.live_runs().await?;
                let is_alive = |run: &RunId| living.iter().any(|living| living.info.id == *run);
                let runs = request.runs.iter().filter(|run| !is_alive(run)).cloned().collect();
                around(RecoverRequest { runs, ..request })
            }
            _ => self.sound.recover(request, now).await,
        }
    }

    async fn begin_run(&self, run: RunInfo) -> Result<Vec<LiveRun>, StorageError> {
        self.sound.begin_run(run).await
    }

    async fn end_run(&self, run: RunId) -> Result<Vec<LiveRun>, StorageError> {
        let left = self.sound.end_run(run).await?;
        Ok(if self.flaw == Flaw::TellsNobodyWhoIsLeft { Vec::new() } else { left })
    }

    async fn live_runs(&self) -> Result<Vec<LiveRun>, StorageError> {
        self.sound.live_runs().await
    }

    async fn changed(&self) {
        if self.flaw == Flaw::HearsNothing {
            std::future::pending::<()>().await;
        }
        self.sound.changed().await;
    }

    async fn page(&self, request: PageRequest) -> Result<Page, StorageError> {
        let mut page = self.sound.page(request).await?;
        match self.flaw {
            Flaw::PagesBySequence => page.items.sort_by_key(|item| item.id),
            Flaw::MissesDuplicates => page.items = page.items.into_iter().map(by::unhidden).collect(),
            Flaw::SkipsBetweenPages if page.next.is_some() => drop(page.items.pop()),
            _ => {}
        }
        Ok(page)
    }

    async fn counts(&self) -> Result<Counts, StorageError> {
        let counts = self.sound.counts().await?;
        Ok(match self.flaw {
            Flaw::Miscounts => Counts { failed: counts.failed + counts.timeout, timeout: 0, ..counts },
            _ => counts,
        })
    }

    async fn find(&self, which: Selector) -> Result<Option<QueueItem>, StorageError> {
        self.sound.find(which).await
    }
}

/// Pending once, so that another future can go between.
async fn give_way() {
    let mut gave_way = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
