//! Checks of requests that change items.

use autoproc_domain::ports::Storage;
use autoproc_domain::rejection::Rejection;
use autoproc_domain::request::{Clear, Remove, Reprioritise, Requeue, Selector};
use autoproc_domain::view::Counts;
use autoproc_domain::{ItemId, Priority, QueueItem, Status};

use super::client::{Client, at, completed, failed, path, texts, timed_out};
use super::expect::{Check, Fault, rejected, same};
use super::{NamedCheck, StorageFixture, named};

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        requeueing_gives_another_round,
        a_requeued_item_goes_to_the_end_of_its_priority,
        requeued_items_keep_their_order,
        only_failed_items_are_requeued,
        a_rejected_requeue_changes_nothing,
        reprioritising_moves_an_item,
        an_ended_item_is_not_reprioritised,
        removed_items_are_gone,
        a_removed_file_added_again_is_new,
        an_item_being_processed_is_not_removed,
        a_rejected_removal_changes_nothing,
        clearing_spares_items_in_processing,
    ]
}

fn one_of_each<F: StorageFixture>(fixture: &F) -> Result<Client<'_, F>, Fault> {
    let client = Client::with_run(fixture, "run")?;
    client.add_ended("run", "/completed", completed())?;
    client.add_ended("run", "/failed", failed())?;
    client.add_ended("run", "/timeout", timed_out())?;
    client.add(&[("/processing", 5)])?;
    client.claim_one("run", at(0))?;
    client.add(&[("/pending", 0)])?;
    Ok(client)
}

fn reprioritise<F: StorageFixture>(client: &Client<'_, F>, which: Selector, rank: i32) -> Result<QueueItem, Fault> {
    let request = Reprioritise { which, priority: Priority::new(rank) };
    Ok(client.wait_at(at(1), client.store().reprioritise(request, at(1)))?)
}

fn requeueing_gives_another_round<F: StorageFixture>(fixture: &F) -> Check {
    let client = one_of_each(fixture)?;
    let before = client.item("/failed")?;
    same("the number of items", &client.requeue(Requeue::AllFailed)?, &2)?;
    let item = client.item("/failed")?;
    same("its status", &item.status, &Status::Pending)?;
    same("its round and attempts", &(item.round, item.attempts), &(2, 0))?;
    same("its id", &item.id, &before.id)?;
    same("its last error", &item.last_error, &before.last_error)?;
    same("the other's status", &client.item("/timeout")?.status, &Status::Pending)?;
    same("the number of remaining items", &client.requeue(Requeue::AllFailed)?, &0)
}

fn a_requeued_item_goes_to_the_end_of_its_priority<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add_ended("run", "/a", failed())?;
    client.add(&[("/b", i32::MAX), ("/low", 0)])?;
    same("the number of items", &client.requeue(Requeue::These(vec![path("/a"), path("/a")]))?, &1)?;
    client.add(&[("/c", i32::MAX)])?;
    same("the order", &client.claim_paths("run", 9, at(9))?, &texts(&["/b", "/a", "/c", "/low"]))
}

fn requeued_items_keep_their_order<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    for file in ["/c", "/a", "/b"] {
        client.add_ended("run", file, failed())?;
    }
    same("the number of items", &client.requeue(Requeue::AllFailed)?, &3)?;
    let exchanged = client.exchange("run", &[], 9, at(9))?;
    same("the order of all items", &super::client::claimed_paths(&exchanged), &texts(&["/c", "/a", "/b"]))?;
    let settlements: Vec<_> = exchanged.claims.iter().map(|(token, _)| (*token, failed())).collect();
    client.exchange("run", &settlements, 0, at(9))?;
    client.requeue(Requeue::These(vec![path("/b"), path("/c"), path("/a")]))?;
    same("the order of the named items", &client.claim_paths("run", 9, at(9))?, &texts(&["/b", "/c", "/a"]))
}

fn only_failed_items_are_requeued<F: StorageFixture>(fixture: &F) -> Check {
    let client = one_of_each(fixture)?;
    let before = client.all()?;
    for (file, status) in
        [("/completed", Status::Completed), ("/processing", Status::Processing), ("/pending", Status::Pending)]
    {
        let answer = client.requeue(Requeue::These(vec![path(file)]));
        rejected(answer, &Rejection::NotFailed { selector: path(file), status })?;
    }
    same("the queue", &client.all()?, &before)
}

