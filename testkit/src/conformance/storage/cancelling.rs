//! Checks of cancelling items.

use autoproc_domain::Status;
use autoproc_domain::item::ClaimToken;
use autoproc_domain::rejection::Rejection;
use autoproc_domain::request::Verdict;
use autoproc_domain::view::Cancelled;

use super::client::{Client, at, completed, failed, path, retry_after};
use super::expect::{Check, Fault, holds, rejected, same};
use super::{NamedCheck, StorageFixture, named};

const CANCELLED: &str = "cancelled";

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        a_cancelled_pending_item_ends_as_failed,
        the_run_of_a_cancelled_item_is_notified,
        a_cancelled_item_is_not_retried,
        a_cancelled_item_may_still_complete,
        a_claim_that_completed_was_not_cancelled,
        cancelling_twice_changes_nothing,
        only_live_items_are_cancelled,
        a_cancelled_item_of_a_dead_run_ends_as_failed,
    ]
}

fn a_cancelled_pending_item_ends_as_failed<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add_ended("run", "/a", retry_after(8))?;
    client.hold(&["/a"], true)?;
    same("the answer", &client.cancel(&["/a"])?, &Cancelled { ended: 1, requested: 0 })?;
    let item = client.item("/a")?;
    same("its status", &item.status, &Status::Failed)?;
    same("its error", &item.last_error.as_deref(), &Some(CANCELLED))?;
    same("its backoff and hold", &(item.backoff, item.is_held), &(None, false))?;
    same("the claims", &client.claim("run", 9, at(99))?, &vec![])
}

fn with_a_cancelled_claim<F: StorageFixture>(fixture: &F) -> Result<(Client<'_, F>, ClaimToken), Fault> {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0)])?;
    let token = client.claim_one("run", at(0))?;
    same("the answer", &Client::open(fixture).cancel(&["/a"])?, &Cancelled { ended: 0, requested: 1 })?;
    Ok((client, token))
}

fn the_run_of_a_cancelled_item_is_notified<F: StorageFixture>(fixture: &F) -> Check {
    let (client, token) = with_a_cancelled_claim(fixture)?;
    let item = client.item("/a")?;
    same("its status", &item.status, &Status::Processing)?;
    holds("its claim is cancelled", item.claim.is_some_and(|claim| claim.is_cancelled))?;
    let other = Client::with_run(fixture, "other")?;
    same("the cancelled tokens of another run", &other.exchange("other", &[], 1, at(9))?.cancelled, &vec![])?;
    for _ in 0..2 {
        same("the cancelled tokens", &client.exchange("run", &[], 1, at(9))?.cancelled, &vec![token])?;
    }
    let settled = client.settle("run", token, failed(), at(9))?;
    same("the cancelled tokens once it is settled", &settled.cancelled, &vec![])
}

fn a_cancelled_item_is_not_retried<F: StorageFixture>(fixture: &F) -> Check {
    for (file, verdict) in [("/retried", retry_after(0)), ("/released", Verdict::Release)] {
        let client = Client::with_run(fixture, file)?;
        client.add(&[(file, 0)])?;
        let token = client.claim_one(file, at(0))?;
        client.cancel(&[file])?;
        let exchanged = client.exchange(file, &[(token, verdict)], 9, at(9))?;
        same("the claims", &exchanged.claims, &vec![])?;
        let item = client.item(file)?;
        let found = (item.status, item.last_error.as_deref(), item.attempts);
        same("its status, error and attempts", &found, &(Status::Failed, Some(CANCELLED), 1))?;
    }
    Ok(())
}

fn a_cancelled_item_may_still_complete<F: StorageFixture>(fixture: &F) -> Check {
    let (client, token) = with_a_cancelled_claim(fixture)?;
    same("the stale tokens", &client.settle("run", token, completed(), at(9))?.stale, &vec![])?;
    same("its status", &client.item("/a")?.status, &Status::Completed)
}

fn a_claim_that_completed_was_not_cancelled<F: StorageFixture>(fixture: &F) -> Check {
    let (client, token) = with_a_cancelled_claim(fixture)?;
    let exchanged = client.exchange("run", &[(token, completed()), (token, Verdict::Release)], 0, at(9))?;
    same("the cancelled tokens", &exchanged.cancelled, &vec![])?;
    same("the stale tokens", &exchanged.stale, &vec![token])
}

fn cancelling_twice_changes_nothing<F: StorageFixture>(fixture: &F) -> Check {
    let (client, _) = with_a_cancelled_claim(fixture)?;
    let before = client.all()?;
    same("the answer", &client.cancel(&["/a"])?, &Cancelled::default())?;
    same("the queue", &client.all()?, &before)
}

fn only_live_items_are_cancelled<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add_ended("run", "/completed", completed())?;
    client.add(&[("/a", 0)])?;
    let before = client.all()?;
    let ended = Rejection::Ended { selector: path("/completed"), status: Status::Completed };
    rejected(client.cancel(&["/a", "/completed"]), &ended)?;
    rejected(client.cancel(&["/a", "/absent"]), &Rejection::NotQueued(path("/absent")))?;
    same("the queue", &client.all()?, &before)
}

fn a_cancelled_item_of_a_dead_run_ends_as_failed<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::open(fixture);
    with_a_cancelled_claim(fixture)?.0.kill("run");
    let recovered = super::recovering::recover(&client, &["run"], 4)?;
    same("the number of recovered items", &recovered.len(), &1)?;
    let item = client.item("/a")?;
    same("its status and error", &(item.status, item.last_error.as_deref()), &(Status::Failed, Some(CANCELLED)))
}
