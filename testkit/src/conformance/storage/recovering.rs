//! Taking back what dead runs held.

use std::time::Duration;

use autoproc_domain::command::{RecoverRequest, Verdict};
use autoproc_domain::item::ClaimToken;
use autoproc_domain::ports::{Storage, StorageError};
use autoproc_domain::view::RecoveredItem;
use autoproc_domain::{RunId, Status};

use super::desk::{Desk, at, retry_after};
use super::expect::{Check, Fault, same};
use super::{NamedCheck, StorageFixture, named};

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        what_a_dead_run_held_waits_again,
        a_recovered_claim_is_stale,
        a_recovered_item_with_no_attempts_left_has_failed,
        a_recovered_run_is_forgotten,
        a_living_run_keeps_its_claims,
        only_the_named_runs_are_recovered,
        a_backoff_beyond_reason_is_brought_forward,
    ]
}

fn recover<F: StorageFixture>(
    desk: &Desk<'_, F>,
    runs: &[&str],
    max_attempts: u32,
) -> Result<Vec<RecoveredItem>, StorageError> {
    let runs = runs.iter().map(|run| RunId::new(*run)).collect();
    let request = RecoverRequest { runs, max_attempts, longest_backoff: Duration::from_secs(60) };
    desk.wait(desk.store().recover(request, at(100)))
}

/// A run of the name "dead" that held `/a` when it died, another handle, and the token of the claim.
fn after_a_death<F: StorageFixture>(fixture: &F) -> Result<(Desk<'_, F>, ClaimToken), Fault> {
    let (dead, other) = (Desk::with_run(fixture, "dead")?, Desk::open(fixture));
    dead.add(&[("/a", 0)])?;
    let token = dead.claim_one("dead", at(0))?;
    dead.kill("dead");
    Ok((other, token))
}

fn what_a_dead_run_held_waits_again<F: StorageFixture>(fixture: &F) -> Check {
    let (desk, _) = after_a_death(fixture)?;
    let recovered = recover(&desk, &["dead"], 4)?;
    let item = desk.item("/a")?;
    same("its status", &item.status, &Status::Pending)?;
    same("its attempts, the lost one counted", &item.attempts, &1)?;
    same("the answer", &recovered, &vec![RecoveredItem { item, dead_run: RunId::new("dead") }])
}

fn a_recovered_claim_is_stale<F: StorageFixture>(fixture: &F) -> Check {
    let (desk, token) = after_a_death(fixture)?;
    recover(&desk, &["dead"], 4)?;
    let exchanged = desk.settle("dead", token, Verdict::Complete, at(101))?;
    same("the stale tokens", &exchanged.stale, &vec![token])?;
    same("its status", &desk.item("/a")?.status, &Status::Pending)
}

fn a_recovered_item_with_no_attempts_left_has_failed<F: StorageFixture>(fixture: &F) -> Check {
    let (desk, _) = after_a_death(fixture)?;
    let recovered = recover(&desk, &["dead"], 1)?;
    let item = desk.item("/a")?;
    same("its status", &item.status, &Status::Failed)?;
    same("the answer", &recovered, &vec![RecoveredItem { item, dead_run: RunId::new("dead") }])
}

fn a_recovered_run_is_forgotten<F: StorageFixture>(fixture: &F) -> Check {
    let (desk, _) = after_a_death(fixture)?;
    recover(&desk, &["dead"], 4)?;
    same("the dead", &desk.dead_runs()?, &vec![])?;
    same("a second recovery", &recover(&desk, &["dead"], 4)?, &vec![])
}

fn a_living_run_keeps_its_claims<F: StorageFixture>(fixture: &F) -> Check {
    let (living, other) = (Desk::with_run(fixture, "living")?, Desk::open(fixture));
    living.add(&[("/a", 0)])?;
    let token = living.claim_one("living", at(0))?;
    same("what is recovered", &recover(&other, &["living"], 4)?, &vec![])?;
    same("its status", &other.item("/a")?.status, &Status::Processing)?;
    same("the stale tokens", &living.settle("living", token, Verdict::Complete, at(101))?.stale, &vec![])
}

fn only_the_named_runs_are_recovered<F: StorageFixture>(fixture: &F) -> Check {
    let (one, two) = (Desk::with_run(fixture, "one")?, Desk::with_run(fixture, "two")?);
    let desk = Desk::open(fixture);
    desk.add(&[("/a", 0), ("/b", 0)])?;
    one.claim_one("one", at(0))?;
    two.claim_one("two", at(0))?;
    one.kill("one");
    two.kill("two");
    same("how many", &recover(&desk, &["two"], 4)?.len(), &1)?;
    same("the one not named", &desk.item("/a")?.status, &Status::Processing)?;
    same("the dead", &desk.dead_runs()?, &vec![RunId::new("one")])
}

/// The limit is 60 s from 100 s.
fn a_backoff_beyond_reason_is_brought_forward<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/far", 1), ("/near", 0)])?;
    let tokens = desk.claim("run", 2, at(0))?;
    let settlements: Vec<_> = tokens.into_iter().zip([retry_after(9999), retry_after(150)]).collect();
    desk.exchange("run", &settlements, 0, at(0))?;
    recover(&desk, &[], 4)?;
    same("the far one", &desk.item("/far")?.not_before, &Some(at(160)))?;
    same("the near one", &desk.item("/near")?.not_before, &Some(at(150)))
}
