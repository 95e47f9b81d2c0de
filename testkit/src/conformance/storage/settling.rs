//! Checks of settling claims.

use autoproc_domain::item::{ClaimNumber, ClaimToken};
use autoproc_domain::request::Verdict;
use autoproc_domain::{ItemId, Status};

use super::client::{Client, at, completed, failed, retry_after, timed_out, tokens};
use super::expect::{Check, holds, same};
use super::{NamedCheck, StorageFixture, named};

/// A number that no store assigns.
const NEVER: u64 = 1 << 60;

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        each_verdict_leads_to_its_status,
        attempts_are_counted,
        a_released_attempt_is_not_counted,
        an_immediate_retry_is_claimed_in_the_same_exchange,
        a_claim_is_settled_once,
        a_stale_token_changes_nothing,
        an_invented_token_changes_nothing,
        a_settlement_by_another_run_is_stale,
    ]
}

fn each_verdict_leads_to_its_status<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    for (file, verdict, status) in [
        ("/completed", completed(), Status::Completed),
        ("/failed", failed(), Status::Failed),
        ("/timeout", timed_out(), Status::Timeout),
        ("/retried", retry_after(8), Status::Pending),
    ] {
        client.add_ended("run", file, verdict.clone())?;
        let item = client.item(file)?;
        same(file, &item.status, &status)?;
        holds("a settled item has no claim", item.claim.is_none())?;
        let error = match verdict {
            Verdict::Complete(_) | Verdict::Release => None,
            Verdict::Retry { error, .. } | Verdict::Fail { error, .. } => Some(error),
        };
        same("its error", &item.last_error, &error)?;
    }
    Ok(())
}

fn attempts_are_counted<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0)])?;
    for attempt in 1..=3 {
        let token = client.claim_one("run", at(i64::from(attempt)))?;
        same("attempts during the attempt", &client.item("/a")?.attempts, &attempt)?;
        client.settle("run", token, retry_after(0), at(i64::from(attempt)))?;
        same("attempts after it", &client.item("/a")?.attempts, &attempt)?;
    }
    Ok(())
}

fn a_released_attempt_is_not_counted<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0)])?;
    let token = client.claim_one("run", at(0))?;
    client.settle("run", token, Verdict::Release, at(1))?;
    let item = client.item("/a")?;
    same("its attempts", &item.attempts, &0)?;
    same("its status", &item.status, &Status::Pending)?;
    let again = client.claim_one("run", at(1))?;
    holds("claim numbers increase", again.number > token.number)
}

fn an_immediate_retry_is_claimed_in_the_same_exchange<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0)])?;
    let token = client.claim_one("run", at(0))?;
    let exchanged = client.exchange("run", &[(token, retry_after(0))], 1, at(1))?;
    let claimed: Vec<_> = tokens(&exchanged).iter().map(|token| token.item).collect();
    same("the claims", &claimed, &vec![token.item])
}

fn a_claim_is_settled_once<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0)])?;
    let token = client.claim_one("run", at(0))?;
    let exchanged = client.exchange("run", &[(token, completed()), (token, failed())], 0, at(1))?;
    same("the stale tokens", &exchanged.stale, &vec![token])?;
    same("its status", &client.item("/a")?.status, &Status::Completed)
}

fn a_stale_token_changes_nothing<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0)])?;
    let stale = client.claim_one("run", at(0))?;
    client.settle("run", stale, retry_after(0), at(1))?;
    client.claim_one("run", at(2))?;
    let before = client.all()?;
    let exchanged = client.settle("run", stale, completed(), at(3))?;
    same("the stale tokens", &exchanged.stale, &vec![stale])?;
    same("the queue", &client.all()?, &before)
}

fn an_invented_token_changes_nothing<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0)])?;
    let real = client.claim_one("run", at(0))?;
    let before = client.all()?;
    let elsewhere = ClaimToken { item: ItemId::new(NEVER), number: real.number };
    let never = ClaimToken { item: real.item, number: ClaimNumber::new(NEVER) };
    let exchanged = client.exchange("run", &[(elsewhere, failed()), (never, failed())], 0, at(1))?;
    same("the stale tokens", &exchanged.stale, &vec![elsewhere, never])?;
    same("the queue", &client.all()?, &before)
}

fn a_settlement_by_another_run_is_stale<F: StorageFixture>(fixture: &F) -> Check {
    let (one, other) = (Client::with_run(fixture, "one")?, Client::with_run(fixture, "other")?);
    one.add(&[("/a", 0)])?;
    let token = one.claim_one("one", at(0))?;
    let before = one.all()?;
    let exchanged = other.settle("other", token, completed(), at(1))?;
    same("the stale tokens of the other run", &exchanged.stale, &vec![token])?;
    same("the queue", &one.all()?, &before)?;
    same("the stale tokens of its own run", &one.settle("one", token, completed(), at(2))?.stale, &vec![])
}
