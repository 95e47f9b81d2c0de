#![allow(clippy::wildcard_imports, reason = "a store names nearly every request and answer")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use autoproc_domain::claim_key::ClaimKey;
use autoproc_domain::failure::{CANCELLED, run_died};
use autoproc_domain::item::{Backoff, Claim, ClaimNumber, ClaimToken, Sequence};
use autoproc_domain::ports::{Begun, DeadRun, LiveRun, RunInfo, Runs, Storage, StorageError};
use autoproc_domain::rejection::Rejection;
use autoproc_domain::request::*;
use autoproc_domain::view::*;
use autoproc_domain::{ItemId, QueueItem, RunId, Status, Timestamp};
use autoproc_testkit::yield_once;

#[derive(Clone, Default)]
pub(crate) struct PlainStore(Arc<Mutex<Tables>>);

#[derive(Clone, Default)]
struct Tables {
    /// Sorted by sequence number.
    items: Vec<QueueItem>,
    last_number: u64,
    last_claim: u64,
    alive: BTreeMap<RunId, RunInfo>,
    dead: BTreeMap<RunId, RunInfo>,
    latest: BTreeMap<RunId, (RequestId, Exchanged)>,
}

type Answer<T> = Result<T, StorageError>;
type Check = fn(&Selector, &QueueItem) -> Result<(), Rejection>;

impl PlainStore {
    pub(crate) fn kill_run(&self, run: &RunId) {
        let _ = self.transact(|tables| {
            let killed = tables.alive.remove_entry(run);
            tables.dead.extend(killed);
            Ok(())
        });
    }

    fn transact<T>(&self, change: impl FnOnce(&mut Tables) -> Answer<T>) -> Answer<T> {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut copy = tables.clone();
        let answer = change(&mut copy)?;
        *tables = copy;
        Ok(answer)
    }
}

impl Tables {
    fn find(&self, which: &Selector) -> Option<&QueueItem> {
        self.items.iter().find(|item| match which {
            Selector::Id(id) => item.id == *id,
            Selector::Path(path) => item.file_path == *path,
        })
    }

    fn named(&self, which: &[Selector], check: Check) -> Answer<Vec<ItemId>> {
        let mut ids = Vec::new();
        for which in which {
            let item = self.find(which).ok_or_else(|| Rejection::NotQueued(which.clone()))?;
            check(which, item)?;
            ids.retain(|id| *id != item.id);
            ids.push(item.id);
        }
        Ok(ids)
    }

    fn each(&mut self, ids: &[ItemId], mut change: impl FnMut(&mut QueueItem)) {
        self.items.iter_mut().filter(|item| ids.contains(&item.id)).for_each(&mut change);
    }

    fn add(&mut self, new: &NewItem, repeat: Repeat, now: Timestamp) -> Enqueued {
        let Some(item) = self.find(&Selector::Path(new.file_path.clone())).cloned() else {
            self.last_number += 1;
            let id = ItemId::new(self.last_number);
            let item = QueueItem::added(id, new.file_path.clone(), new.priority, now);
            self.items.push(QueueItem { depth: new.depth, ..item });
            return Enqueued { outcome: EnqueueOutcome::Added, item: Some(id) };
        };
        let completion = item.completion.as_deref().copied().unwrap_or_default();
        let has_changed = completion.fingerprint.zip(new.fingerprint).is_some_and(|(then, now)| then != now);
        let is_wanted = match repeat {
            Repeat::Always => true,
            Repeat::IfOtherRecipe(recipe) => completion.recipe != Some(recipe),
            Repeat::IfChanged => false,
        };
        let outcome = match item.status {
            Status::Failed | Status::Timeout => EnqueueOutcome::FailedBefore,
            Status::Completed if has_changed => EnqueueOutcome::Changed,
            Status::Completed if is_wanted => EnqueueOutcome::Repeated,
            Status::Completed => EnqueueOutcome::AlreadyCompleted,
            _ if new.priority > item.priority => EnqueueOutcome::Raised,
            _ => EnqueueOutcome::Unchanged,
        };
        if outcome.is_new_work() {
            self.begin_round(item.id);
        }
        if outcome.is_new_work() || outcome == EnqueueOutcome::Raised {
            self.each(&[item.id], |item| item.priority = new.priority);
        }
        if new.depth > 0 && outcome != EnqueueOutcome::AlreadyCompleted {
            self.each(&[item.id], |item| item.depth = new.depth);
        }
        Enqueued { outcome, item: Some(item.id) }
    }

