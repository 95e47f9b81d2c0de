//! Checks of holding and unholding items.

use autoproc_domain::rejection::Rejection;
use autoproc_domain::view::Counts;
use autoproc_domain::{Priority, Status};

use autoproc_domain::ports::Storage;
use autoproc_domain::request::{Reprioritise, Scope};

use super::client::{Client, at, completed, failed, path, retry_after, texts};
use super::expect::{Check, rejected, same};
use super::{NamedCheck, StorageFixture, named};

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        a_held_item_is_not_claimed,
        an_unheld_item_is_claimed_in_its_place,
        a_held_item_has_no_due_time,
        holding_counts_the_changed_items,
        only_pending_items_are_held,
        a_rejected_hold_changes_nothing,
        a_held_item_stays_held_when_it_is_added_again,
    ]
}

fn a_held_item_is_not_claimed<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0), ("/b", 0)])?;
    same("the number of held items", &client.hold(&["/a"], true)?, &1)?;
    let item = client.item("/a")?;
    same("its status and hold", &(item.status, item.is_held), &(Status::Pending, true))?;
    same("the claims", &client.claim_paths("run", 9, at(9))?, &texts(&["/b"]))
}

fn an_unheld_item_is_claimed_in_its_place<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0), ("/b", 0)])?;
    client.hold(&["/a"], true)?;
    same("the number of items no longer held", &client.hold(&["/a"], false)?, &1)?;
    same("its hold", &client.item("/a")?.is_held, &false)?;
    same("the claims", &client.claim_paths("run", 9, at(9))?, &texts(&["/a", "/b"]))
}

fn a_held_item_has_no_due_time<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add_ended("run", "/a", retry_after(20))?;
    client.hold(&["/a"], true)?;
    same("the next due time", &client.exchange("run", &[], 1, at(9))?.next_due, &None)?;
    same("its own due time", &client.item("/a")?.not_before(), &Some(at(20)))?;
    client.hold(&["/a"], false)?;
    same("the next due time afterwards", &client.exchange("run", &[], 1, at(9))?.next_due, &Some(at(20)))
}

fn holding_counts_the_changed_items<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0), ("/b", 0), ("/c", 0)])?;
    same("the number of newly held items, one of them named twice", &client.hold(&["/a", "/b", "/a"], true)?, &2)?;
    same("the number of newly held items", &client.hold(&["/b", "/c"], true)?, &1)?;
    let wanted = Counts { pending: 3, held: 3, ..Counts::default() };
    same("the counts", &client.wait(client.store().counts(Scope::Queue))?, &wanted)
}

fn only_pending_items_are_held<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add_ended("run", "/completed", completed())?;
    client.add_ended("run", "/failed", failed())?;
    client.add(&[("/processing", 0)])?;
    client.claim_one("run", at(0))?;
    for (file, status) in [("/completed", Status::Completed), ("/failed", Status::Failed)] {
        rejected(client.hold(&[file], true), &Rejection::Ended { selector: path(file), status })?;
    }
    rejected(client.hold(&["/processing"], true), &Rejection::Processing(path("/processing")))
}

fn a_rejected_hold_changes_nothing<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::open(fixture);
    client.add(&[("/a", 0)])?;
    let before = client.all()?;
    rejected(client.hold(&["/a", "/absent"], true), &Rejection::NotQueued(path("/absent")))?;
    same("the queue", &client.all()?, &before)
}

fn a_held_item_stays_held_when_it_is_added_again<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0)])?;
    client.hold(&["/a"], true)?;
    client.add(&[("/a", 5)])?;
    let request = Reprioritise { which: path("/a"), priority: Priority::new(7) };
    client.wait_at(at(9), client.store().reprioritise(request, at(9)))?;
    let item = client.item("/a")?;
    same("its hold and priority", &(item.is_held, item.priority.get()), &(true, 7))?;
    same("the claims", &client.claim_paths("run", 9, at(9))?, &vec![])
}
