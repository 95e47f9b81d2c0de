//! Settling claims: each verdict leads where the lifecycle says, and a stale token nowhere.

use autoproc_domain::command::Verdict;
use autoproc_domain::item::{ClaimNumber, ClaimToken};
use autoproc_domain::{ItemId, Status};

use super::desk::{Desk, at, failed, retry_after, timed_out};
use super::expect::{Check, holds, same};
use super::{NamedCheck, StorageFixture, named};

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        each_verdict_leads_to_its_status,
        attempts_are_counted,
        an_attempt_given_back_is_not_counted,
        an_immediate_retry_is_claimed_in_the_same_exchange,
        a_claim_is_settled_once,
        a_stale_token_changes_nothing,
        an_invented_token_changes_nothing,
        the_answer_counts_the_queue_afterwards,
    ]
}

fn each_verdict_leads_to_its_status<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    for (file, verdict, status) in [
        ("/completed", Verdict::Complete, Status::Completed),
        ("/failed", failed(), Status::Failed),
        ("/timeout", timed_out(), Status::Timeout),
        ("/retried", retry_after(8), Status::Pending),
    ] {
        desk.add_ended("run", file, verdict.clone())?;
        let item = desk.item(file)?;
        same(file, &item.status, &status)?;
        holds("what is settled has no claim", item.claim.is_none())?;
        let error = match verdict {
            Verdict::Complete | Verdict::Release => None,
            Verdict::Retry { error, .. } | Verdict::Fail { error, .. } => Some(error),
        };
        same("its error", &item.last_error, &error)?;
    }
    Ok(())
}

fn attempts_are_counted<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/a", 0)])?;
    for attempt in 1..=3 {
        let token = desk.claim_one("run", at(i64::from(attempt)))?;
        same("attempts while it runs", &desk.item("/a")?.attempts, &attempt)?;
        desk.settle("run", token, retry_after(0), at(i64::from(attempt)))?;
        same("attempts after it", &desk.item("/a")?.attempts, &attempt)?;
    }
    Ok(())
}

fn an_attempt_given_back_is_not_counted<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/a", 0)])?;
    let token = desk.claim_one("run", at(0))?;
    desk.settle("run", token, Verdict::Release, at(1))?;
    let item = desk.item("/a")?;
    same("its attempts", &item.attempts, &0)?;
    same("its status", &item.status, &Status::Pending)?;
    let again = desk.claim_one("run", at(1))?;
    holds("a claim number is used once", again.number > token.number)
}

fn an_immediate_retry_is_claimed_in_the_same_exchange<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/a", 0)])?;
    let token = desk.claim_one("run", at(0))?;
    let exchanged = desk.exchange("run", &[(token, retry_after(0))], 1, at(1))?;
    let claimed: Vec<_> = exchanged.claims.iter().map(|(token, _)| token.item).collect();
    same("the claims", &claimed, &vec![token.item])
}

fn a_claim_is_settled_once<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/a", 0)])?;
    let token = desk.claim_one("run", at(0))?;
    let exchanged = desk.exchange("run", &[(token, Verdict::Complete), (token, failed())], 0, at(1))?;
    same("the stale tokens", &exchanged.stale, &vec![token])?;
    same("its status", &desk.item("/a")?.status, &Status::Completed)
}

fn a_stale_token_changes_nothing<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/a", 0)])?;
    let stale = desk.claim_one("run", at(0))?;
    desk.settle("run", stale, retry_after(0), at(1))?;
    desk.claim_one("run", at(2))?;
    let before = desk.all()?;
    let exchanged = desk.settle("run", stale, Verdict::Complete, at(3))?;
    same("the stale tokens", &exchanged.stale, &vec![stale])?;
    same("the queue", &desk.all()?, &before)
}

fn an_invented_token_changes_nothing<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/a", 0)])?;
    let real = desk.claim_one("run", at(0))?;
    let before = desk.all()?;
    let elsewhere = ClaimToken { item: ItemId::new(99), number: real.number };
    let never = ClaimToken { item: real.item, number: ClaimNumber::new(99) };
    let exchanged = desk.exchange("run", &[(elsewhere, failed()), (never, failed())], 0, at(1))?;
    same("the stale tokens", &exchanged.stale, &vec![elsewhere, never])?;
    same("the queue", &desk.all()?, &before)
}

fn the_answer_counts_the_queue_afterwards<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/a", 0), ("/b", 0), ("/c", 0)])?;
    let token = desk.claim_one("run", at(0))?;
    let counts = desk.exchange("run", &[(token, failed())], 1, at(1))?.counts;
    same("pending, processing, failed", &[counts.pending, counts.processing, counts.failed], &[1, 1, 1])
}