    fn begin_round(&mut self, id: ItemId) {
        self.last_number += 1;
        let (last, index) = (self.last_number, self.items.iter().position(|item| item.id == id));
        let mut item = self.items.remove(index.expect("the item was found"));
        item.follows_completion = item.status == Status::Completed;
        set_status(&mut item, Status::Pending);
        (item.sequence, item.round, item.attempts) = (Sequence::new(last), item.round + 1, 0);
        self.items.push(item);
    }

    fn cut_waits(&mut self, now: Timestamp) {
        for item in self.items.iter_mut().filter(|item| item.is_waiting()) {
            item.backoff = item.backoff.map(|backoff| backoff.capped(now));
        }
    }

    fn exchange(&mut self, request: &ExchangeRequest, now: Timestamp) -> Exchanged {
        self.cut_waits(now);
        let mut answer = Exchanged::default();
        for Settlement { token, verdict } in &request.settlements {
            let is_claim = |claim: &Claim| claim.number == token.number && claim.run == request.run;
            let holds = |item: &&mut QueueItem| item.id == token.item && item.claim.as_deref().is_some_and(is_claim);
            match self.items.iter_mut().find(holds).map(|item| settle(item, verdict, now)) {
                Some(true) => answer.cancelled.push(*token),
                Some(false) => {}
                None => answer.stale.push(*token),
            }
        }
        let mut due: Vec<_> = self.items.iter_mut().filter(|item| item.is_due(now)).collect();
        due.retain(|item| request.scope.contains(item.id));
        due.sort_by_key(|item| ClaimKey::of(item));
        for item in due.into_iter().take(request.limit) {
            self.last_claim += 1;
            let number = ClaimNumber::new(self.last_claim);
            set_status(item, Status::Processing);
            item.claim = Some(Box::new(Claim { number, run: request.run.clone(), is_cancelled: false }));
            (item.attempts, item.last_attempt) = (item.attempts + 1, Some(now));
            answer.claims.push((ClaimToken { item: item.id, number }, item.clone()));
        }
        let claims = self.items.iter().filter_map(|item| Some((item.id, item.claim.as_ref()?)));
        let cancelled = claims.filter(|(_, claim)| claim.run == request.run && claim.is_cancelled);
        answer.cancelled.extend(cancelled.map(|(item, claim)| ClaimToken { item, number: claim.number }));
        let waiting = || self.items.iter().filter(|item| item.is_waiting() && request.scope.contains(item.id));
        answer.has_waiting = waiting().count() > 0;
        answer.next_due = waiting().filter_map(QueueItem::not_before).filter(|due| *due > now).min();
        answer
    }

    fn living(&self) -> Vec<LiveRun> {
        self.alive.values().map(|info| LiveRun { info: info.clone(), heard_of: None }).collect()
    }
}

fn set_status(item: &mut QueueItem, status: Status) {
    (item.claim, item.backoff, item.is_held, item.completion) = (None, None, false, None);
    item.status = status;
}

fn fail(item: &mut QueueItem, status: Status, error: &str) {
    set_status(item, status);
    item.last_error = Some(error.into());
}

/// Returns true if the item ended because it was cancelled.
fn settle(item: &mut QueueItem, verdict: &Verdict, now: Timestamp) -> bool {
    let is_cancelled = item.claim.as_ref().is_some_and(|claim| claim.is_cancelled);
    match verdict {
        Verdict::Retry { .. } | Verdict::Release if is_cancelled => {
            fail(item, Status::Failed, CANCELLED);
            return true;
        }
        Verdict::Fail { timed_out: true, error } => fail(item, Status::Timeout, error),
        Verdict::Fail { timed_out: false, error } => fail(item, Status::Failed, error),
        Verdict::Retry { backoff, error } => {
            fail(item, Status::Pending, error);
            item.backoff = Some(Backoff { not_before: now.saturating_add(*backoff), ordered_at: now });
        }
        Verdict::Release => {
            set_status(item, Status::Pending);
            item.attempts -= 1;
        }
        Verdict::Complete(completion) => {
            set_status(item, Status::Completed);
            item.completion = Some(Box::new(*completion));
        }
    }
    false
}

