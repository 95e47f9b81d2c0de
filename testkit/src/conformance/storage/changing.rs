//! What a person does to the queue: requeue, reprioritise, remove, clear. A refusal leaves everything as it was.

use autoproc_domain::command::{Selection, Selector, Verdict};
use autoproc_domain::ports::Storage;
use autoproc_domain::rejection::Rejection;
use autoproc_domain::view::Counts;
use autoproc_domain::{ItemId, Priority, Status};

use super::desk::{Desk, at, failed, path, timed_out};
use super::expect::{Check, rejected, same};
use super::{NamedCheck, StorageFixture, named};

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        requeueing_gives_another_round,
        only_what_failed_is_requeued,
        a_rejected_requeue_changes_nothing,
        reprioritising_moves_an_item,
        an_ended_item_is_not_reprioritised,
        removing_takes_items_out,
        what_is_processed_is_not_removed,
        a_rejected_removal_changes_nothing,
        clearing_spares_what_is_processed,
    ]
}

/// One item in each status, named after it.
fn one_of_each<F: StorageFixture>(fixture: &F) -> Result<Desk<'_, F>, super::expect::Fault> {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add_ended("run", "/completed", Verdict::Complete)?;
    desk.add_ended("run", "/failed", failed())?;
    desk.add_ended("run", "/timeout", timed_out())?;
    desk.add(&[("/processing", 5)])?;
    desk.claim_one("run", at(0))?;
    desk.add(&[("/pending", 0)])?;
    Ok(desk)
}

fn requeueing_gives_another_round<F: StorageFixture>(fixture: &F) -> Check {
    let desk = one_of_each(fixture)?;
    let before = desk.item("/failed")?;
    same("how many", &desk.wait(desk.store().requeue(Selection::AllFailed, at(9)))?, &2)?;
    let item = desk.item("/failed")?;
    same("its status", &item.status, &Status::Pending)?;
    same("its attempts", &item.attempts, &0)?;
    same("its number", &item.id, &before.id)?;
    same("the other's status", &desk.item("/timeout")?.status, &Status::Pending)?;
    same("how many are left", &desk.wait(desk.store().requeue(Selection::AllFailed, at(9)))?, &0)
}

fn only_what_failed_is_requeued<F: StorageFixture>(fixture: &F) -> Check {
    let desk = one_of_each(fixture)?;
    let before = desk.all()?;
    for (file, status) in
        [("/completed", Status::Completed), ("/processing", Status::Processing), ("/pending", Status::Pending)]
    {
        let answer = desk.wait(desk.store().requeue(Selection::These(vec![path(file)]), at(9)));
        rejected(answer, &Rejection::NotFailed { selector: path(file), status })?;
    }
    same("the queue", &desk.all()?, &before)
}

fn a_rejected_requeue_changes_nothing<F: StorageFixture>(fixture: &F) -> Check {
    let desk = one_of_each(fixture)?;
    let before = desk.all()?;
    let selection = Selection::These(vec![path("/failed"), path("/timeout"), path("/absent")]);
    rejected(desk.wait(desk.store().requeue(selection, at(9))), &Rejection::NotQueued(path("/absent")))?;
    same("the queue", &desk.all()?, &before)
}

fn reprioritising_moves_an_item<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/a", 3), ("/b", 2), ("/c", 1)])?;
    let item = desk.wait(desk.store().reprioritise(path("/c"), Priority::new(9), at(1)))?;
    same("the answer", &item, &desk.item("/c")?)?;
    desk.wait(desk.store().reprioritise(Selector::Id(ItemId::FIRST), Priority::new(-9), at(1)))?;
    let wanted = ["/c", "/b", "/a"].map(String::from).into();
    same("the order of claims", &desk.claim_paths("run", 9, at(2))?, &wanted)
}

fn an_ended_item_is_not_reprioritised<F: StorageFixture>(fixture: &F) -> Check {
    let desk = one_of_each(fixture)?;
    let before = desk.all()?;
    let answer = desk.wait(desk.store().reprioritise(path("/completed"), Priority::new(1), at(9)));
    rejected(answer, &Rejection::Ended { selector: path("/completed"), status: Status::Completed })?;
    let absent = Selector::Id(ItemId::new(99));
    let answer = desk.wait(desk.store().reprioritise(absent.clone(), Priority::new(1), at(9)));
    rejected(answer, &Rejection::NotQueued(absent))?;
    same("the queue", &desk.all()?, &before)
}

fn removing_takes_items_out<F: StorageFixture>(fixture: &F) -> Check {
    let desk = one_of_each(fixture)?;
    let which = vec![path("/pending"), path("/completed"), path("/pending")];
    same("how many", &desk.wait(desk.store().remove(which, at(9)))?, &2)?;
    same("what is gone", &(desk.find("/pending")?, desk.find("/completed")?), &(None, None))?;
    same("how many are left", &desk.all()?.len(), &3)
}

fn what_is_processed_is_not_removed<F: StorageFixture>(fixture: &F) -> Check {
    let desk = one_of_each(fixture)?;
    let answer = desk.wait(desk.store().remove(vec![path("/processing")], at(9)));
    rejected(answer, &Rejection::Processing(path("/processing")))?;
    same("its status", &desk.item("/processing")?.status, &Status::Processing)
}

fn a_rejected_removal_changes_nothing<F: StorageFixture>(fixture: &F) -> Check {
    let desk = one_of_each(fixture)?;
    let before = desk.all()?;
    let answer = desk.wait(desk.store().remove(vec![path("/pending"), path("/failed"), path("/absent")], at(9)));
    rejected(answer, &Rejection::NotQueued(path("/absent")))?;
    same("the queue", &desk.all()?, &before)
}

fn clearing_spares_what_is_processed<F: StorageFixture>(fixture: &F) -> Check {
    let desk = one_of_each(fixture)?;
    let some = vec![Status::Completed, Status::Timeout];
    let cleared = desk.wait(desk.store().clear(some, at(9)))?;
    same("what the first took", &cleared, &Counts { completed: 1, timeout: 1, ..Counts::default() })?;
    let cleared = desk.wait(desk.store().clear(Status::ALL.into(), at(9)))?;
    same("what the second took", &cleared, &Counts { pending: 1, failed: 1, ..Counts::default() })?;
    same("what is left", &desk.paths()?, &vec!["/processing".to_owned()])
}
