//! Claiming what is due, in order.

use autoproc_domain::Status;
use autoproc_domain::command::Verdict;

use super::desk::{Desk, at, retry_after};
use super::expect::{Check, Fault, holds, same};
use super::{NamedCheck, StorageFixture, named};

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        what_is_claimed_is_not_claimed_again,
        claims_never_exceed_the_limit,
        the_more_urgent_is_claimed_first,
        the_first_in_is_claimed_first,
        order_does_not_depend_on_the_clock,
        a_claim_marks_its_item,
        nothing_is_claimed_before_it_is_due,
        the_answer_names_the_next_due_time,
    ]
}

fn the_more_urgent_is_claimed_first<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/low", -1), ("/lowest", i32::MIN), ("/high", 7), ("/middle", 0), ("/highest", i32::MAX)])?;
    let wanted = ["/highest", "/high", "/middle", "/low", "/lowest"].map(String::from).into();
    same("the order of claims", &desk.claim_paths("run", 9, at(0))?, &wanted)
}

fn the_first_in_is_claimed_first<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/c", 1), ("/a", 1)])?;
    desk.add(&[("/b", 1)])?;
    same("the first claim", &desk.claim_paths("run", 1, at(0))?, &vec!["/c".to_owned()])?;
    same("the next claims", &desk.claim_paths("run", 9, at(0))?, &["/a", "/b"].map(String::from).into())
}

fn order_does_not_depend_on_the_clock<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add_at(&[("/first", 0)], at(1000))?;
    desk.add_at(&[("/second", 0)], at(-1000))?;
    let claimed = desk.claim_paths("run", 2, at(-2000))?;
    same("the order of claims", &claimed, &["/first", "/second"].map(String::from).into())
}

fn a_claim_marks_its_item<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/a", 0)])?;
    let claims = desk.exchange("run", &[], 1, at(3))?.claims;
    let (token, item) = claims.first().ok_or_else(|| Fault::new("nothing was claimed"))?;
    same("the item in the answer", item, &desk.item("/a")?)?;
    same("its status", &item.status, &Status::Processing)?;
    same("its attempts", &item.attempts, &1)?;
    same("its last attempt", &item.last_attempt, &Some(at(3)))?;
    let claim = item.claim.as_ref().map(|claim| (claim.number, claim.run.as_str()));
    same("its claim", &claim, &Some((token.number, "run")))
}

fn claims_never_exceed_the_limit<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/a", 0), ("/b", 0), ("/c", 0)])?;
    holds("a limit of none claims nothing", desk.claim("run", 0, at(0))?.is_empty())?;
    same("claims at a limit of two", &desk.claim("run", 2, at(0))?.len(), &2)?;
    same("claims of what is left", &desk.claim("run", 9, at(0))?.len(), &1)
}

fn what_is_claimed_is_not_claimed_again<F: StorageFixture>(fixture: &F) -> Check {
    let (one, other) = (Desk::with_run(fixture, "one")?, Desk::with_run(fixture, "other")?);
    one.add(&[("/a", 0), ("/b", 0)])?;
    let mut paths = one.claim_paths("one", 1, at(0))?;
    paths.extend(other.claim_paths("other", 9, at(0))?);
    paths.sort_unstable();
    same("the claims of both runs", &paths, &["/a", "/b"].map(String::from).into())?;
    same("claims of what is claimed", &one.claim("one", 9, at(0))?, &vec![])
}

fn nothing_is_claimed_before_it_is_due<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/a", 9)])?;
    let token = desk.claim_one("run", at(0))?;
    desk.settle("run", token, retry_after(8), at(2))?;
    desk.add(&[("/b", 0)])?;
    same("its due time", &desk.item("/a")?.not_before, &Some(at(10)))?;
    same("claims before it", &desk.claim_paths("run", 9, at(9))?, &vec!["/b".to_owned()])?;
    same("claims at it", &desk.claim_paths("run", 9, at(10))?, &vec!["/a".to_owned()])
}

fn the_answer_names_the_next_due_time<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/a", 0), ("/b", 0), ("/c", 0)])?;
    let tokens = desk.claim("run", 3, at(0))?;
    let verdicts = [retry_after(8), retry_after(4), Verdict::Complete];
    let settlements: Vec<_> = tokens.into_iter().zip(verdicts).collect();
    let exchanged = desk.exchange("run", &settlements, 0, at(0))?;
    same("the next due time", &exchanged.next_due, &Some(at(4)))?;
    let later = desk.exchange("run", &[], 0, at(4))?;
    same("the next due time once that has come", &later.next_due, &Some(at(8)))
}
