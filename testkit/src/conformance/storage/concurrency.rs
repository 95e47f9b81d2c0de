//! Several handles at once.

use std::collections::BTreeSet;
use std::pin::pin;

use autoproc_domain::RunId;
use autoproc_domain::command::ExchangeRequest;
use autoproc_domain::ports::{Storage, StorageError};
use futures_util::future::{join_all, poll_immediate};

use super::desk::{Desk, at, batch};
use super::expect::{Check, holds, same};
use super::{NamedCheck, StorageFixture, named};
use crate::patience::{PATIENCE, within_patience};

/// Handles at once.
const HANDLES: usize = 4;
/// Files for each of them.
const FILES: usize = 6;

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        additions_at_once_are_all_kept,
        claims_at_once_are_exclusive,
        of_runs_ending_at_once_one_is_the_last,
        a_change_by_another_is_noticed,
        a_change_between_looks_is_noticed,
        an_abandoned_transaction_is_whole,
    ]
}

fn desks<F: StorageFixture>(fixture: &F) -> Vec<(Desk<'_, F>, String)> {
    (0..HANDLES).map(|number| (Desk::open(fixture), format!("run-{number}"))).collect()
}

fn additions_at_once_are_all_kept<F: StorageFixture>(fixture: &F) -> Check {
    let desks = desks(fixture);
    let additions = desks.iter().map(async |(desk, name)| {
        for file in 0..FILES {
            desk.store().enqueue(batch(&[(&format!("/{name}/{file}"), 0)]), at(0)).await?;
        }
        Ok::<_, StorageError>(())
    });
    fixture.block_on(join_all(additions)).into_iter().collect::<Result<Vec<_>, _>>()?;
    let items = Desk::open(fixture).all()?;
    let paths: BTreeSet<_> = items.iter().map(|item| item.file_path.clone()).collect();
    same("files in the queue", &paths.len(), &(HANDLES * FILES))?;
    let numbers: Vec<_> = items.iter().map(|item| item.id.get()).collect();
    same("their numbers", &numbers, &(1..=(HANDLES * FILES) as u64).collect())
}

fn claims_at_once_are_exclusive<F: StorageFixture>(fixture: &F) -> Check {
    let desks = desks(fixture);
    let names: Vec<_> = (0..HANDLES * FILES).map(|file| format!("/{file}")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), 0)).collect();
    Desk::open(fixture).add(&files)?;
    for (desk, run) in &desks {
        desk.begin(run)?;
    }
    let claims = desks.iter().map(async |(desk, run)| {
        let mut tokens = Vec::new();
        for _ in 0..FILES {
            let request = ExchangeRequest { run: RunId::new(run.as_str()), settlements: Vec::new(), limit: 1 };
            tokens.extend(desk.store().exchange(request, at(1)).await?.claims.into_iter().map(|(token, _)| token));
        }
        Ok::<_, StorageError>(tokens)
    });
    let claims = fixture.block_on(join_all(claims)).into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    let items: BTreeSet<_> = claims.iter().map(|token| token.item).collect();
    let numbers: BTreeSet<_> = claims.iter().map(|token| token.number).collect();
    let found = (claims.len(), items.len(), numbers.len());
    same("claims, items claimed, claim numbers", &found, &(files.len(), files.len(), files.len()))
}

fn of_runs_ending_at_once_one_is_the_last<F: StorageFixture>(fixture: &F) -> Check {
    let desks = desks(fixture);
    for (desk, run) in &desks {
        desk.begin(run)?;
    }
    let ends = desks.iter().map(|(desk, run)| desk.store().end_run(RunId::new(run.as_str())));
    let left = fixture.block_on(join_all(ends)).into_iter().collect::<Result<Vec<_>, _>>()?;
    same("runs that saw none left", &left.iter().filter(|left| left.is_empty()).count(), &1)
}

/// The change comes while the other waits.
fn a_change_by_another_is_noticed<F: StorageFixture>(fixture: &F) -> Check {
    let (waiting, other) = (Desk::open(fixture), Desk::open(fixture));
    waiting.all()?;
    let change = other.store().enqueue(batch(&[("/a", 0)]), at(0));
    let (noticed, changed) = fixture
        .block_on(async { futures_util::future::join(within_patience(waiting.store().changed()), change).await });
    changed?;
    holds(&format!("the wait for a change ends within {PATIENCE:?}"), noticed.is_some())
}

/// The change comes after the last look and before the wait.
fn a_change_between_looks_is_noticed<F: StorageFixture>(fixture: &F) -> Check {
    let (waiting, other) = (Desk::open(fixture), Desk::open(fixture));
    waiting.all()?;
    other.add(&[("/a", 0)])?;
    let noticed = fixture.block_on(within_patience(waiting.store().changed()));
    holds(&format!("the wait for a change ends within {PATIENCE:?}"), noticed.is_some())
}

/// Whoever drops the future cannot know whether the batch was added, but it was added wholly or not at all.
fn an_abandoned_transaction_is_whole<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::open(fixture);
    fixture.block_on(async {
        let abandoned = pin!(desk.store().enqueue(batch(&[("/a", 0), ("/b", 0), ("/c", 0)]), at(0)));
        drop(poll_immediate(abandoned).await);
    });
    desk.add(&[("/d", 0)])?;
    let found = desk.all()?.len();
    holds(&format!("1 or 4 files are there, and not {found}"), found == 1 || found == 4)?;
    drop(desk);
    let found = Desk::open(fixture).all()?.len();
    holds(&format!("1 or 4 files are there when opened again, and not {found}"), found == 1 || found == 4)
}
