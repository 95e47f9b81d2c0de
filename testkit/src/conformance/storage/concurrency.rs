//! Checks that use several handles of a store at the same time.

use std::collections::BTreeSet;
use std::pin::pin;

use autoproc_domain::RunId;
use autoproc_domain::ports::{Runs, Storage, StorageError};
use autoproc_domain::request::Enqueue;
use futures_util::future::{join, join_all, poll_immediate};

use super::client::{Client, at, batch, tokens};
use super::expect::{Check, holds, same};
use super::{NamedCheck, StorageFixture, named};
use crate::timeout::within;

const HANDLES: usize = 4;
const FILES: usize = 6;

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        concurrent_additions_are_all_kept,
        concurrent_claims_are_exclusive,
        exactly_one_of_concurrently_ending_runs_is_the_last,
        a_change_by_another_handle_is_noticed,
        a_change_between_looks_is_noticed,
        an_abandoned_transaction_is_whole,
    ]
}

fn clients<F: StorageFixture>(fixture: &F) -> Vec<(Client<'_, F>, String)> {
    (0..HANDLES).map(|number| (Client::open(fixture), format!("run-{number}"))).collect()
}

fn addition(files: &[(&str, i32)]) -> Enqueue {
    Enqueue::new(batch(files))
}

fn concurrent_additions_are_all_kept<F: StorageFixture>(fixture: &F) -> Check {
    let clients = clients(fixture);
    fixture.set_clock(at(0));
    let additions = clients.iter().map(async |(client, name)| {
        for file in 0..FILES {
            client.store().enqueue(addition(&[(&format!("/{name}/{file}"), 0)]), at(0)).await?;
        }
        Ok::<_, StorageError>(())
    });
    fixture.block_on(join_all(additions)).into_iter().collect::<Result<Vec<_>, _>>()?;
    let items = Client::open(fixture).all()?;
    let paths: BTreeSet<_> = items.iter().map(|item| item.file_path.clone()).collect();
    let ids: BTreeSet<_> = items.iter().map(|item| item.id).collect();
    let places: BTreeSet<_> = items.iter().map(|item| item.sequence).collect();
    let found = (paths.len(), ids.len(), places.len());
    same("files, ids and sequence numbers", &found, &(HANDLES * FILES, HANDLES * FILES, HANDLES * FILES))
}

fn concurrent_claims_are_exclusive<F: StorageFixture>(fixture: &F) -> Check {
    let clients = clients(fixture);
    let names: Vec<_> = (0..HANDLES * FILES).map(|file| format!("/{file}")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), 0)).collect();
    Client::open(fixture).add(&files)?;
    for (client, run) in &clients {
        client.begin(run)?;
    }
    let claims = clients.iter().map(async |(client, run)| {
        let mut claimed = Vec::new();
        for _ in 0..FILES {
            let request = client.request(run, &[], 1);
            claimed.extend(tokens(&client.store().exchange(request, at(0)).await?));
        }
        Ok::<_, StorageError>(claimed)
    });
    let claims = fixture.block_on(join_all(claims)).into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    let items: BTreeSet<_> = claims.iter().map(|token| token.item).collect();
    let numbers: BTreeSet<_> = claims.iter().map(|token| token.number).collect();
    let found = (claims.len(), items.len(), numbers.len());
    same("claims, items claimed, claim numbers", &found, &(files.len(), files.len(), files.len()))
}

fn exactly_one_of_concurrently_ending_runs_is_the_last<F: StorageFixture>(fixture: &F) -> Check {
    let clients = clients(fixture);
    for (client, run) in &clients {
        client.begin(run)?;
    }
    let ends = clients.iter().map(|(client, run)| client.store().end(RunId::new(run.as_str())));
    let left = fixture.block_on(join_all(ends)).into_iter().collect::<Result<Vec<_>, _>>()?;
    same("the number of runs that received an empty list", &left.iter().filter(|left| left.is_empty()).count(), &1)
}

fn a_change_by_another_handle_is_noticed<F: StorageFixture>(fixture: &F) -> Check {
    let (waiting, other) = (Client::open(fixture), Client::open(fixture));
    waiting.all()?;
    fixture.set_clock(at(0));
    let change = other.store().enqueue(addition(&[("/a", 0)]), at(0));
    let wait = within(fixture.timeout(), waiting.store().changed());
    let (noticed, changed) = fixture.block_on(async { join(wait, change).await });
    changed?;
    holds("the wait for a change ends", noticed.is_some())
}

fn a_change_between_looks_is_noticed<F: StorageFixture>(fixture: &F) -> Check {
    let (waiting, other) = (Client::open(fixture), Client::open(fixture));
    waiting.all()?;
    other.add(&[("/a", 0)])?;
    let noticed = fixture.block_on(within(fixture.timeout(), waiting.store().changed()));
    holds("the wait for a change ends", noticed.is_some())
}

fn an_abandoned_transaction_is_whole<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::open(fixture);
    fixture.set_clock(at(0));
    fixture.block_on(async {
        let abandoned = pin!(client.store().enqueue(addition(&[("/a", 0), ("/b", 0), ("/c", 0)]), at(0)));
        drop(poll_immediate(abandoned).await);
    });
    client.add(&[("/d", 0)])?;
    let found = client.all()?.len();
    holds(&format!("there are 1 or 4 files, not {found}"), found == 1 || found == 4)?;
    drop(client);
    let found = Client::open(fixture).all()?.len();
    holds(&format!("there are 1 or 4 files after reopening, not {found}"), found == 1 || found == 4)
}
