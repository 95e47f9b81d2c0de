//! Converts settlements to statement parameters.

use std::collections::BTreeSet;

use autoproc_domain::fingerprint::Completion;
use autoproc_domain::item::{ClaimNumber, ClaimToken};
use autoproc_domain::request::{Settlement, Verdict};
use autoproc_domain::view::Exchanged;
use autoproc_domain::{ItemId, Timestamp};
use tokio_postgres::Row;

use crate::error::Answer;
use crate::item_row::{bigint, column, escaped, recipe_bytes, time};
use crate::parameter::Parameter;

// The verdicts in `settle.sql`.
const COMPLETE: i16 = 0;
const RETRY: i16 = 1;
const FAIL: i16 = 2;
const TIME_OUT: i16 = 3;
const RELEASE: i16 = 4;

/// The longest backoff. Any timestamp plus this span fits into a `bigint`.
const MAX_BACKOFF_US: i64 = Timestamp::MAX.as_micros() - Timestamp::MIN.as_micros();

#[derive(Default)]
pub(super) struct Settlements {
    all: Vec<ClaimToken>,
    tokens: Vec<ClaimToken>,
    items: Vec<i64>,
    numbers: Vec<i64>,
    verdicts: Vec<i16>,
    backoffs: Vec<i64>,
    errors: Vec<Option<String>>,
    sizes: Vec<Option<i64>>,
    modified: Vec<Option<i64>>,
    recipes: Vec<Option<Vec<u8>>>,
}

impl Settlements {
    pub(super) fn of(settlements: &[Settlement]) -> Self {
        let all = settlements.iter().map(|settlement| settlement.token).collect();
        let mut columns = Self { all, ..Self::default() };
        let mut seen = BTreeSet::new();
        for settlement in settlements.iter().filter(|settlement| seen.insert(settlement.token)) {
            columns.push(settlement);
        }
        columns
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    pub(super) fn return_items(&self) -> bool {
        self.verdicts.iter().any(|verdict| [RETRY, RELEASE].contains(verdict))
    }

    pub(super) fn parameters<'a>(&'a self, run: &'a &str) -> [&'a dyn Parameter; 9] {
        let Self { items, numbers, verdicts, backoffs, errors, sizes, modified, recipes, .. } = self;
        [run, items, numbers, verdicts, backoffs, errors, sizes, modified, recipes]
    }

    fn push(&mut self, Settlement { token, verdict }: &Settlement) {
        let (number, backoff, error, completion) = match verdict {
            Verdict::Complete(completion) => (COMPLETE, 0, None, *completion),
            Verdict::Retry { backoff, error } => {
                let micros = i64::try_from(backoff.as_micros()).unwrap_or(MAX_BACKOFF_US);
                (RETRY, micros.min(MAX_BACKOFF_US), Some(escaped(error)), Completion::default())
            }
            Verdict::Fail { timed_out, error } => {
                (if *timed_out { TIME_OUT } else { FAIL }, 0, Some(escaped(error)), Completion::default())
            }
            Verdict::Release => (RELEASE, 0, None, Completion::default()),
        };
        self.tokens.push(*token);
        self.items.push(bigint(token.item.get()));
        self.numbers.push(bigint(token.number.get()));
        self.verdicts.push(number);
        self.backoffs.push(backoff);
        self.errors.push(error);
        self.sizes.push(completion.fingerprint.map(|fingerprint| fingerprint.size.cast_signed()));
        self.modified.push(completion.fingerprint.map(|fingerprint| fingerprint.modified_ns));
        self.recipes.push(completion.recipe.map(recipe_bytes));
    }

    /// Returns the recorded answer, without its claims.
    pub(super) fn answer(&self, recorded: &Row) -> Answer<Exchanged> {
        let mut effective: BTreeSet<ClaimToken> = self.at_places(recorded, "settled")?.into_iter().collect();
        // Only the first settlement of a token can have an effect; its repetitions are stale.
        let stale = self.all.iter().copied().filter(|token| !effective.remove(token)).collect();
        let mut cancelled = self.at_places(recorded, "settled_cancelled")?;
        let items: Vec<i64> = column(recorded, "cancelled_items")?;
        let numbers: Vec<i64> = column(recorded, "cancelled_numbers")?;
        cancelled.extend(items.into_iter().zip(numbers).map(|(item, number)| token(item, number)));
        let next_due = time(recorded, "next_due_us")?;
        Ok(Exchanged { claims: Vec::new(), stale, cancelled, next_due, has_waiting: column(recorded, "has_waiting")? })
    }

    /// Positions begin at 1.
    fn at_places(&self, recorded: &Row, name: &str) -> Answer<Vec<ClaimToken>> {
        let places: Vec<i64> = column(recorded, name)?;
        let at = |place: i64| self.tokens.get(usize::try_from(place - 1).ok()?).copied();
        Ok(places.into_iter().filter_map(at).collect())
    }
}

fn token(item: i64, number: i64) -> ClaimToken {
    ClaimToken { item: ItemId::new(item.cast_unsigned()), number: ClaimNumber::new(number.cast_unsigned()) }
}
