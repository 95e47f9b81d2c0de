//! Checks of the leases of runs.

use std::time::Duration;

use autoproc_domain::ports::{DeadRun, DeathEvidence};
use autoproc_domain::{RunId, Status};

use super::client::{Client, at, completed, info};
use super::expect::{Check, Fault, holds, not_alive, same};
use super::recovering::recover;
use super::{NamedCheck, StorageFixture, named};
use crate::timeout::within;

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        a_store_with_leases_grants_them,
        a_lease_lasts_while_the_store_renews_it,
        a_run_is_notified_of_its_lost_lease,
        a_run_that_lost_its_lease_claims_and_settles_nothing,
        a_run_that_lost_its_lease_is_dead,
    ]
}

fn loses_its_lease<F: StorageFixture>(fixture: &F, run: &str) -> bool {
    fixture.lose_lease(&RunId::new(run))
}

fn a_store_with_leases_grants_them<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    let terms = client.lease().map(|lease| lease.terms());
    same("whether it has a lease", &terms.is_some(), &loses_its_lease(fixture, "run"))?;
    let is_sound = terms.is_none_or(|terms| Duration::ZERO < terms.renewed_every && terms.renewed_every < terms.lasts);
    holds(&format!("a lease is renewed before it is over: {terms:?}"), is_sound)
}

fn a_lease_lasts_while_the_store_renews_it<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    let Some(lease) = client.lease() else { return Ok(()) };
    fixture.let_leases_pass();
    let lost = client.wait(within(Duration::from_millis(20), lease.lost()));
    holds("a renewed lease is not lost", lost.is_none())
}

fn a_run_is_notified_of_its_lost_lease<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    let Some(lease) = client.lease() else { return Ok(()) };
    loses_its_lease(fixture, "run");
    for _ in 0..2 {
        let lost = client.wait(within(fixture.timeout(), lease.lost()));
        holds("the wait for the loss of the lease ends", lost.is_some())?;
    }
    Ok(())
}

fn a_run_that_lost_its_lease_claims_and_settles_nothing<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0), ("/b", 0)])?;
    let token = client.claim_one("run", at(0))?;
    if !loses_its_lease(fixture, "run") {
        return Ok(());
    }
    let before = client.all()?;
    not_alive(client.exchange("run", &[(token, completed())], 0, at(1)), "run")?;
    not_alive(client.exchange("run", &[], 1, at(1)), "run")?;
    same("the queue", &client.all()?, &before)
}

fn a_run_that_lost_its_lease_is_dead<F: StorageFixture>(fixture: &F) -> Check {
    let (client, other) = (Client::with_run(fixture, "far")?, Client::with_run(fixture, "other")?);
    client.add(&[("/a", 0)])?;
    client.claim_one("far", at(0))?;
    if !loses_its_lease(fixture, "far") {
        return Ok(());
    }
    same("the live runs", &other.live()?, &vec![info("other")])?;
    let dead = other.dead()?;
    let [DeadRun { run, location, evidence: DeathEvidence::LeaseOver { .. } }] = dead.as_slice() else {
        return Err(Fault::new(format!("expected one run with an expired lease, found {dead:?}")));
    };
    same("the dead runs", &(run, location), &(&info("far").id, &Some(info("far").location)))?;
    same("the number of recovered items", &recover(&other, &["far"], 4)?.len(), &1)?;
    same("its status", &other.item("/a")?.status, &Status::Pending)?;
    not_alive(client.exchange("far", &[], 1, at(101)), "far")
}
