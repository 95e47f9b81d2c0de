//! Checks of exchanges: requests that settle claims and claim items.

use autoproc_domain::RunId;
use autoproc_domain::ports::{Runs, StorageError};
use autoproc_domain::request::{ExchangeRequest, Scope};
use autoproc_domain::view::Exchanged;

use super::client::{Client, at, claimed_paths, completed, failed, retry_after, texts};
use super::expect::{Check, Fault, not_alive, same};
use super::{NamedCheck, StorageFixture, named};

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        a_run_that_never_began_is_refused,
        a_run_that_ended_is_refused,
        a_run_that_died_is_refused,
        an_exchange_asked_again_answers_the_same,
        an_exchange_asked_again_changes_nothing,
        a_scope_limits_the_claims,
        a_scope_limits_the_due_time_and_the_waiting_items,
        a_scope_limits_the_claims_after_the_clock_was_set_back,
        a_scope_does_not_limit_settlements,
        ids_in_a_scope_may_be_absent,
    ]
}

fn a_run_that_never_began_is_refused<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::open(fixture);
    client.add(&[("/a", 0)])?;
    let before = client.all()?;
    not_alive(client.exchange("never", &[], 1, at(0)), "never")?;
    same("the queue", &client.all()?, &before)
}

fn a_run_that_ended_is_refused<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0), ("/b", 0)])?;
    let token = client.claim_one("run", at(0))?;
    client.end("run")?;
    let before = client.all()?;
    not_alive(client.exchange("run", &[(token, completed())], 1, at(1)), "run")?;
    same("the queue", &client.all()?, &before)
}

fn a_run_that_died_is_refused<F: StorageFixture>(fixture: &F) -> Check {
    let (dead, other) = (Client::with_run(fixture, "dead")?, Client::open(fixture));
    dead.add(&[("/a", 0), ("/b", 0)])?;
    let token = dead.claim_one("dead", at(0))?;
    dead.kill("dead");
    let before = other.all()?;
    not_alive(other.exchange("dead", &[(token, completed())], 1, at(1)), "dead")?;
    same("the queue", &other.all()?, &before)
}

fn an_exchange_asked_again_answers_the_same<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0), ("/b", 0), ("/c", 0), ("/d", 0)])?;
    let (token, later) = (client.claim_one("run", at(0))?, client.claim_one("run", at(0))?);
    client.cancel(&["/b"])?;
    let request = client.request("run", &[(token, retry_after(8)), (token, failed())], 1);
    let answer = client.ask(&request, at(1))?;
    same("the stale tokens", &answer.stale, &vec![token])?;
    same("the cancelled tokens", &answer.cancelled, &vec![later])?;
    client.add(&[("/e", 9)])?;
    same("the answer to the same request", &client.ask(&request, at(2))?, &answer)
}

fn an_exchange_asked_again_changes_nothing<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0), ("/b", 0), ("/c", 0)])?;
    let token = client.claim_one("run", at(0))?;
    let request = client.request("run", &[(token, retry_after(0))], 1);
    client.ask(&request, at(1))?;
    let before = client.all()?;
    client.ask(&request, at(2))?;
    same("the queue", &client.all()?, &before)?;
    same("claims of the next request", &client.claim("run", 9, at(3))?.len(), &2)
}

fn scope_of<F: StorageFixture>(client: &Client<'_, F>, files: &[&str]) -> Result<Scope, Fault> {
    files.iter().map(|file| Ok(client.item(file)?.id)).collect()
}

fn exchange_within<F: StorageFixture>(
    client: &Client<'_, F>,
    scope: &Scope,
    limit: usize,
    seconds: i64,
) -> Result<Exchanged, StorageError> {
    let request = ExchangeRequest { scope: scope.clone(), ..client.request("run", &[], limit) };
    client.ask(&request, at(seconds))
}

fn a_scope_limits_the_claims<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0), ("/high", 9), ("/b", 3), ("/c", 0)])?;
    let scope = scope_of(&client, &["/a", "/b", "/c"])?;
    same("the first claims", &claimed_paths(&exchange_within(&client, &scope, 2, 0)?), &texts(&["/b", "/a"]))?;
    client.add(&[("/later", 7), ("/c", 1)])?;
    same("the last claim", &claimed_paths(&exchange_within(&client, &scope, 9, 0)?), &texts(&["/c"]))?;
    client.wait(client.store().end(RunId::new("run")))?;
    let next = Client::with_run(fixture, "next")?;
    same("the claims of other runs", &next.claim_paths("next", 9, at(0))?, &texts(&["/high", "/later"]))
}

fn a_scope_limits_the_due_time_and_the_waiting_items<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 1), ("/b", 0), ("/c", -1)])?;
    let claims = client.claim("run", 2, at(0))?;
    let settlements: Vec<_> = claims.into_iter().zip([retry_after(8), retry_after(4)]).collect();
    client.exchange("run", &settlements, 0, at(0))?;
    let scope = scope_of(&client, &["/a"])?;
    let exchanged = exchange_within(&client, &scope, 0, 0)?;
    same(
        "the due time and the waiting state in the scope",
        &(exchanged.next_due, exchanged.has_waiting),
        &(Some(at(8)), true),
    )?;
    let claimed = exchange_within(&client, &scope, 9, 8)?;
    same("the claims when it is due", &claimed_paths(&claimed), &texts(&["/a"]))?;
    same("the due time and the waiting state after the claim", &(claimed.next_due, claimed.has_waiting), &(None, false))
}

fn a_scope_limits_the_claims_after_the_clock_was_set_back<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 1), ("/b", 0)])?;
    let claims = client.claim("run", 2, at(0))?;
    let settlements: Vec<_> = claims.into_iter().map(|token| (token, retry_after(0))).collect();
    client.exchange("run", &settlements, 0, at(1000))?;
    let scope = scope_of(&client, &["/b"])?;
    same("the claims", &claimed_paths(&exchange_within(&client, &scope, 9, 0)?), &texts(&["/b"]))?;
    same("the claims without a scope", &client.claim_paths("run", 9, at(0))?, &texts(&["/a"]))
}

fn a_scope_does_not_limit_settlements<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0), ("/b", 0)])?;
    let token = client.claim_one("run", at(0))?;
    let scope = scope_of(&client, &["/b"])?;
    let request = ExchangeRequest { scope, ..client.request("run", &[(token, retry_after(0))], 9) };
    let exchanged = client.ask(&request, at(1))?;
    same("the stale tokens", &exchanged.stale, &vec![])?;
    same("the claims", &claimed_paths(&exchanged), &texts(&["/b"]))
}

fn ids_in_a_scope_may_be_absent<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0)])?;
    let absent = [1 << 60].map(autoproc_domain::ItemId::new);
    let scope: Scope = absent.into_iter().chain([client.item("/a")?.id]).collect();
    same("the claims", &claimed_paths(&exchange_within(&client, &scope, 9, 0)?), &texts(&["/a"]))?;
    let nothing: Scope = [].into_iter().collect();
    client.add(&[("/b", 0)])?;
    same("the claims of no items", &claimed_paths(&exchange_within(&client, &nothing, 9, 0)?), &vec![])
}
