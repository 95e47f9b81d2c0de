//! Checks of claiming items.

use autoproc_domain::Status;

use super::client::{Client, at, completed, retry_after, texts};
use super::expect::{Check, Fault, holds, same};
use super::{NamedCheck, StorageFixture, named};

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        a_claimed_item_is_not_claimed_again,
        claims_never_exceed_the_limit,
        a_higher_priority_is_claimed_first,
        items_are_claimed_first_in_first_out,
        order_does_not_depend_on_the_clock,
        a_claim_marks_its_item,
        nothing_is_claimed_before_it_is_due,
        the_answer_names_the_next_due_time,
        the_answer_reports_whether_items_wait,
        a_wait_is_cut_down_after_the_clock_was_set_back,
    ]
}

fn a_higher_priority_is_claimed_first<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/low", -1), ("/lowest", i32::MIN), ("/high", 7), ("/middle", 0), ("/highest", i32::MAX)])?;
    let wanted = texts(&["/highest", "/high", "/middle", "/low", "/lowest"]);
    same("the order of claims", &client.claim_paths("run", 9, at(0))?, &wanted)
}

fn items_are_claimed_first_in_first_out<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/c", 1), ("/a", 1)])?;
    client.add(&[("/b", 1)])?;
    same("the first claim", &client.claim_paths("run", 1, at(0))?, &texts(&["/c"]))?;
    same("the next claims", &client.claim_paths("run", 9, at(0))?, &texts(&["/a", "/b"]))
}

fn order_does_not_depend_on_the_clock<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add_at(&[("/first", 0)], at(1000))?;
    client.add_at(&[("/second", 0)], at(-1000))?;
    let claimed = client.claim_paths("run", 2, at(-2000))?;
    same("the order of claims", &claimed, &texts(&["/first", "/second"]))
}

fn a_claim_marks_its_item<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0)])?;
    let claims = client.exchange("run", &[], 1, at(3))?.claims;
    let (token, item) = claims.first().ok_or_else(|| Fault::new("nothing was claimed"))?;
    same("the item in the answer", item, &client.item("/a")?)?;
    same("its status", &item.status, &Status::Processing)?;
    same("its attempts", &item.attempts, &1)?;
    same("its last attempt", &item.last_attempt, &Some(at(3)))?;
    let claim = item.claim.as_ref().map(|claim| (claim.number, claim.run.as_str(), claim.is_cancelled));
    same("its claim", &claim, &Some((token.number, "run", false)))
}

fn claims_never_exceed_the_limit<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0), ("/b", 0), ("/c", 0)])?;
    holds("a limit of 0 claims nothing", client.claim("run", 0, at(0))?.is_empty())?;
    same("claims at a limit of two", &client.claim("run", 2, at(0))?.len(), &2)?;
    same("claims of the remaining item", &client.claim("run", 9, at(0))?.len(), &1)
}

fn a_claimed_item_is_not_claimed_again<F: StorageFixture>(fixture: &F) -> Check {
    let (one, other) = (Client::with_run(fixture, "one")?, Client::with_run(fixture, "other")?);
    one.add(&[("/a", 0), ("/b", 0)])?;
    let mut paths = one.claim_paths("one", 1, at(0))?;
    paths.extend(other.claim_paths("other", 9, at(0))?);
    paths.sort_unstable();
    same("the claims of both runs", &paths, &texts(&["/a", "/b"]))?;
    same("claims of claimed items", &one.claim("one", 9, at(0))?, &vec![])
}

fn nothing_is_claimed_before_it_is_due<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 9)])?;
    let token = client.claim_one("run", at(0))?;
    client.settle("run", token, retry_after(8), at(2))?;
    client.add(&[("/b", 0)])?;
    same("its due time", &client.item("/a")?.not_before(), &Some(at(10)))?;
    same("the claims before the due time", &client.claim_paths("run", 9, at(9))?, &texts(&["/b"]))?;
    same("the claims at the due time", &client.claim_paths("run", 9, at(10))?, &texts(&["/a"]))
}

fn the_answer_names_the_next_due_time<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0), ("/b", 0), ("/c", 0)])?;
    let tokens = client.claim("run", 3, at(0))?;
    let verdicts = [retry_after(8), retry_after(4), completed()];
    let settlements: Vec<_> = tokens.into_iter().zip(verdicts).collect();
    let exchanged = client.exchange("run", &settlements, 0, at(0))?;
    same("the next due time", &exchanged.next_due, &Some(at(4)))?;
    let later = client.exchange("run", &[], 0, at(4))?;
    same("the next due time after the first due time", &later.next_due, &Some(at(8)))
}

fn the_answer_reports_whether_items_wait<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    holds("nothing waits in an empty queue", !client.exchange("run", &[], 1, at(0))?.has_waiting)?;
    client.add(&[("/a", 0), ("/b", 0)])?;
    let exchanged = client.exchange("run", &[], 1, at(0))?;
    holds("the second file waits", exchanged.has_waiting)?;
    client.hold(&["/b"], true)?;
    holds("a held file does not wait", !client.exchange("run", &[], 0, at(0))?.has_waiting)?;
    let token = exchanged.claims.first().ok_or_else(|| Fault::new("nothing was claimed"))?.0;
    let retried = client.settle("run", token, retry_after(8), at(0))?;
    holds("a file in its backoff waits", retried.has_waiting)
}

fn a_wait_is_cut_down_after_the_clock_was_set_back<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add_ended("run", "/a", retry_after(8))?;
    let set_back = Client::with_run(fixture, "later")?.exchange("later", &[], 1, at(-1000))?;
    same("claims at once", &set_back.claims, &vec![])?;
    same("the next due time", &set_back.next_due, &Some(at(-992)))?;
    same("its due time", &client.item("/a")?.not_before(), &Some(at(-992)))?;
    let again = client.exchange("run", &[], 1, at(-999))?;
    same("the next due time, one second later", &again.next_due, &Some(at(-992)))?;
    same("claims when it is due", &client.claim_paths("run", 1, at(-992))?, &texts(&["/a"]))
}
