//! Stores the scope of each run in the table `scope_item`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use autoproc_domain::request::Scope;
use autoproc_domain::{ItemId, RunId};
use uuid::Uuid;

use crate::connection::Connection;
use crate::error::Answer;
use crate::item_row::bigint;

const ADD: &str = include_str!("../sql/exchange/add_scope.sql");

/// The maximum number of items in one statement. The statement locks its items against claims by
/// other runs.
const MAX_ADDED: usize = 1000;

/// A run, a scope of this run, and the number of the scope.
type Named = (RunId, Arc<BTreeSet<ItemId>>, i64);

/// The scopes stored by this handle. The address of an `Arc` identifies a scope.
#[derive(Default)]
pub(crate) struct Scopes(Mutex<Vec<Named>>);

impl Scopes {
    /// Returns the number of a scope. Stores the scope if it is new. Returns `None` for the whole
    /// queue.
    pub(crate) async fn number(&self, run: &RunId, scope: &Scope, connection: &mut Connection) -> Answer<Option<i64>> {
        let Scope::Items(ids) = scope else { return Ok(None) };
        if let Some(number) = self.known(run, ids) {
            return Ok(Some(number));
        }
        // The number is random, because other handles add scopes to the same table.
        let number = Uuid::new_v4().as_u64_pair().0.cast_signed();
        let items: Vec<i64> = ids.iter().map(|id| bigint(id.get())).collect();
        for chunk in items.chunks(MAX_ADDED) {
            connection.query(ADD, &[&run.as_str(), &number, &chunk]).await?;
        }
        self.lock().push((run.clone(), Arc::clone(ids), number));
        Ok(Some(number))
    }

    pub(crate) fn forget(&self, run: &RunId) {
        self.lock().retain(|(named, _, _)| named != run);
    }

    fn known(&self, run: &RunId, ids: &Arc<BTreeSet<ItemId>>) -> Option<i64> {
        let scopes = self.lock();
        let known = scopes.iter().find(|(named, known, _)| named == run && Arc::ptr_eq(known, ids));
        known.map(|(_, _, number)| *number)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Named>> {
        // A poisoned lock is safe to use: each change is one call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
