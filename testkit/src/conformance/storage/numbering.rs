//! Translates between the numbers of a store and the numbers of the model.
//!
//! The store may assign other ids, sequence numbers and claim numbers than the model. The order
//! must be the same. Requests are translated for the store, and answers are translated back. Each
//! new number of the store is paired with the number at the same position in the model's answer. A
//! pair never changes.

use std::collections::BTreeMap;

use autoproc_domain::item::{Claim, ClaimNumber, ClaimToken, Sequence};
use autoproc_domain::queue::ClaimKey;
use autoproc_domain::rejection::Rejection;
use autoproc_domain::request::{
    Cancel, ExchangeRequest, Hold, Remove, Reprioritise, Requeue, Scope, Selector, Settlement,
};
use autoproc_domain::view::{Enqueued, Exchanged, Page, RecoveredItem};
use autoproc_domain::{ItemId, QueueItem};

use super::expect::Fault;
use crate::{Answer, AnyRequest};

/// Added to model numbers without a pair. No store assigns numbers this high.
const UNKNOWN: u64 = 1 << 60;

#[derive(Debug, Default)]
struct Pairs {
    kind: &'static str,
    to_store: BTreeMap<u64, u64>,
    to_model: BTreeMap<u64, u64>,
}

impl Pairs {
    fn of(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    fn store(&self, model: u64) -> u64 {
        self.to_store.get(&model).copied().unwrap_or(UNKNOWN + model)
    }

    fn model(&self, store: u64) -> u64 {
        let unknown = if store >= UNKNOWN { store - UNKNOWN } else { store };
        self.to_model.get(&store).copied().unwrap_or(unknown)
    }

    fn pair(&mut self, store: u64, model: u64) -> Result<(), Fault> {
        if self.to_store.get(&model) == Some(&store) {
            return Ok(());
        }
        let is_new = !self.to_store.contains_key(&model) && !self.to_model.contains_key(&store);
        let before = self.to_store.range(..model).next_back().map(|(_, store)| *store);
        let after = self.to_store.range(model..).next().map(|(_, store)| *store);
        let is_ordered = before.is_none_or(|before| before < store) && after.is_none_or(|after| store < after);
        if !is_new || !is_ordered || store >= UNKNOWN {
            let Self { kind, to_store, .. } = self;
            return Err(Fault::new(format!(
                "the {kind} {store} cannot correspond to {model} of the model, given the pairs {to_store:?}"
            )));
        }
        self.to_store.insert(model, store);
        self.to_model.insert(store, model);
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Numbering {
    ids: Pairs,
    sequences: Pairs,
    claims: Pairs,
}

impl Default for Numbering {
    fn default() -> Self {
        Self { ids: Pairs::of("id"), sequences: Pairs::of("sequence number"), claims: Pairs::of("claim number") }
    }
}

// Translates requests from model numbers to store numbers.
impl Numbering {
    pub(super) fn request(&self, request: AnyRequest) -> AnyRequest {
        match request {
            AnyRequest::Exchange(request) => AnyRequest::Exchange(ExchangeRequest {
                settlements: request.settlements.into_iter().map(|settlement| self.settlement(settlement)).collect(),
                ..request
            }),
            AnyRequest::Requeue(Requeue::These(which)) => AnyRequest::Requeue(Requeue::These(self.selectors(which))),
            AnyRequest::Reprioritise(Reprioritise { which, priority }) => {
                AnyRequest::Reprioritise(Reprioritise { which: self.selector(which), priority })
            }
            AnyRequest::Hold(Hold { which, is_held }) => {
                AnyRequest::Hold(Hold { which: self.selectors(which), is_held })
            }
            AnyRequest::Cancel(Cancel(which)) => AnyRequest::Cancel(Cancel(self.selectors(which))),
            AnyRequest::Remove(Remove(which)) => AnyRequest::Remove(Remove(self.selectors(which))),
            request => request,
        }
    }

    pub(super) fn scope(&self, scope: &Scope) -> Scope {
        match scope {
            Scope::Queue => Scope::Queue,
            Scope::Items(ids) => ids.iter().map(|id| self.store_id(*id)).collect(),
        }
    }

    pub(super) fn selector(&self, which: Selector) -> Selector {
        match which {
            Selector::Id(id) => Selector::Id(self.store_id(id)),
            path @ Selector::Path(_) => path,
        }
    }

    /// Returns the claim key of the item, with the store's sequence number.
    pub(super) fn place(&self, item: &QueueItem) -> ClaimKey {
        ClaimKey::new(item.priority, Sequence::new(self.sequences.store(item.sequence.get())))
    }

    fn store_id(&self, id: ItemId) -> ItemId {
        ItemId::new(self.ids.store(id.get()))
    }

    fn selectors(&self, which: Vec<Selector>) -> Vec<Selector> {
        which.into_iter().map(|which| self.selector(which)).collect()
    }

    fn settlement(&self, Settlement { token, verdict }: Settlement) -> Settlement {
        let number = ClaimNumber::new(self.claims.store(token.number.get()));
        Settlement { token: ClaimToken { item: self.store_id(token.item), number }, verdict }
    }
}

// Translates answers from store numbers to model numbers.
impl Numbering {
    pub(super) fn answer(&mut self, found: Answer, wanted: &Answer) -> Result<Answer, Fault> {
        Ok(match (found, wanted) {
            (Answer::Enqueued(found), Answer::Enqueued(wanted)) => {
                Answer::Enqueued(each(found, wanted, |found, wanted| self.enqueued(found, wanted))?)
            }
            (Answer::Exchanged(found), Answer::Exchanged(wanted)) => Answer::Exchanged(self.exchanged(found, wanted)?),
            (Answer::Item(found), Answer::Item(wanted)) => Answer::Item(Box::new(self.item(*found, wanted)?)),
            (Answer::Recovered(found), Answer::Recovered(wanted)) => Answer::Recovered(self.recovered(found, wanted)?),
            (Answer::Rejected(found), Answer::Rejected(_)) => Answer::Rejected(self.rejection(found)),
            (found, _) => found,
        })
    }

    pub(super) fn page(&mut self, found: Page, wanted: &Page) -> Result<Page, Fault> {
        let last = found.items.last().map(ClaimKey::of);
        let items = each(found.items, &wanted.items, |found, wanted| self.item(found, wanted))?;
        // `next` should be the claim key of the last item, which has just been translated.
        let next = found.next.map(|next| match (items.last(), last == Some(next)) {
            (Some(item), true) => ClaimKey::of(item),
            _ => next,
        });
        Ok(Page { items, next })
    }

    pub(super) fn item(&mut self, found: QueueItem, wanted: &QueueItem) -> Result<QueueItem, Fault> {
        if found.file_path != wanted.file_path {
            return Ok(found);
        }
        self.ids.pair(found.id.get(), wanted.id.get())?;
        self.sequences.pair(found.sequence.get(), wanted.sequence.get())?;
        let claim = match (found.claim, &wanted.claim) {
            (Some(claim), Some(wanted)) => {
                self.claims.pair(claim.number.get(), wanted.number.get())?;
                Some(Box::new(Claim { number: wanted.number, ..*claim }))
            }
            (claim, _) => claim,
        };
        Ok(QueueItem { id: wanted.id, sequence: wanted.sequence, claim, ..found })
    }

    fn enqueued(&mut self, found: Enqueued, wanted: &Enqueued) -> Result<Enqueued, Fault> {
        if let (Some(store), Some(model)) = (found.item, wanted.item) {
            self.ids.pair(store.get(), model.get())?;
            return Ok(Enqueued { item: Some(model), ..found });
        }
        Ok(found)
    }

    fn exchanged(&mut self, found: Exchanged, wanted: &Exchanged) -> Result<Exchanged, Fault> {
        let claims = each(found.claims, &wanted.claims, |(token, item), (_, wanted)| {
            let item = self.item(item, wanted)?;
            Ok((self.token(token), item))
        })?;
        let stale = found.stale.into_iter().map(|token| self.token(token)).collect();
        let mut cancelled: Vec<_> = found.cancelled.into_iter().map(|token| self.token(token)).collect();
        // The port guarantees no order of cancelled tokens, so the model's order is used.
        cancelled.sort_unstable_by_key(|token| wanted.cancelled.iter().position(|wanted| wanted == token));
        Ok(Exchanged { claims, stale, cancelled, ..found })
    }

    /// Pairs recovered items by path, because their order is not guaranteed.
    fn recovered(
        &mut self,
        mut found: Vec<RecoveredItem>,
        wanted: &[RecoveredItem],
    ) -> Result<Vec<RecoveredItem>, Fault> {
        let place = |path| wanted.iter().position(|wanted| wanted.item.file_path == path);
        found.sort_by_key(|found| place(found.item.file_path.clone()));
        each(found, wanted, |found, wanted| Ok(RecoveredItem { item: self.item(found.item, &wanted.item)?, ..found }))
    }

    fn token(&self, token: ClaimToken) -> ClaimToken {
        let number = ClaimNumber::new(self.claims.model(token.number.get()));
        ClaimToken { item: ItemId::new(self.ids.model(token.item.get())), number }
    }

    fn rejection(&self, rejection: Rejection) -> Rejection {
        let named = |which: Selector| match which {
            Selector::Id(id) => Selector::Id(ItemId::new(self.ids.model(id.get()))),
            path @ Selector::Path(_) => path,
        };
        match rejection {
            Rejection::NotQueued(which) => Rejection::NotQueued(named(which)),
            Rejection::Processing(which) => Rejection::Processing(named(which)),
            Rejection::NotFailed { selector, status } => Rejection::NotFailed { selector: named(selector), status },
            Rejection::Ended { selector, status } => Rejection::Ended { selector: named(selector), status },
            other => other,
        }
    }
}

fn each<T, W>(
    found: Vec<T>,
    wanted: &[W],
    mut translate: impl FnMut(T, &W) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let translated = found.into_iter().enumerate().map(|(index, found)| match wanted.get(index) {
        Some(wanted) => translate(found, wanted),
        None => Ok(found),
    });
    translated.collect()
}
