//! Checks of the beginning and end of runs.

use autoproc_domain::ports::{DeathEvidence, Location};

use super::client::{Client, at, completed, info, texts};
use super::expect::{Check, Fault, holds, same};
use super::{NamedCheck, StorageFixture, named};

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        a_beginning_run_receives_the_others,
        an_ending_run_receives_the_remaining_ones,
        a_live_run_is_never_dead,
        a_live_run_of_another_host_is_never_dead,
        a_killed_run_is_dead,
        a_dead_run_is_reported_with_its_location,
        a_run_that_ended_with_claims_is_dead,
        a_run_that_ended_without_claims_is_not_dead,
    ]
}

fn a_beginning_run_receives_the_others<F: StorageFixture>(fixture: &F) -> Check {
    let (one, two, three) = (Client::open(fixture), Client::open(fixture), Client::open(fixture));
    same("the answer to the first run", &one.begin("one")?, &vec![])?;
    same("the answer to the second run", &two.begin("far-two")?, &vec![info("one")])?;
    same("the answer to the third run", &three.begin("three")?, &vec![info("far-two"), info("one")])?;
    same("the live runs", &Client::open(fixture).live()?, &vec![info("far-two"), info("one"), info("three")])
}

fn an_ending_run_receives_the_remaining_ones<F: StorageFixture>(fixture: &F) -> Check {
    let (one, two) = (Client::with_run(fixture, "one")?, Client::with_run(fixture, "two")?);
    same("the answer to the first run", &one.end("one")?, &vec![info("two")])?;
    same("the answer to the last run", &two.end("two")?, &vec![])?;
    same("the live runs", &one.live()?, &vec![])?;
    same("the dead runs", &one.dead()?, &vec![])
}

fn stays_alive<F: StorageFixture>(fixture: &F, run: &str) -> Check {
    let (one, other) = (Client::with_run(fixture, run)?, Client::with_run(fixture, "other")?);
    one.add(&[("/a", 0), ("/b", 0)])?;
    one.claim_one(run, at(0))?;
    for _ in 0..2 {
        same("the dead runs, as another run sees them", &other.dead()?, &vec![])?;
        same("the dead runs, as the run itself sees them", &one.dead()?, &vec![])?;
        let mut wanted = vec![info("other"), info(run)];
        wanted.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        same("the live runs", &other.live()?, &wanted)?;
        fixture.let_leases_pass();
    }
    same("its next claim", &one.claim_paths(run, 9, at(1))?, &texts(&["/b"]))
}

fn a_live_run_is_never_dead<F: StorageFixture>(fixture: &F) -> Check {
    stays_alive(fixture, "run")
}

fn a_live_run_of_another_host_is_never_dead<F: StorageFixture>(fixture: &F) -> Check {
    stays_alive(fixture, "far-run")
}

fn a_killed_run_is_dead<F: StorageFixture>(fixture: &F) -> Check {
    let (one, two) = (Client::with_run(fixture, "one")?, Client::with_run(fixture, "two")?);
    one.add(&[("/a", 0)])?;
    one.claim_one("one", at(0))?;
    one.kill("one");
    same("the live runs", &two.live()?, &vec![info("two")])?;
    same("the dead runs", &two.dead_names()?, &texts(&["one"]))?;
    same("the answer to the other run", &two.end("two")?, &vec![])
}

fn a_dead_run_is_reported_with_its_location<F: StorageFixture>(fixture: &F) -> Check {
    let (near, far) = (Client::with_run(fixture, "near")?, Client::with_run(fixture, "far")?);
    near.add(&[("/a", 0), ("/b", 0)])?;
    near.claim_one("near", at(0))?;
    far.claim_one("far", at(0))?;
    near.kill("near");
    far.kill("far");
    let dead = Client::open(fixture).dead()?;
    let found: Vec<_> = dead.iter().map(|dead| dead.location.clone()).collect();
    let wanted: Vec<Option<Location>> = ["far", "near"].map(|run| Some(info(run).location)).into();
    same("the locations of the dead runs", &found, &wanted)?;
    let has_lease = |dead: &autoproc_domain::ports::DeadRun| matches!(dead.evidence, DeathEvidence::LeaseOver { .. });
    holds("either all dead runs have leases or none has", dead.iter().all(has_lease) || !dead.iter().any(has_lease))
}

fn a_run_that_ended_with_claims_is_dead<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "far")?;
    client.add(&[("/a", 0)])?;
    client.claim_one("far", at(0))?;
    client.end("far")?;
    let dead = client.dead()?;
    let [dead] = dead.as_slice() else { return Err(Fault::new(format!("expected one dead run, found {dead:?}"))) };
    same("the dead runs", &dead.run, &info("far").id)?;
    let is_true = dead.location.as_ref().is_none_or(|location| *location == info("far").location);
    holds(&format!("{dead:?} has the location that it registered"), is_true)
}

fn a_run_that_ended_without_claims_is_not_dead<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add_ended("run", "/a", completed())?;
    client.end("run")?;
    same("the dead runs", &client.dead()?, &vec![])
}
