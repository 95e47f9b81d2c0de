//! The life of runs.

use super::desk::{Desk, at, info};
use super::expect::{Check, same};
use super::{NamedCheck, StorageFixture, named};

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        a_beginning_run_is_told_the_others,
        an_ending_run_is_told_who_is_left,
        a_living_run_is_not_dead,
        a_killed_run_lives_no_more,
        a_run_that_ended_with_claims_is_dead,
    ]
}

fn a_beginning_run_is_told_the_others<F: StorageFixture>(fixture: &F) -> Check {
    let (one, two, three) = (Desk::open(fixture), Desk::open(fixture), Desk::open(fixture));
    same("the first is told", &one.begin("one")?, &vec![])?;
    same("the second is told", &two.begin("two")?, &vec![info("one")])?;
    same("the third is told", &three.begin("three")?, &vec![info("one"), info("two")])?;
    same("the living", &Desk::open(fixture).live_runs()?, &vec![info("one"), info("three"), info("two")])
}

fn an_ending_run_is_told_who_is_left<F: StorageFixture>(fixture: &F) -> Check {
    let (one, two) = (Desk::with_run(fixture, "one")?, Desk::with_run(fixture, "two")?);
    same("the first is told", &one.end("one")?, &vec![info("two")])?;
    same("the last is told", &two.end("two")?, &vec![])?;
    same("the living", &one.live_runs()?, &vec![])?;
    same("the dead", &one.dead_runs()?, &vec![])
}

fn a_living_run_is_not_dead<F: StorageFixture>(fixture: &F) -> Check {
    let (one, other) = (Desk::with_run(fixture, "one")?, Desk::open(fixture));
    one.add(&[("/a", 0)])?;
    one.claim_one("one", at(0))?;
    same("the dead, as another sees them", &other.dead_runs()?, &vec![])?;
    same("the dead, as it sees them itself", &one.dead_runs()?, &vec![])
}

fn a_killed_run_lives_no_more<F: StorageFixture>(fixture: &F) -> Check {
    let (one, two) = (Desk::with_run(fixture, "one")?, Desk::with_run(fixture, "two")?);
    one.add(&[("/a", 0)])?;
    one.claim_one("one", at(0))?;
    one.kill("one");
    same("the living", &two.live_runs()?, &vec![info("two")])?;
    same("the dead", &two.dead_runs()?, &vec![info("one").id])?;
    same("who is told", &two.end("two")?, &vec![])
}

fn a_run_that_ended_with_claims_is_dead<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/a", 0)])?;
    desk.claim_one("run", at(0))?;
    desk.end("run")?;
    same("the dead", &desk.dead_runs()?, &vec![info("run").id])
}