fn a_rejected_requeue_changes_nothing<F: StorageFixture>(fixture: &F) -> Check {
    let client = one_of_each(fixture)?;
    let before = client.all()?;
    let selection = Requeue::These(vec![path("/failed"), path("/timeout"), path("/absent")]);
    rejected(client.requeue(selection), &Rejection::NotQueued(path("/absent")))?;
    same("the queue", &client.all()?, &before)
}

fn reprioritising_moves_an_item<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 3), ("/b", 2), ("/c", 1)])?;
    let item = reprioritise(&client, path("/c"), 9)?;
    same("the answer", &item, &client.item("/c")?)?;
    let first = client.item("/a")?.id;
    reprioritise(&client, Selector::Id(first), -9)?;
    same("the order of claims", &client.claim_paths("run", 9, at(2))?, &texts(&["/c", "/b", "/a"]))
}

fn an_ended_item_is_not_reprioritised<F: StorageFixture>(fixture: &F) -> Check {
    let client = one_of_each(fixture)?;
    let before = client.all()?;
    let set = |which: Selector| {
        let request = Reprioritise { which, priority: Priority::new(1) };
        client.wait_at(at(9), client.store().reprioritise(request, at(9)))
    };
    let ended = Rejection::Ended { selector: path("/completed"), status: Status::Completed };
    rejected(set(path("/completed")), &ended)?;
    let absent = Selector::Id(ItemId::new(1 << 60));
    rejected(set(absent.clone()), &Rejection::NotQueued(absent))?;
    same("the queue", &client.all()?, &before)
}

fn removed_items_are_gone<F: StorageFixture>(fixture: &F) -> Check {
    let client = one_of_each(fixture)?;
    let which = Remove(vec![path("/pending"), path("/completed"), path("/pending")]);
    same("the number of items", &client.wait_at(at(9), client.store().remove(which, at(9)))?, &2)?;
    same("the removed items", &(client.find("/pending")?, client.find("/completed")?), &(None, None))?;
    same("the number of remaining items", &client.all()?.len(), &3)
}

fn a_removed_file_added_again_is_new<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add_ended("run", "/a", failed())?;
    let before = client.item("/a")?.id;
    client.wait_at(at(9), client.store().remove(Remove(vec![path("/a")]), at(9)))?;
    client.add(&[("/a", 0)])?;
    let item = client.item("/a")?;
    same("whether its id is new", &(item.id > before), &true)?;
    same("its round and error", &(item.round, item.last_error), &(1, None))
}

fn an_item_being_processed_is_not_removed<F: StorageFixture>(fixture: &F) -> Check {
    let client = one_of_each(fixture)?;
    let answer = client.wait_at(at(9), client.store().remove(Remove(vec![path("/processing")]), at(9)));
    rejected(answer, &Rejection::Processing(path("/processing")))?;
    same("its status", &client.item("/processing")?.status, &Status::Processing)
}

fn a_rejected_removal_changes_nothing<F: StorageFixture>(fixture: &F) -> Check {
    let client = one_of_each(fixture)?;
    let before = client.all()?;
    let which = Remove(vec![path("/pending"), path("/failed"), path("/absent")]);
    let answer = client.wait_at(at(9), client.store().remove(which, at(9)));
    rejected(answer, &Rejection::NotQueued(path("/absent")))?;
    same("the queue", &client.all()?, &before)
}

fn clearing_spares_items_in_processing<F: StorageFixture>(fixture: &F) -> Check {
    let client = one_of_each(fixture)?;
    client.hold(&["/pending"], true)?;
    let clear = |statuses: Vec<Status>| client.wait_at(at(9), client.store().clear(Clear(statuses), at(9)));
    let cleared = clear(vec![Status::Completed, Status::Timeout])?;
    same("the first answer", &cleared, &Counts { completed: 1, timeout: 1, ..Counts::default() })?;
    let cleared = clear(Status::ALL.into())?;
    same("the second answer", &cleared, &Counts { pending: 1, held: 1, failed: 1, ..Counts::default() })?;
    same("the remaining items", &client.paths()?, &texts(&["/processing"]))
}