fn live(which: &Selector, item: &QueueItem) -> Result<(), Rejection> {
    let (selector, status) = (which.clone(), item.status);
    if status.is_live() { Ok(()) } else { Err(Rejection::Ended { selector, status }) }
}

fn not_processing(which: &Selector, item: &QueueItem) -> Result<(), Rejection> {
    if item.claim.is_none() { Ok(()) } else { Err(Rejection::Processing(which.clone())) }
}

fn failed(which: &Selector, item: &QueueItem) -> Result<(), Rejection> {
    let (selector, status) = (which.clone(), item.status);
    if status.has_failed() { Ok(()) } else { Err(Rejection::NotFailed { selector, status }) }
}

fn count<'a>(items: impl Iterator<Item = &'a QueueItem>) -> Counts {
    items.fold(Counts::default(), Counts::with)
}

#[async_trait]
impl Storage for PlainStore {
    async fn enqueue(&self, request: Enqueue, now: Timestamp) -> Answer<Vec<Enqueued>> {
        self.transact(|tables| Ok(request.items.iter().map(|new| tables.add(new, request.repeat, now)).collect()))
    }

    async fn exchange(&self, request: ExchangeRequest, now: Timestamp) -> Answer<Exchanged> {
        self.transact(|tables| {
            if !tables.alive.contains_key(&request.run) {
                return Err(StorageError::LeaseLost { run: request.run.clone() });
            }
            let latest = tables.latest.get(&request.run).filter(|(id, _)| *id == request.id).cloned();
            let (_, answer) = latest.unwrap_or_else(|| (request.id, tables.exchange(&request, now)));
            tables.latest.insert(request.run, (request.id, answer.clone()));
            Ok(answer)
        })
    }

    async fn requeue(&self, request: Requeue, _: Timestamp) -> Answer<usize> {
        self.transact(|tables| {
            let all = || tables.items.iter().filter(|item| item.status.has_failed()).map(|item| item.id);
            let ids = match &request {
                Requeue::AllFailed => all().collect(),
                Requeue::These(which) => tables.named(which, failed)?,
            };
            Ok(ids.into_iter().map(|id| tables.begin_round(id)).count())
        })
    }

    async fn reprioritise(&self, Reprioritise { which, priority }: Reprioritise, _: Timestamp) -> Answer<QueueItem> {
        self.transact(|tables| {
            let ids = tables.named(std::slice::from_ref(&which), live)?;
            tables.each(&ids, |item| item.priority = priority);
            Ok(tables.find(&which).expect("it was found").clone())
        })
    }

    async fn hold(&self, Hold { which, is_held }: Hold, _: Timestamp) -> Answer<usize> {
        self.transact(|tables| {
            let ids = tables.named(&which, |which, item| live(which, item).and(not_processing(which, item)))?;
            let mut changed = 0;
            tables.each(&ids, |item| changed += usize::from(std::mem::replace(&mut item.is_held, is_held) != is_held));
            Ok(changed)
        })
    }

    async fn cancel(&self, request: Cancel, _: Timestamp) -> Answer<Cancelled> {
        self.transact(|tables| {
            let ids = tables.named(&request.0, live)?;
            let mut cancelled = Cancelled::default();
            tables.each(&ids, |item| match &mut item.claim {
                Some(claim) => cancelled.requested += usize::from(!std::mem::replace(&mut claim.is_cancelled, true)),
                None => {
                    fail(item, Status::Failed, CANCELLED);
                    cancelled.ended += 1;
                }
            });
            Ok(cancelled)
        })
    }

