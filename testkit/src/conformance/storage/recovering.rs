//! Checks of recovering the claims of dead runs.

use autoproc_domain::item::ClaimToken;
use autoproc_domain::ports::{Storage, StorageError};
use autoproc_domain::request::RecoverRequest;
use autoproc_domain::view::RecoveredItem;
use autoproc_domain::{RunId, Status};

use super::client::{Client, at, completed, retry_after, texts};
use super::expect::{Check, Fault, same};
use super::{NamedCheck, StorageFixture, named};

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        the_item_of_a_dead_run_waits_again,
        a_recovered_claim_is_stale,
        a_recovered_item_with_no_attempts_left_has_failed,
        a_recovered_run_is_forgotten,
        a_live_run_keeps_its_claims,
        a_live_run_of_another_host_keeps_its_claims,
        only_the_named_runs_are_recovered,
        recovery_cuts_waits_down_after_the_clock_was_set_back,
    ]
}

pub(super) fn recover<F: StorageFixture>(
    client: &Client<'_, F>,
    runs: &[&str],
    max_attempts: u32,
) -> Result<Vec<RecoveredItem>, StorageError> {
    let runs = runs.iter().map(|run| RunId::new(*run)).collect();
    client.wait_at(at(100), client.store().recover(RecoverRequest { runs, max_attempts }, at(100)))
}

fn after_a_death<F: StorageFixture>(fixture: &F) -> Result<(Client<'_, F>, ClaimToken), Fault> {
    let (dead, other) = (Client::with_run(fixture, "dead")?, Client::open(fixture));
    dead.add(&[("/a", 0)])?;
    let token = dead.claim_one("dead", at(0))?;
    dead.kill("dead");
    Ok((other, token))
}

fn the_item_of_a_dead_run_waits_again<F: StorageFixture>(fixture: &F) -> Check {
    let (client, _) = after_a_death(fixture)?;
    let recovered = recover(&client, &["dead"], 4)?;
    let item = client.item("/a")?;
    same("its status", &item.status, &Status::Pending)?;
    same("its attempts, including the lost one", &item.attempts, &1)?;
    same("the answer", &recovered, &vec![RecoveredItem { item, dead_run: RunId::new("dead") }])
}

fn a_recovered_claim_is_stale<F: StorageFixture>(fixture: &F) -> Check {
    let (client, token) = after_a_death(fixture)?;
    recover(&client, &["dead"], 4)?;
    client.begin("next")?;
    let exchanged = client.settle("next", token, completed(), at(101))?;
    same("the stale tokens", &exchanged.stale, &vec![token])?;
    same("its status", &client.item("/a")?.status, &Status::Pending)
}

fn a_recovered_item_with_no_attempts_left_has_failed<F: StorageFixture>(fixture: &F) -> Check {
    let (client, _) = after_a_death(fixture)?;
    let recovered = recover(&client, &["dead"], 1)?;
    let item = client.item("/a")?;
    same("its status", &item.status, &Status::Failed)?;
    same("the answer", &recovered, &vec![RecoveredItem { item, dead_run: RunId::new("dead") }])
}

fn a_recovered_run_is_forgotten<F: StorageFixture>(fixture: &F) -> Check {
    let (client, _) = after_a_death(fixture)?;
    recover(&client, &["dead"], 4)?;
    same("the dead runs", &client.dead()?, &vec![])?;
    same("a second recovery", &recover(&client, &["dead"], 4)?, &vec![])
}

fn keeps_its_claims<F: StorageFixture>(fixture: &F, run: &str) -> Check {
    let (living, other) = (Client::with_run(fixture, run)?, Client::open(fixture));
    living.add(&[("/a", 0)])?;
    let token = living.claim_one(run, at(0))?;
    fixture.let_leases_pass();
    same("the recovered items", &recover(&other, &[run], 4)?, &vec![])?;
    same("its status", &other.item("/a")?.status, &Status::Processing)?;
    same("the stale tokens", &living.settle(run, token, completed(), at(101))?.stale, &vec![])
}

fn a_live_run_keeps_its_claims<F: StorageFixture>(fixture: &F) -> Check {
    keeps_its_claims(fixture, "living")
}

fn a_live_run_of_another_host_keeps_its_claims<F: StorageFixture>(fixture: &F) -> Check {
    keeps_its_claims(fixture, "far")
}

fn only_the_named_runs_are_recovered<F: StorageFixture>(fixture: &F) -> Check {
    let (one, two) = (Client::with_run(fixture, "one")?, Client::with_run(fixture, "two")?);
    let client = Client::open(fixture);
    client.add(&[("/a", 0), ("/b", 0)])?;
    one.claim_one("one", at(0))?;
    two.claim_one("two", at(0))?;
    one.kill("one");
    two.kill("two");
    same("the number of items", &recover(&client, &["two"], 4)?.len(), &1)?;
    same("the status of the item of the run that was not named", &client.item("/a")?.status, &Status::Processing)?;
    same("the dead runs", &client.dead_names()?, &texts(&["one"]))
}

fn recovery_cuts_waits_down_after_the_clock_was_set_back<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/set-back", 1), ("/right", 0)])?;
    let tokens = client.claim("run", 2, at(0))?;
    client.settle("run", tokens[1], retry_after(300), at(0))?;
    client.settle("run", tokens[0], retry_after(150), at(200))?;
    recover(&client, &[], 4)?;
    same("the end of the shortened backoff", &client.item("/set-back")?.not_before(), &Some(at(250)))?;
    same("the end of the other backoff", &client.item("/right")?.not_before(), &Some(at(300)))
}