    async fn remove(&self, request: Remove, _: Timestamp) -> Answer<usize> {
        self.transact(|tables| {
            let ids = tables.named(&request.0, not_processing)?;
            tables.items.retain(|item| !ids.contains(&item.id));
            Ok(ids.len())
        })
    }

    async fn clear(&self, request: Clear, _: Timestamp) -> Answer<Counts> {
        self.transact(|tables| {
            let is_cleared = |item: &&QueueItem| item.claim.is_none() && request.0.contains(&item.status);
            let counts = count(tables.items.iter().filter(is_cleared));
            tables.items.retain(|item| !is_cleared(&item));
            Ok(counts)
        })
    }

    async fn recover(&self, request: RecoverRequest, now: Timestamp) -> Answer<Vec<RecoveredItem>> {
        self.transact(|tables| {
            let dead: Vec<_> = request.runs.iter().filter(|run| !tables.alive.contains_key(run)).collect();
            let mut recovered = Vec::new();
            for item in &mut tables.items {
                let Some(claim) = item.claim.clone().filter(|claim| dead.contains(&&claim.run)) else { continue };
                match item.attempts {
                    _ if claim.is_cancelled => fail(item, Status::Failed, CANCELLED),
                    attempts if attempts >= request.max_attempts => fail(item, Status::Failed, &run_died(attempts)),
                    _ => set_status(item, Status::Pending),
                }
                recovered.push(RecoveredItem { item: item.clone(), dead_run: claim.run });
            }
            tables.dead.retain(|run, _| !dead.contains(&run));
            tables.cut_waits(now);
            Ok(recovered)
        })
    }

    async fn page(&self, request: PageRequest) -> Answer<Page> {
        self.transact(|tables| {
            let mut items = tables.items.clone();
            items.retain(|item| request.statuses.is_empty() || request.statuses.contains(&item.status));
            items.retain(|item| request.after.is_none_or(|after| ClaimKey::of(item) > after));
            items.sort_by_key(ClaimKey::of);
            let length = request.limit.unwrap_or(items.len()).min(items.len());
            let next = items[..length].last().map(ClaimKey::of).filter(|_| length < items.len());
            items.truncate(length);
            Ok(Page { items, next })
        })
    }

    async fn peek(&self, now: Timestamp) -> Answer<Option<QueueItem>> {
        self.transact(|tables| {
            let mut later = tables.clone();
            later.cut_waits(now);
            let first = later.items.iter().filter(|item| item.is_due(now)).min_by_key(|item| ClaimKey::of(item));
            Ok(first.and_then(|first| tables.find(&Selector::Id(first.id))).cloned())
        })
    }

    async fn find(&self, which: Selector) -> Answer<Option<QueueItem>> {
        self.transact(|tables| Ok(tables.find(&which).cloned()))
    }

    async fn counts(&self, scope: Scope) -> Answer<Counts> {
        self.transact(|tables| Ok(count(tables.items.iter().filter(|item| scope.contains(item.id)))))
    }

    async fn changed(&self) {
        yield_once().await;
    }
}

#[async_trait]
impl Runs for PlainStore {
    async fn begin(&self, run: RunInfo) -> Answer<Begun> {
        self.transact(|tables| {
            let others = tables.living();
            tables.alive.insert(run.id.clone(), run);
            Ok(Begun::without_lease(others))
        })
    }

    async fn end(&self, run: RunId) -> Answer<Vec<LiveRun>> {
        self.transact(|tables| {
            let holds = tables.items.iter().any(|item| item.claim.as_ref().is_some_and(|claim| claim.run == run));
            let ended = tables.alive.remove_entry(&run);
            tables.dead.extend(ended.filter(|_| holds));
            Ok(tables.living())
        })
    }

    async fn live(&self) -> Answer<Vec<LiveRun>> {
        self.transact(|tables| Ok(tables.living()))
    }

    async fn dead(&self) -> Answer<Vec<DeadRun>> {
        let dead = |(run, info): (&RunId, &RunInfo)| {
            let location = Some(info.location.clone());
            DeadRun { location, ..DeadRun::gone(run.clone()) }
        };
        self.transact(|tables| Ok(tables.dead.iter().map(dead).collect()))
    }
}
